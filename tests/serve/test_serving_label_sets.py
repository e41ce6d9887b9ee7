"""A predictor of several labels is served to the same clients: each label has its probability."""

import json

import pytest

from ktrain_sentiment.inference import load
from ktrain_sentiment.serve.server import Service
from support.serving import InProcess

TEXTS = ["i saw the plot and it is superb", "on the whole the acting"]


@pytest.fixture(scope="module")
def wanted(multi_run):
    return load(multi_run / "predictor").predict(TEXTS)


@pytest.fixture(scope="module")
def site(multi_run):
    opened = InProcess(Service(places={"sets": multi_run / "predictor"}))
    yield opened
    opened.close()


@pytest.mark.parametrize(("path", "nested"), [("/predict", False), ("/", True)])
def test_text_classification_clients_get_every_label_the_likeliest_first(
    site, wanted, path, nested
):
    found = site.post(path, {"inputs": TEXTS[1]}).json
    ranking = found[0] if nested else found
    assert {one["label"]: one["score"] for one in ranking} == pytest.approx(
        wanted[1].probabilities, abs=1e-6
    )
    assert [one["score"] for one in ranking] == sorted(
        wanted[1].probabilities.values(), reverse=True
    )


def test_hugging_face_clients_may_ask_for_what_each_label_has_anyway(site):
    asked = {"inputs": TEXTS[0], "parameters": {"function_to_apply": "sigmoid"}}
    plain = site.post("/", {"inputs": TEXTS[0]}).json
    assert site.post("/", asked).json == plain


def test_mlflow_gets_the_labels_as_a_list(site, wanted):
    for said, one in zip(
        site.post("/invocations", {"inputs": TEXTS}).json["predictions"], wanted, strict=True
    ):
        assert said["labels"] == list(one.labels)
        assert said["label"] == one.label


def test_the_score_beside_several_labels_is_how_sure_they_are_as_in_tables(site):
    """The probability of the likeliest label says nothing of those that are given, or of none."""
    tensor = {"name": "text", "shape": [2], "datatype": "BYTES", "data": TEXTS}
    body = "\n".join(["text", *TEXTS]).encode()
    table = site.post("/table?format=jsonl", body, content_type="text/csv").body.splitlines()
    confidence = pytest.approx([json.loads(row)["confidence"] for row in table], abs=1e-5)
    predictions = site.post("/invocations", {"inputs": TEXTS}).json["predictions"]
    assert [said["score"] for said in predictions] == confidence
    outputs = site.post("/v2/models/sets/infer", {"inputs": [tensor]}).json["outputs"]
    assert next(one["data"] for one in outputs if one["name"] == "score") == confidence


def test_kserve_has_joined_labels_and_all_probabilities(site, wanted):
    tensor = {"name": "text", "shape": [2], "datatype": "BYTES", "data": TEXTS}
    outputs = site.post("/v2/models/sets/infer", {"inputs": [tensor]}).json["outputs"]
    named = {one["name"]: one for one in outputs}
    assert named["label"]["data"] == [one.label for one in wanted]
    assert named["probabilities"]["shape"] == [2, 3]


def test_tables_get_the_columns_of_labels(site, wanted):
    body = "text\n" + "\n".join(TEXTS) + "\n"
    found = site.post("/table", body.encode(), content_type="text/csv")
    assert found.body.decode().splitlines()[0].split(",")[:2] == ["text", "labels"]


def test_each_given_label_is_counted_and_no_confidence(site, wanted):
    site.post("/predict", {"inputs": TEXTS[0]})
    said = site.get("/metrics").body.decode()
    assert 'sentiment_confidence_count{model="sets"} 0.0' in said
    assert f'sentiment_labels_total{{label="{wanted[0].labels[0]}",model="sets"}}' in said
    assert site.get("/info").json["task"] == "multi"


def test_words_are_weighed_for_one_label_alone(site):
    refused = site.post("/explain", {"inputs": TEXTS[0]})
    assert refused.status == 422
    assert "gives several" in refused.error
