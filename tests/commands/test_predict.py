"""predict.py as a user runs it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from support.predictors import build_predictor
from support.process import ROOT, run_python
from support.reviews import make_reviews

SCRIPT = "scripts/predict.py"


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory, tiny_bert: Path) -> Path:
    return build_predictor(tiny_bert, tmp_path_factory.mktemp("run") / "mine" / "predictor")


def predict(predictor: Path, *arguments: str | Path, **options: object):
    return run_python(SCRIPT, "--predictor", predictor, *arguments, **options)


def shell(command: str) -> subprocess.CompletedProcess[str]:
    """Run a pipeline in which {predict} stands for the script."""
    whole = command.format(predict=f"{sys.executable} {SCRIPT}")
    return subprocess.run(whole, shell=True, cwd=ROOT, capture_output=True, text=True, check=True)


def test_texts_are_answered_one_a_line(predictor):
    done = predict(predictor, "a superb plot", "a dull plot")
    assert done.returncode == 0, done.stderr
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert [row[2] for row in rows] == ["a superb plot", "a dull plot"]
    assert {row[0] for row in rows} <= {"negative", "positive"}
    assert all(0.5 <= float(row[1]) <= 1 for row in rows)
    assert done.stderr == ""


def test_a_run_folder_will_do(predictor):
    assert predict(predictor.parent, "a film").stdout == predict(predictor, "a film").stdout


def test_the_newest_run_is_the_default(predictor, tmp_path):
    (tmp_path / "runs").symlink_to(predictor.parents[1])
    done = run_python(ROOT / SCRIPT, "a film", cwd=tmp_path)
    assert done.stdout == predict(predictor, "a film").stdout


def test_standard_input_is_lines_of_text(predictor):
    done = predict(predictor, stdin="a superb plot\n\na dull plot\n")
    assert done.stdout == predict(predictor, "a superb plot", "a dull plot").stdout


def test_a_thousand_lines_from_a_pipe(predictor):
    command = (
        f"yes 'a superb plot' | head -1000 | {sys.executable} {SCRIPT} --predictor {predictor}"
    )
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == 1000
    assert len(set(done.stdout.splitlines())) == 1


def test_a_pipe_is_answered_line_by_line(predictor):
    with subprocess.Popen(
        [sys.executable, SCRIPT, "--predictor", predictor], cwd=ROOT, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as child:  # fmt: skip
        for text in ("a superb plot", "a dull plot"):
            child.stdin.write(text + "\n")
            child.stdin.flush()
            assert child.stdout.readline().endswith(f"\t{text}\n")
        child.stdin.close()
        assert child.wait(20) == 0
        child.stderr.close()


def test_a_reader_that_goes_away_is_no_fault(predictor):
    command = (
        f"yes 'a plot' | head -5000 | {sys.executable} {SCRIPT} --predictor {predictor} | head -1"
    )
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_a_file_becomes_another_with_all_columns(predictor, reviews_csv, tmp_path):
    done = predict(predictor, "--file", reviews_csv, "--output", tmp_path / "x.parquet", "--json")
    assert done.returncode == 0, done.stderr
    table = pq.read_table(tmp_path / "x.parquet")
    assert table.column_names == [
        "text", "label", "predicted", "probability", "p_negative", "p_positive",
    ]  # fmt: skip
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["rows"] == figures["scored"] == len(table) == 600
    assert figures["texts_per_second"] > 0
    assert "600 rows" in done.stderr


def test_a_file_goes_to_standard_output_in_its_own_format(predictor, reviews_csv):
    done = predict(predictor, "--file", reviews_csv, "--quiet")
    assert done.stdout.startswith("text,label,predicted,probability,p_negative,p_positive\n")
    assert done.stderr == ""


def test_jsonl_through_a_pipe(predictor):
    done = predict(predictor, "--input-format", "jsonl", stdin='{"text": "a film", "n": 1}\n')
    assert json.loads(done.stdout)["n"] == 1


def test_a_run_that_was_interrupted_can_go_on(predictor, tmp_path):
    source = tmp_path / "in.csv"
    texts = [text for text, _ in make_reviews(2500)] * 24
    source.write_text("text\n" + "".join(f"{text}\n" for text in texts))
    arguments = ["--predictor", predictor, "--file", source, "--output", tmp_path / "out.csv"]
    with subprocess.Popen([sys.executable, SCRIPT, *arguments], cwd=ROOT, text=True,
                          stderr=subprocess.PIPE) as child:  # fmt: skip
        notes = tmp_path / "out.csv.partial.json"
        while not notes.exists() and child.poll() is None:
            time.sleep(0.01)
        child.send_signal(signal.SIGINT)
        _, complaint = child.communicate(timeout=60)
    assert child.returncode == 130, complaint
    assert "add --resume to go on from there" in complaint
    assert not (tmp_path / "out.csv").exists()
    done = run_python(SCRIPT, *arguments, "--resume", "--json")
    assert done.returncode == 0, done.stderr
    assert 0 < json.loads(done.stdout)["resumed_at"] < len(texts)
    assert len((tmp_path / "out.csv").read_text().splitlines()) == len(texts) + 1
    assert {path.name for path in tmp_path.iterdir()} == {"in.csv", "out.csv"}


def test_bad_rows_are_named_and_kept(predictor, tmp_path):
    (tmp_path / "in.csv").write_text('id,text\n1,fine\n2,"broken" text\n3,fine\n')
    done = predict(predictor, "--file", tmp_path / "in.csv", "--quoting", "yes")
    assert done.returncode == 0
    assert "line 3 has text after a closing double quote; kept without a prediction" in done.stderr
    assert done.stdout.splitlines()[2] == '2,"""broken"" text",,,,'


