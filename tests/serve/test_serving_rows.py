"""A predictor that reads more of a row than its text, behind HTTP."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import ktrain_sentiment
from ktrain_sentiment.serve.server import Service
from support.serving import InProcess

ROW = {"text": "a superb plot", "price": 19.99, "category": "film"}


@pytest.fixture(scope="module")
def wide(columns_predictor: Path) -> Iterator[InProcess]:
    opened = InProcess(Service(places={"places": columns_predictor}))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def expected(columns_predictor: Path) -> float:
    return ktrain_sentiment.load(columns_predictor).predict([ROW])[0].probability


def test_the_rows_of_every_protocol_are_read_alike(wide, expected):
    first = {
        "/predict": (ROW, lambda said: said[0]["score"]),
        "/": (ROW, lambda said: said[0][0]["score"]),
        "/invocations": (None, lambda said: said["predictions"][0]["score"]),
    }
    for path, (row, score) in first.items():
        body = {"inputs": row} if row else {"dataframe_records": [ROW]}
        reply = wide.post(path, body)
        assert reply.status == 200, (path, reply.json)
        assert score(reply.json) == pytest.approx(expected, abs=1e-5)


def test_a_batch_is_a_list_of_rows(wide, expected):
    (one, other) = wide.post("/predict", {"inputs": [ROW, {**ROW, "price": None}]}).json
    assert one[0]["score"] == pytest.approx(expected, abs=1e-5)
    assert one != other


def test_a_csv_is_read_by_its_columns(wide, expected):
    body = b"category,text,price\nfilm,a superb plot,19.99\n"
    reply = wide.post("/invocations", body, content_type="text/csv")
    assert reply.json["predictions"][0]["score"] == pytest.approx(expected, abs=1e-5)


def test_kserve_takes_a_tensor_a_column(wide, expected):
    names = [one["name"] for one in wide.get("/v2/models/places").json["inputs"]]
    assert names == ["text", "price", "category"]
    cells = {name: str(ROW[name]) for name in names}
    tensors = [
        {"name": name, "shape": [1], "datatype": "BYTES", "data": [cell]}
        for name, cell in reversed(cells.items())
    ]
    reply = wide.post("/v2/models/places/infer", {"inputs": tensors})
    found = {one["name"]: one["data"] for one in reply.json["outputs"]}
    assert found["score"][0] == pytest.approx(expected, abs=1e-5)
    reply = wide.post("/v2/models/places/infer", {"inputs": tensors[:2]})
    assert reply.status == 422
    assert "wanted one a column, text, price, category" in reply.json["error"]


def test_mlflows_inputs_may_be_rows(wide, expected):
    reply = wide.post("/invocations", {"inputs": [ROW]})
    assert reply.json["predictions"][0]["score"] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/predict", {"inputs": "a superb plot"}, "the predictor reads texts and the columns"),
        ("/predict", {"inputs": {"text": "x", "price": 1}}, "has no 'category'"),
        ("/predict", {"inputs": [["x", "film"]]}, 'wanted {"text":"...","price":"...","category"'),
        ("/", {"inputs": ["x"]}, "text number 0 is a text"),
        ("/invocations", {"dataframe_records": [{"text": "x"}]}, "has no 'price'"),
        ("/explain", {"inputs": "x"}, "text number 0 is a text"),
        ("/explain", {"inputs": {**ROW, "text": " "}}, "inputs is empty or blank"),
    ],
)
def test_what_is_no_row_is_refused(wide, path, body, said):
    reply = wide.post(path, body)
    assert reply.status == 422
    assert said in reply.json["error"]


@pytest.mark.parametrize("inputs", ["x", ["x", "y"], [["x"], ["y"]], {"text": "x"}])
def test_a_refusal_shows_a_row_as_json_has_it(wide, inputs):
    reply = wide.post("/predict", {"inputs": inputs})
    assert 'wanted {"text":"...","price":"...","category":"..."}' in reply.error


def test_the_words_of_a_row_are_weighed_in_what_is_read_of_it(wide, expected):
    found = wide.post("/explain", {"inputs": ROW}).json
    assert found["text"].endswith(f"| {ROW['text']}")
    assert found["score"] == pytest.approx(expected, abs=1e-5)
    assert all(found["text"][one["start"] : one["end"]] == one["word"] for one in found["words"])


def test_rows_are_nothing_for_a_model_of_texts(server):
    for path in ("/predict", "/", "/explain"):
        reply = server.post(path, {"inputs": ROW})
        assert reply.status == 422
        assert "this model reads texts alone" in reply.json["error"]
    one = server.post("/explain", {"inputs": ["a superb plot"]})
    assert one.error == "text 0: got a list, and this model reads texts alone"


@pytest.fixture(scope="module")
def paired(paired_run: Path) -> Iterator[InProcess]:
    opened = InProcess(Service(places={"aspects": paired_run / "predictor"}))
    yield opened
    opened.close()


TEXT = "the plot was brilliant but the cast was boring all evening"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/predict", {"inputs": [[TEXT, "plot"], [TEXT, "cast"]]}),
        ("/", {"inputs": [{"text": TEXT, "text_pair": one} for one in ("plot", "cast")]}),
    ],
)
def test_pairs_are_written_as_their_servers_write_them(paired, path, body):
    reply = paired.post(path, body)
    assert reply.status == 200, reply.json
    assert [one[0]["label"] for one in reply.json] == ["positive", "negative"]


@pytest.mark.parametrize("path", ["/predict", "/", "/explain"])
def test_the_pair_that_a_refusal_shows_is_taken(paired, path):
    said = paired.post(path, {"inputs": TEXT}).error
    shown = json.loads(said[said.index("{") : said.index("}") + 1])
    assert paired.post(path, {"inputs": shown}).status == 200


def test_two_texts_in_a_list_are_one_pair_to_tei(paired):
    reply = paired.post("/predict", {"inputs": [TEXT, "cast"]})
    assert reply.json[0]["label"] == "negative"


def test_pairs_come_as_tensors_and_as_rows(paired):
    tensors = [
        {"name": name, "shape": [2], "datatype": "BYTES", "data": data}
        for name, data in (("text", [TEXT, TEXT]), ("text_pair", ["plot", "cast"]))
    ]
    reply = paired.post("/v2/models/aspects/infer", {"inputs": tensors})
    found = {one["name"]: one["data"] for one in reply.json["outputs"]}
    assert found["label"] == ["positive", "negative"]
    rows = [{"text": TEXT, "aspect": one} for one in ("plot", "cast")]
    reply = paired.post("/invocations", {"dataframe_records": rows})
    assert [one["label"] for one in reply.json["predictions"]] == ["positive", "negative"]


def test_a_text_without_its_second_and_an_empty_one_are_refused(paired, server):
    reply = paired.post("/predict", {"inputs": TEXT})
    assert reply.status == 422
    assert "reads pairs of a text and column 'aspect'" in reply.json["error"]
    reply = paired.post("/predict", {"inputs": [[TEXT, ""]]})
    assert (reply.status, reply.json["error_type"]) == (422, "Empty")
    assert server.post("/predict", {"inputs": [[TEXT, "plot"]]}).status == 422


def test_the_page_about_a_model_says_what_it_reads(wide):
    assert wide.get("/info").json["reads"] == ["text", "price", "category"]
