"""Folders and files appear atomically, and one process at a time writes them."""

import contextlib
import errno
import os
import signal
import stat
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ktrain_sentiment.atomic import (
    clear_leftovers,
    hold,
    refuse_existing,
    staged_file,
    staged_folder,
    write_json,
    write_text,
)
from ktrain_sentiment.errors import InputError, SentimentError


def names(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


def fill_and_fail(staged: Path, error: BaseException) -> None:
    file = staged / "a.txt" if staged.is_dir() else staged
    file.write_text("half")
    raise error


def write_folder(target: Path, content: str, **options: object) -> None:
    with staged_folder(target, **options) as staged:
        (staged / "a.txt").write_text(content)


def kill_while_writing(code: str) -> None:
    """Run code in a process that says when it has written, and kill it there."""
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()


def test_a_folder_appears_only_at_the_end(tmp_path):
    target = tmp_path / "new" / "folder"
    with staged_folder(target) as staged:
        (staged / "a.txt").write_text("whole")
        assert not target.exists()
    assert (target / "a.txt").read_text() == "whole"
    assert names(target.parent) == {"folder"}


def test_an_exception_leaves_no_trace(tmp_path):
    with pytest.raises(ValueError, match="stop"), staged_folder(tmp_path / "folder") as staged:
        fill_and_fail(staged, ValueError("stop"))
    with pytest.raises(ValueError, match="stop"), staged_file(tmp_path / "file.csv") as path:
        fill_and_fail(path, ValueError("stop"))
    assert names(tmp_path) == set()


def test_an_exception_leaves_the_old_folder_as_it_was(tmp_path):
    target = tmp_path / "folder"
    write_folder(target, "old")
    with pytest.raises(KeyboardInterrupt), staged_folder(target, overwrite=True):
        raise KeyboardInterrupt
    assert (target / "a.txt").read_text() == "old"


def test_overwriting_replaces_the_folder_as_a_whole(tmp_path):
    target = tmp_path / "folder"
    write_folder(target, "old")
    (target / "left over.txt").touch()
    write_folder(target, "new", overwrite=True)
    assert names(target) == {"a.txt"}
    assert (target / "a.txt").read_text() == "new"
    assert names(tmp_path) == {"folder"}


def test_a_private_folder_stays_private(tmp_path):
    write_folder(tmp_path / "folder", "old")
    (tmp_path / "folder").chmod(0o700)
    with staged_folder(tmp_path / "folder", overwrite=True) as staged:
        assert staged.stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o700


def test_an_existing_target_is_refused_before_any_work(tmp_path):
    write_folder(tmp_path / "folder", "old")
    (tmp_path / "file.csv").touch()
    with pytest.raises(InputError, match="--overwrite"), staged_folder(tmp_path / "folder"):
        pytest.fail("the block was entered")
    with pytest.raises(InputError, match="--overwrite"), staged_file(tmp_path / "file.csv"):
        pytest.fail("the block was entered")


def test_a_target_that_appears_meanwhile_is_not_replaced(tmp_path):
    target = tmp_path / "folder"
    with pytest.raises(InputError, match="exists"), staged_folder(target):
        write_folder(target, "of another process")
    assert (target / "a.txt").read_text() == "of another process"


def test_an_empty_folder_counts_as_absent(tmp_path):
    (tmp_path / "folder").mkdir()
    write_folder(tmp_path / "folder", "new")
    assert names(tmp_path / "folder") == {"a.txt"}


def test_a_folder_without_the_marker_is_never_deleted(tmp_path):
    precious = tmp_path / "photos"
    precious.mkdir()
    (precious / "photo.jpg").touch()
    with pytest.raises(InputError, match=r"holds no manifest\.json"):
        refuse_existing(precious, overwrite=True, marker="manifest.json")
    with (
        pytest.raises(InputError, match="by hand"),
        staged_folder(precious, overwrite=True, marker="manifest.json"),
    ):
        pytest.fail("the block was entered")
    assert names(precious) == {"photo.jpg"}


def test_the_working_folder_is_never_replaced(tmp_path, monkeypatch):
    inside = tmp_path / "project" / "inside"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    with (
        pytest.raises(InputError, match="working folder"),
        staged_folder(Path(".."), overwrite=True),
    ):
        pytest.fail("the block was entered")


def test_a_file_in_the_place_of_a_folder_and_the_other_way_round(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="is a file"), staged_folder(tmp_path / "file", True):
        pytest.fail("the block was entered")
    with pytest.raises(InputError, match="is a folder"), staged_file(tmp_path / "folder", True):
        pytest.fail("the block was entered")


def test_the_staged_file_keeps_the_suffix_and_the_mode(tmp_path):
    target = tmp_path / "scores.csv"
    target.write_text("old")
    target.chmod(0o640)
    with staged_file(target, overwrite=True) as path:
        assert path.suffix == ".csv"
        path.write_text("new")
    assert target.read_text() == "new"
    assert target.stat().st_mode & 0o777 == 0o640


def test_a_link_is_followed(tmp_path):
    write_folder(tmp_path / "real", "old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_folder(tmp_path / "link", "new", overwrite=True)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "a.txt").read_text() == "new"


@pytest.fixture
def pipe(tmp_path: Path):
    """A named pipe of the test's own, and what arrives in it."""
    path = tmp_path / "pipe.csv"
    os.mkfifo(path)
    with ThreadPoolExecutor(1) as reader:
        yield path, reader.submit(path.read_text)


def test_a_named_pipe_is_written_to_and_stays(pipe):
    path, arrived = pipe
    with staged_file(path) as staged:
        assert staged.suffix == ".csv"
        staged.write_text("content")
    assert arrived.result(timeout=10) == "content"
    assert stat.S_ISFIFO(path.lstat().st_mode)
    assert names(path.parent) == {"pipe.csv"}


def test_a_device_is_written_to_and_stays(tmp_path):
    node = tmp_path / "null"
    try:
        os.mknod(node, stat.S_IFCHR | 0o600, os.makedev(1, 3))
        node.write_text("x")
    except OSError:
        pytest.skip("devices cannot be made or opened here")
    write_text(node, "content")
    assert stat.S_ISCHR(node.lstat().st_mode)
    assert names(tmp_path) == {"null"}


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "link"])
def test_a_file_behind_standard_output_is_appended_to_and_not_replaced(tmp_path, name):
    if not Path("/proc/self/fd/1").exists():
        pytest.skip("open files have no names of this kind here")
    log = tmp_path / "log"
    log.write_text("before\n")
    (tmp_path / "link").symlink_to("/dev/stdout")
    code = f"""
        from pathlib import Path
        from ktrain_sentiment.atomic import write_text
        write_text(Path({name!r}), "content\\n")
        """
    with log.open("a") as stream:
        command = [sys.executable, "-c", textwrap.dedent(code)]
        subprocess.run(command, stdout=stream, cwd=tmp_path, check=True)
    assert log.read_text() == "before\ncontent\n"


