"""A whole training run: from a data file to a run folder with a predictor in it.

Each step leaves its files in the run folder as soon as it is done, so a run that is stopped loses
nothing that was computed, and `resume` goes on from there.
"""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pandas as pd

from ktrain_sentiment.atomic import write_json
from ktrain_sentiment.config import TrainingSettings
from ktrain_sentiment.data import LabelledTexts, Splits, read_and_split
from ktrain_sentiment.data.checks import main_language
from ktrain_sentiment.diskarrays import give_back
from ktrain_sentiment.encoders.model_hub import learned_english_alone
from ktrain_sentiment.evaluation.codec import from_plain, to_plain
from ktrain_sentiment.evaluation.record import EncoderRace, FewLabelsRecord, TrainingRecord
from ktrain_sentiment.export.saving import Chosen, SavedPredictor
from ktrain_sentiment.messages import count
from ktrain_sentiment.predictor.manifest import update_predictor
from ktrain_sentiment.refusals import refuse
from ktrain_sentiment.report import plots
from ktrain_sentiment.report.card import model_card
from ktrain_sentiment.report.page import write_report
from ktrain_sentiment.runs import RunFolder, default_run
from ktrain_sentiment.tables.frame_writing import write_table
from ktrain_sentiment.training.backend import join_cluster
from ktrain_sentiment.training.callbacks import tensorboard_log
from ktrain_sentiment.training.checkpoints import Checkpoints
from ktrain_sentiment.training.cluster import Cluster
from ktrain_sentiment.training.contrastive import (
    SentenceTuner,
    Tuning,
    fit_few_labels,
    tuning_of,
)
from ktrain_sentiment.training.dataset import steps_per_epoch
from ktrain_sentiment.training.policies import FEWEST_STEPS, USUAL_EPOCHS, planned_epochs
from ktrain_sentiment.training.trainer import FitResult, Trainer
from ktrain_sentiment.workflow.by_task import CHOSEN_BY, DRAWN
from ktrain_sentiment.workflow.classifiers import open_shipped, save_trained
from ktrain_sentiment.workflow.encoder_race import choose_encoder, is_open, with_encoder
from ktrain_sentiment.workflow.exploring import rate_without_search, searched_rate
from ktrain_sentiment.workflow.few_labels import choose_way
from ktrain_sentiment.workflow.folding import cross_validate
from ktrain_sentiment.workflow.lessons import (
    Teacher,
    draw_lessons,
    kept_lessons,
    lesson_figures,
    open_teacher,
    with_lessons,
)
from ktrain_sentiment.workflow.models import (
    MODELS,
    ModelSpec,
    model_name,
    refuse_unlearnable,
    resolve_model,
)
from ktrain_sentiment.workflow.recording import (
    FitEvaluation,
    ask_predictor,
    evaluate_fit,
    facts_of_run,
    judge_other_engines,
    predict_splits,
    record_training,
)
from ktrain_sentiment.workflow.run_places import begin_run, claim_run, is_finished, is_stopped
from ktrain_sentiment.workflow.several_workers import (
    agree,
    common_rate,
    others_here,
    refuse_with_workers,
)
from ktrain_sentiment.workflow.summaries import RunResult

log = logging.getLogger(__name__)

Choice = TypeVar("Choice")


