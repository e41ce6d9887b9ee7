"""evaluate.py as a user runs it: runs, predictors of all kinds, comparisons, wrong input."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from support.process import complaint_of, run_here, run_python
from support.reviews import make_reviews

SCRIPT = "scripts/evaluate.py"


@pytest.fixture(scope="module")
def fresh_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows that no training saw, with a column to slice by."""
    frame = pd.DataFrame(make_reviews(160, seed=5), columns=["text", "label"])
    frame["shop"] = ["north" if k % 3 else "south" for k in range(len(frame))]
    path = tmp_path_factory.mktemp("fresh") / "fresh.csv"
    frame.to_csv(path, index=False)
    return path


def figures_of(*arguments: str | Path) -> dict:
    done = run_here(SCRIPT, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_run_is_judged_on_its_saved_test_rows(trained_run: Path) -> None:
    done = run_python(SCRIPT, trained_run, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    metrics = json.loads((trained_run / "metrics.json").read_text())["test"]
    assert found["accuracy"] == metrics["accuracy"]
    assert found["confusion"] == metrics["confusion"]
    assert set(found["baselines"]) >= {"majority", "tfidf"}


def test_a_predictor_is_judged_on_other_data_by_a_column_and_with_a_threshold(
    trained_run: Path, fresh_csv: Path
) -> None:
    flags = ("--slice-by", "shop", "--abstain-below", "0.65")
    found = figures_of(fresh_csv, "--predictor", trained_run / "predictor", *flags)
    assert {one["value"] for one in found["slices"]} == {"north", "south"}
    assert sum(one["n"] for one in found["slices"]) == found["n"]
    assert 0 < found["abstention"]["covered"]["value"] < 1
    assert found["abstention"]["accuracy"]["value"] >= found["accuracy"]["value"]


def test_mistakes_are_weighed_by_what_they_cost(trained_run: Path, fresh_csv: Path) -> None:
    flags = ("--costs", "negative:positive=5")
    found = figures_of(fresh_csv, "--predictor", trained_run / "predictor", *flags)
    costs = found["costs"]
    wrong = 1 - found["accuracy"]["value"]
    assert wrong <= costs["plain"]["value"] <= 5 * wrong
    assert costs["saved"]["value"] == pytest.approx(
        costs["plain"]["value"] - costs["weighed"]["value"]
    )
    assert costs["always"] == "negative"


def test_people_see_tables_with_intervals_and_a_page(
    trained_run: Path, fresh_csv: Path, tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    done = run_here(
        SCRIPT, fresh_csv, "--predictor", trained_run / "predictor", "--report", page,
        "--costs", "negative:=5",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for words in ("95 % interval", "By class", "Its probabilities are off by", "Mistakes cost"):
        assert words in done.stdout
    for words in ("fresh.csv", "Mistakes cost"):
        assert words in page.read_text("utf-8")


def test_rows_that_were_learned_from_are_counted_and_the_others_judged(
    trained_run: Path, reviews_csv: Path
) -> None:
    found = figures_of(reviews_csv, "--predictor", trained_run / "predictor")
    learned = len(pd.read_parquet(trained_run / "splits" / "train.parquet"))
    rest = 600 - learned
    said = f"{learned} of 600 rows were learned from and are left out: the other {rest} are judged"
    assert said in found["notes"]
    assert found["n"] == rest
    assert not any("too good" in note for note in found["notes"])


def test_a_hugging_face_folder_without_onnx_gives_the_same_figures(
    trained_run: Path, fresh_csv: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"):
        shutil.copy(trained_run / "predictor" / name, folder)
    theirs = figures_of(fresh_csv, "--predictor", folder)
    ours = figures_of(fresh_csv, "--predictor", trained_run / "predictor", "--engine", "fp32")
    assert theirs["confusion"] == ours["confusion"]


def test_a_ktrain_predictor_is_opened_with_leave_only(
    trained_run: Path, ktrain_folder: Path, fresh_csv: Path
) -> None:
    refusal = complaint_of(SCRIPT, fresh_csv, "--predictor", ktrain_folder)
    assert "add --trust-pickle if you trust whoever made it" in refusal
    theirs = figures_of(fresh_csv, "--predictor", ktrain_folder, "--trust-pickle")
    ours = figures_of(fresh_csv, "--predictor", trained_run / "predictor", "--engine", "fp32")
    assert theirs["confusion"] == ours["confusion"]


def test_two_runs_are_compared_in_a_plain_sentence(trained_run: Path, tmp_path: Path) -> None:
    other = tmp_path / "worse"
    shutil.copytree(trained_run, other)
    saved = other / "predictions_test.parquet"
    frame = pd.read_parquet(saved)
    turned = frame.index < len(frame) // 3
    columns = ["p_negative", "p_positive"]
    frame.loc[turned, columns] = frame.loc[turned, columns[::-1]].to_numpy()
    frame.to_parquet(saved)
    costs = ("--costs", "negative:positive=5")
    done = run_here(SCRIPT, "--compare", trained_run, other, *costs, "--json")
    assert done.returncode == 0, done.stderr
    whole = json.loads(done.stdout.splitlines()[-1])
    assert [one["name"] for one in whole["by_cost"]] == [trained_run.name, other.name]
    assert whole["by_cost"][0]["cost"] == whole["costs"]["weighed"]
    assert whole["by_cost"][1]["dearer"]["low"] > 0
    assert whole["cost_advice"].startswith(f"By cost take {trained_run.name}: worse costs")
    assert "the cheapest first" in " ".join(done.stdout.split())
    found = whole["comparison"]
    assert found["better"] == trained_run.name
    assert found["accuracy_difference"]["high"] < 0
    assert f"{trained_run.name} is better: right in" in " ".join(done.stdout.split())


def test_a_run_and_itself_do_not_differ(trained_run: Path) -> None:
    found = figures_of("--compare", trained_run, trained_run)["comparison"]
    assert found["p_value"] == 1.0
    assert "No difference" in found["sentence"]


def test_labels_that_differ_in_case_alone_are_taken_as_the_same(
    trained_run: Path, fresh_csv: Path, tmp_path: Path
) -> None:
    frame = pd.read_csv(fresh_csv)
    frame["label"] = frame["label"].str.upper()
    frame.to_csv(tmp_path / "loud.csv", index=False)
    found = figures_of(tmp_path / "loud.csv", "--predictor", trained_run / "predictor")
    assert found["notes"] == ["labels taken as: NEGATIVE as negative, POSITIVE as positive"]


def test_what_cannot_be_judged_gets_one_line(
    trained_run: Path, fresh_csv: Path, tmp_path: Path
) -> None:
    pd.DataFrame({"text": ["a", "b"], "label": ["good", "bad"]}).to_csv(
        tmp_path / "other.csv", index=False
    )
    predictor = trained_run / "predictor"
    assert "nothing to evaluate" in complaint_of(SCRIPT)
    assert "name the labelled data" in complaint_of(SCRIPT, "--predictor", predictor)
    assert "no such column" in complaint_of(SCRIPT, trained_run, "--slice-by", "shoe")
    # Before the rows are read, and long before a model is asked about them.
    assert "wanted 0 to 1" in complaint_of(SCRIPT, "missing.csv", "--abstain-below", "70")
    unknown = complaint_of(SCRIPT, tmp_path / "other.csv", "--predictor", predictor)
    assert "the classifier knows negative, positive; rename them with --map" in unknown
    assert (
        "predicting"
        not in run_here(SCRIPT, tmp_path / "other.csv", "--predictor", predictor).stderr
    )
    assert "is no predictor" in complaint_of(SCRIPT, fresh_csv, "--predictor", tmp_path)
    split = complaint_of(SCRIPT, fresh_csv, "--predictor", predictor, "--split", "test")
    assert "--split test: names rows of a run" in split
    assert "is a folder" in complaint_of(SCRIPT, trained_run, "--report", tmp_path)
    assert "missing: no such run folder or file" in complaint_of(SCRIPT, "missing")
    assert f"did you mean {fresh_csv}?" in complaint_of(SCRIPT, fresh_csv.with_name("frsh.csv"))
    assert "name with --predictor" in complaint_of(SCRIPT, fresh_csv)
    assert f"did you mean {trained_run}" in complaint_of(SCRIPT, trained_run.parent)
    assert f"and --predictor {predictor}" in complaint_of(SCRIPT, predictor)
    assert "nothing to compare it with" in complaint_of(SCRIPT, "--compare", trained_run)


MINE = """
words: {good: [good, great], place: [shop, room]}
tests:
- name: good ones
  capability: words
  expect: [positive]
  templates: ["The {place} is {good}."]
- name: typos in rows
  capability: letters
  rows: true
  typos: 1
"""


def test_a_checklist_is_shown_and_kept_in_the_run_its_page_and_its_card(
    trained_run: Path, tmp_path: Path
) -> None:
    run, mine = tmp_path / "run", tmp_path / "mine.yaml"
    shutil.copytree(trained_run, run)
    mine.write_text(MINE)
    done = run_here(SCRIPT, run, "--templates", mine, "--cases", "3", "--json")
    assert done.returncode == 0, done.stderr
    assert "What it can do with language (mine.yaml)" in done.stdout
    found = json.loads(done.stdout.splitlines()[-1])["checklist"]
    assert [one["failures"]["n"] for one in found["tests"]] == [3, 3]
    assert json.loads((run / "checklist.json").read_text()) == found
    for page in (run / "report.html", run / "predictor" / "README.md"):
        assert "What it can do with language" in page.read_text("utf-8")
    assert run_here("scripts/export.py", run / "predictor", "--check").returncode == 0


def test_a_run_that_cannot_be_written_is_checked_all_the_same(
    trained_run: Path, tmp_path: Path
) -> None:
    run, mine, page = tmp_path / "run", tmp_path / "mine.yaml", tmp_path / "page.html"
    shutil.copytree(trained_run, run)
    (run / "checklist.json").mkdir()
    mine.write_text(MINE)
    done = run_here(SCRIPT, run, "--templates", mine, "--cases", "3", "--report", page, "--json")
    assert done.returncode == 0, done.stderr
    assert f"not kept in the run: {run}/checklist.json is a folder" in done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["checklist"]["source"] == "mine.yaml"
    assert "What it can do with language" in page.read_text("utf-8")


def test_a_predictor_alone_is_asked_without_rows(trained_run: Path, tmp_path: Path) -> None:
    predictor = tmp_path / "predictor"
    shutil.copytree(trained_run / "predictor", predictor)
    found = figures_of("--predictor", predictor, "--checklist", "--cases", "2")["checklist"]
    assert found["source"] == "checklist.yaml"
    assert "two typos in your rows" in found["left_out"]


def test_a_bad_file_of_templates_and_a_flag_without_use_are_refused(
    trained_run: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("tests: 3")
    assert "no file of templates" in complaint_of(SCRIPT, trained_run, "--templates", mine)
    refusal = complaint_of(SCRIPT, trained_run, "--positive", "good")
    assert "--positive says what labels mean to --checklist" in refusal
