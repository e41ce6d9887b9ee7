"""Where mistakes are weighed, every client is told the label of the least expected cost."""

import json

import pytest

from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.serve.hosting import Hosting
from ktrain_sentiment.serve.server import Service
from support.serving import InProcess

PRAISE = "a superb and witty plot"
COSTS = ("negative:positive=100000000",)


@pytest.fixture(scope="module")
def likely(classifier):
    """What is likeliest of a text for which it costs too much to say so."""
    (one,) = classifier.predict([PRAISE])
    assert one.label == "positive"
    return one.probabilities


@pytest.fixture(scope="module")
def site(predictor):
    opened = InProcess(Service(places={"reviews": predictor}, costs=COSTS))
    yield opened
    opened.close()


@pytest.mark.parametrize(("path", "nested"), [("/predict", False), ("/", True)])
@pytest.mark.parametrize("raw", [False, True])
def test_text_classification_clients_get_the_cheapest_label_first(site, likely, path, nested, raw):
    asked = {"inputs": PRAISE, "raw_scores": raw}
    if raw and nested:
        asked = {"inputs": PRAISE, "parameters": {"function_to_apply": "none"}}
    found = site.post(path, asked).json
    ranking = found[0] if nested else found
    assert [one["label"] for one in ranking] == ["negative", "positive"]
    assert ranking[0]["score"] < ranking[1]["score"]
    if not raw:
        scores = {one["label"]: one["score"] for one in ranking}
        assert scores == pytest.approx(likely, abs=1e-6)


def test_a_client_of_hugging_face_that_wants_one_label_gets_the_one_that_is_said(site):
    asked = {"inputs": PRAISE, "parameters": {"top_k": 1}}
    ((one,),) = site.post("/", asked).json
    assert one["label"] == "negative"


def test_mlflow_and_kserve_get_its_probability(site, likely):
    (said,) = site.post("/invocations", {"inputs": [PRAISE]}).json["predictions"]
    assert said == {"label": "negative", "score": pytest.approx(likely["negative"], abs=1e-6)}
    tensor = {"name": "text", "shape": [1], "datatype": "BYTES", "data": [PRAISE]}
    outputs = site.post("/v2/models/reviews/infer", {"inputs": [tensor]}).json["outputs"]
    found = {one["name"]: one["data"] for one in outputs}
    assert found["label"] == ["negative"]
    assert found["score"] == pytest.approx([likely["negative"]], abs=1e-6)
    assert found["probabilities"] == pytest.approx([*likely.values()], abs=1e-6)


def test_the_words_for_what_is_said_are_explained(site):
    found = site.post("/explain", {"inputs": PRAISE}).json
    assert (found["label"], found["scores"][0]["label"]) == ("negative", "negative")
    assert next(one for one in found["words"] if one["word"] == "superb")["importance"] < 0


def test_tables_have_what_an_answer_is_expected_to_cost(site, likely):
    body = json.dumps({"text": PRAISE}).encode()
    row = site.post("/table", body, content_type="application/x-ndjson").json
    assert row["predicted"] == "negative"
    assert row["expected_cost"] == pytest.approx(likely["positive"], abs=1e-5)


def test_metrics_count_what_is_said_and_info_tells_the_costs(predictor, likely):
    site = InProcess(Service(places={"reviews": predictor}, costs=COSTS))
    site.post("/predict", {"inputs": PRAISE})
    counted = site.get("/metrics").body.decode()
    assert 'sentiment_labels_total{label="negative",model="reviews"} 1.0' in counted
    (total,) = (
        line for line in counted.splitlines() if line.startswith("sentiment_confidence_sum")
    )
    assert float(total.split()[-1]) == pytest.approx(likely["negative"], abs=1e-6)
    assert site.get("/info").json["costs"] == [[0, 1e8], [1, 0]]
    site.close()


def test_costs_of_labels_that_a_predictor_has_not_are_refused_with_its_name(predictor):
    with pytest.raises(
        ConfigError, match=r"reviews: --costs negativ:positive=5: .*did you mean neg"
    ):
        Hosting({"reviews": predictor}, costs=("negativ:positive=5",))
