"""The learning-rate policies, how long they take, and how much each class counts.

ktrain brings 1cycle (Smith 2018, arXiv:1803.09820), cyclical rates (Smith 2017, arXiv:1506.01186)
and warm restarts (SGDR, Loshchilov & Hutter 2017, arXiv:1608.03983); its Learner is given a
schedule that can be saved and restored.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ktrain_sentiment.config import TrainConfig
from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.messages import listed
from ktrain_sentiment.training.backend import Backend, Logs, Untyped
from ktrain_sentiment.training.callbacks import as_callback
from ktrain_sentiment.training.dataset import steps_per_epoch

SCHEDULES = frozenset({"CyclicLR", "SGDRScheduler", "StepSchedule"})
"""Callbacks that change the learning rate: ktrain's two, and ours."""

USUAL_EPOCHS, FEWEST_STEPS = 3, 100
"""How long a training takes that was given no number of epochs; see `epochs_for`. BERT's authors
fine-tune for two to four (Devlin et al. 2019, appendix A.3)."""

PLATEAU_PATIENCE = 2
"""Epochs without improvement after which ktrain's triangular policy halves the rate."""


@dataclass(frozen=True)
class Schedule:
    """The learning rate, and with cyclical momentum beta_1, of every step that was taken."""

    learning_rates: list[float]
    momenta: list[float]


def linear_rate(step: int, total: int, warmup: int, maximum: float) -> float:
    """Linear warm-up from 0 to the maximum, then linear decay to 0 at `total`."""
    # BERT's own schedule (Devlin et al. 2019, appendix A.2).
    if step < warmup:
        return maximum * (step + 1) / warmup
    return maximum * max(0.0, (total - step) / max(1, total - warmup))


class StepSchedule:
    """A learning rate that is a function of the step alone."""

    model: Untyped

    def __init__(
        self, set_rate: Callable[[Untyped, float], None], rate_at: Callable[[int], float]
    ) -> None:
        """Start before the first step.

        Args:
            set_rate: Keras's way to set a hyperparameter.
            rate_at: The learning rate of each step, counted from 0.
        """
        super().__init__()
        self._set_rate, self._rate_at = set_rate, rate_at
        self.step = 0
        self.history: dict[str, list[float]] = {"lr": []}

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Set the rate of this step."""
        del batch, logs
        rate = self._rate_at(self.step)
        self._set_rate(self.model.optimizer.lr, rate)
        self.history["lr"].append(rate)
        self.step += 1


class ScheduleKeeper:
    """Mixed into ktrain's Learner: knows the schedule that is in use, and its state."""

    schedule: Untyped = None

    def fit(self, *arguments: Any, **named: Any) -> Untyped:  # noqa: ANN401
        """Train as ktrain does, and remember the schedule among the callbacks."""
        self._remember(named.get("callbacks"))
        return super().fit(*arguments, **named)  # type: ignore[misc]

    def _cb_sgdr(self, *arguments: Any, **named: Any) -> Untyped:  # noqa: ANN401
        callbacks = super()._cb_sgdr(*arguments, **named)  # type: ignore[misc]
        self._remember(callbacks)
        return callbacks

    def _remember(self, callbacks: list[Untyped] | None) -> None:
        for callback in callbacks or []:
            # By name: ktrain defines these classes inside modules that import TensorFlow.
            if type(callback).__name__ in SCHEDULES:
                self.schedule = callback

    def schedule_state(self) -> dict[str, Any]:
        """What the schedule has counted and recorded, as plain JSON."""
        return {} if self.schedule is None else plain_attributes(self.schedule)

    def restore_schedule(self, state: Mapping[str, Any]) -> None:
        """Put a saved state back into the schedule."""
        if self.schedule is not None:
            self.schedule.__dict__.update(state)

    def used_schedule(self) -> Schedule:
        """The learning rates and momenta of all steps, from the first epoch on."""
        history = {} if self.schedule is None else self.schedule.history
        return Schedule(
            [float(rate) for rate in history.get("lr", [])],
            [float(momentum) for momentum in history.get("momentum", [])],
        )


PLAIN = (bool, int, float, str, type(None))


def plain_attributes(callback: Untyped) -> dict[str, Any]:
    """A callback's own numbers, texts and histories; its functions and its model stay out."""
    kept: dict[str, Any] = {}
    for name, value in vars(callback).items():
        if name in {"params", "validation_data"}:
            continue
        # ktrain counts iterations in NumPy's numbers, which JSON does not know.
        if hasattr(value, "item") and getattr(value, "shape", None) == ():
            kept[name] = value.item()
        elif isinstance(value, PLAIN):
            kept[name] = value
        elif name == "history":
            kept[name] = {key: [float(v) for v in values] for key, values in value.items()}
    return kept


def make_learner(
    base: Untyped, model: Untyped, train: Untyped, validation: Untyped, batch_size: int
) -> Untyped:
    """Make a Learner of one of ktrain's classes, whose schedule can be saved and restored."""
    kind = type("RestartableLearner", (ScheduleKeeper, base), {})
    return kind(
        model,
        train_data=train,
        val_data=validation,
        batch_size=batch_size,
        eval_batch_size=batch_size,
    )


