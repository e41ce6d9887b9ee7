"""What a model costs: time to train it, time to ask it, memory and disk."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What a model costs.

    Attributes:
        train_seconds: Time to train it, loading and searching included.
        texts_per_second: Speed of prediction on many texts.
        latency_ms: Median time of one text alone.
        memory_mb: Most memory of the process that trained and asked it.
        disk_mb: Size of the files that prediction needs; 0 without files.
    """

    train_seconds: float
    texts_per_second: float
    latency_ms: float
    memory_mb: float
    disk_mb: float

    def to_json(self) -> dict[str, float]:
        """The figures, rounded to what was measured."""
        return {
            "train_seconds": round(self.train_seconds, 2),
            "texts_per_second": round(self.texts_per_second, 1),
            "latency_ms": round(self.latency_ms, 3),
            "memory_mb": round(self.memory_mb, 1),
            "disk_mb": round(self.disk_mb, 2),
        }
