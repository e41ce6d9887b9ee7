"""inspect_errors.py as a user runs it: lists of a run and of bare data, and back again."""

import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from support.process import complaint_of, run_here
from support.reviews import ASPECTS, BLAME, LABELS, PRAISE

SCRIPT = "scripts/inspect_errors.py"


@pytest.fixture
def run_copy(trained_run: Path, tmp_path: Path) -> Path:
    return shutil.copytree(trained_run, tmp_path / "run")


def plain_reviews(rows: int) -> list[tuple[str, str]]:
    """Reviews whose single words say it all, so that a linear model can learn them."""
    chance = random.Random(3)
    made = []
    for k in range(rows):
        good = chance.random() < 0.5
        first, second = chance.sample(PRAISE if good else BLAME, 2)
        made.append((f"the {chance.choice(ASPECTS)} was {first} and {second} {k}", LABELS[good]))
    return made


def inspect(*arguments: str | Path, cwd: Path | None = None) -> tuple[dict, str]:
    place = {} if cwd is None else {"cwd": cwd}
    script = Path(SCRIPT).resolve() if cwd else SCRIPT
    done = run_here(script, *arguments, "--json", **place)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stdout


def test_a_run_is_inspected_on_its_validation_rows(run_copy: Path) -> None:
    found, shown = inspect(run_copy)
    validation = pd.read_parquet(run_copy / "predictions_validation.parquet")
    wrong = validation[validation["label"] != validation["predicted"]]
    losses = pd.read_csv(run_copy / "top_losses.csv")
    doubts = pd.read_csv(run_copy / "label_errors.csv")
    likely = doubts[doubts["p_wrong"] >= 0.5]
    assert found["rows"] == len(validation)
    assert {*losses["row"]} | {*likely["row"]} == {*wrong["row"]}
    assert not {*losses["row"]} & {*likely["row"]}
    assert losses["loss"].is_monotonic_decreasing
    assert "classified by run" in " ".join(shown.split())


def test_with_costs_the_dearest_mistakes_of_what_is_said_come_first(run_copy: Path) -> None:
    found, shown = inspect(run_copy, "--costs", "negative:positive=5", "--explain")
    rows = pd.read_parquet(run_copy / "predictions_validation.parquet")
    # Negative is said from a sixth on: five times its probability against that of positive.
    said = (rows["p_negative"] >= 1 / 6).map({True: "negative", False: "positive"})
    losses = pd.read_csv(run_copy / "top_losses.csv")
    cost = {("negative", "positive"): 5.0, ("positive", "negative"): 1.0}
    assert [*losses["cost"]] == [
        cost[one] for one in zip(losses["label"], losses["predicted"], strict=True)
    ]
    assert losses["cost"].is_monotonic_decreasing
    assert {*losses["row"]} <= {*rows["row"][said.to_numpy() != rows["label"].to_numpy()]}
    assert found["costs"]["changed"] == (said.to_numpy() != rows["predicted"].to_numpy()).sum()
    assert "Listed are mistakes of the answers of least expected cost" in " ".join(shown.split())


def test_the_name_that_other_commands_have_for_the_output_gets_a_suggestion() -> None:
    said = complaint_of(SCRIPT, "x.csv", "--output", "y.csv")
    assert "--output: no such flag; did you mean --out?" in said


def test_costs_of_no_label_are_refused_before_the_data_are_read(run_copy: Path) -> None:
    flags = ("--predictor", run_copy, "--costs", "negativ:=5")
    assert "did you mean negative?" in complaint_of(SCRIPT, __file__, *map(str, flags))
    assert "did you mean negative?" in complaint_of(SCRIPT, str(run_copy), *map(str, flags[2:]))


def test_a_text_is_explained_by_the_label_that_costs_let_say(run_copy: Path) -> None:
    plain, _ = inspect(run_copy, "--text", "a superb plot")
    costly, _ = inspect(run_copy, "--text", "a superb plot", "--costs", "negative:positive=1000000")
    assert (plain["label"], costly["label"]) == ("positive", "negative")


def test_words_are_weighed_and_the_nearest_training_examples_named(run_copy: Path) -> None:
    _, shown = inspect(run_copy, "--explain", "--nearest", "2", "--wrong-labels", "0.0001")
    assert "most important words" in " ".join(shown.split())
    losses = pd.read_csv(run_copy / "top_losses.csv")
    train = pd.read_parquet(run_copy / "splits" / "train.parquet")
    assert len(losses) > 0
    assert {*losses["nearest_1"].dropna()} <= {*train["text"]}
    assert (losses["nearest_1_similarity"] >= losses["nearest_2_similarity"]).all()
    assert losses["nearest_1_similarity"].between(-1, 1.0001).all()


def test_a_run_whose_data_moved_says_how_to_name_them_anew(run_copy: Path, tmp_path: Path) -> None:
    config = run_copy / "config.yaml"
    stored = yaml.safe_load(config.read_text())
    gone, there = tmp_path / "gone.csv", Path(stored["data"])
    config.write_text(yaml.safe_dump({**stored, "data": str(gone)}))
    fixed = tmp_path / "fixed.csv"
    rows = pd.read_parquet(run_copy / "predictions_validation.parquet")[["row", "text", "label"]]
    rows.head(1).assign(corrected="negative").to_csv(fixed, index=False)
    flags = ("--corrections", str(fixed), "--out", str(tmp_path / "next.csv"))
    assert complaint_of(SCRIPT, str(run_copy), *flags).endswith(
        f"{run_copy}: was trained on {gone}, which is not there; in place of {run_copy} name where "
        f"its data are now, read by the settings in {config}"
    )
    found, _ = inspect(there, *flags)
    assert found["file"] == str(tmp_path / "next.csv")


