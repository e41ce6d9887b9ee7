"""From a ktrain model to a folder that ktrain, transformers and ONNX Runtime all understand."""

import json
import pickle
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from safetensors import safe_open
from tokenizers import Tokenizer

import ktrain_sentiment
from ktrain_sentiment.errors import InputError, PredictorError
from ktrain_sentiment.export import keras_files
from ktrain_sentiment.export.engines import write_graph
from ktrain_sentiment.export.keras_files import (
    pickle_preproc,
    pickled_modules,
    portable_name,
)
from ktrain_sentiment.export.onnx_graph import build_graph
from ktrain_sentiment.export.onnx_writer import GraphWriter
from ktrain_sentiment.export.parity import Limits
from ktrain_sentiment.export.saving import (
    Chosen,
    SavedPredictor,
    TrainingFacts,
    ValidationTexts,
    check_folder,
    export_again,
    save_predictor,
)
from ktrain_sentiment.export.transformer_spec import describe
from ktrain_sentiment.export.weights import read_safetensors
from ktrain_sentiment.prediction import softmax
from ktrain_sentiment.predictor.layout import PredictorFolder
from ktrain_sentiment.predictor.manifest import read_json, read_manifest, update_predictor
from ktrain_sentiment.training.keras_classifier import load_keras
from support.process import run_code
from support.reviews import make_reviews

REVIEWS = make_reviews(60, seed=8)
TEXTS = [text for text, _ in REVIEWS]
# Heads alone, which every loader reads.
FACTS = TrainingFacts(
    encoder="minilm", data_fingerprint="f" * 64, metrics={"accuracy": 0.9}, long_texts="head"
)

PLAIN_KTRAIN = """
    import sys, json, warnings
    warnings.simplefilter("ignore")
    class Wall:
        def find_spec(self, name, path=None, target=None):
            if name.split(".")[0] == "ktrain_sentiment":
                raise ImportError("this package is not here")
    sys.meta_path.insert(0, Wall())
    import numpy
    numpy.Inf = numpy.inf
    import ktrain
    for folder in {folders!r}:
        predictor = ktrain.load_predictor(folder)
        print(json.dumps([predictor.get_classes(), predictor.predict_proba({texts!r}).tolist()]))
"""


@dataclass(frozen=True)
class Trained:
    """A Keras classifier and ktrain's preprocessor."""

    model: Any
    preproc: Any

    def save(self, folder: Path, **options: Any) -> SavedPredictor:
        labels = list(self.preproc.get_classes())
        targets = np.array([labels.index(label) for _, label in REVIEWS])
        validation = ValidationTexts(texts=TEXTS, targets=targets)
        facts = options.pop("facts", FACTS)
        return save_predictor(self.model, self.preproc, folder, facts, validation, **options)


@pytest.fixture(scope="module")
def trained(backend, tiny_bert) -> Trained:
    return decided(backend, tiny_bert)


def decided(backend, tiny_bert) -> Trained:
    """ktrain's own preprocessor and a model that was never trained, with decided opinions."""
    preproc = backend.ktrain.text.Transformer(str(tiny_bert), maxlen=16)
    preproc.preprocess_train(TEXTS[:20], [label for _, label in REVIEWS[:20]], verbose=0)
    model = preproc.get_classifier()
    kernel = model.classifier.kernel
    kernel.assign(np.random.default_rng(0).normal(0, 1, kernel.shape))
    return Trained(model, preproc)


@pytest.fixture(scope="module")
def saved(trained, tmp_path_factory) -> SavedPredictor:
    """Do not write to its folder."""
    return trained.save(tmp_path_factory.mktemp("saved") / "predictor")


def keras_probabilities(trained: Trained) -> np.ndarray:
    tokens = trained.preproc.get_tokenizer()(
        TEXTS, truncation=True, max_length=16, padding=True, return_tensors="np"
    )
    return softmax(trained.model(dict(tokens), training=False).logits.numpy())


TEMPERATURE = 2.5


@dataclass(frozen=True)
class Calibrated:
    """A predictor with a temperature in its weights, and what it should answer."""

    folder: PredictorFolder
    wanted: np.ndarray
    seen: list[np.ndarray]
    """What the folder answered when its temperature was asked for."""


