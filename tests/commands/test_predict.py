"""predict.py as a user runs it."""

import contextlib
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from support.predictors import build_predictor
from support.process import ROOT, complaint_of, run_here, run_python
from support.reviews import make_reviews

SCRIPT = "scripts/predict.py"


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory, tiny_bert: Path) -> Path:
    return build_predictor(tiny_bert, tmp_path_factory.mktemp("run") / "mine" / "predictor")


def predict(predictor: Path, *arguments: str | Path, **options: object):
    return run_here(SCRIPT, "--predictor", predictor, *arguments, **options)


def shell(command: str) -> subprocess.CompletedProcess[str]:
    """Run a pipeline in which {predict} stands for the script."""
    whole = command.format(predict=f"{sys.executable} {SCRIPT}")
    return subprocess.run(whole, shell=True, cwd=ROOT, capture_output=True, text=True, check=True)


def test_texts_are_answered_one_a_line(predictor):
    done = run_python(SCRIPT, "--predictor", predictor, "a superb plot", "a dull plot")
    assert done.returncode == 0, done.stderr
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert [row[2] for row in rows] == ["a superb plot", "a dull plot"]
    assert {row[0] for row in rows} <= {"negative", "positive"}
    assert all(0.5 <= float(row[1]) <= 1 for row in rows)
    assert done.stderr == ""


def test_the_summary_says_that_labels_are_by_cost(predictor, tmp_path):
    rows = tmp_path / "rows.csv"
    rows.write_text("text\na superb plot\na dull plot\n")
    arguments = ("--file", rows, "--output", tmp_path / "scored.csv")
    done = predict(predictor, *arguments, "--costs", "negative:=1e9", "positive:negative=2")
    said = "2 rows; 2 negative by least expected cost (--costs negative:=1e9 positive:negative=2); "
    assert said in done.stderr
    plain = predict(predictor, *arguments, "--overwrite")
    assert "cost" not in plain.stderr


def test_a_run_folder_will_do(predictor):
    assert predict(predictor.parent, "a film").stdout == predict(predictor, "a film").stdout


def test_the_newest_run_is_the_default(predictor, tmp_path):
    (tmp_path / "runs").symlink_to(predictor.parents[1])
    done = run_here(ROOT / SCRIPT, "a film", cwd=tmp_path)
    assert done.stdout == predict(predictor, "a film").stdout


def test_standard_input_is_lines_of_text(predictor):
    done = predict(predictor, "--file", "-", stdin="a superb plot\n\na dull plot\n")
    first, blank, last = done.stdout.splitlines(keepends=True)
    assert first + last == predict(predictor, "a superb plot", "a dull plot").stdout
    assert blank == "\t\t\n"
    assert "standard input: line 2 has no text in column 'text'" in done.stderr


def test_a_thousand_lines_from_a_pipe(predictor):
    command = (
        f"yes 'a superb plot' | head -1000 | {sys.executable} {SCRIPT} --predictor {predictor}"
    )
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == 1000
    assert len(set(done.stdout.splitlines())) == 1


