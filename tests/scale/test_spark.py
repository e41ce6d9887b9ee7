"""Spark: a DataFrame, SQL, a pipeline; bad rows, and a worker that is killed in the midst."""

from concurrent.futures import ThreadPoolExecutor

import pyarrow.parquet as pq
import pytest

from ktrain_sentiment.errors import ConfigError, PredictorError
from ktrain_sentiment.scale.spark import predict, register_udf
from support.process import kill_a_worker


@pytest.fixture
def frame(spark):
    def of(texts, portions=2):
        rows = list(enumerate(texts))
        return spark.createDataFrame(rows, "id int, text string").repartition(portions)

    return of


def answered(found):
    rows = sorted(found.collect(), key=lambda row: row.id)
    return [(row.predicted, row.probability) for row in rows]


def test_rows_come_back_with_what_the_predictor_says_of_them(frame, predictor, reviews, answers):
    texts = [text for text, _ in reviews]
    found = predict(frame(texts), predictor)
    assert found.columns == [
        "id", "text", "predicted", "probability", "p_negative", "p_positive", "problem",
    ]  # fmt: skip
    assert answered(found) == answers(texts)
    assert found.where("problem is not null").count() == 0


def test_the_folder_can_be_read_where_it_stands(frame, predictor, answers):
    found = predict(frame(["a superb plot"]), predictor, ship=False, prefix="new_")
    assert [(r.new_predicted, r.new_probability) for r in found.collect()] == answers(
        ["a superb plot"]
    )


def test_mistakes_are_weighed_whichever_way_the_predictor_gets_there(frame, predictor):
    costs = ["negative:positive=100000000"]
    for ship in (True, False):
        (row,) = predict(frame(["a superb plot"], 1), predictor, costs=costs, ship=ship).collect()
        assert row.predicted == "negative"
        assert row.expected_cost == row.p_positive
    with pytest.raises(ConfigError, match="did you mean negative"):
        predict(frame(["a"]), predictor, costs=["negativ:=5"])


def test_what_is_wrong_with_a_row_is_said_in_it(spark, predictor, poisoned, tmp_path):
    pq.write_table(poisoned, tmp_path / "poisoned.parquet")
    found = predict(spark.read.parquet(str(tmp_path / "poisoned.parquet")), predictor)
    rows = {row.id: row for row in found.drop("text").collect()}
    assert [rows[k].predicted for k in range(6)] == [
        "positive", None, None, "negative", None, "negative",
    ]  # fmt: skip
    assert [rows[k].problem for k in range(6)] == [
        None, "has no text in column 'text'",
        "holds bytes as 'text' that are not valid UTF-8", None,
        "has no text in column 'text'", None,
    ]  # fmt: skip
    assert rows[1].p_positive is None


def test_a_worker_that_is_killed_costs_no_row(spark, frame, predictor, reviews, answers):
    texts = [text for text, _ in reviews] * 60
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "500")
    try:
        with ThreadPoolExecutor(1) as pool:
            job = pool.submit(answered, predict(frame(texts, 4), predictor))
            kill_a_worker(lambda name: "pyspark.daemon" in name)
            assert not job.done()
            found = job.result()
    finally:
        spark.conf.unset("spark.sql.execution.arrow.maxRecordsPerBatch")
    assert found == answers(texts[: len(reviews)]) * 60


def test_sql_can_ask(spark, frame, predictor, answers):
    register_udf(spark, predictor, "feeling")
    frame(["a superb plot", "the script was dull", None]).createOrReplaceTempView("opinions")
    rows = spark.sql(
        "select id, f.predicted, f.probability, f.problem"
        " from (select id, feeling(text) as f from opinions) order by id"
    ).collect()
    assert [(r.predicted, r.probability) for r in rows[:2]] == answers(
        ["a superb plot", "the script was dull"]
    )
    assert rows[2].problem == "has no text in column 'text'"


def test_a_stage_is_saved_with_its_predictor(spark, frame, predictor, answers, tmp_path):
    from pyspark.ml import Pipeline, PipelineModel

    from ktrain_sentiment.scale.spark_stage import SentimentTransformer

    stage = SentimentTransformer(
        predictor=str(predictor), engine="fp32", prefix="s_", costs=["positive:negative=2"]
    )
    texts = ["a superb plot", "the script was dull"]
    model = Pipeline(stages=[stage]).fit(frame(texts))
    model.save(str(tmp_path / "model"))
    again = PipelineModel.load(str(tmp_path / "model"))
    assert again.stages[0].getOrDefault("predictor") != str(predictor)
    rows = sorted(again.transform(frame(texts)).collect(), key=lambda row: row.id)
    assert [row.s_predicted for row in rows] == ["positive", "negative"]
    assert rows[0].s_expected_cost == rows[0].s_p_negative
    with pytest.raises(PredictorError, match="has no predictor"):
        SentimentTransformer().transform(frame(texts))


def test_a_frame_that_is_not_fit_is_refused_before_any_work(frame, predictor):
    with pytest.raises(ConfigError, match="there is no column 'review'"):
        predict(frame(["a"]), predictor, "review")
    with pytest.raises(ConfigError, match="has a column 'predicted' already"):
        predict(frame(["a"]).withColumnRenamed("id", "predicted"), predictor)


@pytest.mark.usefixtures("spark")
def test_a_folder_is_scored_portion_by_portion_and_goes_on(check_folder_job):
    check_folder_job("spark")
