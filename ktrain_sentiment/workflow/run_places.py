"""Where a run grows on disk: one writer, and the run before it kept until this one is whole."""

from __future__ import annotations

import contextlib
import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from ktrain_sentiment.atomic import (
    clear_leftovers,
    hold,
    real_path,
    refuse_existing,
    staged_folder,
    swap_in,
    write_text,
)
from ktrain_sentiment.config import TrainingSettings
from ktrain_sentiment.config.flat import (
    from_flat,
    read_settings,
    to_flat,
    to_yaml,
)
from ktrain_sentiment.config.renamed import OUTGROWN, RENAMED
from ktrain_sentiment.data import SPLIT_NAMES, Splits
from ktrain_sentiment.errors import ConfigError, InputError
from ktrain_sentiment.messages import flag_of
from ktrain_sentiment.runs import RunFolder
from ktrain_sentiment.tables.frame_writing import write_table

log = logging.getLogger(__name__)

T = TypeVar("T")

NOT_COMPARED = frozenset({"checkpoint_every"})
"""Settings that may differ between a run and its resumption."""
CORRECTED_BY_HAND = "label_errors"
"""The list of doubted labels, in whatever format a spreadsheet program left it."""


@contextlib.contextmanager
def claim_folder(
    target: Path,
    *,
    marker: str,
    is_whole: Callable[[Path], bool],
    overwrite: bool,
    resume: bool,
) -> Iterator[Path]:
    """Be the only one who writes a folder over minutes or hours, and give the folder to write in.

    That is the folder itself where nothing stands there yet, and else one of the same name in
    `.NAME.next` beside it, which takes the old one's place when the block ends well: work that
    fails or is killed costs nothing that was there. `resume` finds either.

    Args:
        target: The folder.
        marker: Name of the file that every such folder holds from its beginning.
        is_whole: Whether the work in such a folder came to its end.
        overwrite: Whether what is there may be replaced.
        resume: Whether work that was stopped is gone on with.

    Yields:
        The folder to write in; it may hold nothing yet, also where `resume` is set.

    Raises:
        InputError: Another process writes there, or what is there may not be replaced.
        ConfigError: There is work that was stopped, and neither flag says what to do about it.
    """
    place = real_path(target)
    new = _next_to(place)
    with hold(target):
        clear_leftovers(place)
        growing = target
        if resume:
            growing = new if (new / marker).is_file() else target
        else:
            refuse_taken(target, marker=marker, is_whole=is_whole, overwrite=overwrite)
            shutil.rmtree(new.parent, ignore_errors=True)
            if (target / marker).is_file():
                growing = new
                log.info("%s stays until the new one is whole, in %s", target, new)
        yield growing
        if growing is new:
            _carry_over(place, new)
            swap_in(new, place)
            shutil.rmtree(new.parent, ignore_errors=True)


def refuse_taken(
    target: Path, *, marker: str, is_whole: Callable[[Path], bool], overwrite: bool
) -> None:
    """Refuse a folder in which work would begin anew where work lies already, stopped or ended.

    Args:
        target: As for `claim_folder`, and so are the others.
        marker: As there.
        is_whole: As there.
        overwrite: As there.

    Raises:
        InputError: What is there may not be replaced.
        ConfigError: There is work that was stopped, and no flag says what to do about it.
    """
    places = (_next_to(real_path(target)), target)
    if not overwrite and any((one / marker).is_file() and not is_whole(one) for one in places):
        raise ConfigError(
            f"{target} holds work that was stopped: add --resume to go on with it, by the "
            "same settings, or --overwrite to throw it away"
        )
    refuse_existing(target, overwrite=overwrite, marker=marker)


def _next_to(place: Path) -> Path:
    """Where the folder grows that is to take a place."""
    return place.with_name(f".{place.name}.next") / place.name


def _carry_over(old: Path, new: Path) -> None:
    """Keep the lists that a person may have corrected: the next inspection goes on with them."""
    for path in old.glob(f"{CORRECTED_BY_HAND}.*"):
        if not (new / path.name).exists():
            shutil.copy2(path, new / path.name)


@contextlib.contextmanager
def claim_run(
    target: Path, settings: TrainingSettings, *, overwrite: bool, resume: bool
) -> Iterator[RunFolder]:
    """Be the only one who trains into a run folder; see `claim_folder`.

    Args:
        target: The run folder.
        settings: With what it is trained.
        overwrite: Whether a run that is there may be replaced.
        resume: Whether a run that was stopped is gone on with.

    Raises:
        InputError: Another process trains there, or what is there may not be replaced.
        ConfigError: There is nothing to go on with, or it was begun with other settings.
    """
    _refuse_other_work(RunFolder(target))
    marker = RunFolder(target).config.name
    with claim_folder(
        target,
        marker=marker,
        is_whole=lambda place: is_whole(RunFolder(place)),
        overwrite=overwrite,
        resume=resume,
    ) as growing:
        run = RunFolder(growing)
        if resume:
            ended = growing == target and is_whole(run)
            refuse_other_resumption(
                target, run.config, settings, TrainingSettings,
                again="train --run", figures=run.metrics.name if ended else "",
            )  # fmt: skip
        try:
            yield run
        except InputError:
            # What cannot be trained as asked leaves nothing to go on with.
            if not resume and not run.checkpoints.is_dir():
                shutil.rmtree(growing, ignore_errors=True)
            raise