def test_a_pipe_is_answered_line_by_line(predictor):
    with subprocess.Popen(
        [sys.executable, SCRIPT, "--predictor", predictor], cwd=ROOT, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as child:  # fmt: skip
        for text in ("a superb plot", "a dull plot"):
            child.stdin.write(text + "\n")
            child.stdin.flush()
            assert child.stdout.readline().endswith(f"\t{text}\n")
        child.stdin.close()
        assert child.wait(20) == 0
        child.stderr.close()


def test_a_reader_that_goes_away_is_no_fault(predictor):
    command = (
        f"yes 'a plot' | head -5000 | {sys.executable} {SCRIPT} --predictor {predictor} | head -1"
    )
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_a_file_becomes_another_with_all_columns(predictor, reviews_csv, tmp_path):
    done = predict(predictor, "--file", reviews_csv, "--output", tmp_path / "x.parquet", "--json")
    assert done.returncode == 0, done.stderr
    table = pq.read_table(tmp_path / "x.parquet")
    assert table.column_names == [
        "text", "label", "predicted", "probability", "p_negative", "p_positive",
    ]  # fmt: skip
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["rows"] == figures["scored"] == len(table) == 600
    assert figures["texts_per_second"] > 0
    assert "600 rows" in done.stderr


def test_a_file_goes_to_standard_output_in_its_own_format(predictor, reviews_csv):
    done = predict(predictor, "--file", reviews_csv, "--quiet")
    assert done.stdout.startswith("text,label,predicted,probability,p_negative,p_positive\n")
    assert done.stderr == ""


def test_jsonl_through_a_pipe(predictor):
    done = predict(predictor, "--input-format", "jsonl", stdin='{"text": "a film", "n": 1}\n')
    assert json.loads(done.stdout)["n"] == 1


@pytest.fixture(scope="module")
def long_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that takes seconds, with texts of two lines among others."""
    path = tmp_path_factory.mktemp("long") / "in.csv"
    texts = [text for text, _ in make_reviews(2500)] * 5
    texts[::5] = [f'"{text}\nand more"' for text in texts[::5]]
    path.write_text("text\n" + "".join(f"{text}\n" for text in texts))
    return path


@pytest.fixture(scope="module")
def unbroken(predictor, long_csv, tmp_path_factory):
    """What a run that is not stopped makes of the long file, by format."""
    made: dict[str, bytes] = {}

    def output(suffix: str) -> bytes:
        if suffix not in made:
            target = tmp_path_factory.mktemp("unbroken") / f"out{suffix}"
            done = predict(predictor, "--file", long_csv, "--output", target)
            assert done.returncode == 0, done.stderr
            made[suffix] = target.read_bytes()
        return made[suffix]

    return output


def done_of(notes: Path) -> int:
    """The line up to which an unfinished output is known to be on the disk."""
    return json.loads(notes.read_text())["done"] if notes.exists() else 0


@contextlib.contextmanager
def running(*arguments: str | Path, notes: Path) -> Iterator[subprocess.Popen[str]]:
    """A run of the script that has written some rows, and is ended at the latest afterwards."""
    with subprocess.Popen(
        [sys.executable, SCRIPT, *arguments], cwd=ROOT, text=True, stderr=subprocess.PIPE
    ) as child:
        try:
            while not done_of(notes) and child.poll() is None:
                time.sleep(0.01)
            yield child
        finally:
            child.kill()


@pytest.mark.parametrize(
    ("number", "suffix", "code"),
    [
        (signal.SIGINT, ".csv", 130), (signal.SIGTERM, ".jsonl", 143),
        (signal.SIGHUP, ".parquet", 129), (signal.SIGKILL, ".csv", -9),
        (signal.SIGKILL, ".parquet", -9),
    ],
)  # fmt: skip
def test_a_run_that_was_stopped_goes_on_to_the_same_bytes(
    predictor, long_csv, unbroken, tmp_path, number, suffix, code
):
    target = tmp_path / f"out{suffix}"
    notes = tmp_path / f"out{suffix}.partial.json"
    arguments = ["--predictor", predictor, "--file", long_csv, "--output", target]
    with running(*arguments, notes=notes) as child:
        child.send_signal(number)
        _, complaint = child.communicate(timeout=60)
    assert child.returncode == code, complaint
    assert not target.exists()
    at = done_of(notes)
    if number != signal.SIGKILL:
        assert complaint == (
            f"predict.py: stopped after line {at}; add --resume to go on from there\n"
        )
        assert {path.name for path in tmp_path.iterdir()} == {notes.name, notes.stem}
    done = run_here(SCRIPT, *arguments, "--resume", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["resumed_at"] == at > 0
    assert target.read_bytes() == unbroken(suffix)
    assert {path.name for path in tmp_path.iterdir()} == {target.name}


def test_two_runs_never_write_one_output_at_a_time(predictor, long_csv, unbroken, tmp_path):
    arguments = ["--predictor", predictor, "--file", long_csv, "--output", tmp_path / "out.csv"]
    with running(*arguments, notes=tmp_path / "out.csv.partial.json") as first:
        first.send_signal(signal.SIGSTOP)
        second = run_here(SCRIPT, *arguments, "--resume")
        first.send_signal(signal.SIGCONT)
        _, complaint = first.communicate(timeout=60)
    assert (first.returncode, second.returncode) == (0, 2), complaint
    assert f"out.csv is being written by process {first.pid} on" in second.stderr
    assert len(second.stderr.splitlines()) == 1
    assert (tmp_path / "out.csv").read_bytes() == unbroken(".csv")
    assert {path.name for path in tmp_path.iterdir()} == {"out.csv"}


def test_a_disk_that_is_full_keeps_what_is_there(predictor, long_csv, unbroken, tmp_path):
    command = f"{sys.executable} {SCRIPT} --predictor {predictor} --file {long_csv} --output "
    command += str(tmp_path / "out.csv")
    done = subprocess.run(f"ulimit -f 1000; {command}", shell=True, cwd=ROOT, text=True,
                          capture_output=True, check=False)  # fmt: skip
    assert done.returncode == 1, done.stderr
    at = done_of(tmp_path / "out.csv.partial.json")
    assert at > 0
    assert "out.csv: may not grow further" in done.stderr
    assert f"up to line {at} is kept: add --resume to go on" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    subprocess.run(f"{command} --resume", shell=True, cwd=ROOT, capture_output=True, check=True)
    assert (tmp_path / "out.csv").read_bytes() == unbroken(".csv")


def test_a_file_of_the_user_is_not_taken_for_a_part_of_an_output(predictor, reviews_csv, tmp_path):
    (tmp_path / "o.csv.partial").write_text("precious")
    done = predict(predictor, "--file", reviews_csv, "--output", tmp_path / "o.csv")
    assert done.returncode == 2
    assert "o.csv.partial is in the way" in done.stderr
    assert (tmp_path / "o.csv.partial").read_text() == "precious"
    assert {path.name for path in tmp_path.iterdir()} == {"o.csv.partial"}


def test_a_named_pipe_gets_the_rows_and_stays(predictor, reviews_csv, tmp_path):
    os.mkfifo(tmp_path / "rows.csv")
    with ThreadPoolExecutor(1) as reader:
        arrived = reader.submit((tmp_path / "rows.csv").read_text)
        done = predict(predictor, "--file", reviews_csv, "--output", tmp_path / "rows.csv")
        assert done.returncode == 0, done.stderr
        assert len(arrived.result(timeout=10).splitlines()) == 601
    assert (tmp_path / "rows.csv").is_fifo()
    assert {path.name for path in tmp_path.iterdir()} == {"rows.csv"}


def test_standard_output_by_name_is_appended_to(predictor, tmp_path):
    (tmp_path / "log").write_text("before\n")
    shell(f"{{predict}} --predictor {predictor} 'a film' --output /dev/stdout >> {tmp_path}/log")
    first, second = (tmp_path / "log").read_text().splitlines()
    assert (first, second.split("\t")[-1]) == ("before", "a film")


def test_what_a_text_holds_never_reaches_the_terminal_raw(predictor):
    mine, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, SCRIPT, "--predictor", predictor, "a\x1b]0;title\x07 film"],
        cwd=ROOT, stdout=theirs,
    ) as child:  # fmt: skip
        shown = os.read(mine, 4096)
        assert child.wait(30) == 0
    os.close(theirs)
    os.close(mine)
    assert b"a\\x1b]0;title\\x07 film" in shown
    assert b"\x1b" not in shown


def test_excel_gets_letters_and_no_formulas_and_everyone_else_the_texts(predictor, tmp_path):
    (tmp_path / "in.csv").write_text("id,text\n007,=1+1 größer\n-5,fine\n")
    arguments = ["--file", tmp_path / "in.csv", "--output"]
    predict(predictor, *arguments, tmp_path / "plain.csv")
    done = predict(predictor, *arguments, tmp_path / "excel.csv", "--excel-csv")
    assert done.returncode == 0, done.stderr
    plain = (tmp_path / "plain.csv").read_bytes()
    assert plain.splitlines()[1].startswith("007,=1+1 größer,".encode())
    excel = (tmp_path / "excel.csv").read_bytes()
    assert excel == b"\xef\xbb\xbf" + plain.replace(b"=1+1", b"'=1+1")


def test_the_output_has_the_delimiter_and_the_encoding_that_were_asked_for(predictor):
    done = subprocess.run(
        [sys.executable, SCRIPT, "--predictor", predictor, "--input-format", "csv",
         "--output-delimiter", "semicolon", "--output-encoding", "cp1252"],
        cwd=ROOT, input="text,id\ngrößer,1\n".encode(), capture_output=True, check=True,
    )  # fmt: skip
    header, row = done.stdout.decode("cp1252").splitlines()
    assert header == "text;id;predicted;probability;p_negative;p_positive"
    assert row.startswith("größer;1;")


def test_of_several_runs_the_newest_is_taken_and_the_way_to_another_named(predictor, tmp_path):
    for name in ("old", "new"):
        shutil.copytree(predictor, tmp_path / "runs" / name / "predictor")
    os.utime(tmp_path / "runs" / "old" / "predictor" / "manifest.json", (1, 1))
    done = run_here(ROOT / SCRIPT, "a film", cwd=tmp_path)
    said = "predictor: runs/new/predictor (the newest of 2 runs; --predictor names another)\n"
    assert done.stderr == said


def test_an_empty_text_is_refused(predictor):
    refusal = complaint_of(SCRIPT, "--predictor", predictor, "")
    assert refusal.endswith("the text is empty: write one between the quotes")


def test_the_predictor_that_was_found_is_named(predictor, tmp_path):
    (tmp_path / "runs").symlink_to(predictor.parents[1])
    done = run_here(ROOT / SCRIPT, "a film", cwd=tmp_path)
    assert done.stderr == "predictor: runs/mine/predictor\n"
    assert run_here(ROOT / SCRIPT, "a film", "--quiet", cwd=tmp_path).stderr == ""


def test_closed_streams_are_said_before_anything_is_loaded(predictor):
    for closed, said in [("<&-", "standard input is closed"), (">&-", "standard output is closed")]:
        done = subprocess.run(
            f"{sys.executable} {SCRIPT} --predictor {predictor} {closed}",
            shell=True, cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (2, "")
        assert said in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_bad_rows_are_named_and_kept(predictor, tmp_path):
    (tmp_path / "in.csv").write_text('id,text\n1,fine\n2,"broken" text\n3,fine\n')
    done = predict(predictor, "--file", tmp_path / "in.csv", "--quoting", "yes")
    assert done.returncode == 0
    assert "line 3 has text after a closing double quote; kept without a prediction" in done.stderr
    assert done.stdout.splitlines()[2] == '2,"""broken"" text",,,,'


def test_the_table_is_read_like_that_of_the_training_and_said(tiny_bert, tmp_path):
    table = {"text_column": "body", "columns": ["label", "body"], "header": False}
    remembering = build_predictor(tiny_bert, tmp_path / "predictor", table=table)
    (tmp_path / "headless.csv").write_text('"1","a superb plot"\n"0","a dull plot"\n"0","dull"\n')
    done = predict(remembering, "--file", tmp_path / "headless.csv")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].startswith("label,body,predicted")
    assert "headless.csv: texts from column 'body' as in training" in done.stderr
    (tmp_path / "tickets.csv").write_text("text,body\nticket 1 here,a dull plot\n")
    done = predict(remembering, "--file", tmp_path / "tickets.csv", "--json")
    assert done.returncode == 0, done.stderr
    assert "tickets.csv: texts from column 'body' as in training" in done.stderr


