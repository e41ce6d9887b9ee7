"""When two texts are the same: keys that near duplicates share."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ktrain_sentiment.cleaning import collapse_spaces, mask_mentions, mask_urls, strip_html

_RETWEET = re.compile(r"^\s*RT @\w+:?\s", re.IGNORECASE)
_USER = re.compile(r"@user\b")
_END = " .…"


def near_key(text: str) -> str:
    """A text without what does not make it another text.

    Case, spacing, HTML, links, mentions, the ways to write one character, a leading
    `RT @someone:` and full stops at the end do not count. Other punctuation does: in tweets, `:)`
    and `:(` are all the difference. A text that is nothing but links and mentions is its own key.
    """
    key = mask_urls(strip_html(_RETWEET.sub("", text)), "")
    if "@" in key:
        key = _USER.sub("", mask_mentions(key, ""))
    if not key.isascii():
        key = unicodedata.normalize("NFKC", key)
    key = collapse_spaces(key.casefold())
    return key.rstrip(_END) or key or collapse_spaces(text.casefold())


def near_codes(texts: Iterable[str]) -> NDArray[np.int64]:
    """A number for each text, the same for near duplicates and different for others.

    Numbers follow the order of first sight. Keys are compared by their 64-bit hashes, to save
    memory: with a million keys, two of them collide once in thirty million data sets.
    """
    hashes = np.fromiter((hash(near_key(text)) for text in texts), dtype=np.int64)
    return np.asarray(pd.factorize(hashes)[0], dtype=np.int64)
