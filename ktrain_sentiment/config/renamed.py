"""Old names of flags and settings, taken for one release with a line that says the new one."""

from __future__ import annotations

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
