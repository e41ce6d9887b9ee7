"""Made-up reviews that a small model can learn, and not from single words alone.

A sentence praises or blames one aspect. In a third of them a negation turns the word around
("never dull" is praise); in a fifth a first half says the opposite and is overruled by "but".
A few labels are wrong, as they are in real data.
"""

import csv
import random
from collections.abc import Iterable, Sequence
from pathlib import Path

LABELS = ("negative", "positive")

PRAISE = [
    "brilliant", "charming", "clever", "delightful", "elegant", "fresh", "funny", "gripping",
    "honest", "lovely", "moving", "superb", "tender", "thrilling", "touching", "vivid", "warm",
    "witty", "wonderful", "wise",
]  # fmt: skip
BLAME = [
    "awful", "bland", "boring", "clumsy", "dreary", "dull", "empty", "flat", "forced", "lazy",
    "messy", "pointless", "shallow", "silly", "sloppy", "stale", "tedious", "tiresome", "ugly",
    "weak",
]  # fmt: skip
ASPECTS = [
    "acting", "camera", "cast", "dialogue", "direction", "editing", "ending", "humour", "music",
    "pacing", "plot", "script", "scenery", "soundtrack", "story",
]  # fmt: skip
OPENINGS = ("", "i saw it twice and", "on the whole", "for a first film", "as my sister said")
NEGATIONS = ("never", "not", "hardly", "anything but")
CLOSINGS = ("", "from start to end", "to my surprise", "in every scene", "all evening")


def make_reviews(rows: int = 600, seed: int = 0, wrong: float = 0.02) -> list[tuple[str, str]]:
    """Distinct (text, label) pairs, the two labels in turn.

    Args:
        rows: How many; up to a few thousand.
        seed: Same seed, same rows.
        wrong: Share of rows whose label is wrong.
    """
    chance = random.Random(seed)
    made: dict[str, str] = {}
    while len(made) < rows:
        label = LABELS[len(made) % 2]
        text = _sentence(chance, praising=label == "positive")
        flip = chance.random() < wrong
        made.setdefault(text, LABELS[1 - LABELS.index(label)] if flip else label)
    return list(made.items())


def make_scores(rows: int = 600, seed: int = 0) -> list[tuple[str, str]]:
    """Distinct (text, score) pairs from -3 to 3: by the label, and by the words in half steps."""
    made = []
    for text, label in make_reviews(rows, seed=seed, wrong=0):
        words = text.split()
        strength = 1 + sum(PRAISE.index(word) for word in words if word in PRAISE) / 10
        score = min(strength, 3) * (1 if label == "positive" else -1)
        made.append((text, f"{score:.1f}"))
    return made


def _sentence(chance: random.Random, praising: bool) -> str:
    clause = _clause(chance, praising)
    if chance.random() < 0.2:
        clause = f"{_clause(chance, not praising)} but {clause}"
    return " ".join(f"{chance.choice(OPENINGS)} {clause} {chance.choice(CLOSINGS)}".split())


def _clause(chance: random.Random, praising: bool) -> str:
    aspect = chance.choice(ASPECTS)
    if chance.random() < 1 / 3:
        word = f"{chance.choice(NEGATIONS)} {chance.choice(BLAME if praising else PRAISE)}"
    else:
        word = chance.choice(PRAISE if praising else BLAME)
    return f"the {aspect} was {word}"


def write_csv(
    path: Path, rows: Iterable[Sequence[str]], columns: Sequence[str] = ("text", "label")
) -> Path:
    """Write rows as a CSV with these columns."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns, *rows])
    return path