def test_a_link_to_a_file_stays_and_the_file_gets_the_new_content(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to(tmp_path / "real" / "a.csv")
    write_text(tmp_path / "link.csv", "new")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real" / "a.csv").read_text() == "new"


def test_a_private_file_stays_private_while_it_is_replaced(tmp_path):
    target = tmp_path / "scores.csv"
    target.write_text("old")
    target.chmod(0o600)
    with staged_file(target, overwrite=True) as path:
        path.write_text("new")
        assert path.stat().st_mode & 0o777 == 0o600
    assert target.stat().st_mode & 0o777 == 0o600


def test_a_target_is_held_by_one_process_at_a_time(tmp_path):
    other = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(f"""
            import time
            from pathlib import Path
            from ktrain_sentiment.atomic import hold
            with hold(Path({str(tmp_path / "a.csv")!r})):
                print("held", flush=True)
                time.sleep(60)
        """)], stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert other.stdout is not None
    other.stdout.readline()
    (tmp_path / "link.csv").symlink_to(tmp_path / "a.csv")
    for name in ("a.csv", "link.csv"):
        with pytest.raises(InputError, match=f"being written by process {other.pid} on"):
            hold(tmp_path / name).__enter__()
    other.kill()
    other.wait()
    other.stdout.close()
    assert (tmp_path / ".a.csv.lock").exists()
    with hold(tmp_path / "a.csv"):
        pass
    assert names(tmp_path) == {"link.csv"}


def test_a_held_target_is_free_again_after_an_error(tmp_path):
    with pytest.raises(ValueError, match="stop"), hold(tmp_path / "run"):
        raise ValueError("stop")
    with hold(tmp_path / "run"), pytest.raises(InputError, match="being written by process"):
        hold(tmp_path / "run").__enter__()


