"""Clients of other servers find the shapes that they know, and the answers of `load`."""

import json
import struct
import time

import numpy as np
import pytest

PRAISE, BLAME = "a superb and witty plot", "the dialogue was dull and lazy"


@pytest.fixture(scope="module")
def expected(classifier):
    """The probabilities of both texts, by label."""
    return [answer.probabilities for answer in classifier.predict([PRAISE, BLAME])]


def close_to(scores, wanted) -> bool:
    found = {one["label"]: one["score"] for one in scores}
    assert [one["score"] for one in scores] == sorted(found.values(), reverse=True)
    return found == pytest.approx(dict(wanted), abs=2e-3)


# text-embeddings-inference


@pytest.mark.parametrize("inputs", [PRAISE, [PRAISE]])
def test_tei_answers_one_text_with_one_list_of_labels(server, expected, inputs):
    reply = server.post("/predict", {"inputs": inputs})
    assert reply.status == 200
    assert close_to(reply.json, expected[0])


def test_tei_answers_a_batch_with_a_list_of_lists(server, expected):
    reply = server.post("/models/others/predict", {"inputs": [[PRAISE], [BLAME]]})
    assert all(map(close_to, reply.json, expected))


def test_tei_raw_scores_are_what_softmax_makes_probabilities_of(server, expected):
    (raw,) = server.post("/predict", {"inputs": [[BLAME]], "raw_scores": True}).json
    powers = np.exp([one["score"] for one in raw])
    scores = [{**one, "score": float(p)} for one, p in zip(raw, powers / powers.sum(), strict=True)]
    assert close_to(scores, expected[1])


def test_tei_answers_a_long_text_read_whole_and_refuses_one_that_would_be_cut(server):
    asked = {"inputs": "dull " * 100, "truncate": False}
    assert server.post("/predict", asked).status == 200
    # A thousand characters a token are read of any text, and no more.
    endless = {**asked, "inputs": "dull " * 6_000}
    assert server.post("/predict", {**endless, "truncate": True}).status == 200
    reply = server.post("/predict", endless)
    assert reply.status == 422
    assert reply.error.startswith("text 0 has more than 24 tokens, of which a part would not be")


@pytest.mark.parametrize("inputs", [[PRAISE, BLAME], [[PRAISE, BLAME]], [[PRAISE], BLAME]])
def test_tei_pairs_are_refused_with_what_a_batch_looks_like(server, inputs):
    reply = server.post("/predict", {"inputs": inputs})
    assert reply.status == 422
    assert reply.json["error_type"] == "Validation"
    assert '[["one"], ["another"]]' in reply.error


def test_tei_cuts_no_text_at_its_beginning(server):
    asked = {"inputs": PRAISE, "truncation_direction": "Left"}
    assert server.post("/predict", asked).status == 422


# Hugging Face


def test_hugging_face_s_task_answers_each_text_of_a_list(server, expected):
    reply = server.post("/models/reviews", {"inputs": [PRAISE, BLAME]})
    assert all(map(close_to, reply.json, expected))


def test_hugging_face_s_task_answers_a_text_as_a_list_of_one(server, expected):
    ((best,),) = server.post("/", {"inputs": PRAISE, "parameters": {"top_k": 1}}).json
    assert best["label"] == "positive"
    assert best["score"] == pytest.approx(expected[0]["positive"], abs=2e-3)


def test_hugging_face_s_functions_are_applied(server):
    asked = {"inputs": PRAISE, "parameters": {"function_to_apply": "none"}}
    raw = {one["label"]: one["score"] for one in server.post("/", asked).json[0]}
    asked["parameters"]["function_to_apply"] = "sigmoid"
    squashed = {one["label"]: one["score"] for one in server.post("/", asked).json[0]}
    assert squashed == pytest.approx({k: 1 / (1 + np.exp(-v)) for k, v in raw.items()}, abs=1e-3)


def test_hugging_face_s_own_client_needs_no_change(live, expected):
    from huggingface_hub import InferenceClient

    for address in (live.url, f"{live.url}/models/reviews"):
        client = InferenceClient(model=address)
        found = client.text_classification(PRAISE, top_k=2)
        assert close_to([{"label": one.label, "score": one.score} for one in found], expected[0])
    (one,) = client.text_classification(BLAME, top_k=1, function_to_apply="sigmoid")
    assert one.label == "negative"


# KServe


def infer(server, tensor, **more):
    return server.post("/v2/models/reviews/infer", {"inputs": [tensor], **more})