def train(
    settings: TrainingSettings,
    texts: LabelledTexts | None = None,
    *,
    folder: Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    reuse: bool = False,
    quiet: bool = False,
    cluster: Cluster | None = None,
) -> RunResult:
    """Train, judge and save a classifier as configured.

    Args:
        settings: Data, model, policy.
        texts: The rows, where they are read already by `settings.source`.
        folder: The run folder; runs/<name of the data> when not given.
        overwrite: Replace a run that is there.
        resume: Go on with a run that was stopped.
        reuse: Take a finished run with the same settings as the result, and go on with one that
            was stopped.
        quiet: Show no progress.
        cluster: Who trains together, with this process as the first; None: it trains alone.

    Raises:
        InputError: The data, the encoder, the settings or the run folder cannot be used.
        TrainingError: The loss diverged, the disk is full, or another worker is gone.
        KeyboardInterrupt: Ctrl-C; the message says how to go on.
    """
    if cluster is not None:
        refuse_with_workers(settings, len(cluster.addresses))
        join_cluster(cluster)
    refuse_unlearnable(settings)
    target = RunFolder(folder or default_run(settings.source.data))
    if reuse and is_finished(target, settings):
        log.info("%s is finished with these settings: nothing to train", target.path)
        return RunResult(target, TrainingRecord.read(target.metrics))
    if reuse and is_stopped(target, settings):
        log.info("%s was stopped with these settings: going on from there", target.path)
        overwrite, resume = False, True
    with claim_run(target.path, settings, overwrite=overwrite, resume=resume) as run:
        if not run.metrics.is_file():
            try:
                with others_here(settings, texts, cluster):
                    _train_into(run, settings, texts, resume=resume, quiet=quiet)
            except KeyboardInterrupt as stop:
                if str(stop) or not run.config.is_file():
                    raise
                said = "stopped; what is done is kept: add --resume to go on from there"
                raise KeyboardInterrupt(said) from None
        # From here on a run that was stopped has all it needs on disk.
        facts = facts_of_run(run.path)
        update_predictor(run.predictor, card=model_card(facts))
        shutil.rmtree(run.checkpoints, ignore_errors=True)
        write_report(facts, run.report)  # Last: a run with its page is a finished one.
    return RunResult(target, TrainingRecord.read(target.metrics))


def _train_into(
    run: RunFolder,
    settings: TrainingSettings,
    texts: LabelledTexts | None,
    *,
    resume: bool,
    quiet: bool,
) -> None:
    """Every step up to the figures, each leaving its files as soon as it is done."""
    texts, splits = _rows(settings, texts)
    teacher = open_teacher(settings.training, splits, settings.source)
    lessons = draw_lessons(settings.training, splits)
    begin_run(run, settings, splits, resume=resume)
    give_back()
    soft_targets = None
    if teacher is not None:
        soft_targets = teacher.kept_soft_targets(splits.train, run.soft_targets, resume=resume)
    if lessons is not None:
        lessons = kept_lessons(lessons, splits.labels, run.augmented, resume=resume)
    learned = with_lessons(splits, soft_targets, lessons)
    texts_learned = len(splits.train if learned is None else learned.texts)
    settings, race = _encoder(settings, splits, texts_learned, run, resume=resume)
    settings, few, tuner = _few_labels(settings, splits, run, resume=resume)
    spec = MODELS[settings.model.model]
    trainer = tuner.trainer if tuner else spec.open(settings, splits, learned)
    if settings.split.folds:
        log.info(
            "training the model of the predictor: fold %d of %d validates it",
            settings.split.fold, settings.split.folds,
        )  # fmt: skip
    agree(trainer, settings, splits)
    if settings.training.needs_mean_layer:
        tuning = tuning_of(settings.training)
        rate, fitted = tuning.rate, fit_few_labels(trainer, splits, tuning, tuner)
        log.info("%s in %.1f s", settings.training.few_labels, fitted.seconds)
    else:
        rate, fitted = _fit(trainer, settings, splits, run, resume=resume, quiet=quiet)
    _save_history(fitted, run)
    give_back()  # what the steps left, which no graph of ONNX Runtime finds
    saved = _save_predictor(trainer, spec, splits, run, settings)
    record = _judge(saved, trainer, settings, splits, run, fitted, rate, teacher)
    if lessons is not None:
        record = replace(record, augmented=lesson_figures(lessons))
    if settings.split.folds:
        folds = cross_validate(
            texts,
            settings,
            run,
            learning_rate=rate,
            epochs=len(fitted.history),
            resume=resume,
            quiet=quiet,
        )
        record = replace(record, cross_validation=folds)
    record = replace(record, encoder_race=race, few_labels=few)
    write_json(run.metrics, record.to_json())


def _rows(settings: TrainingSettings, texts: LabelledTexts | None) -> tuple[LabelledTexts, Splits]:
    """The rows, whole and divided, once it is sure that these settings can learn from them."""
    texts, splits = read_and_split(settings.source, settings.split, texts)
    sizes = ", ".join(f"{name} {size:,}" for name, size in splits.sizes().items())
    log.info("%s: %s: %s", texts.source, count(sum(splits.sizes().values()), "row"), sizes)
    if is_open(settings):
        refuse(splits.kind, "--encoder", texts.source, "--encoder auto")
    else:
        resolve_model(settings)
    refuse_unlearnable(settings, splits)
    return texts, splits


