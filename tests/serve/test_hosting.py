"""Predictors by name, and how one is replaced while it is used."""

import shutil
from pathlib import Path

import pytest

from ktrain_sentiment.errors import ConfigError, InputError
from ktrain_sentiment.serve.hosting import name_places
from ktrain_sentiment.serve.server import Service
from support.serving import InProcess

KEY = {"authorization": "Bearer sesame"}


@pytest.fixture
def guarded(predictor: Path, tmp_path: Path):
    """A server with a key around a folder that a test may change."""
    folder = tmp_path / "mine"
    shutil.copytree(predictor, folder)
    opened = InProcess(Service(places={"mine": folder}, key="sesame"))
    yield opened, folder
    opened.close()


def test_a_predictor_is_called_by_its_folder_or_by_a_name():
    places = name_places(["runs/reviews", "runs/tickets/predictor", "de=x/y z", "runs/a b"])
    assert places == {
        "reviews": Path("runs/reviews"),
        "tickets": Path("runs/tickets/predictor"),
        "de": Path("x/y z"),
        "a-b": Path("runs/a b"),
    }
    # Where a container has it: the folder above has no name.
    assert name_places(["/predictor"]) == {"predictor": Path("/predictor")}


@pytest.mark.parametrize("given", [["a/x", "b/x"], ["=x"], ["a/b=c"], ["ü=c"]])
def test_a_name_that_would_not_do_is_refused(given):
    with pytest.raises(ConfigError, match="write NAME=FOLDER"):
        name_places(given)
    with pytest.raises(InputError, match="got no predictor"):
        name_places([])


def test_a_reload_swaps_the_model_in_while_the_old_one_answers(guarded):
    server, _ = guarded
    before = server.site.hosting.get()
    reply = server.post("/models/mine/reload", **KEY)
    assert reply.json == {"name": "mine", "version": 2}
    after = server.site.hosting.get()
    assert after.classifier is not before.classifier
    assert before.classifier.predict(["a superb plot"])[0].label == "positive"
    assert server.get("/v2/models/mine", **KEY).json["versions"] == ["2"]
    assert server.post("/predict", {"inputs": "a superb plot"}, **KEY).status == 200
    assert b'sentiment_model_version{model="mine"} 2.0' in server.get("/metrics", **KEY).body


def test_a_reload_that_fails_leaves_the_old_model_and_names_no_folder(guarded):
    server, folder = guarded
    (folder / "tokenizer.json").write_bytes(b"{}")
    reply = server.post("/models/mine/reload", **KEY)
    assert (reply.status, reply.json["error_type"]) == (409, "Backend")
    assert "the old model stays" in reply.error
    assert str(folder.parent) not in reply.error
    assert server.post("/predict", {"inputs": "a superb plot"}, **KEY).status == 200
    assert server.post("/models/nobody/reload", **KEY).status == 404