def tensor(*texts, **more):
    return {"name": "text", "shape": [len(texts)], "datatype": "BYTES", "data": list(texts), **more}


def test_kserve_answers_with_three_tensors(server, expected):
    answer = infer(server, tensor(PRAISE, BLAME), id="7").json
    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("reviews", "1", "7")
    outputs = {one["name"]: one for one in answer["outputs"]}
    assert outputs["label"]["data"] == ["positive", "negative"]
    assert outputs["probabilities"]["shape"] == [2, 2]
    wanted = [one[label] for one in expected for label in ("negative", "positive")]
    assert outputs["probabilities"]["data"] == pytest.approx(wanted, abs=2e-3)


def test_kserve_takes_a_column_of_texts_and_gives_the_outputs_that_are_wanted(server):
    asked = tensor(PRAISE, BLAME, shape=[2, 1]) | {"data": [[PRAISE], [BLAME]]}
    (only,) = infer(server, asked, outputs=[{"name": "label"}]).json["outputs"]
    assert only == {
        "name": "label", "datatype": "BYTES", "shape": [2], "data": ["positive", "negative"]
    }  # fmt: skip


def test_kserve_s_binary_tensors_go_both_ways(server):
    texts = [text.encode() for text in (PRAISE, BLAME)]
    packed = b"".join(struct.pack("<I", len(text)) + text for text in texts)
    asked = {
        "inputs": [{"name": "text", "shape": [2], "datatype": "BYTES",
                    "parameters": {"binary_data_size": len(packed)}}],
        "parameters": {"binary_data_output": True},
    }  # fmt: skip
    head = json.dumps(asked).encode()
    reply = server.post(
        "/v2/models/reviews/infer", head + packed,
        content_type="application/octet-stream", inference_header_content_length=str(len(head)),
    )  # fmt: skip
    size = int(reply.headers["inference-header-content-length"])
    answer, rest = json.loads(reply.body[:size]), reply.body[size:]
    sizes = [one["parameters"]["binary_data_size"] for one in answer["outputs"]]
    assert sum(sizes) == len(rest)
    assert rest[: sizes[0]] == struct.pack("<I8s", 8, b"positive") + struct.pack(
        "<I8s", 8, b"negative"
    )
    table = np.frombuffer(rest[-sizes[2] :], "<f4").reshape(2, 2)
    assert table.sum(axis=1) == pytest.approx([1, 1])


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (tensor(PRAISE, datatype="FP32"), "got datatype FP32, wanted BYTES"),
        (tensor(PRAISE, shape=[2]), "shape [2] holds 2 texts, got 1"),
        (tensor(3), "inputs[0].data[0]: got int, wanted a string"),
        (tensor(PRAISE, parameters={"binary_data_size": 9}), "got 0 bytes behind the JSON"),
        (tensor(PRAISE, shape=[2**31] * 1000), "Expected `array` of length <= 8"),
        (tensor(PRAISE, shape=[2**31] * 8), "texts, got 1"),
    ],
)
def test_kserve_says_what_is_wrong_with_a_tensor(server, asked, said):
    reply = infer(server, asked)
    assert reply.status == 422
    assert said in reply.error


def test_kserve_s_length_of_the_json_is_a_number_that_bodies_have(server):
    reply = server.post(
        "/v2/models/reviews/infer", b"{}", inference_header_content_length="9" * 5000
    )
    assert reply.status == 400
    assert reply.error == "inference-header-content-length: wanted the length of the JSON"


def nested(texts: int, deep: int) -> str:
    data = '"a",' * texts + "[" * deep + '"a"' + "]" * deep
    start = '{"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": ['
    return f"{start}{data}]}}]}}"


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/v2/models/reviews/infer", nested(100_000, 300), "holds 1 texts, got 100001"),
        (
            "/invocations",
            json.dumps({"inputs": {"a": [0] * 9000, **{f"c{k}": [] for k in range(9000)}}}),
            "a row has not one value for each of 9001 columns",
        ),
        (
            "/invocations",
            json.dumps({"instances": [{f"c{k}": {"a": 1} for k in range(5000)}]}),
            "no column looks like texts",
        ),
        (
            "/invocations",
            json.dumps({"instances": [{f"c{k}": "a" for k in range(900)}, *[{}] * 9000]}),
            "got 9001 texts, wanted at most 32",
        ),
    ],
    ids=["deep", "columns of different lengths", "objects", "rows"],
)
def test_a_small_request_takes_no_long_time_however_it_is_made(server, path, body, said):
    begun = time.process_time()
    reply = server.post(path, body.encode())
    assert reply.status == 422
    assert said in reply.error
    assert time.process_time() - begun < 4


