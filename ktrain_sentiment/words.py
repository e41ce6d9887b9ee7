"""Words of texts, and which of them tell one group of texts from another.

Words are ranked by their log-odds in one group against another, with an informative Dirichlet
prior from all texts, as z-scores (Monroe, Colaresi and Quinn 2008, "Fightin' Words"). Rare words
do not win by accident, and stop words need no list.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

WORD = re.compile(r"[^\W_](?:[\w'\u2019]*[^\W_])?")
_UNSEEN = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf"})
SHEET_ERRORS = frozenset(
    {"#n/a", "#name?", "#ref!", "#value!", "#div/0!", "#num!", "#null!", "#spill!", "#calc!"}
)
"""What a spreadsheet program shows, and exports, where a formula has no value, in lower case."""
NO_VALUE = (
    frozenset({"nan", "na", "n/a", "null", "none", "nil", "nat", "<na>", "\\n", "?", "-"})
    | SHEET_ERRORS
)
"""How exports spell a value that is missing, in lower case."""
PRIOR_WORDS = 100.0
"""Words' worth of prior: how much text of a group it takes to outweigh the background."""


def is_blank(text: str) -> bool:
    """Whether nothing of a text can be seen: spaces, control signs, marks of no width."""
    if text[:1].isalnum():  # As nearly all texts begin.
        return False
    # By category and not by isprintable, which says no to signs that are newer than Python.
    return all(unicodedata.category(sign) in _UNSEEN for sign in text)


_NO_WIDTH = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
"""Signs that change nothing one sees: those that join emoji, or letters of Persian, are none."""


def as_seen(name: str) -> str:
    """A name without spaces around it and signs of no width, its accents joined to their letters.

    Two names that look alike are one then: exports mix both ways to write `é`, and copied cells
    carry marks that no screen shows. The minus of a number is the one that keyboards have: some
    locales write the mathematical sign.
    """
    seen = unicodedata.normalize("NFC", _NO_WIDTH.sub("", name)).strip()
    return "-" + seen[1:] if seen.startswith("\u2212") and seen[1:2].isdigit() else seen


_SHORT = 5
"""Letters below which two names that differ by one are as likely two names."""


def is_slip(name: str, meant: str) -> bool:
    """Whether a name is another with one letter more, less or changed, or two that changed places.

    The first letter is seldom mistaken, and what stands before it makes other words of words
    (typical, atypical).
    """
    first, second = name.casefold(), meant.casefold()
    if any(map(str.isdigit, first + second)):  # Numbers that are near are other numbers.
        return False
    if first == second or min(len(first), len(second)) < _SHORT or first[0] != second[0]:
        return False
    start = _in_common(first, second)
    first, second = first[start:], second[start:]
    end = _in_common(first[::-1], second[::-1])
    first, second = first[: len(first) - end], second[: len(second) - end]
    swapped = len(first) == 2 and first == second[::-1]
    return swapped or max(len(first), len(second)) <= 1


def _in_common(first: str, second: str) -> int:
    """Letters that both begin with."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(first), len(second)))


def count_words(texts: Iterable[str]) -> Counter[str]:
    """How often each word occurs, letter case aside."""
    return Counter(word for text in texts for word in WORD.findall(text.lower()))


def telling(
    inside: Counter[str], outside: Counter[str], background: Counter[str]
) -> list[tuple[str, float]]:
    """Words that are more frequent inside than outside, by falling z-score, those above 1 only.

    Args:
        inside: Word counts of the texts to describe.
        outside: Word counts of the texts to tell them from.
        background: Word counts of all texts, the prior.
    """
    scale = PRIOR_WORDS / max(background.total(), 1)
    n_inside, n_outside = inside.total() + PRIOR_WORDS, outside.total() + PRIOR_WORDS
    scores = []
    for word, count in inside.items():
        prior = scale * background[word]
        here, there = count + prior, outside[word] + prior
        # The small number keeps texts of one and the same word from dividing by nothing.
        odds_here = math.log(here / (n_inside - here + 1e-6))
        odds_there = math.log(there / (n_outside - there + 1e-6))
        scores.append((word, (odds_here - odds_there) / math.sqrt(1 / here + 1 / there)))
    return sorted((s for s in scores if s[1] > 1), key=lambda s: (-s[1], s[0]))
