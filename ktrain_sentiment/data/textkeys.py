"""When two texts are the same: keys that near duplicates share."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.cleaning import collapse_spaces, mask_mentions, mask_urls, strip_html

_RETWEET = re.compile(r"^rt @user:?\s*")
_END = " .…"


def near_key(text: str) -> str:
    """A text without what does not make it another text.

    Case, spacing, HTML, the targets of links and mentions, the ways to write one character, a
    leading `RT @someone:` and full stops at the end do not count. Other punctuation does: in
    tweets, `:)` and `:(` are all the difference.
    """
    key = mask_mentions(mask_urls(strip_html(text)))
    if not key.isascii():
        key = unicodedata.normalize("NFKC", key)
    key = collapse_spaces(key.casefold())
    return _RETWEET.sub("", key).rstrip(_END) or key


def near_codes(texts: Iterable[str]) -> NDArray[np.int64]:
    """A number for each text, the same for near duplicates and different for others."""
    known: dict[str, int] = {}
    return np.fromiter((known.setdefault(near_key(text), len(known)) for text in texts), np.int64)
