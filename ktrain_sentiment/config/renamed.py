"""Old names of flags and settings, and the names that people try who know other tools."""

from __future__ import annotations

import difflib
from collections.abc import Collection

RENAMED = {
    "adversarial": "adversarial_epsilon",
    "average": "ema_decay",
    "classic_epochs": "ktrain_epochs",
    "classic_rate": "ktrain_rate",
    "features": "max_features",
    "words": "vocab_size",
}
"""Settings that had another name in the release before: the old name as fields are spelled, and the
new one. The command line accepts an old flag, `from_flat` an old key, and each says the new name in
one line. Entries go one release after they came."""

OUTGROWN = frozenset({"run", "overwrite", "resume", "config", "json", "quiet"})
"""What the release before kept among the settings of a run, and is the command line's alone."""

SYNONYMS = {
    "bs": "batch_size",
    "label": "label_column",
    "labels": "label_column",
    "lr": "learning_rate",
    "max_len": "maxlen",
    "max_length": "maxlen",
    "max_seq_length": "maxlen",
    "model_name": "encoder",
    "model_name_or_path": "encoder",
    "n_epochs": "epochs",
    "num_epochs": "epochs",
    "num_train_epochs": "epochs",
    "out": "run",
    "output": "run",
    "output_dir": "run",
    "per_device_train_batch_size": "batch_size",
    "random_state": "seed",
    "run": "study",
    "test_size": "test",
    "text": "text_column",
    "val": "validation",
}
"""What other tools call a setting, and its name here: offered in a message, never taken."""


def nearest_names(name: str, known: Collection[str], most: int = 3) -> list[str]:
    """Names that were perhaps meant by one that there is not, the likeliest first."""
    meant = SYNONYMS.get(name.casefold())
    if meant in known:
        return [str(meant)]
    near = difflib.get_close_matches(name, sorted(known), n=most, cutoff=0.7)
    # `--output` where it is called `--out`: too short a beginning to count as close.
    return near or sorted(one for one in known if len(one) > 2 and name.startswith(one))[:most]
