"""What a server takes and what it refuses, in numbers, and how a refusal reads."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from ktrain_sentiment.errors import ConfigError, InputError, SentimentError
from ktrain_sentiment.messages import flag_of


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much a server takes."""

    max_body: int = 2_000_000
    """Bytes of a request; more: 413."""

    max_texts: int = 32
    """Texts of a request; more: 422."""

    max_characters: int = 100_000
    """Characters of a text; more: 422."""

    max_queue: int = 512
    """Texts that wait or are computed, of all requests; more: 429."""

    max_wait: float = 0.25
    """Seconds of work that may wait before a request, as fast as texts are being answered, once
    16 requests are on their way; more: 429."""

    max_table: int = 1_000_000_000
    """Bytes of a table; more: 413."""

    max_tables: int = 2
    """Tables at a time; more: 429."""

    max_connections: int = 1024
    """Open connections; more: 503."""

    batch_tokens: int = 16_384
    """Tokens computed together."""

    timeout: float = 10.0
    """Seconds from the end of a request to its answer; more: 503."""

    body_timeout: float = 10.0
    """Seconds for a request's body, or for each 64 KB of a table; more: 408."""

    idle_timeout: float = 30.0
    """Seconds from the opening of a connection, or its last answer, to the end of the next
    request's headers; more: the connection is closed."""

    shutdown_timeout: float = 15.0
    """Seconds that requests have to end after SIGTERM and the time of --drain."""

    def __post_init__(self) -> None:
        """Refuse limits that nothing would fit in.

        Raises:
            ConfigError: A number is not above 0.
        """
        for field in dataclasses.fields(Limits):
            value = getattr(self, field.name)
            if not value > 0:
                raise ConfigError(f"{flag_of(field.name)} {value}: wanted a number above 0")


class RefusalError(SentimentError):
    """An answer that is no prediction: a status, a kind and one line.

    Args:
        status: The HTTP status.
        kind: `error_type` of the answer; those of text-embeddings-inference where it has one.
        message: What was given, what was wanted.
        headers: Further headers of the answer.
    """

    def __init__(
        self, status: int, kind: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.kind, self.headers = status, kind, dict(headers or {})


def invalid(message: str) -> RefusalError:
    """422: well-formed, and still nothing that can be answered."""
    return RefusalError(422, "Validation", message)


def unusable(error: InputError) -> RefusalError:
    """422: what a request holds cannot be used, and it has no settings that would change that."""
    return invalid(error.told(lambda _setting: None))


def too_many(texts: int, most: int) -> RefusalError:
    """422: more texts than a request may have."""
    return invalid(
        f"got {texts} texts, wanted at most {most} in a request (--max-texts); POST /table takes "
        "any number"
    )


def late(seconds: float, texts: int) -> RefusalError:
    """503: there was no answer in time to so many texts of a request."""
    less = "fewer texts" if texts > 1 else "a shorter text"
    return RefusalError(
        503, "Timeout", f"no answer within {seconds:g} s: send {less}, or try again later",
        {"retry-after": "1"},
    )  # fmt: skip


def too_large(most: int, name: str) -> RefusalError:
    """413: a body beyond one of the limits, `max-body` or `max-table`."""
    less = (
        "send it in parts" if name == "max-table" else "send less at a time, or a table to /table"
    )
    return RefusalError(
        413, "Validation", f"the body is larger than {most:,} bytes (--{name}): {less}"
    )


def overloaded(what: str, seconds: int = 1) -> RefusalError:
    """429: come again later."""
    return RefusalError(
        429, "Overloaded", f"{what}: try again in {seconds} s", {"retry-after": str(seconds)}
    )
