"""What a server takes and what it refuses, in numbers, and how a refusal reads."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import docstring_parser

from ktrain_sentiment.errors import ConfigError, SentimentError


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much a server takes.

    Attributes:
        max_body: Bytes of a request; more: 413.
        max_texts: Texts of a request; more: 422.
        max_characters: Characters of a text; more: 422.
        max_queue: Texts that wait or are computed, of all requests; more: 429 with Retry-After.
        max_table: Bytes of a table; more: 413.
        max_tables: Tables at a time; more: 429 with Retry-After.
        max_connections: Open connections; more: 503.
        batch_tokens: Tokens computed together.
        timeout: Seconds from the end of a request to its answer; more: 503.
        body_timeout: Seconds for a request's body; more: 408. A table's may take it for each
            64 KB.
        idle_timeout: Seconds from the opening of a connection, or its last answer, to the end of
            the next request's headers; more: the connection is closed.
        shutdown_timeout: Seconds that requests have to end after SIGTERM.
    """

    max_body: int = 2_000_000
    max_texts: int = 32
    max_characters: int = 100_000
    max_queue: int = 512
    max_table: int = 1_000_000_000
    max_tables: int = 2
    max_connections: int = 1024
    batch_tokens: int = 16_384
    timeout: float = 10.0
    body_timeout: float = 10.0
    idle_timeout: float = 30.0
    shutdown_timeout: float = 15.0

    def __post_init__(self) -> None:
        """Refuse limits that nothing would fit in.

        Raises:
            ConfigError: A number is not above 0.
        """
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if not value > 0:
                name = field.name.replace("_", "-")
                raise ConfigError(f"--{name} {value}: wanted a number above 0")

    @staticmethod
    def described() -> dict[str, str]:
        """What each limit is, by name."""
        found = docstring_parser.parse_from_object(Limits).params
        return {one.arg_name: " ".join((one.description or "").split()) for one in found}


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


def late(seconds: float) -> RefusalError:
    """503: there was no answer in time."""
    return RefusalError(
        503, "Timeout", f"no answer within {seconds:g} s: send fewer texts, or try again later",
        {"retry-after": "1"},
    )  # fmt: skip


def overloaded(what: str, seconds: int = 1) -> RefusalError:
    """429: come again later."""
    return RefusalError(
        429, "Overloaded", f"{what}: try again in {seconds} s", {"retry-after": str(seconds)}
    )
