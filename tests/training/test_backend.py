"""What a training runs on, and with which products."""

from __future__ import annotations

from pathlib import Path

import pytest

from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.training import backend
from ktrain_sentiment.training.backend import choose_precision, unseen_gpu

PLAIN, BRAIN = frozenset({"avx2"}), frozenset({"avx2", "avx512_bf16"})


@pytest.mark.parametrize(
    ("device", "flags", "capability", "chosen"),
    [
        ("CPU", PLAIN, (0, 0), "float32"),
        ("CPU", BRAIN, (0, 0), "bfloat16"),
        ("GPU", BRAIN, (6, 1), "float32"),
        ("GPU", PLAIN, (7, 5), "float32"),
        ("GPU", PLAIN, (8, 0), "bfloat16"),
        ("GPU", PLAIN, (9, 0), "bfloat16"),
    ],
)
def test_products_are_in_the_format_that_the_device_is_fast_at(
    device: str, flags: frozenset[str], capability: tuple[int, int], chosen: str
) -> None:
    assert choose_precision(device, "auto", flags, capability) == chosen


@pytest.mark.parametrize("device", ["CPU", "GPU"])
def test_the_format_is_the_one_that_was_asked_for(device: str) -> None:
    assert choose_precision(device, "float32", BRAIN, (9, 0)) == "float32"
    assert choose_precision(device, "bfloat16", PLAIN, (7, 5)) == "bfloat16"


def test_float16_is_refused_on_a_cpu() -> None:
    with pytest.raises(ConfigError, match="--precision float16 needs a GPU"):
        choose_precision("CPU", "float16", BRAIN)


def test_who_has_a_driver_and_no_libraries_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(backend, "NVIDIA_DRIVER", tmp_path / "version")
    assert "no NVIDIA driver runs here" in unseen_gpu()
    (tmp_path / "version").touch()
    assert unseen_gpu().endswith("pip install 'tensorflow[and-cuda]'")


def test_a_gpu_demanded_in_vain_is_refused_in_one_line_and_a_lost_one_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tf = backend.open_backend().tf
    monkeypatch.setattr(backend, "NVIDIA_DRIVER", tmp_path / "version")
    with pytest.raises(ConfigError, match="--device gpu: TensorFlow sees no GPU"):
        backend._choose_device(tf, "gpu")
    assert backend._choose_device(tf, "auto") == "CPU"
    assert not caplog.records
    (tmp_path / "version").touch()
    assert backend._choose_device(tf, "auto") == "CPU"
    assert "training on the CPU: this machine runs NVIDIA's driver" in caplog.text
