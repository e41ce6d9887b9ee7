"""Servers around the suite's tiny predictor."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import ktrain_sentiment
from ktrain_sentiment.inference.classifier import TextClassifier
from ktrain_sentiment.serve.server import Service
from support.browser import CHROMIUM, Browser
from support.serving import InProcess, Running, running


@pytest.fixture(scope="session")
def classifier(predictor: Path) -> TextClassifier:
    """The predictor that the servers serve, without a server."""
    return ktrain_sentiment.load(predictor)


@pytest.fixture(scope="session")
def server(predictor: Path) -> Iterator[InProcess]:
    """A server in this process, with two models and the usual limits."""
    service = Service(places={"reviews": predictor, "others": predictor})
    opened = InProcess(service)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def live(predictor: Path) -> Iterator[Running]:
    """A server in a process of its own. Do not end it."""
    with running(f"reviews={predictor}", "--idle-timeout", "1.5", "--log-requests") as started:
        yield started


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A running Chromium, for tabs of one's own."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    opened = Browser(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()
