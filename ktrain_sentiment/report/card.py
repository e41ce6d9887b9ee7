"""The model card of a predictor: README.md with the header that the Hugging Face hub reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

import yaml

from ktrain_sentiment.encoders.minilm import HUB_NAME
from ktrain_sentiment.report import wording
from ktrain_sentiment.report.facts import LearningFacts, ReportFacts

HUB_NAMES = {"minilm": HUB_NAME}
LICENCES = {
    HUB_NAME: "apache-2.0",
    "distilbert-base-uncased": "apache-2.0",
    "distilbert/distilbert-base-uncased": "apache-2.0",
}
"""Licences of encoders that are known; what is fine-tuned from another one says `other`."""

CARD_METRICS = {"accuracy": "Accuracy", "macro_f1": "Macro F1", "mcc": "Matthews correlation"}
METRIC_TYPES = {"accuracy": "accuracy", "macro_f1": "f1", "mcc": "matthews_correlation"}


_WITH_TRANSFORMERS = """```python
from transformers import pipeline

pipeline("text-classification", model="path/to/this/folder")("your text")
```

"""


def model_card(facts: ReportFacts) -> str:
    """The card: YAML header, figures, use, limits, training."""
    header = yaml.safe_dump(card_header(facts), sort_keys=False, allow_unicode=True)
    parts = [
        f"---\n{header}---",
        f"# {facts.title}",
        wording.verdict(facts),
        _figures(facts),
        _use(facts),
        _limits(facts),
        _training(facts),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def card_header(facts: ReportFacts) -> dict[str, Any]:
    """What the hub reads: language, licence, base model, data, metrics as `model-index`."""
    base = base_model(facts)
    header: dict[str, Any] = {
        "language": "multilingual" if base and "multilingual" in base.lower() else "en",
        "license": LICENCES.get(base or "", "other"),
        "library_name": "transformers" if facts.has_encoder else "keras",
        "pipeline_tag": "text-classification",
        "tags": ["sentiment-analysis", "text-classification", "ktrain", "keras", "onnx"],
    }
    if base:
        header["base_model"] = base
    if facts.data.source.startswith("hub:"):
        header["datasets"] = [_dataset(facts)["type"]]
    header["metrics"] = [METRIC_TYPES[name] for name in CARD_METRICS]
    header["model-index"] = [{"name": facts.title, "results": [_result(facts)]}]
    return header


def base_model(facts: ReportFacts) -> str | None:
    """The encoder's name on the hub; None when it came from a folder, or there is none."""
    if facts.learning is None or facts.learning.is_classic:
        return None
    name = HUB_NAMES.get(facts.learning.encoder, facts.learning.encoder)
    folder = name.count("/") > 1 or name.startswith((".", "/", "~")) or "\\" in name
    return None if folder or Path(name).is_dir() else name


def _result(facts: ReportFacts) -> dict[str, Any]:
    metrics = [
        {
            "type": METRIC_TYPES[name],
            "name": title,
            "value": round(facts.metrics.headline[name].value, 4),
        }
        for name, title in CARD_METRICS.items()
    ]
    task = {"type": "text-classification", "name": "Sentiment classification"}
    return {"task": task, "dataset": _dataset(facts), "metrics": metrics}


def _dataset(facts: ReportFacts) -> Mapping[str, str]:
    source = facts.data.source
    name = source.removeprefix("hub:").split(":")[0] if source.startswith("hub:") else source
    name = PurePath(name).name if "hub:" not in source else name
    return {"name": name, "type": name, **({"split": facts.split} if facts.split else {})}


def _figures(facts: ReportFacts) -> str:
    others = list(facts.baselines.values())
    titles = ["", "this model", "95 % interval", *(other.name for other in others)]
    lines = [_row(titles), _row(["---"] + ["---:"] * (len(titles) - 1))]
    for name, one in facts.metrics.headline.items():
        value, spread = wording.plain(name, one.value), wording.interval(name, one)
        cells = [wording.plain(name, other.figures[name]) for other in others]
        lines.append(_row([wording.NAMES[name], value, spread, *cells]))
    classes = [_row(["label", "precision", "recall", "F1", "rows"]), _row(["---"] + ["---:"] * 4)]
    for each in facts.metrics.per_class:
        shares = [wording.share(v) for v in (each.precision, each.recall, each.f1.value)]
        classes.append(_row([each.label, *shares, f"{each.support:,}"]))
    rows = f"On {facts.metrics.n:,} {facts.split} rows of {_dataset(facts)['name']}:"
    return "\n".join(["## Figures", "", rows, "", *lines, "", *classes])


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _use(facts: ReportFacts) -> str:
    labels = ", ".join(f"`{label}`" for label in facts.predictions.labels)
    transformers = _WITH_TRANSFORMERS if facts.has_encoder else ""
    return f"""## Use

Labels: {labels}.

```python
import ktrain_sentiment

classifier = ktrain_sentiment.load("path/to/this/folder")
classifier.predict(["your text"])
```

{transformers}`ktrain.load_predictor` opens the folder too; that unpickles `tf_model.preproc`, so
do it with folders that you trust."""


def _limits(facts: ReportFacts) -> str:
    data = facts.data
    name = _dataset(facts)["name"]
    sentences = [
        f"It learned from {data.training_rows:,} texts of {name}, half of them at most "
        f"{data.words[0]} words long. On other kinds of text it may do worse; measure it with "
        "`ktrain-sentiment evaluate` before relying on it.",
        wording.calibration_sentence(facts.metrics),
        *wording.cautions(facts),
        "It judges wording, not facts, and carries the biases of "
        f"{'its encoder and its data' if facts.has_encoder else 'its data'}.",
    ]
    reads = _reads(facts)
    if reads:
        sentences.insert(1, reads)
    return "\n".join(["## Limits", "", *(f"- {sentence}" for sentence in sentences)])


def _reads(facts: ReportFacts) -> str:
    """How much of a text counts; empty where it is not known."""
    if facts.learning is None or facts.learning.longest_text is None:
        return ""
    longest = f"{facts.learning.longest_text:,}"
    if facts.has_encoder:
        return f"It reads the first {longest} tokens of a text and no more."
    return f"It reads the last {longest} words and sequences of words of a text and no more."


def _ways(learning: LearningFacts) -> str:
    """What is not usual about the training: layers left out, a teacher, adversarial steps."""
    kept = len(learning.kept_layers)
    return "".join(
        [
            f" cut to {kept} of its layers" if kept else "",
            ", taught by another predictor" if learning.teacher else "",
            ", trained adversarially (Miyato et al. 2017)" if learning.adversarial else "",
        ]
    )


def _training(facts: ReportFacts) -> str:
    learning = facts.learning
    if learning is None:
        return ""
    versions = ", ".join(f"{name} {version}" for name, version in facts.versions.items())
    return "\n".join(
        [
            "## Training",
            "",
            f"Model: {learning.kind} `{learning.encoder}`{_ways(learning)}, policy "
            f"{learning.policy} up to a learning rate of {learning.learning_rate:.2g}, "
            f"{len(learning.history)} epochs of which the weights of "
            f"epoch {learning.best_epoch} were kept, {wording.duration(learning.seconds)} on "
            f"{learning.device}.",
            "",
            f"Made with {versions}." if versions else "",
        ]
    ).rstrip()