def test_the_keras_engine_needs_a_keras_model_and_says_so(predictor, tmp_path):
    done = predict(tmp_path, "--engine", "keras", "a film")
    assert done.returncode == 2
    assert "manifest.json" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["a", "--file", "x.csv"], "give one of them"),
        (["--file", "missing.csv"], "no such file"),
        (["--file", "README"], "no such file|does not say the format"),
        (["a", "--abstain-below", "2"], "wanted 0 to 1"),
        (["a", "--threads", "-1"], "0 or more"),
        (["a", "--resume"], "--resume needs --file and --output"),
        (["a", "--output", "."], "is a folder|does not say the format"),
        (["a", "--output", "x.pdf"], "does not say the format"),
        (["a", "--engine", "gpu"], "invalid choice"),
        (["a", "--engine", "fp64"], "invalid choice"),
    ],
)
def test_wrong_flags_are_one_line_and_exit_code_2(predictor, arguments, complaint, tmp_path):
    done = run_python(ROOT / SCRIPT, "--predictor", predictor, *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert any(part in done.stderr for part in complaint.split("|"))
    assert not list(tmp_path.iterdir())


def test_a_predictor_that_is_not_there(tmp_path):
    done = run_python(ROOT / SCRIPT, "a film", cwd=tmp_path)
    assert done.returncode == 2
    assert "train one with ktrain-sentiment train" in done.stderr


def test_an_output_is_not_overwritten_unasked(predictor, reviews_csv, tmp_path):
    target = tmp_path / "out.csv"
    target.write_text("precious")
    done = predict(predictor, "--file", reviews_csv, "--output", target)
    assert (done.returncode, target.read_text()) == (2, "precious")
    assert "--overwrite" in done.stderr
    done = predict(predictor, "--file", reviews_csv, "--output", target, "--overwrite")
    assert (done.returncode, target.read_text()[:4]) == (0, "text")


def test_the_input_is_never_the_output(predictor, reviews_csv):
    done = predict(predictor, "--file", reviews_csv, "--output", reviews_csv, "--overwrite")
    assert done.returncode == 2
    assert "is the input" in done.stderr


def test_a_full_disk_is_one_line(predictor, reviews_csv):
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, SCRIPT, "--predictor", predictor, "--file", reviews_csv, "--quiet"],
            cwd=ROOT, env=os.environ, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode != 0
    assert "No space left on device" in done.stderr
