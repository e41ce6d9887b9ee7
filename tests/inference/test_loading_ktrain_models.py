"""ktrain's own classifiers: opened as everything else is, and nothing in the folder runs."""

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

import ktrain_sentiment
from ktrain_sentiment.errors import ConfigError, PredictorError
from ktrain_sentiment.inference.embedding import open_embedder
from ktrain_sentiment.predictor.layout import PredictorFolder
from ktrain_sentiment.predictor.manifest import digest_files, update_predictor
from support.damage import Bomb, flip_bit
from support.ktrain_models import TEXTS
from support.process import run_code


@pytest.fixture
def copy(ktrain_model: Path, tmp_path: Path) -> Path:
    """A predictor that may be damaged."""
    return shutil.copytree(ktrain_model, tmp_path / "copy")


def test_it_answers_and_auto_takes_the_only_engine_there_is(ktrain_model):
    classifier = ktrain_sentiment.load(ktrain_model)
    good, bad = classifier.predict(["the plot was charming", "not charming, it was dull"])
    assert (good.label, bad.label) == ("positive", "negative")
    assert classifier.engine == "fp32"
    assert sum(good.probabilities.values()) == pytest.approx(1, abs=1e-6)


def test_a_text_without_a_known_word_is_answered_without_a_label(ktrain_model):
    classifier = ktrain_sentiment.load(ktrain_model)
    np.testing.assert_allclose(classifier.predict_proba(["東京", "..."]), 0.5)
    answers = classifier.predict(["東京", "...", "charming 東京"])
    assert [one.label for one in answers] == ["", "", "positive"]
    assert [one.unknown for one in answers] == [True, True, False]


def test_answers_do_not_depend_on_what_else_is_asked(ktrain_model):
    classifier = ktrain_sentiment.load(ktrain_model, threads=2)
    texts = [*TEXTS, "", "charming " * 40] * 3
    together = classifier.predict_proba(texts)
    alone = np.concatenate([classifier.predict_proba([text]) for text in texts[:62]])
    np.testing.assert_allclose(together[:62], alone, atol=1e-6)
    np.testing.assert_array_equal(together[:62], together[-62:])


def test_a_text_with_more_features_than_it_reads_says_so(ktrain_model):
    short, long = ktrain_sentiment.load(ktrain_model).predict(["dull", "dull " * 31])
    assert (short.truncated, long.truncated) == (False, True)


def test_cleaning_and_temperature_are_those_of_the_manifest(copy):
    plain = ktrain_sentiment.load(copy).predict_proba(["a lovely film"])
    update_predictor(copy, cleaning=("html",), temperature=2.0)
    soft = ktrain_sentiment.load(copy).predict_proba(["a <b>lovely</b><br/>film"])
    odds = np.log(plain[0, 0] / plain[0, 1]) / np.log(soft[0, 0] / soft[0, 1])
    assert odds == pytest.approx(2, rel=1e-3)


def test_a_pickle_in_the_folder_is_never_opened(copy, tmp_path):
    fuse = tmp_path / "fuse"
    for name in ("tf_model.preproc", "tf_model.h5"):
        (copy / name).write_bytes(pickle.dumps(Bomb(fuse)))
    assert ktrain_sentiment.load(copy).predict(["a film"])
    (copy / "features.json").write_bytes(pickle.dumps(Bomb(fuse)))
    update_predictor(copy, files=digest_files(PredictorFolder(copy)))
    with pytest.raises(PredictorError, match=r"features\.json cannot be read"):
        ktrain_sentiment.load(copy)
    assert not fuse.exists()
    pickle.loads((copy / "features.json").read_bytes())
    assert fuse.exists(), "the bomb itself does not work"


@pytest.mark.parametrize("name", ["features.json", "onnx/model.onnx"])
def test_one_changed_bit_is_noticed(copy, name):
    flip_bit(copy / name)
    with pytest.raises(PredictorError, match=f"{name} is not the file that was saved"):
        ktrain_sentiment.load(copy)


def test_a_missing_index_is_named(copy):
    (copy / "features.json").unlink()
    with pytest.raises(PredictorError, match=r"features\.json is missing"):
        ktrain_sentiment.load(copy)


def test_an_index_that_contradicts_itself_is_one_line(copy):
    index = json.loads((copy / "features.json").read_bytes())
    (copy / "features.json").write_text(json.dumps(index | {"bound": 1}))
    update_predictor(copy, files=digest_files(PredictorFolder(copy)))
    with pytest.raises(PredictorError, match="its numbers contradict each other"):
        ktrain_sentiment.load(copy)


def test_an_engine_that_was_never_made_is_one_line(ktrain_model):
    with pytest.raises(PredictorError, match="has no int8 engine"):
        ktrain_sentiment.load(ktrain_model, "int8")


def test_vectors_of_texts_are_refused(ktrain_model):
    with pytest.raises(PredictorError, match="ktrain's own nbsvm, which makes no vectors"):
        open_embedder(ktrain_model)


def test_the_keras_model_is_left_to_ktrain(ktrain_model):
    from ktrain_sentiment.training.keras_classifier import load_keras

    with pytest.raises(PredictorError, match="ktrain's own nbsvm, whose Keras model only ktrain"):
        load_keras(ktrain_model)


def test_exporting_again_is_refused_and_says_what_can_be_done(ktrain_model, tmp_path):
    from ktrain_sentiment.workflow.exporting import export_own

    with pytest.raises(ConfigError, match="nothing to export again; --check"):
        export_own(ktrain_model, tmp_path / "out", None, None, overwrite=False)


def test_predicting_imports_nothing_heavy(ktrain_model):
    done = run_code(f"""
        import sys
        import ktrain_sentiment
        ktrain_sentiment.load({str(ktrain_model)!r}).predict(["a film"])
        heavy = {{"tensorflow", "tf_keras", "keras", "transformers", "torch", "ktrain", "onnx",
                 "pandas", "pyarrow", "sklearn", "safetensors", "tokenizers", "jieba"}}
        print(sorted(heavy & {{name.split(".")[0] for name in sys.modules}}))
    """)
    assert done.stdout.strip() == "[]", done.stderr
