"""What mistakes cost, and the answers that cost least.

A matrix says it of classes and stars, two figures a label where a text may have several.
Where one mistake is worse than another, the answer to give is that of the least expected cost, and
not the likeliest (Elkan 2001, "The Foundations of Cost-Sensitive Learning"): of two classes the one
whose probability passes a threshold other than a half, of several labels each that does.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.evaluation.confusion import Floats
from ktrain_sentiment.evaluation.intervals import (
    Estimate,
    bootstrap_mean,
    freedom_of,
    unseen_share,
)
from ktrain_sentiment.messages import count, listed
from ktrain_sentiment.reading_rules import BETWEEN_LABELS, BY_ORDER
from ktrain_sentiment.refusals import refuse
from ktrain_sentiment.tasks import Task

MISSED, WRONG = 0, 1
"""The columns of costs of several labels: a label that is not given, and one that should not be."""
_OF_LABELS = {"missed": MISSED, "wrong": WRONG}
_MOST = 1e9
"""A cost beyond which floats no longer tell the others apart."""


@dataclass(frozen=True)
class MistakeCosts:
    """What mistakes of a model cost.

    Attributes:
        task: What the labels are.
        labels: Their names.
        table: Of classes and stars what it costs to say a label (a column) of a text that has
            another (a row), shape (labels, labels), zero where they are one. Of several labels what
            it costs to miss each (first column) and to give it wrongly (second), shape (labels, 2).
        priced: Places of those of several labels whose costs were said: the others keep the
            thresholds that they have.
    """

    task: Task
    labels: tuple[str, ...]
    table: Floats
    priced: frozenset[int] = frozenset()

    @classmethod
    def parse(cls, given: Sequence[str] | str, task: Task, labels: Sequence[str]) -> MistakeCosts:
        """Costs as a user writes them.

        `TRUE:SAID=COST`, where a side that is left out stands for any label: `negative:positive=5`,
        `negative:=5`. Of several labels `LABEL:=COST` is that of missing it, `:LABEL=COST` that of
        giving it wrongly; `missed=COST` and `wrong=COST` are those of every label. Of stars a
        mistake costs the distance in stars (`distance`), or its square (`squared`); any other costs
        one where nothing is said. Later ones stand above earlier ones; what is said twice in the
        same words is refused, as one of them is a slip.

        Args:
            given: One string each; one alone may stand without a list.
            task: What the labels are.
            labels: Their names.

        Raises:
            ConfigError: One makes no sense or is said twice, or the task has no labels to confuse.
        """
        refuse(task.kind, "--costs")
        names, priced = tuple(labels), set[int]()
        if task.is_multi:
            table = np.ones((len(names), 2))
        else:
            table = task.distance.copy() if task else 1 - np.eye(len(names))
        before: dict[str, str] = {}
        for one in (given,) if isinstance(given, str) else given:
            if not isinstance(one, str):
                raise ConfigError(f"--costs: got {one!r}; {_form(task, names)}")
            if task and one in BY_ORDER:
                table = task.distance ** BY_ORDER[one]
                continue
            named, cost = _priced(one, before, _form(task, names))
            if task.is_multi and named in _OF_LABELS:
                table[:, _OF_LABELS[named]] = cost
                priced.update(range(len(names)))
                continue
            true, said = _sides(one, named, names, _form(task, names))
            if task.is_multi:
                if (true is None) == (said is None):
                    raise ConfigError(f"--costs {one}: {_form(task, names)}")
                place, kind = (true, MISSED) if true is not None else (cast("int", said), WRONG)
                table[place, kind] = cost
                priced.add(place)
            elif true is not None and true == said:
                raise ConfigError(f"--costs {one}: what is right costs nothing; leave it out")
            else:
                rows = slice(None) if true is None else true
                table[rows, slice(None) if said is None else said] = cost
                np.fill_diagonal(table, 0.0)
        return cls(task, names, np.asarray(table, np.float64), frozenset(priced))

    @property
    def deciding(self) -> Task:
        """The task with these costs behind what is answered."""
        weighed = tuple(map(tuple, self.table.tolist()))
        if self.task.is_multi:
            total = np.maximum(self.table.sum(axis=1), np.finfo(np.float64).tiny)
            # To give a label costs (1 - p) times wrong, to leave it out p times missed.
            follow = (self.table[:, WRONG] / total).tolist()
            cuts = enumerate(self.task.cuts(len(self.labels)))
            cut = self.task.cut_at([follow[k] if k in self.priced else cut for k, cut in cuts])
            return replace(cut, costs=weighed)
        return replace(self.task, costs=weighed)

    def of_rows(self, y_true: ArrayLike, said: ArrayLike) -> Floats:
        """What each row's answer costs, shape (n,).

        Args:
            y_true: Class indices, shape (n,); of several labels 0 or 1 for each, (n, labels).
            said: What was answered, likewise.
        """
        truth, answer = np.asarray(y_true), np.asarray(said)
        if not self.task.is_multi:
            return np.asarray(self.table[truth, answer])
        has, gave = truth.astype(bool), answer.astype(bool)
        missed, wrong = has & ~gave, gave & ~has
        return np.asarray(missed @ self.table[:, MISSED] + wrong @ self.table[:, WRONG])

    def constant(self, y_true: ArrayLike) -> NDArray[np.int64]:
        """The answer that costs least where all rows get the same one, as `said` has one row."""
        truth = np.asarray(y_true)
        if self.task.is_multi:
            have = truth.sum(axis=0)
            leaves, gives = have * self.table[:, MISSED], (len(truth) - have) * self.table[:, WRONG]
            return np.asarray(gives < leaves, np.int64)
        counts = np.bincount(truth, minlength=len(self.labels))
        return np.asarray((counts @ self.table).argmin(), np.int64)

    def named(self, said: NDArray[np.int64]) -> str:
        """One answer in words."""
        if not self.task.is_multi:
            return self.labels[int(said)]
        return BETWEEN_LABELS.join(
            label for label, has in zip(self.labels, said.tolist(), strict=True) if has
        )


@dataclass(frozen=True)
class CostFigures:
    """What a model's mistakes cost a row, and what is gained by answering with the costs in mind.

    Attributes:
        plain: Mean cost of a row's answer as the model gives it.
        weighed: Mean cost of the answers of least expected cost.
        saved: By how much these cost less, paired by row.
        changed: Rows whose answer is another then.
        rows: How many there are.
        always: The answer that costs least of those that all rows would get; empty for no label.
        always_cost: What that costs.
    """

    plain: Estimate
    weighed: Estimate
    saved: Estimate
    changed: int
    rows: int
    always: str
    always_cost: float


def weigh(costs: MistakeCosts, y_true: ArrayLike, probabilities: ArrayLike) -> CostFigures:
    """Judge answers by what their mistakes cost.

    Args:
        costs: What they cost.
        y_true: As for `MistakeCosts.of_rows`.
        probabilities: Shape (n, labels).
    """
    plain, weighed = (task.said(probabilities) for task in (costs.task, costs.deciding))
    before, after = costs.of_rows(y_true, plain), costs.of_rows(y_true, weighed)
    always = costs.constant(y_true)
    alike = np.broadcast_to(always, np.shape(y_true))
    changed = plain != weighed
    return CostFigures(
        plain=bootstrap_mean(before),
        weighed=bootstrap_mean(after),
        saved=bootstrap_mean(before - after),
        changed=int(changed.any(axis=1).sum() if costs.task.is_multi else changed.sum()),
        rows=len(before),
        always=costs.named(always),
        always_cost=float(costs.of_rows(y_true, alike).mean()),
    )


@dataclass(frozen=True)
class CostOfModel:
    """What one of several models' mistakes cost.

    Attributes:
        name: The model's.
        cost: Mean cost of a row's answer.
        dearer: By how much it costs more than the cheapest model, paired by row; None for that one.
            Its interval has room for the dearest mistake where no row shows one of the two make it
            alone.
    """

    name: str
    cost: Estimate
    dearer: Estimate | None


def rank_by_cost(
    costs: MistakeCosts, y_true: ArrayLike, tables: Mapping[str, ArrayLike]
) -> tuple[CostOfModel, ...]:
    """Models by what their mistakes cost, the cheapest first.

    Of classes and stars each answers with the least expected cost. The labels of several are those
    from their thresholds on, which each model chose for itself.

    Args:
        costs: What mistakes cost.
        y_true: As for `MistakeCosts.of_rows`.
        tables: Answers by model, shape (n, labels); of several labels such that a half is the
            threshold of each.
    """
    task = costs.task.cut_at(()) if costs.task.is_multi else costs.deciding
    rows = {name: costs.of_rows(y_true, task.said(table)) for name, table in tables.items()}
    best, *others = sorted(rows, key=lambda name: float(rows[name].mean()))
    first = CostOfModel(best, bootstrap_mean(rows[best]), None)
    return (
        first,
        *(
            CostOfModel(name, bootstrap_mean(rows[name]), _dearer(costs, rows[name] - rows[best]))
            for name in others
        ),
    )


def _dearer(costs: MistakeCosts, more: Floats) -> Estimate:
    """By how much one model costs more than another, of each row's difference, shape (n,).

    A dear mistake that is rare may be in none of the rows, and so in no resample: of two models
    that cost the same, one by a mistake in fifty rows that costs five times as much as the other's
    ones in ten, every fourth interval of 60 rows left out 0.
    """
    found = bootstrap_mean(more, freedom=freedom_of(more))
    dearest = float(costs.table.max())
    for sign in (-1, 1):
        if more.any() and not (sign * more >= dearest).any():
            found = found.stretched(sign * unseen_share(len(more)) * dearest)
    return found


def advise_by_cost(found: Sequence[CostOfModel], better: str | None = None) -> str:
    """Which model to take for what its mistakes cost, or that the rows do not show it.

    Args:
        found: The models, the cheapest first; of fewer than two there is nothing to say.
        better: The one that was shown to be better where mistakes are not weighed; None for none.
    """
    told = [(one, one.dearer) for one in found if one.dearer is not None]
    if not told:
        return ""
    cheapest = found[0]
    alike = [(one, by) for one, by in told if by.low <= 0]
    # Of those that chance cannot tell from the cheapest, the one that is better otherwise.
    one, by = min(alike or told, key=lambda pair: pair[0].name != better)
    follows = " comes next and" if len(told) > 1 and one is told[0][0] and not alike else ""
    gap = (
        f"{one.name}{follows} costs {by.value:.3g} a row more (95 % interval of the difference "
        f"{by.low:.3g} to {by.high:.3g})"
    )
    if by.low == by.high:  # Else they would differ in a row.
        gap = "each row costs the same by both"
    rival = better if better not in (None, cheapest.name) else ""
    if not alike:
        though = ", though it is better where mistakes are not weighed" if rival else ""
        return f"By cost take {cheapest.name}: {gap}{though}."
    rest = [two.name for two, _ in alike if two is not one]
    more = f"; nor is {' or '.join(rest)} shown to be dearer" if rest else ""
    take = f". Take {one.name}, which is better where mistakes are not weighed"
    return (
        f"By cost {count(by.n, 'row')} cannot tell {one.name} from {cheapest.name}: {gap}"
        f"{more}{take if one.name == rival else ''}."
    )


def _form(task: Task, labels: tuple[str, ...]) -> str:
    """How costs are written, for who wrote something else."""
    if task.is_multi:
        return (
            "a text may have several labels; wanted LABEL:=COST (of missing it), :LABEL=COST (of "
            "giving it wrongly), missed=COST or wrong=COST"
        )
    order = "; or distance, or squared, in stars" if task else ""
    return (
        f"wanted TRUE:SAID=COST, such as {labels[0]}:{labels[-1]}=5, or {labels[0]}:=5 for "
        f"whatever else is said{order}"
    )


def _priced(one: str, before: dict[str, str], form: str) -> tuple[str, float]:
    """Which mistakes a cost is said of, and the cost; noted as said before."""
    named, equals, value = one.rpartition("=")
    if equals and not value.strip():
        raise ConfigError(f"--costs {one}: no cost stands behind the =; wanted {named}=5")
    cost = _cost(value)
    if cost is None:
        raise ConfigError(f"--costs {one}: {form}; with a cost from 0 to {_MOST:,.0f}")
    # Spaces around labels are no difference.
    mistakes = ":".join(map(str.strip, named.split(":")))
    if mistakes in before:
        raise ConfigError(
            f"--costs {before[mistakes]} {one}: says twice what {mistakes} costs; leave one out"
        )
    before[mistakes] = one
    return named, cost


def _cost(value: str) -> float | None:
    """A cost as it was written; None for what is none."""
    try:
        cost = float(value)
    except ValueError:
        return None
    return cost if 0 <= cost <= _MOST else None


def _sides(
    one: str, named: str, labels: tuple[str, ...], form: str
) -> tuple[int | None, int | None]:
    """The places of the true and of the said label; None for one that is left out."""
    # A label may hold a colon itself.
    for true, said in _splits(named):
        if (not true or true in labels) and (not said or said in labels) and (true or said):
            return (
                labels.index(true) if true else None,
                labels.index(said) if said else None,
            )
    halves = [part for part in named.split(":") if part and part not in labels]
    if ":" not in named or not halves:
        raise ConfigError(f"--costs {one}: {form}")
    near = difflib.get_close_matches(halves[0], labels, n=1)
    meant = f" (did you mean {near[0]}?)" if near else ""
    raise ConfigError(
        f"--costs {one}: there is no label {halves[0]!r}{meant}; labels: {listed(labels)}"
    )


def _splits(named: str) -> Iterator[tuple[str, str]]:
    for place, letter in enumerate(named):
        if letter == ":":
            yield named[:place].strip(), named[place + 1 :].strip()
