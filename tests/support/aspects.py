"""Made-up sentences in the shape of SemEval-2014's fourth task: a text, an aspect, a polarity.

Made by rule from templates, and no one's reviews. Six of ten sentences praise one aspect and blame
the other, so that whoever reads those without the aspect is right in half of their rows.
"""

import random

from support.reviews import BLAME, LABELS, PRAISE

ASPECTS = ("plot", "cast")
WORDS = 6
"""Words of praise and of blame: few, so that a tiny model learns them in seconds."""
COLUMNS = ("text", "aspect", "label")
Row = tuple[str, str, str]


def make_aspects(sentences: int = 450, seed: int = 0) -> list[Row]:
    """Rows of text, aspect and label, two for each sentence.

    Args:
        sentences: How many; some may be equal.
        seed: Same seed, same rows.
    """
    chance = random.Random(seed)
    rows: list[Row] = []
    for _ in range(sentences):
        praised = chance.random() < 0.5
        also = praised if chance.random() < 0.4 else not praised
        words = [chance.choice((PRAISE if good else BLAME)[:WORDS]) for good in (praised, also)]
        (first, second), joint = ASPECTS, "and" if praised == also else "but"
        text = f"the {first} was {words[0]} {joint} the {second} was {words[1]} all evening"
        rows += [(text, first, LABELS[praised]), (text, second, LABELS[also])]
    return rows