def _earlier_choice(place: Path, kind: type[Choice]) -> Choice | None:
    """What a start that was stopped had chosen and kept; None where it had not come so far."""
    if not place.is_file():
        return None
    return from_plain(json.loads(place.read_text("utf-8")), kind, place)


def _encoder(
    settings: TrainingSettings, splits: Splits, texts: int, run: RunFolder, *, resume: bool
) -> tuple[TrainingSettings, EncoderRace | None]:
    """Which encoder learns, where that was left to choose; with `resume` an earlier start's."""
    if not is_open(settings):
        return settings, None
    race = _earlier_choice(run.encoder_race, EncoderRace) if resume else None
    if race is None:
        race = choose_encoder(settings, splits, texts)
        write_json(run.encoder_race, to_plain(race))
    log.info("--encoder auto: %s", race.why)
    return with_encoder(settings, race.taken), race


def _few_labels(
    settings: TrainingSettings, splits: Splits, run: RunFolder, *, resume: bool
) -> tuple[TrainingSettings, FewLabelsRecord | None, SentenceTuner | None]:
    """Which way few labels are learned from, and the encoder where one was opened to find out.

    With `resume` it is an earlier start's choice.
    """
    asked = settings.training.few_labels
    tuner = None
    if asked == "full":
        return settings, None, None
    if asked != "auto":
        found = FewLabelsRecord(asked=asked, taken=asked, why=f"{asked}, as --few-labels says")
    elif resume and (kept := _earlier_choice(run.few_labels, FewLabelsRecord)):
        found = kept
    else:
        found, tuner = choose_way(settings, splits)
        log.info("--few-labels auto takes %s", found.why)
        write_json(run.few_labels, to_plain(found))
    settings = replace(settings, training=replace(settings.training, few_labels=found.taken))
    return settings, found, tuner


def _say_length(trainer: Trainer) -> None:
    """Why a training takes more epochs than usual, where it was left to us."""
    texts = trainer.learner.train_data.nsamples()
    epochs = planned_epochs(trainer.config, texts)
    if trainer.config.epochs is None and epochs > USUAL_EPOCHS:
        log.info(
            "few texts to learn from (%s): %d epochs instead of %d (--epochs decides)",
            f"{texts:,}", epochs, USUAL_EPOCHS,
        )  # fmt: skip


def _fit(
    trainer: Trainer,
    settings: TrainingSettings,
    splits: Splits,
    run: RunFolder,
    *,
    resume: bool,
    quiet: bool,
) -> tuple[float, FitResult]:
    """Train step by step, at the rate that is given or that a search finds: that rate, and how."""
    _say_length(trainer)
    spec = MODELS[settings.model.model]
    rate = rate_without_search(spec, settings, splits.task)
    if rate is None:
        rate = searched_rate(trainer, spec, settings, run, resume=resume, quiet=quiet)
    fitted = trainer.fit(
        common_rate(trainer, rate),
        Checkpoints(run.checkpoints),
        settings.training.checkpoint_every,
        resume=resume,
        quiet=quiet,
        extra_callbacks=(tensorboard_log(trainer.backend, run.tensorboard),),
    )
    return rate, fitted


def _save_history(fitted: FitResult, folder: RunFolder) -> None:
    write_table(folder.history, fitted.history)
    schedule = pd.DataFrame({"learning_rate": fitted.schedule.learning_rates})
    if fitted.schedule.momenta:
        schedule["momentum"] = pd.Series(fitted.schedule.momenta)
    write_table(folder.schedule, schedule)
    columns = {str(n): fitted.history[n].tolist() for n in fitted.history if n != "epoch"}
    plots.save_png(plots.history(columns, fitted.best_epoch), folder.plot("history"))
    if fitted.schedule.learning_rates:
        drawn = plots.schedule(fitted.schedule.learning_rates, fitted.schedule.momenta or None)
        plots.save_png(drawn, folder.plot("schedule"))