def test_columns_are_named_for_a_file_without_a_header(predictor, tmp_path):
    (tmp_path / "headless.csv").write_text('"1","a superb plot"\n"0","a dull plot"\n"0","dull"\n')
    done = predict(predictor, "--file", tmp_path / "headless.csv")
    assert done.returncode == 2
    assert "the first line looks like a row" in done.stderr
    done = predict(
        predictor, "--file", tmp_path / "headless.csv", "--columns", "stars", "text", "--quiet"
    )
    assert len(done.stdout.splitlines()) == 4
    assert done.stderr == ""


@pytest.mark.parametrize("name", ["UTF-16", "utf_16"])
def test_utf16_comes_through_a_pipe(predictor, tmp_path, name):
    (tmp_path / "in.txt").write_bytes("a superb plot\na dull plot\n".encode("utf-16"))
    command = f"cat {tmp_path}/in.txt | {{predict}} --predictor {predictor} --encoding {name}"
    done = shell(command)
    assert done.stdout == predict(predictor, "a superb plot", "a dull plot").stdout


def test_a_pipe_of_which_no_row_can_be_read_ends_with_the_cause(predictor):
    done = predict(predictor, "--input-format", "jsonl", stdin="{'text': 'a'}\n{'text': 'b'}\n")
    assert done.returncode == 2
    assert "standard input: none of the first 2 rows can be read: line 1 is a Python" in done.stderr