def test_a_run_that_is_not_there_is_called_no_run() -> None:
    assert "runs/nope: no such run folder or file" in complaint_of(SCRIPT, "runs/nope")


def test_a_folder_of_runs_names_those_in_it(run_copy: Path) -> None:
    said = complaint_of(SCRIPT, str(run_copy.parent))
    assert f"is a folder of runs: did you mean {run_copy}?" in said


def test_the_lists_are_written_before_the_first_line_is_shown(run_copy: Path) -> None:
    call = [sys.executable, SCRIPT, str(run_copy)]
    with Path("/dev/full").open("wb") as full:
        subprocess.run(call, stdout=full, stderr=subprocess.DEVNULL, check=False)
    assert (run_copy / "label_errors.csv").is_file()


def test_one_text_is_explained(trained_run: Path) -> None:
    text = "the plot was wonderful"
    found, shown = inspect(trained_run, "--text", text)
    assert [word["word"] for word in found["words"]] == text.split()
    assert found["label"] in shown.splitlines()[0]
    strongest = max(found["words"], key=lambda word: abs(word["importance"]))
    assert strongest["word"] == "wonderful"


def test_data_alone_are_judged_by_a_linear_model_that_did_not_see_the_row(tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    frame = pd.DataFrame(plain_reviews(400), columns=["review", "sentiment"])
    flips = list(range(0, 400, 19))
    other = {"negative": "positive", "positive": "negative"}
    frame.loc[flips, "sentiment"] = frame.loc[flips, "sentiment"].map(other)
    frame.to_csv(tmp_path / "mine.csv", index=False)
    found, shown = inspect("mine.csv", cwd=tmp_path)
    assert "did not see it (5 folds)" in " ".join(shown.split())
    listed = pd.read_csv(tmp_path / "runs" / "mine-errors" / "label_errors.csv")
    first = {*listed["text"].head(32)}
    assert sum(text in first for text in frame.loc[flips, "review"]) >= 0.6 * len(flips)
    assert found["label_errors"]["doubted"] == len(listed)


def test_a_list_that_a_person_filled_in_makes_the_next_training_set(
    trained_run: Path, reviews_csv: Path, tmp_path: Path
) -> None:
    inspect(
        reviews_csv, "--predictor", trained_run / "predictor", "--out", tmp_path,
        "--wrong-labels", "0.2",
    )  # fmt: skip
    path = tmp_path / "label_errors.csv"
    listed = pd.read_csv(path, dtype={"corrected": str}, keep_default_na=False)
    assert len(listed) >= 3
    assert (listed["corrected"] == "").all()
    listed.loc[0, "corrected"] = listed.loc[0, "suggested"]
    listed.loc[1, "corrected"] = "drop"
    listed.loc[2, "corrected"] = listed.loc[2, "label"]
    listed.to_csv(path, index=False, sep=";")  # as spreadsheets of half the world write it
    found, _ = inspect(reviews_csv, "--corrections", path, "--out", tmp_path / "next.csv")
    before, after = pd.read_csv(reviews_csv), pd.read_csv(tmp_path / "next.csv")
    assert (found["changed"], found["confirmed"]) == (2, 1)
    assert len(after) == len(before) - 1
    assert list(after.columns) == ["text", "label"]
    text, label = listed.loc[0, ["text", "suggested"]]
    assert after.set_index("text").loc[text, "label"] == label
    record = json.loads((tmp_path / "next.changes.json").read_text("utf-8"))
    assert [change["after"] for change in record["changes"]].count(None) == 1


def test_a_runs_list_is_put_back_into_the_data_it_came_from(run_copy: Path, tmp_path: Path) -> None:
    inspect(run_copy)
    path = run_copy / "label_errors.csv"
    listed = pd.read_csv(path, dtype={"corrected": str}, keep_default_na=False)
    assert len(listed) > 0
    listed["corrected"] = listed["suggested"]
    listed.to_csv(path, index=False)
    found, _ = inspect(run_copy, "--corrections", path, "--out", tmp_path / "next.parquet")
    assert found["changed"] == len(listed)
    assert len(pd.read_parquet(tmp_path / "next.parquet")) == found["rows"]


def test_what_cannot_be_inspected_gets_one_line_and_writes_nothing(
    trained_run: Path, reviews_csv: Path, tmp_path: Path
) -> None:
    assert "nothing to inspect" in complaint_of(SCRIPT)
    assert "leave --predictor out" in complaint_of(SCRIPT, trained_run, "--predictor", trained_run)
    assert "--out" in complaint_of(SCRIPT, reviews_csv, "--corrections", "fixed.csv")
    missing = complaint_of(
        SCRIPT, reviews_csv, "--corrections", tmp_path / "no.csv", "--out", "x.csv"
    )
    assert "no such file" in missing
    assert "--text: is empty" in complaint_of(SCRIPT, trained_run, "--text", " ")
    assert "--top -3: must be at least 1" in complaint_of(SCRIPT, trained_run, "--top", "-3")
    assert "wanted a share" in complaint_of(SCRIPT, trained_run, "--wrong-labels", "5")
    (tmp_path / "label_errors.csv").write_text("mine")
    taken = complaint_of(SCRIPT, reviews_csv, "--out", tmp_path)
    assert "add --overwrite" in taken
    assert [entry.name for entry in tmp_path.iterdir()] == ["label_errors.csv"]