def fit_with_policy(
    backend: Backend,
    learner: Untyped,
    config: TrainConfig,
    learning_rate: float,
    callbacks: list[Untyped],
    class_weight: dict[int, float] | None,
) -> None:
    """Train with the configured policy, through ktrain's own method for it.

    Args:
        backend: The opened frameworks.
        learner: From `make_learner`.
        config: Policy, epochs and cycles.
        learning_rate: The maximum learning rate.
        callbacks: Callbacks of ours, in order; ktrain adds its schedule behind them.
        class_weight: Weight of each class in the loss.
    """
    shared = {"class_weight": class_weight, "verbose": 0}
    texts = learner.train_data.nsamples()
    epochs = epochs_for(config, texts)
    if config.policy == "onecycle":  # Smith 2018: one rise and fall, momentum the other way
        learner.fit_onecycle(learning_rate, epochs, callbacks=callbacks, **shared)
    elif config.policy == "triangular":  # Smith 2017, halved on a plateau
        learner.autofit(
            learning_rate,
            epochs,
            reduce_on_plateau=PLATEAU_PATIENCE,
            callbacks=callbacks,
            **shared,
        )
    elif config.policy == "sgdr":  # Loshchilov & Hutter 2017: cosine cycles with warm restarts
        learner.fit(
            learning_rate,
            cycles_within(epochs, config.cycle_length, config.cycle_multiplier),
            cycle_len=config.cycle_length,
            cycle_mult=config.cycle_multiplier,
            callbacks=callbacks,
            **shared,
        )
    else:
        steps = steps_per_epoch(texts, config.batch_size) * epochs
        warmup = math.ceil(steps * config.warmup)

        def rate_at(step: int) -> float:
            if config.policy == "constant":
                return learning_rate
            return linear_rate(step, steps, warmup, learning_rate)

        set_rate = backend.keras.backend.set_value
        schedule = as_callback(backend, StepSchedule, set_rate, rate_at)
        learner.fit(learning_rate, epochs, callbacks=[*callbacks, schedule], **shared)


def cycles_within(epochs: int, length: int, multiplier: int) -> int:
    """Whole cycles that fit into `epochs`, at least one.

    The n-th cycle takes length * multiplier**n epochs.
    """
    # A cycle that is cut off would end at a high rate, where weights are at their noisiest.
    cycles, used, current = 0, 0, length
    while used + current <= epochs:
        cycles, used, current = cycles + 1, used + current, current * multiplier
    return max(cycles, 1)


def epochs_for(config: TrainConfig, texts: int, usual: int = USUAL_EPOCHS) -> int:
    """Passes over the texts: as many as were asked for; otherwise three, or a hundred steps.

    Three epochs of a few hundred texts are too few steps to learn anything: of 270 sentences of
    SST-2 an encoder comes to 59 to 72 % in 27 steps, and to 78 to 82 % in 90 (benchmarks/LOG.md).

    Args:
        config: Settings, which may leave it open.
        texts: How many there are to learn from.
        usual: Another number than three.
    """
    if config.epochs is not None:
        return config.epochs
    steps = steps_per_epoch(texts, config.batch_size)
    return max(usual, math.ceil(FEWEST_STEPS * config.accumulate / steps))


def planned_epochs(config: TrainConfig, texts: int) -> int:
    """Epochs that the policy will really take: sgdr trains whole cycles only."""
    epochs = epochs_for(config, texts)
    if config.policy != "sgdr":
        return epochs
    cycles = cycles_within(epochs, config.cycle_length, config.cycle_multiplier)
    return sum(config.cycle_length * config.cycle_multiplier**n for n in range(cycles))


def planned_steps(config: TrainConfig, texts: int) -> int:
    """How many batches will be learned."""
    return steps_per_epoch(texts, config.batch_size) * planned_epochs(config, texts)


def planned_updates(config: TrainConfig, texts: int) -> int:
    """How often the weights will change."""
    return planned_steps(config, texts) // config.accumulate


def class_weights(wanted: str, labels: pd.Series, known: Sequence[str]) -> dict[int, float] | None:
    """The weight of each class index, as Keras takes it.

    Args:
        wanted: `none`, `balanced` (rows / (classes * rows of the class), as scikit-learn has
            it), or a weight a class such as `negative=1,positive=3`; classes left out weigh 1.
        labels: Labels of the training rows.
        known: All classes, in the model's order.

    Raises:
        ConfigError: A class is unknown, or a weight is not a positive number.
    """
    if wanted == "none":
        return None
    if wanted == "balanced":
        counts = labels.value_counts()
        return {i: len(labels) / (len(known) * int(counts[k])) for i, k in enumerate(known)}
    given = dict(_class_weight(pair, known) for pair in wanted.split(","))
    return {index: given.get(label, 1.0) for index, label in enumerate(known)}


def _class_weight(pair: str, known: Sequence[str]) -> tuple[str, float]:
    label, _, number = (part.strip() for part in pair.rpartition("="))
    if label not in known:
        raise ConfigError(
            f"--class-weight {pair}: wanted none, balanced or weights such as "
            f"{known[0]}=1,{known[1]}=3; the classes are {listed(known)}"
        )
    try:
        weight = float(number)
    except ValueError:
        weight = math.nan
    if not 0 < weight < math.inf:
        raise ConfigError(f"--class-weight {pair}: the weight must be a number above 0")
    return label, weight