def test_the_keras_engine_needs_a_keras_model_and_says_so(predictor, tmp_path):
    done = predict(tmp_path, "--engine", "keras", "a film")
    assert done.returncode == 2
    assert "manifest.json" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["a", "--file", "x.csv"], "give one of them"),
        (["--file", "missing.csv"], "no such file"),
        (["--file", "README"], "no such file|does not say the format"),
        (["a", "--abstain-below", "2"], "wanted 0 to 1"),
        ([ROOT / "README.md"], "did you mean --file"),
        (["s3://bucket/a.csv"], "is a table's URL: did you mean --file s3://bucket/a.csv"),
        ([ROOT], "is a folder: did you mean --predictor"),
        ([ROOT / "READMEE.txt"], "no such file is there; did you mean"),
        (["runs/reviews.xlsx"], "no such file is there (there is no folder runs). A text of that"),
        (["a", "--output-encoding", "rot13"], "no such encoding"),
        (["a", "--excel-csv"], "--excel-csv: wanted csv or tsv, got txt"),
        (["a", "--excel-csv", "--output-encoding", "cp1252"], "give one of them"),
        (["a", "--output", "/dev/null/x.csv"], "/dev/null is no folder|cannot be written"),
        (["a", "--threads", "-1"], "0 or more"),
        (["a", "--resume"], "--resume needs --file and --output"),
        (["--file", "-", "--resume", "--output", "x.csv"], "nothing else can be continued"),
        (["a", "--output", "."], "is a folder|does not say the format"),
        (["a", "--output", "x.pdf"], "does not say the format"),
        (["a", "--engine", "gpu"], "wanted one of"),
        (["a", "--engine", "fp64"], "wanted one of"),
        (["a", "--master", "local"], "add --on spark or ray"),
        (["--on", "spark", "--file", "in"], "wanted --file and --output, a folder each"),
        (
            ["--on", "ray", "--file", "a", "--output", "b", "--excel-csv"],
            "goes out; leave out --excel-csv",
        ),
        (
            ["--on", "ray", "--file", "a", "--output", "b", "--overwrite"],
            "another folder, and leave",
        ),
        (["--on", "ray", "--file", "a", "--output", "b", "--engine", "keras"], "here alone"),
    ],
)
def test_wrong_flags_are_one_line_and_exit_code_2(predictor, arguments, complaint, tmp_path):
    done = run_here(ROOT / SCRIPT, "--predictor", predictor, *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert any(part in done.stderr for part in complaint.split("|"))
    assert not list(tmp_path.iterdir())


def test_a_predictor_that_is_not_there(tmp_path):
    done = run_here(ROOT / SCRIPT, "a film", cwd=tmp_path)
    assert done.returncode == 2
    assert "train one with ktrain-sentiment train" in done.stderr


def test_an_output_is_not_overwritten_unasked(predictor, reviews_csv, tmp_path):
    target = tmp_path / "out.csv"
    target.write_text("precious")
    done = predict(predictor, "--file", reviews_csv, "--output", target)
    assert (done.returncode, target.read_text()) == (2, "precious")
    assert "--overwrite" in done.stderr
    done = predict(predictor, "--file", reviews_csv, "--output", target, "--overwrite")
    assert (done.returncode, target.read_text()[:4]) == (0, "text")


def test_the_input_is_never_the_output(predictor, reviews_csv):
    done = predict(predictor, "--file", reviews_csv, "--output", reviews_csv, "--overwrite")
    assert done.returncode == 2
    assert "is the input" in done.stderr


def test_a_full_disk_is_one_line(predictor, reviews_csv):
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, SCRIPT, "--predictor", predictor, "--file", reviews_csv, "--quiet"],
            cwd=ROOT, env=os.environ, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode != 0
    assert "No space left on device" in done.stderr