def test_two_that_want_one_target_at_the_same_time_never_both_get_it(tmp_path):
    inside: list[int] = []

    def work(number: int) -> None:
        for _ in range(100):
            with contextlib.suppress(InputError), hold(tmp_path / "a.csv"):
                inside.append(number)
                assert len(inside) == 1
                inside.remove(number)

    with ThreadPoolExecutor(4) as workers:
        assert list(workers.map(work, range(4))) == [None] * 4
    assert names(tmp_path) == set()


def test_a_file_of_the_user_is_not_taken_for_a_lock(tmp_path):
    (tmp_path / ".a.csv.lock").write_text("precious")
    with pytest.raises(InputError, match="no lock of ours"):
        hold(tmp_path / "a.csv").__enter__()
    assert (tmp_path / ".a.csv.lock").read_text() == "precious"


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        RuntimeError("Can't write data (errno = 28, error message = 'No space left on device')"),
    ],
)
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path, error):
    with (
        pytest.raises(SentimentError, match="disk is full"),
        staged_folder(tmp_path / "folder") as staged,
    ):
        fill_and_fail(staged, error)
    assert names(tmp_path) == set()


def test_a_lock_that_finds_no_room_on_the_disk_is_not_left_behind(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(SentimentError, match="disk is full"):
            hold(tmp_path / "run").__enter__()
    assert names(tmp_path) == set()
    with hold(tmp_path / "run"):
        pass


def test_a_place_below_a_file_is_refused_in_one_line(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(InputError, match="cannot be written"),
        staged_file(tmp_path / "file" / "x.csv"),
    ):
        pytest.fail("the block was entered")


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="no /proc here")
@pytest.mark.parametrize("place", ["/proc/run", "/proc/new/run"])
@pytest.mark.parametrize("write", [hold, staged_folder, staged_file])
def test_a_place_where_nothing_can_be_made_is_refused_in_one_line(place, write):
    with pytest.raises(InputError, match=f"{place} cannot be written"), write(Path(place)) as made:
        Path(made).write_text("a file appears when it is written")


def test_a_place_that_may_not_be_written_is_refused_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)
    for place in (tmp_path / "out.csv", tmp_path / "new" / "out.csv"):
        with pytest.raises(InputError, match="permission denied; choose another place"):
            refuse_existing(place, overwrite=False)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file is a file; choose another place"):
        refuse_existing(tmp_path / "file" / "out.csv", overwrite=False)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="there is no /proc")
@pytest.mark.skipif(not os.path.ismount("/dev/shm"), reason="nothing is mounted at /dev/shm")
def test_a_mount_point_which_cannot_be_replaced_is_refused_before_any_work():
    for overwrite in (False, True):
        with pytest.raises(InputError, match=r"/dev/shm is a mount point.*such as /dev/shm/new$"):
            refuse_existing(Path("/dev/shm"), overwrite=overwrite)


def test_a_mount_point_that_the_system_alone_knows_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "busy").mkdir()

    def rename(self, target):
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(self), None, str(target))

    monkeypatch.setattr(Path, "rename", rename)
    said = "busy cannot be written: device or resource busy; choose another place"
    with pytest.raises(InputError, match=said), staged_folder(tmp_path / "busy"):
        pass


def test_a_place_that_takes_no_files_is_refused_in_one_line():
    with pytest.raises(InputError, match=r"^/proc/x cannot be written: /proc takes no files$"):
        hold(Path("/proc/x")).__enter__()


def test_an_error_about_another_file_stays_what_it_is(tmp_path):
    with pytest.raises(PermissionError), staged_file(tmp_path / "out.csv") as path:
        fill_and_fail(path, PermissionError(errno.EACCES, "Permission denied", "/elsewhere/in.csv"))


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path):
    target = tmp_path / "folder"
    kill_while_writing(f"""
        import time
        from pathlib import Path
        from ktrain_sentiment.atomic import staged_folder
        with staged_folder(Path({str(target)!r})) as staged:
            (staged / "a.txt").write_text("half")
            print("written", flush=True)
            time.sleep(60)
    """)
    assert not target.exists()
    assert len(names(tmp_path)) == 1
    write_folder(target, "whole")
    assert names(tmp_path) == {"folder"}


def test_a_folder_that_a_killed_process_had_set_aside_is_put_back(tmp_path):
    target = tmp_path / "folder"
    write_folder(target, "old")
    kill_while_writing(f"""
        import time
        from pathlib import Path
        from ktrain_sentiment import atomic
        rename = Path.rename
        def stop_after_setting_aside(self, place):
            rename(self, place)
            print("set aside", flush=True)
            time.sleep(60)
        Path.rename = stop_after_setting_aside
        with atomic.staged_folder(Path({str(target)!r}), overwrite=True):
            pass
    """)
    assert not target.exists()
    clear_leftovers(target)
    assert (target / "a.txt").read_text() == "old"
    clear_leftovers(target)
    write_folder(target, "new", overwrite=True)
    assert names(tmp_path) == {"folder"}