def _judge(
    saved: SavedPredictor,
    trainer: Trainer,
    settings: TrainingSettings,
    splits: Splits,
    run: RunFolder,
    fitted: FitResult,
    rate: float,
    teacher: Teacher | None,
) -> TrainingRecord:
    """Judge what was saved, and no longer the model in memory; the figures go where they belong."""
    shipped = open_shipped(run.predictor, trainer)
    temperature = saved.manifest.temperature * saved.manifest.folded_temperature
    evaluation = evaluate_fit(predict_splits(shipped, splits), splits.train, temperature)
    _save_evaluation(evaluation, run)
    engine = str(getattr(shipped, "engine", ""))
    judged = evaluation.predictions[evaluation.headline]
    record = replace(
        _record(settings, splits, trainer, fitted, evaluation, rate),
        engine=engine,
        other_engines=judge_other_engines(run.predictor, engine, judged),
        engines={one.engine: one.to_json() for one in saved.engines},
    )
    _note_figures(run, record)
    if teacher is not None:
        said = judged.to_frame()
        record = replace(record, teacher=teacher.figures(said, said["predicted"]))
    return ask_predictor(record, evaluation, splits.train, shipped, run.predictor)


def _save_evaluation(found: FitEvaluation, folder: RunFolder) -> None:
    for name, rows in found.predictions.items():
        write_table(folder.predictions(name), rows.to_frame())
    write_table(folder.top_losses, found.losses)
    rows, metrics = found.predictions[found.headline], found.metrics[found.headline]
    name, draw = DRAWN[metrics.kind]
    plots.save_png(draw(rows, metrics), folder.plot(name))


def _record(
    settings: TrainingSettings,
    splits: Splits,
    trainer: Trainer,
    fitted: FitResult,
    evaluation: FitEvaluation,
    rate: float,
) -> TrainingRecord:
    few = settings.training.needs_mean_layer
    batch = min(len(splits.train), Tuning.texts) if few else settings.training.batch_size
    trained = fitted.steps * batch
    return record_training(
        evaluation,
        splits,
        settings.source.data or splits.source,
        settings.source,
        training_doubts(settings, splits, len(fitted.history)),
        model=settings.model.model,
        encoder=model_name(settings),
        kept_layers=trainer.kept_layers,
        longest_text=trainer.longest_text,
        long_texts="" if settings.model.is_ktrain_model else settings.encoder.long_texts,
        policy="linear" if few else settings.training.policy,
        learning_rate=rate,
        adversarial=trainer.config.adversarial_epsilon,
        best_epoch=fitted.best_epoch,
        epochs=len(fitted.history),
        train_seconds=round(fitted.seconds, 2),
        texts_per_second=round(trained / fitted.seconds, 1) if fitted.seconds and trained else None,
        device=trainer.backend.device,
        precision=trainer.backend.precision,
        versions=trainer.backend.versions,
    )


def training_doubts(settings: TrainingSettings, splits: Splits, epochs: int) -> list[str]:
    """Why a model may have learned little, whatever its figures say, and what to try."""
    encoder, config, found = settings.encoder.encoder, settings.training, []
    own = settings.model.model if settings.model.is_ktrain_model else ""
    updates = steps_per_epoch(len(splits.train), config.batch_size) * epochs // config.accumulate
    # NBSVM begins with weights that are of use already.
    if updates < FEWEST_STEPS and not config.needs_mean_layer and own != "nbsvm":
        found.append(
            f"It was trained for {count(updates, 'step')}, and {own or 'an encoder'} learns "
            f"little in fewer than {FEWEST_STEPS}: try more --epochs (left out, they are enough), "
            "or more rows."
        )
    language = "" if own else main_language(splits.train["text"])
    if language not in ("", "en") and learned_english_alone(encoder):
        found.append(
            f"Most texts are in another language ({language}), of which {encoder} has learned "
            "next to nothing: try --encoder distilbert-base-multilingual-cased, or an encoder of "
            "that language."
        )
    return found


def _save_predictor(
    trainer: Trainer, spec: ModelSpec, splits: Splits, run: RunFolder, settings: TrainingSettings
) -> SavedPredictor:
    """Export the model, and fold the temperature of the engine that will answer into all files."""
    no_test = replace(splits, test=splits.test.head(0))

    def calibrate(folder: Path) -> Chosen:
        rows = predict_splits(open_shipped(folder, trainer), no_test)["validation"]
        return CHOSEN_BY[rows.task.kind](rows)

    return save_trained(trainer, spec, splits, run.predictor, settings, calibrate)


def _note_figures(run: RunFolder, record: TrainingRecord) -> None:
    """Put the headline figures into the predictor's manifest."""
    figures = record.to_json()
    figures[record.headline].pop("reliability", None)  # of use to the report alone
    names = ("headline", record.headline, "learning_rate", "engine")
    update_predictor(run.predictor, metrics={name: figures[name] for name in names})