@pytest.fixture(scope="module")
def calibrated(backend, tiny_bert, tmp_path_factory) -> Calibrated:
    """Do not write to its folder."""
    own, seen = decided(backend, tiny_bert), []
    before = keras_probabilities(own)

    def calibrate(folder: Path) -> Chosen:
        seen.append(ktrain_sentiment.load(folder).predict_proba(TEXTS))
        return Chosen(temperature=TEMPERATURE)

    folder = tmp_path_factory.mktemp("calibrated") / "predictor"
    saved = own.save(folder, calibrate=calibrate)
    return Calibrated(saved.folder, softmax(np.log(before), TEMPERATURE), seen)


def with_runtime_alone(folder: PredictorFolder, graph: Path) -> np.ndarray:
    """What transformers.js does: tokenizer.json, one ONNX file, a softmax."""
    tokenizer = Tokenizer.from_file(str(folder.tokenizer))
    tokenizer.enable_truncation(16)
    session = onnxruntime.InferenceSession(graph)
    rows = []
    for text in TEXTS:
        ids = np.array([tokenizer.encode(text).ids])
        feeds = {
            "input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": 0 * ids,
        }  # fmt: skip
        feeds = {port.name: feeds[port.name] for port in session.get_inputs()}
        rows.append(session.run(["logits"], feeds)[0])
    return softmax(np.concatenate(rows))


def with_torch_weights(folder: PredictorFolder, place: Path) -> np.ndarray:
    """The graph that PyTorch's names and layout describe."""
    weights, config = read_safetensors(folder.torch_weights), read_json(folder.config)
    write_graph(place / "graph.onnx", build_graph(describe(weights, config), GraphWriter()))
    return with_runtime_alone(folder, place / "graph.onnx")


LOADERS = {
    "load, fp32": lambda f, _: ktrain_sentiment.load(f.path, "fp32").predict_proba(TEXTS),
    "load, int8": lambda f, _: ktrain_sentiment.load(f.path, "int8").predict_proba(TEXTS),
    "load, keras": lambda f, _: load_keras(f.path).predict_proba(TEXTS),
    "PyTorch's layout": with_torch_weights,
    "transformers.js, fp32": lambda f, _: with_runtime_alone(f, f.onnx),
    "transformers.js, int8": lambda f, _: with_runtime_alone(f, f.onnx_int8),
}


@pytest.mark.parametrize("loader", LOADERS)
def test_every_loader_gives_the_same_calibrated_probabilities(loader, calibrated, tmp_path):
    answers = LOADERS[loader](calibrated.folder, tmp_path)
    tolerance = 0.04 if "int8" in loader else 1e-5
    np.testing.assert_allclose(answers, calibrated.wanted, atol=tolerance)


def test_int8_has_the_very_temperature_that_was_found_with_it(calibrated):
    """Folding before rounding changes nothing: the last layer is not rounded."""
    [before] = calibrated.seen
    now = ktrain_sentiment.load(calibrated.folder.path, "int8").predict_proba(TEXTS)
    np.testing.assert_allclose(now, softmax(np.log(before), TEMPERATURE), atol=1e-5)


def test_the_manifest_says_that_nothing_is_left_to_divide_by(calibrated):
    manifest = read_manifest(calibrated.folder.path)
    assert (manifest.temperature, manifest.folded_temperature) == (1.0, TEMPERATURE)
    assert manifest.engines["fp32"]["kept"]
    assert manifest.engines["int8"]["kept"]
    check_folder(calibrated.folder.path)


def test_an_older_folder_answers_as_before(saved, trained, tmp_path):
    folder = shutil.copytree(saved.folder.path, tmp_path / "older")
    update_predictor(folder, temperature=TEMPERATURE)
    wanted = softmax(np.log(keras_probabilities(trained)), TEMPERATURE)
    for classifier in (ktrain_sentiment.load(folder, "fp32"), load_keras(folder)):
        np.testing.assert_allclose(classifier.predict_proba(TEXTS), wanted, atol=1e-5)