def test_the_staging_of_a_living_process_is_left_alone(tmp_path):
    target = tmp_path / "folder"
    with staged_folder(target) as mine:
        write_folder(target, "quicker")
        assert mine.is_dir()
        (target / "a.txt").unlink()
    assert names(tmp_path) == {"folder"}


def test_a_former_boots_process_with_our_number_counts_as_gone(tmp_path):
    target = tmp_path / "folder"
    with staged_folder(target) as staged:
        leftover = tmp_path / staged.name.replace(staged.name.split("-")[3], "00000000")
        leftover.mkdir()
    assert str(os.getpid()) in leftover.name
    clear_leftovers(target)
    assert names(tmp_path) == {"folder"}


def test_a_name_with_wildcards_removes_nothing_else(tmp_path):
    with staged_folder(tmp_path / "x") as staged:
        pass
    other = tmp_path / staged.name
    other.mkdir()
    with staged_folder(tmp_path / "*"):
        pass
    assert other.is_dir()


def test_writing_many_small_files_stays_quick(tmp_path):
    begun = time.perf_counter()
    with staged_folder(tmp_path / "folder") as staged:
        for number in range(50):
            (staged / f"{number}.txt").write_text("x")
    assert time.perf_counter() - begun < 30


def test_a_text_and_a_json_value_are_written_with_their_letters_as_they_are(tmp_path):
    write_text(tmp_path / "new" / "a.txt", "größer")
    write_json(tmp_path / "a.json", {"label": "größer"})
    assert (tmp_path / "new" / "a.txt").read_bytes() == "größer".encode()
    assert (tmp_path / "a.json").read_text("utf-8") == '{\n  "label": "größer"\n}\n'


def test_what_has_no_form_in_json_leaves_the_old_file(tmp_path):
    write_text(tmp_path / "a.json", "old")
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"label": object()})
    assert (tmp_path / "a.json").read_text() == "old"


def test_a_file_is_kept_where_it_may_not_be_replaced(tmp_path):
    write_text(tmp_path / "a.csv", "old")
    with pytest.raises(InputError, match="--overwrite"):
        write_text(tmp_path / "a.csv", "new", overwrite=False)
    assert (tmp_path / "a.csv").read_text() == "old"


def test_the_names_in_all_folders_are_on_the_disk_before_the_folder_appears(tmp_path, monkeypatch):
    synced: list[str] = []
    real = os.fsync

    def note(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    with staged_folder(tmp_path / "target") as staged:
        (staged / "inner" / "deep").mkdir(parents=True)
        (staged / "inner" / "deep" / "a.txt").write_text("a")
        (staged / "b.txt").write_text("b")
        synced.clear()
    assert {"a.txt", "b.txt", "inner", "deep"} <= set(synced)
    # A name that is on the disk before its content could lead to nothing.
    assert synced.index("a.txt") < synced.index("deep") < synced.index("inner")


# URLs


def test_a_folder_is_sent_to_s3_as_a_whole_and_replaces_what_was_there(s3):
    target = Path("s3://reviews/splits")
    with staged_folder(target, marker="splits.json") as staged:
        write_text(staged / "sub" / "old.txt", "old")
        write_text(staged / "splits.json", "{}")
    assert s3.names() == ["splits/splits.json", "splits/sub/old.txt"]
    with pytest.raises(InputError, match="s3://reviews/splits exists"):
        write_folder(target, "new")
    with pytest.raises(InputError, match=r"holds no manifest\.json"):
        write_folder(target, "new", overwrite=True, marker="manifest.json")
    write_folder(target, "new", overwrite=True, marker="splits.json")
    assert s3.names() == ["splits/a.txt"]


def test_what_ends_badly_leaves_nothing_in_s3(s3):
    for staged in (staged_file, staged_folder):
        with pytest.raises(ZeroDivisionError), staged(Path("s3://reviews/a.txt")) as path:
            fill_and_fail(path, ZeroDivisionError())
    assert s3.names() == []


def test_what_is_written_on_this_machine_alone_refuses_urls():
    with pytest.raises(InputError, match=r"s3://bucket/run: is a URL, and this is written on this"):
        refuse_existing(Path("s3://bucket/run"), overwrite=True)
