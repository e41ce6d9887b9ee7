"""Ray Data: a dataset with predictions; bad rows, and an actor that is killed in the midst."""

from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.scale import ray as scale_ray
from ktrain_sentiment.scale.ray import predict
from support.process import kill_a_worker

# Ray warns of its own settings, and leaves sockets to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def dataset(ray):
    def of(texts, blocks=2):
        size = -(-len(texts) // blocks)
        return ray.data.from_arrow([
            pa.table({"id": range(k, min(k + size, len(texts))), "text": texts[k : k + size]})
            for k in range(0, len(texts), size)
        ])  # fmt: skip

    return of


def answered(found):
    rows = sorted(found.select_columns(["id", "predicted", "probability"]).take_all(),
                  key=lambda row: row["id"])  # fmt: skip
    return [(row["predicted"], row["probability"]) for row in rows]


def test_rows_come_back_with_what_the_predictor_says_of_them(dataset, predictor, reviews, answers):
    texts = [text for text, _ in reviews]
    found = predict(dataset(texts), predictor).materialize()
    assert found.schema().names == [
        "id", "text", "predicted", "probability", "p_negative", "p_positive", "problem",
    ]  # fmt: skip
    assert answered(found) == answers(texts)


def test_mistakes_are_weighed_on_the_actors(dataset, predictor):
    found = predict(dataset(["a superb plot"]), predictor, costs=["negative:positive=100000000"])
    (row,) = found.take_all()
    assert (row["predicted"], row["expected_cost"]) == ("negative", row["p_positive"])


def test_what_is_wrong_with_a_row_is_said_in_it(ray, predictor, poisoned):
    found = predict(ray.data.from_arrow(poisoned), predictor, abstain_below=0.5)
    rows = sorted(found.drop_columns(["text"]).take_all(), key=lambda row: row["id"])
    assert [row["predicted"] for row in rows] == [
        "positive", None, None, "negative", None, "negative",
    ]  # fmt: skip
    assert rows[2]["problem"] == "holds bytes as 'text' that are not valid UTF-8"
    assert rows[4]["problem"] == "has no text in column 'text'"


def test_an_actor_that_is_killed_costs_no_row(dataset, predictor, reviews, answers):
    texts = [text for text, _ in reviews] * 30
    found = predict(dataset(texts, 20), predictor, actors=2)
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(answered, found)
        kill_a_worker(lambda name: name.startswith("ray::") and "MapWorker" in name)
        assert not job.done()
        assert job.result() == answers(texts[: len(reviews)]) * 30


def test_one_block_of_many_rows_is_work_for_all_actors(dataset, predictor, reviews, monkeypatch):
    monkeypatch.setattr(scale_ray, "BATCH_ROWS", 100)
    texts = [text for text, _ in reviews[:300]]
    assert predict(dataset(texts, 1), predictor, actors=2).materialize().num_blocks() == 3


def test_actors_leave_a_core_to_whoever_reads(ray, predictor, reviews, answers, tmp_path):
    texts = [text for text, _ in reviews[:40]]
    pq.write_table(pa.table({"id": range(40), "text": texts}), tmp_path / "reviews.parquet")
    found = predict(ray.data.read_parquet(str(tmp_path)), predictor, actors=2)
    assert answered(found) == answers(texts)


def test_a_dataset_that_is_not_fit_is_refused_before_any_work(dataset, predictor):
    with pytest.raises(ConfigError, match="there is no column 'review'"):
        predict(dataset(["a"]), predictor, "review")
    with pytest.raises(ConfigError, match="wanted at least one"):
        predict(dataset(["a"]), predictor, actors=0)


@pytest.mark.usefixtures("ray")
def test_a_folder_is_scored_portion_by_portion_and_goes_on(check_folder_job):
    check_folder_job("ray")
