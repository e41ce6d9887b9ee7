"""Optional changes to a text before a model sees it, the same in training and in prediction.

A cleaning is a tuple of step names, applied in order. A predictor's manifest records it and its
engine repeats it, so a step must never change what it does: give a new behaviour a new name.
Each step, applied to its own result, changes nothing more.
"""

from __future__ import annotations

import difflib
import html
import html.entities
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

from ktrain_sentiment.errors import ConfigError

URL_MASK = "http"
MENTION_MASK = "@user"
"""What links and mentions become: the words that the tweet encoders on the hub were trained on
(Barbieri et al., "TweetEval", 2020)."""

_SCRIPT = re.compile(r"<(script|style)\b[^<>]*>[^<]*</\1\s*>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z][a-zA-Z0-9]*(?:\s[^<>]*|/)?>|<!--[^<>]*-->|<!doctype[^<>]*>", re.I)
_ENTITY = re.compile(
    r"&(?:(?:amp|#38|#x26);)*(#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});", re.I
)
_MOST_LAYERS = 20
_URL = re.compile(r"""\b(?:https?://|www\.)[^\s<>"]*[^\s<>"'.,;:!?)\]}…]""", re.IGNORECASE)
_MENTION = re.compile(r"(?<![\w@])(?<!\w\.)@(?!user\b)\w{1,50}\b")


def strip_html(text: str) -> str:
    """Remove tags, comments, scripts and styles; turn entities into what they stand for.

    What only looks like a tag stays: `<3`, `a < b`, `<-`.
    """
    if "<" not in text and "&" not in text:
        return text
    for _ in range(_MOST_LAYERS):
        stripped = _strip_once(text)
        if stripped == text:
            break
        text = stripped
    return text


def _strip_once(text: str) -> str:
    """One layer: exports that were escaped twice (`&amp;lt;br&amp;gt;`) have several."""
    bare = _ENTITY.sub(_stands_for, _TAG.sub(" ", _SCRIPT.sub(" ", text)))
    return text if bare == text else collapse_spaces(bare)


def _stands_for(entity: re.Match[str]) -> str:
    """The character of an entity that ends in a semicolon; `&copy=1` in a link is none."""
    name = entity[1]
    known = name.startswith("#") or f"{name};" in html.entities.html5
    return html.unescape(f"&{name};") if known else entity[0]


def mask_urls(text: str, mask: str = URL_MASK) -> str:
    """Put the word `http`, or another mask, in place of each link."""
    if "://" not in text and "www." not in text.lower():
        return text
    return _URL.sub(mask, text)


def mask_mentions(text: str, mask: str = MENTION_MASK) -> str:
    """Put `@user`, or another mask, in place of each mention; addresses of mail stay."""
    return _MENTION.sub(mask, text) if "@" in text else text


def compose_unicode(text: str) -> str:
    """Write each character in one way (Unicode NFC), without changing what it looks like."""
    return unicodedata.normalize("NFC", text)


def collapse_spaces(text: str) -> str:
    """One space for each run of white space, none at the ends."""
    return " ".join(text.split())


STEPS: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {
        "html": strip_html,
        "urls": mask_urls,
        "mentions": mask_mentions,
        "unicode": compose_unicode,
        "spaces": collapse_spaces,
    }
)


def check_steps(steps: Iterable[str]) -> tuple[str, ...]:
    """The steps themselves, when each of them is known.

    Raises:
        ConfigError: One is not: a mistake in a flag, or a predictor of a newer version.
    """
    checked = tuple(steps)
    for step in checked:
        if step not in STEPS:
            near = difflib.get_close_matches(step, STEPS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(STEPS)}"
            raise ConfigError(f"cleaning step {step!r} is not known; {hint}")
    return checked


def apply_cleaning(texts: Sequence[str], steps: Iterable[str]) -> list[str]:
    """Clean texts.

    Args:
        texts: The texts as they came.
        steps: Names out of `STEPS`, in the order in which they are applied.

    Returns:
        One cleaned text for each text, in order.

    Raises:
        ConfigError: A step is not known.
    """
    cleaned = list(texts)
    for step in check_steps(steps):
        function = STEPS[step]
        cleaned = [function(text) for text in cleaned]
    return cleaned