def _refuse_other_work(run: RunFolder) -> None:
    """Refuse prepared data and searches, which have a config.yaml as well."""
    if not run.config.is_file():
        return
    try:
        what = work_of(run.config)
    except ConfigError:
        return
    if what != RUN:
        raise ConfigError(f"{run.path} holds {what}, and no run: choose another --run")


RUN, SEARCH, PREPARED = "a run", "a search", "data that was prepared"


def work_of(config: Path) -> str:
    """What a folder's config.yaml is of: `RUN`, `SEARCH` or `PREPARED`.

    Raises:
        ConfigError: It cannot be read.
    """
    stored = read_settings(config)
    if "trials" in stored:
        return SEARCH
    return RUN if "epochs" in stored else PREPARED


def begin_run(run: RunFolder, settings: TrainingSettings, splits: Splits, *, resume: bool) -> None:
    """Make the run folder with rows and settings in it, or check that the rows are still those.

    It appears with all of these at once: a process that is killed meanwhile leaves no half of it.

    Raises:
        ConfigError: The rows are not those that the run was begun with.
    """
    stamp = run.path / "splits" / "fingerprint.txt"
    if resume:
        if stamp.read_text("ascii").strip() != splits.fingerprint:
            raise ConfigError(
                f"--resume: the rows of {settings.source.data} are not those that {run.path} "
                "was begun with; use another --run"
            )
        return
    with staged_folder(run.path) as staged:
        made = RunFolder(staged)
        for name in SPLIT_NAMES:
            write_table(made.split(name), getattr(splits, name))
        write_text(staged / "splits" / stamp.name, splits.fingerprint + "\n")
        write_text(made.config, to_yaml(to_flat(settings, TrainingSettings)))


def is_whole(run: RunFolder) -> bool:
    """Whether a training came to its end there: the page about it is the last file that it writes.

    Runs of the release before wrote the model card after it; those count as well.
    """
    files = (run.config, run.metrics, run.predictor / "manifest.json", run.report)
    return all(file.is_file() for file in files)


def is_finished(run: RunFolder, settings: TrainingSettings) -> bool:
    """Whether the folder holds a finished run with these settings."""
    return is_whole(run) and not differences(run.config, settings, TrainingSettings)


def is_stopped(run: RunFolder, settings: TrainingSettings) -> bool:
    """Whether a training with these settings was begun for this place and did not end."""
    new = RunFolder(_next_to(real_path(run.path)))
    growing = new if new.config.is_file() else run
    return (
        growing.config.is_file()
        and not is_whole(growing)
        and not differences(growing.config, settings, TrainingSettings)
    )


def differences(
    begun: Path, settings: T, kind: type[T], ignored: frozenset[str] = NOT_COMPARED
) -> list[str]:
    """The settings that work was begun with and that are others now, as flags.

    Args:
        begun: The file in which they were written down.
        settings: Those of now.
        kind: Their class; what a class derived from it adds does not count.
        ignored: Settings that may differ.
    """
    try:
        stored = read_settings(begun)
        # Old names are translated here without a word: nobody but us wrote this file.
        stored = {RENAMED.get(n, n): value for n, value in stored.items() if n not in OUTGROWN}
        before = to_flat(from_flat(kind, stored, str(begun)))
    except ConfigError:
        return ["settings of another version"]
    now = to_flat(settings, kind)
    return [
        f"{_as_flag(name, before[name])} (now {_as_flag(name, now[name])})"
        for name in now
        if name not in ignored and before[name] != now[name]
    ]


def _as_flag(name: str, value: object) -> str:
    """How a setting is given: --epochs 3, no --epochs, the data without its name."""
    flag = "" if name == "data" else flag_of(name) + " "
    if value in (None, "", []):
        return f"no {flag or 'data'}".rstrip()
    if isinstance(value, bool):
        return (flag if value else flag.replace("--", "--no-")).rstrip()
    return flag + (" ".join(map(str, value)) if isinstance(value, list) else str(value))


def refuse_other_resumption(
    target: Path, begun: Path, settings: T, kind: type[T], *, again: str, figures: str
) -> None:
    """Refuse to go on where nothing was begun, with other settings, or where it has ended.

    Args:
        target: The folder that was named.
        begun: The file in which the settings were written down.
        settings: Those of now.
        kind: Their class.
        again: The command and the flag that name the folder: `train --run`.
        figures: Name of the file with the figures of what has ended; empty if it has not.

    Raises:
        ConfigError: It is refused.
    """
    if not begun.is_file():
        raise ConfigError(
            f"--resume: {target} holds nothing to go on with; leave --resume out to begin"
        )
    if different := differences(begun, settings, kind):
        command, flag = again.split()
        raise ConfigError(
            f"--resume: {target} was begun with {', '.join(different)}; go on with  "
            f"ktrain-sentiment {command} --config {begun} {flag} {target} --resume"
        )
    if figures:
        raise ConfigError(f"--resume: {target} is finished; its figures are in {figures}")