def test_a_last_layer_that_is_not_known_leaves_the_temperature_to_the_manifest(
    backend, tiny_bert, tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(keras_files, "_LAST_LAYER", re.compile("unheard of"))
    own = decided(backend, tiny_bert)
    before = keras_probabilities(own)
    saved = own.save(tmp_path / "predictor", calibrate=lambda _: Chosen(temperature=TEMPERATURE))
    assert (saved.manifest.temperature, saved.manifest.folded_temperature) == (TEMPERATURE, 1.0)
    assert "only this package applies it" in caplog.text
    np.testing.assert_array_equal(keras_probabilities(own), before)
    answers = ktrain_sentiment.load(saved.folder.path, "fp32").predict_proba(TEXTS)
    np.testing.assert_allclose(answers, softmax(np.log(before), TEMPERATURE), atol=1e-5)


def test_every_file_lies_where_its_tool_looks(saved):
    found = set(saved.folder.files())
    assert found >= {
        "config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt",
        "tf_model.preproc", "model.safetensors", "onnx/model.onnx", "onnx/model_quantized.onnx",
    }  # fmt: skip
    assert "tf_model.h5" not in found  # Whoever reads it reads model.safetensors first.
    assert saved.folder.manifest.is_file()
    check_folder(saved.folder.path)


@pytest.mark.parametrize(("engine", "tolerance"), [("fp32", 1e-5), ("int8", 0.1)])
def test_both_engines_say_what_keras_says(saved, trained, engine, tolerance):
    classifier = ktrain_sentiment.load(saved.folder.path, engine)
    assert classifier.labels == ("negative", "positive")
    np.testing.assert_allclose(
        classifier.predict_proba(TEXTS), keras_probabilities(trained), atol=tolerance
    )


def test_plain_ktrain_loads_it_elsewhere_without_this_package_calibrated_or_not(
    saved, trained, calibrated, tmp_path
):
    wanted = {"plain": keras_probabilities(trained), "calibrated": calibrated.wanted}
    for name, one in (("plain", saved), ("calibrated", calibrated)):
        shutil.copytree(one.folder.path, tmp_path / name / "predictor")
    folders = [str(tmp_path / name / "predictor") for name in wanted]
    done = run_code(PLAIN_KTRAIN.format(folders=folders, texts=TEXTS))
    assert done.returncode == 0, done.stderr[-2000:]
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[[")]
    for (labels, probabilities), right in zip(answers, wanted.values(), strict=True):
        assert labels == ["negative", "positive"]
        np.testing.assert_allclose(probabilities, right, atol=1e-5)


def test_the_keras_engine_says_the_same(saved, trained):
    classifier = load_keras(saved.folder.path)
    np.testing.assert_allclose(
        classifier.predict_proba(TEXTS), keras_probabilities(trained), atol=1e-5
    )
    assert classifier.predict(TEXTS[:1])[0].label in classifier.labels


def test_the_manifest_says_what_was_trained_and_how_the_engines_did(saved):
    manifest = read_manifest(saved.folder.path)
    assert (manifest.encoder, manifest.family, manifest.maxlen) == ("minilm", "bert", 16)
    assert manifest.metrics == {"accuracy": 0.9}
    assert {"python", "ktrain", "tensorflow", "transformers"} <= manifest.versions.keys()
    assert manifest.engines["fp32"]["compared_with"] == "keras"
    assert manifest.engines["fp32"]["largest_difference"] < 1e-4
    assert manifest.engines["int8"]["texts"] == len(TEXTS)


def test_other_tools_find_labels_class_and_length(saved):
    config = json.loads(saved.folder.config.read_text())
    assert config["id2label"] == {"0": "negative", "1": "positive"}
    assert config["architectures"] == ["BertForSequenceClassification"]
    assert json.loads(saved.folder.tokenizer_config.read_text())["model_max_length"] == 16
    with safe_open(saved.folder.torch_weights, "np") as weights:
        assert weights.metadata() == {"format": "pt"}


def test_no_folder_of_this_machine_is_written_down(saved, tiny_bert):
    for name in saved.folder.files():
        contents = (saved.folder.path / name).read_bytes()
        assert str(tiny_bert).encode() not in contents, name
        assert str(Path.home()).encode() not in contents, name


def test_every_file_may_be_read_by_others(saved):
    modes = {(saved.folder.path / name).stat().st_mode & 0o777 for name in saved.folder.files()}
    assert len(modes) == 1


def test_the_trainers_objects_are_not_changed(saved, trained, tiny_bert):
    assert trained.preproc.model_name == str(tiny_bert)


def test_an_existing_predictor_is_only_replaced_on_demand(trained, saved, tmp_path):
    folder = shutil.copytree(saved.folder.path, tmp_path / "predictor")
    with pytest.raises(InputError, match="--overwrite"):
        trained.save(folder)
    before = read_manifest(folder).metrics
    trained.save(folder, overwrite=True, facts=TrainingFacts(encoder="other"))
    assert read_manifest(folder).encoder == "other"
    assert before == {"accuracy": 0.9}


def test_an_engine_that_disagrees_is_not_kept_but_the_training_is(
    backend, tiny_bert, tmp_path, caplog
):
    nothing_allowed = Limits(difference=0.0)
    saved = decided(backend, tiny_bert).save(
        tmp_path / "predictor", limits=nothing_allowed, calibrate=lambda _: Chosen(temperature=2.0)
    )
    assert not saved.folder.onnx_int8.exists()
    assert caplog.text.count("int8 engine is not kept: a probability differs") == 1
    assert not saved.manifest.engines["int8"]["kept"]
    assert ktrain_sentiment.load(saved.folder.path).engine == "fp32"
    with pytest.raises(PredictorError, match="no int8 engine: a probability differs"):
        ktrain_sentiment.load(saved.folder.path, "int8")


def test_a_failure_leaves_nothing_behind(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(trained.model.config, "save_pretrained", lambda folder: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        trained.save(tmp_path / "predictor")
    assert not list(tmp_path.iterdir())


def test_exporting_again_restores_a_lost_engine(trained, saved, tmp_path):
    lacking = trained.save(tmp_path / "lacking", limits=Limits(difference=0.0))
    (lacking.folder.path / "tf_model.h5").write_bytes(b"of an earlier release")
    validation = ValidationTexts(texts=TEXTS)
    again = export_again(lacking.folder.path, tmp_path / "whole", trained.model, validation)
    assert "tf_model.h5" not in again.folder.files()
    assert again.folder.onnx_int8.read_bytes() == saved.folder.onnx_int8.read_bytes()
    assert read_manifest(again.folder.path).metrics == {"accuracy": 0.9}
    check_folder(again.folder.path)


def test_exporting_again_trusts_no_file_that_was_added_and_follows_no_link(
    trained, saved, tmp_path
):
    given, elsewhere = tmp_path / "given", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "key").write_text("secret")
    shutil.copytree(saved.folder.path, given)
    (given / "features.json").write_text("{}")
    (given / "link").symlink_to(elsewhere / "key")
    (given / "folder").symlink_to(elsewhere)
    validation = ValidationTexts(texts=TEXTS)
    again = export_again(given, tmp_path / "again", trained.model, validation)
    assert again.manifest.files.keys() == saved.manifest.files.keys()
    assert ktrain_sentiment.load(tmp_path / "again").predict(["a superb plot"])
    assert not list((tmp_path / "again").rglob("key"))
    assert not (tmp_path / "again" / "link").exists()
    assert (tmp_path / "again" / "features.json").is_file(), "a file of the user's stays"


def test_validation_texts_must_fit():
    with pytest.raises(PredictorError, match="at least one"):
        ValidationTexts(texts=[])
    with pytest.raises(PredictorError, match="2 validation texts but 1 targets"):
        ValidationTexts(texts=["a", "b"], targets=np.array([0]))


def test_a_preprocessor_that_plain_ktrain_could_not_load_is_refused(trained):
    preproc = pickle.loads(pickle_preproc(trained.preproc, "x"))
    preproc.extra = TrainingFacts(encoder="x")
    with pytest.raises(PredictorError, match=r"ktrain_sentiment\.export\.saving"):
        pickle_preproc(preproc, "x")


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_the_modules_of_a_pickle_are_found_without_opening_it(protocol):
    value = [TrainingFacts(encoder="a"), Path("b"), TrainingFacts(encoder="c")]
    assert "ktrain_sentiment.export.saving" in pickled_modules(pickle.dumps(value, protocol))


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("distilbert-base-uncased", "distilbert-base-uncased"),
        ("sentence-transformers/all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2"),
        ("/home/ann/encoders/mine", "mine"),
        ("./mine", "mine"),
        ("~/mine", "mine"),
        (r"C:\models\mine", "mine"),
    ],
)
def test_an_encoders_name_loses_its_folder(given, wanted):
    assert portable_name(given) == wanted
