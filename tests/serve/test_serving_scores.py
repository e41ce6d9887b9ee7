"""A predictor of scores is served to the same clients, as a number with its interval."""

import pytest

from ktrain_sentiment.serve.server import Service
from support.serving import InProcess

TEXTS = ["the plot is superb and wise", "the acting was awful"]


@pytest.fixture(scope="module")
def site(scored_run):
    opened = InProcess(Service(places={"scores": scored_run / "predictor"}))
    yield opened
    opened.close()


@pytest.mark.parametrize(("path", "nested"), [("/predict", False), ("/", True)])
def test_text_classification_clients_get_one_label_with_the_score(site, path, nested):
    found = site.post(path, {"inputs": TEXTS[1]}).json
    ((label, score),) = ((one["label"], one["score"]) for one in (found[0] if nested else found))
    assert label == "score"
    assert score < 0


def test_mlflow_gets_the_interval_too(site):
    good, bad = site.post("/invocations", {"inputs": TEXTS}).json["predictions"]
    assert good["score_low"] < good["score"] < good["score_high"]
    assert bad["score"] < good["score"]


def test_kserve_has_tensors_of_scores_and_none_of_probabilities(site):
    tensor = {"name": "text", "shape": [2], "datatype": "BYTES", "data": TEXTS}
    outputs = site.post("/v2/models/scores/infer", {"inputs": [tensor]}).json["outputs"]
    named = {one["name"]: one["data"] for one in outputs}
    assert list(named) == ["label", "score", "score_low", "score_high"]
    assert named["score_low"][1] < named["score"][1] < 0
    said = site.get("/v2/models/scores").json["outputs"]
    assert [one["name"] for one in said] == list(named)


def test_words_are_weighed_for_labels_alone(site):
    refused = site.post("/explain", {"inputs": TEXTS[0]})
    assert refused.status == 422
    assert "answers with a score" in refused.error


def test_no_score_is_counted_as_a_probability(site):
    site.post("/predict", {"inputs": TEXTS[0]})
    assert b'sentiment_confidence_count{model="scores"} 0.0' in site.get("/metrics").body
    assert site.get("/info").json["task"] == "score"
