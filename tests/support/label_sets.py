"""Made-up texts with several labels: single words decide which each has, and some have none."""

import random

WORDS = {
    "about acting": ("acting", "cast"),
    "about plot": ("plot", "story"),
    "praise": ("superb", "wise"),
}
OTHERS = [
    "i",
    "saw",
    "it",
    "twice",
    "and",
    "on",
    "the",
    "whole",
    "for",
    "a",
    "first",
    "film",
    "as",
    "my",
    "sister",
    "said",
    "from",
    "start",
    "to",
    "end",
    "in",
    "every",
    "scene",
    "all",
    "evening",
]


def make_label_sets(rows: int = 400, seed: int = 0) -> list[tuple[str, str]]:
    """Distinct (text, labels) pairs; labels are joined by |, each is had by two rows in five."""
    rng, made = random.Random(seed), dict[str, str]()
    while len(made) < rows:
        names = [name for name in WORDS if rng.random() < 0.4]
        words = rng.sample(OTHERS, rng.randint(4, 7)) + [rng.choice(WORDS[name]) for name in names]
        rng.shuffle(words)
        made[" ".join(words)] = "|".join(names)
    return list(made.items())