def test_kserve_finds_the_server_and_its_models_described(server):
    assert server.get("/v2").json["extensions"] == ["binary_tensor_data"]
    for path in ("/v2/models/reviews", "/v2/models/reviews/versions/1"):
        assert server.get(path).json["inputs"][0]["datatype"] == "BYTES"
    for path in ("/v2/health/live", "/v2/health/ready", "/v2/models/others/ready"):
        assert server.get(path).status == 200
    assert server.get("/v2/models/nobody/ready").status == 404


# MLflow


@pytest.mark.parametrize(
    "asked",
    [
        {"dataframe_split": {"columns": ["id", "text"], "data": [[1, PRAISE], [2, BLAME]]}},
        {"dataframe_records": [{"text": PRAISE, "id": 1}, {"text": BLAME, "id": 2}]},
        {"dataframe_records": [{"review": {"body": PRAISE}}, {"review": {"body": BLAME}}]},
        {"instances": [PRAISE, BLAME]},
        {"instances": [{"text": PRAISE}, {"text": BLAME}]},
        {"inputs": [PRAISE, BLAME]},
        {"inputs": {"text": [PRAISE, BLAME]}},
    ],
    ids=lambda asked: "-".join(asked),
)
def test_mlflow_s_ways_to_send_rows_all_work(server, asked):
    reply = server.post("/invocations", asked)
    assert [one["label"] for one in reply.json["predictions"]] == ["positive", "negative"]


def test_mlflow_s_csv_works(server):
    body = f"id,text\n1,{PRAISE}\n2,{BLAME}\n".encode()
    reply = server.post("/invocations", body, content_type="text/csv; charset=utf-8")
    assert [one["label"] for one in reply.json["predictions"]] == ["positive", "negative"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "wanted one of dataframe_split"),
        ({"inputs": ["x"], "instances": ["x"]}, "wanted one of dataframe_split"),
        ({"dataframe_split": {"columns": ["text"], "data": [["a", "b"]]}}, "one value for each"),
        ({"inputs": {"text": ["a"], "id": []}}, "one value for each of 2 columns"),
        ({"dataframe_records": [{"text": 3}]}, "row 0: got int, wanted a text"),
        ({"instances": ["a", {"text": "b"}]}, "wanted all of one kind"),
        ({"dataframe_records": []}, "no"),
    ],
)
def test_mlflow_s_requests_that_mean_nothing_are_refused(server, asked, said):
    reply = server.post("/invocations", asked)
    assert reply.status == 422
    assert said in reply.error


def test_mlflow_s_rows_with_several_columns_of_texts_are_refused_with_what_to_do(server):
    rows = {"dataframe_records": [{"review": PRAISE, "comment": BLAME}]}
    body = f"review,comment\n{PRAISE},{BLAME}\n".encode()
    for reply, name in (
        (server.post("/invocations", rows), "the rows"),
        (server.post("/invocations", body, content_type="text/csv"), "the body"),
    ):
        assert reply.status == 422
        assert reply.error == (
            f"{name}: more than one column could hold the texts: 'review' or 'comment'; "
            "name the one that is meant 'text'"
        )


# Of our own


def test_an_explanation_names_the_words_that_count_and_where_they_stand(server):
    text = "🎬 on the whole the plot is superb"
    answer = server.post("/explain", {"inputs": text}).json
    assert answer["label"] == "positive"
    best = max(answer["words"], key=lambda one: one["importance"])
    assert best["word"] == "superb"
    assert text[best["start"] : best["end"]] == "superb"
    assert answer["score"] == pytest.approx(answer["scores"][0]["score"])


def test_an_explanation_can_be_of_the_other_label(server):
    answer = server.post("/explain", {"inputs": PRAISE, "label": "negative"}).json
    assert answer["label"] == "negative"
    assert answer["score"] < 0.5
    assert server.post("/explain", {"inputs": PRAISE, "label": "?"}).status == 422


def test_what_is_served_is_said(server):
    found = server.get("/info").json
    assert found["model_id"] == "reviews"
    assert found["models"] == ["reviews", "others"]
    assert found["model_type"]["classifier"]["id2label"] == {"0": "negative", "1": "positive"}
    assert found["max_client_batch_size"] == found["limits"]["max_texts"] == 32
