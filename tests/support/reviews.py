"""Made-up texts that a small model can learn: reviews, scores, aspects, and several labels a text.

A review praises or blames one aspect, and not by single words alone. In a third of them a negation
turns the word around ("never dull" is praise); in a fifth a first half says the opposite and is
overruled by "but". A few labels are wrong, as they are in real data.
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

PAIR = ("plot", "cast")
FEW_WORDS = 6
"""Words of praise and of blame with a pair: few, so that a tiny model learns them in seconds."""
COLUMNS = ("text", "aspect", "label")

TELLING = {
    "about acting": ("acting", "cast"),
    "about plot": ("plot", "story"),
    "praise": ("superb", "wise"),
}
OTHERS = [
    "i", "saw", "it", "twice", "and", "on", "the", "whole", "for", "a", "first", "film", "as", "my",
    "sister", "said", "from", "start", "to", "end", "in", "every", "scene", "all", "evening",
]  # fmt: skip


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


def make_aspects(sentences: int = 450) -> list[tuple[str, str, str]]:
    """Rows of text, aspect and label, two a sentence, as in SemEval-2014's fourth task.

    Six of ten sentences praise one aspect and blame the other, so that whoever reads those without
    the aspect is right in half of their rows. Some may be equal.
    """
    chance = random.Random(0)
    rows = []
    for _ in range(sentences):
        praised = chance.random() < 0.5
        also = praised if chance.random() < 0.4 else not praised
        words = [chance.choice((PRAISE if good else BLAME)[:FEW_WORDS]) for good in (praised, also)]
        (first, second), joint = PAIR, "and" if praised == also else "but"
        text = f"the {first} was {words[0]} {joint} the {second} was {words[1]} all evening"
        rows += [(text, first, LABELS[praised]), (text, second, LABELS[also])]
    return rows


def make_label_sets(rows: int = 400, seed: int = 0) -> list[tuple[str, str]]:
    """Distinct (text, labels) pairs; labels are joined by |, each is had by two rows in five."""
    rng, made = random.Random(seed), dict[str, str]()
    while len(made) < rows:
        names = [name for name in TELLING if rng.random() < 0.4]
        words = rng.sample(OTHERS, rng.randint(4, 7))
        words += [rng.choice(TELLING[name]) for name in names]
        rng.shuffle(words)
        made[" ".join(words)] = "|".join(names)
    return list(made.items())


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
