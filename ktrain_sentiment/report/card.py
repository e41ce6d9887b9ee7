"""The model card of a predictor: README.md with the header that the Hugging Face hub reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

import yaml

from ktrain_sentiment.encoders.packaged import PACKAGED
from ktrain_sentiment.evaluation.record import TrainingRecord
from ktrain_sentiment.predictor.long_texts import WHAT_IS_DONE
from ktrain_sentiment.report import result_tables
from ktrain_sentiment.report.facts import ReportFacts
from ktrain_sentiment.report.figures import SHOWN
from ktrain_sentiment.report.page import environment
from ktrain_sentiment.report.sentences import (
    behaviour_sentence,
    calibration_sentence,
    coverage_sentence,
    verdict,
)

HUB_NAMES = {name: encoder.hub_name for name, encoder in PACKAGED.items()}
LICENCES = {
    **dict.fromkeys(HUB_NAMES.values(), "apache-2.0"),
    "distilbert-base-uncased": "apache-2.0",
    "distilbert/distilbert-base-uncased": "apache-2.0",
}
"""Licences of encoders that are known; what is fine-tuned from another one says `other`."""

METRIC_TYPES = {
    "micro_f1": "f1", "sample_f1": "f1", "subset_accuracy": "accuracy",
    "spearman": "spearmanr", "pearson": "pearsonr", "score_mae": "mae", "rmse": "rmse",
    "r2": "r_squared",
    "accuracy": "accuracy", "macro_f1": "f1", "mcc": "matthews_correlation", "mae": "mae",
    "kappa": "cohen_kappa", "within_one": "off_by_one_accuracy",
}  # fmt: skip


def model_card(facts: ReportFacts) -> str:
    """The card: YAML header, verdict and warnings, figures, use, limits, training."""
    training, shown = facts.training, SHOWN[facts.metrics.kind]
    card = (
        environment(html=False)
        .get_template("card.md.j2")
        .render(
            facts=facts,
            header=yaml.safe_dump(card_header(facts), sort_keys=False, allow_unicode=True),
            verdict=verdict(facts),
            data_name=_dataset(facts)["name"],
            headline=result_tables.headline(
                facts.metrics, facts.baselines, name="this model"
            ).to_markdown(),
            per_class=_by_label(facts),
            shown=shown,
            coverage=coverage_sentence(facts.metrics) or None,
            engines=None if training is None else result_tables.engines(training),
            checklist=facts.checklist and result_tables.behaviour(facts.checklist),
            behaviour="" if facts.checklist is None else behaviour_sentence(facts.checklist),
            calibration=calibration_sentence(facts.metrics) if shown.probabilities else None,
            reads=_reads(facts),
            ways="" if training is None else _ways(training),
            training=training,
        )
    )
    return card.rstrip() + "\n"


def _by_label(facts: ReportFacts) -> str | None:
    multi = facts.metrics.multi
    if multi is not None:
        return result_tables.per_label(multi).to_markdown()
    there = facts.metrics.per_class
    return result_tables.per_class(facts.metrics).to_markdown() if there else None


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
    header["metrics"] = [METRIC_TYPES[name] for name in SHOWN[facts.metrics.kind].card]
    header["model-index"] = [{"name": facts.title, "results": [_result(facts)]}]
    return header


def base_model(facts: ReportFacts) -> str | None:
    """The encoder's name on the hub; None when it came from a folder, or there is none."""
    if facts.training is None or not facts.has_encoder:
        return None
    name = HUB_NAMES.get(facts.training.encoder, facts.training.encoder)
    folder = name.count("/") > 1 or name.startswith((".", "/", "~")) or "\\" in name
    return None if folder or Path(name).is_dir() else name


def _result(facts: ReportFacts) -> dict[str, Any]:
    shown = SHOWN[facts.metrics.kind]
    metrics = [
        {
            "type": METRIC_TYPES[name],
            "name": title,
            "value": round(facts.metrics.headline[name].value, 4),
        }
        for name, title in shown.card.items()
    ]
    task = {"type": "text-classification", "name": f"Sentiment {shown.what}"}
    return {"task": task, "dataset": _dataset(facts), "metrics": metrics}


def _dataset(facts: ReportFacts) -> Mapping[str, str]:
    source = facts.data.source
    name = source.removeprefix("hub:").split(":")[0] if source.startswith("hub:") else source
    name = PurePath(name).name if "hub:" not in source else name
    return {"name": name, "type": name, **({"split": facts.split} if facts.split else {})}


def _reads(facts: ReportFacts) -> str:
    """How much of a text counts; empty where it is not known."""
    if facts.training is None or facts.training.longest_text is None:
        return ""
    longest = f"{facts.training.longest_text:,}"
    if facts.has_encoder:
        rule = facts.training.long_texts
        if rule in ("", "head"):
            return f"It reads the first {longest} tokens of a text and no more."
        return (
            f"Of a text of more than {longest} tokens, by `ktrain_sentiment`: "
            f"{WHAT_IS_DONE[rule].format(maxlen=longest)}. transformers, ktrain and "
            "transformers.js read the beginning alone."
        )
    return f"It reads the last {longest} words and sequences of words of a text and no more."


def _ways(training: TrainingRecord) -> str:
    """What is not usual about the training: layers left out, a teacher, adversarial steps."""
    kept = len(training.kept_layers or ())
    return "".join(
        [
            f" cut to {kept} of its layers" if kept else "",
            ", taught by another predictor" if training.teacher else "",
            f", besides its rows on {training.augmented['rows']:,} made from templates"
            if training.augmented
            else "",
            ", trained adversarially (Miyato et al. 2017)" if training.adversarial else "",
        ]
    )
