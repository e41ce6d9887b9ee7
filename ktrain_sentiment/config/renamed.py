"""Settings that had another name in the release before: their flags and YAML keys still work.

One table for both doors. The command line accepts an old flag, `settings.from_flat` an old key;
each says the new name in one line. Entries go one release after they came.
"""

from __future__ import annotations

RENAMED = {
    "adversarial": "adversarial_epsilon",
    "average": "ema_decay",
    "classic_epochs": "ktrain_epochs",
    "classic_rate": "ktrain_rate",
    "features": "max_features",
    "words": "vocab_size",
}
"""Old name of a setting and the new one, as fields are spelled; flags have hyphens."""
