"""Answers are weighed by what their mistakes cost, each task in its own way."""

import numpy as np
import pytest

from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.evaluation.losses import top_losses
from ktrain_sentiment.evaluation.mistake_costs import (
    CostOfModel,
    MistakeCosts,
    advise_by_cost,
    rank_by_cost,
    weigh,
)
from ktrain_sentiment.tasks import CLASSES, SCORES, SEVERAL, Task

LABELS = ("bad", "fine", "good")
STARS = Task.of("stars", ["1", "2", "5"])
SETS = ("joy", "sad: very")


def table(*given: str, task: Task = CLASSES, labels: tuple[str, ...] = LABELS) -> list[list[float]]:
    return MistakeCosts.parse(given, task, labels).table.tolist()


def test_a_mistake_costs_one_unless_it_is_said_and_the_last_word_counts():
    assert table("bad:good=5", "bad:=2", ":fine=3", "good:fine=0.5") == [
        [0, 3, 2],
        [1, 0, 1],
        [1, 0.5, 0],
    ]


def test_a_mistake_in_stars_costs_its_distance_or_its_square():
    stars = ("1", "2", "5")
    assert table("5:1=9", task=STARS, labels=stars) == [[0, 1, 4], [1, 0, 3], [9, 3, 0]]
    assert table("squared", task=STARS, labels=stars) == [[0, 1, 16], [1, 0, 9], [16, 9, 0]]
    assert table("1:5=9", "distance", task=STARS, labels=stars)[0] == [0, 1, 4]


def test_of_several_labels_missing_one_and_giving_it_wrongly_cost_apart():
    assert table(task=SEVERAL, labels=SETS) == [[1, 1], [1, 1]]
    given = ("missed=4", "wrong=2", "joy:=9", ":sad: very=3")
    assert table(*given, task=SEVERAL, labels=SETS) == [[9, 2], [4, 3]]


@pytest.mark.parametrize(
    ("given", "task", "labels", "said"),
    [
        ("bad:god=5", CLASSES, LABELS, r"there is no label 'god' \(did you mean good\?\)"),
        ("bad:good=-1", CLASSES, LABELS, "with a cost from 0 to 1,000,000,000"),
        ("bad:good=1e308", CLASSES, LABELS, "with a cost from 0 to 1,000,000,000"),
        ("bad:good", CLASSES, LABELS, "wanted TRUE:SAID=COST, such as bad:good=5"),
        (5, CLASSES, LABELS, "got 5; wanted TRUE:SAID=COST"),
        ("far", STARS, ("1", "2", "5"), "or distance, or squared, in stars"),
        ("joy=5", SEVERAL, SETS, "wanted LABEL:=COST"),
        ("bad=5", CLASSES, LABELS, "wanted TRUE:SAID=COST, such as bad:good=5"),
        (":=5", CLASSES, LABELS, "wanted TRUE:SAID=COST, such as bad:good=5"),
        ("bad:bad=1", CLASSES, LABELS, "what is right costs nothing"),
        ("squared", CLASSES, LABELS, "wanted TRUE:SAID=COST"),
        ("bad:good=nan", CLASSES, LABELS, "with a cost from 0"),
        ("joy:sad: very=2", SEVERAL, SETS, "wanted LABEL:=COST"),
        (
            "bad:good=",
            CLASSES,
            LABELS,
            "^--costs bad:good=: no cost stands behind the =; wanted bad:",
        ),
        ("missed= ", SEVERAL, SETS, "no cost stands behind the =; wanted missed=5"),
        ("distance", SCORES, ("score",), "the predictor answers with a score: leave it out"),
    ],
)
def test_costs_that_make_no_sense_are_refused_in_a_line(given, task, labels, said):
    with pytest.raises(ConfigError, match=said):
        MistakeCosts.parse([given], task, labels)


@pytest.mark.parametrize(
    ("given", "task", "labels"),
    [
        (("bad:good=5", "bad:=2", "bad: good=5"), CLASSES, LABELS),
        ((":good=5", ":good=6"), CLASSES, LABELS),
        (("missed=2", "wrong=1", "missed=3"), SEVERAL, SETS),
        (("joy:=2", "joy:=3"), SEVERAL, SETS),
    ],
)
def test_a_cost_that_is_said_twice_is_refused(given, task, labels):
    with pytest.raises(ConfigError, match=r"says twice what .* costs; leave one out"):
        MistakeCosts.parse(given, task, labels)


def test_the_answer_is_that_of_the_least_expected_cost():
    costs = MistakeCosts.parse(["bad:=5"], CLASSES, LABELS)
    rows = np.array([[0.2, 0.3, 0.5], [0.1, 0.1, 0.8], [0.5, 0.3, 0.2]])
    assert CLASSES.choices(rows).tolist() == [2, 2, 0]
    assert costs.deciding.choices(rows).tolist() == [0, 2, 0]
    # Of stars the middle is safest where both ends are likely.
    stars = MistakeCosts.parse(["squared"], STARS, ("1", "2", "5")).deciding
    assert stars.choices([[0.45, 0.15, 0.40]]).tolist() == [1]
    sets = MistakeCosts.parse(["missed=3", "wrong=1"], SEVERAL, SETS).deciding
    assert sets.thresholds == (0.25, 0.25)
    assert sets.said([[0.3, 0.2]]).tolist() == [[1, 0]]


def test_one_cost_needs_no_list():
    assert MistakeCosts.parse("bad:good=5", CLASSES, LABELS).table[0, 2] == 5


def test_a_label_whose_costs_are_not_said_keeps_its_threshold():
    chosen = SEVERAL.cut_at((0.4, 0.3))
    assert MistakeCosts.parse(["joy:=4"], chosen, SETS).deciding.thresholds == (0.2, 0.3)
    assert MistakeCosts.parse([], chosen, SETS).deciding.thresholds == (0.4, 0.3)


def test_what_is_gained_is_judged_row_by_row_beside_answering_all_alike():
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet([1, 1, 1], 400)
    truth = np.array([rng.choice(3, p=row) for row in probabilities])
    costs = MistakeCosts.parse(["bad:=8"], CLASSES, LABELS)
    found = weigh(costs, truth, probabilities)
    said = probabilities.argmax(axis=1)
    assert found.plain.value == pytest.approx(np.where(truth == 0, 8, 1)[said != truth].sum() / 400)
    assert found.saved.value == pytest.approx(found.plain.value - found.weighed.value)
    assert found.saved.low > 0
    assert found.changed > 50
    assert (found.always, found.always_cost) == ("bad", pytest.approx((truth != 0).mean()))


def test_the_dearest_mistakes_of_what_is_said_come_first():
    texts = ["a", "b", "c", "d"]
    table = np.array([[0.3, 0.7], [0.1, 0.9], [0.6, 0.4], [0.05, 0.95]])
    costs = MistakeCosts.parse("bad:good=5", CLASSES, ("bad", "good"))
    found = top_losses(texts, [1, 0, 0, 1], table, ("bad", "good"), costs=costs)
    assert found["text"].tolist() == ["b", "a", "c", "d"]
    assert found["cost"].tolist() == [5, 1, 0, 0]
    # Of the first text bad is said, though good is likelier.
    assert (found["predicted"][1], found["probability"][1]) == ("bad", 0.3)
    stars = MistakeCosts.parse("1:5=9", STARS, ("1", "2", "5"))
    found = top_losses(
        ["a", "b"], [2, 0], [[0.9, 0.1, 0], [0, 0, 1]], stars.labels, STARS, costs=stars
    )
    assert found[["text", "stars_off", "cost"]].values.tolist() == [["b", 4, 9], ["a", 4, 4]]
    sets = MistakeCosts.parse("missed=3", SEVERAL, SETS)
    found = top_losses(
        ["a", "b"], [[1, 0], [1, 1]], [[0.3, 0.9], [0.2, 0.9]], SETS, SEVERAL, costs=sets
    )
    assert found[["text", "predicted", "cost"]].values.tolist() == [
        ["b", "sad: very", 3], ["a", "joy|sad: very", 1],
    ]  # fmt: skip


def test_of_several_labels_the_cheapest_set_for_all_is_the_one_beside_it():
    truth = np.array([[1, 0], [1, 0], [0, 1], [0, 0]])
    probabilities = np.array([[0.4, 0.1], [0.9, 0.2], [0.6, 0.4], [0.1, 0.1]])
    found = weigh(MistakeCosts.parse(["missed=3"], SEVERAL, SETS), truth, probabilities)
    assert found.plain.value == pytest.approx((3 + 0 + 1 + 3) / 4)
    assert found.weighed.value == pytest.approx(1 / 4)
    assert (found.changed, found.always, found.always_cost) == (2, "joy", (3 + 2) / 4)


def test_of_several_labels_how_sure_an_answer_is_counts_from_its_thresholds():
    # At a threshold of a quarter, 0.25 is as unsure as can be; 0.9 is far beyond it.
    unsure = SEVERAL.cut_at((0.25, 0.25)).confidence([[0.9, 0.25], [0.9, 0.01]])
    assert unsure[0] == pytest.approx(0.5)
    assert unsure[1] == pytest.approx(0.27 / 0.28)  # odds of 9 / (1/3), the less sure of both


def test_with_costs_the_answer_that_may_cost_most_is_the_least_sure():
    two = MistakeCosts.parse(["bad:good=5"], CLASSES, ("bad", "good")).deciding
    rows = np.array([[0.16, 0.84], [0.45, 0.55], [0.75, 0.25], [0.01, 0.99]])
    assert two.choices(rows).tolist() == [1, 0, 0, 1]
    # 0.16 times 5 against 0.55, 0.25 and 0.01 times 5: the likely one is the dearest.
    assert two.confidence(rows) == pytest.approx([0.2, 0.45, 0.75, 0.95])
    stars = MistakeCosts.parse(["squared"], STARS, ("1", "2", "5")).deciding
    assert stars.confidence([[0.5, 0, 0.5], [0, 0, 1]]) == pytest.approx([1 - 5 / 9, 1])


def test_how_sure_an_answer_is_does_not_hang_on_the_unit_of_costs():
    rows = np.random.default_rng(0).dirichlet([1, 1, 1], 50)
    alike = MistakeCosts.parse([], CLASSES, LABELS).deciding
    assert alike.confidence(rows) == pytest.approx(CLASSES.confidence(rows))
    cents = MistakeCosts.parse([f"{one}:=100" for one in LABELS], CLASSES, LABELS).deciding
    assert cents.confidence(rows) == pytest.approx(CLASSES.confidence(rows))
    free = MistakeCosts.parse([":bad=0"], CLASSES, LABELS).deciding
    assert free.confidence(rows).tolist() == [1.0] * 50


def test_whatever_number_of_texts_is_left_to_a_person_the_others_cost_least():
    rng = np.random.default_rng(0)
    rows = rng.dirichlet([1, 1, 1], 2000)
    truth = np.array([rng.choice(3, p=row) for row in rows])
    costs = MistakeCosts.parse(["bad:=8"], CLASSES, LABELS)
    said = costs.deciding.choices(rows)
    cost = costs.of_rows(truth, said)
    by_rule = {
        "cost": costs.deciding.confidence(rows),
        "label": rows[np.arange(2000), said],
        "likeliest": rows.max(axis=1),
    }
    for answered in (400, 1000, 1600):
        left = {name: cost[np.argsort(-sure)[:answered]].mean() for name, sure in by_rule.items()}
        assert left["cost"] < min(left["label"], left["likeliest"])


def test_of_several_labels_an_answer_is_as_sure_as_its_labels_together_cost_little():
    one = MistakeCosts.parse(["joy:=1"], SEVERAL, ("joy",)).deciding
    assert one.confidence([[0.2], [0.9]]) == pytest.approx([0.8, 0.9])  # the decision's probability
    two = MistakeCosts.parse(["joy:=9"], SEVERAL, SETS).deciding
    # Joy is given from a tenth on: 0.2 and 0.9 times 1 if wrongly, 0.05 times 9 where it is not.
    rows = np.array([[0.8, 0.1], [0.1, 0.4], [0.05, 0.0]])
    assert two.answer_costs(rows) == pytest.approx([0.2 + 0.1, 0.9 + 0.4, 0.45])
    # The most careful answer, joy and either of the other, costs 2 at most.
    assert two.confidence(rows) == pytest.approx([0.85, 0.35, 0.775])
    cents = MistakeCosts.parse(["missed=100", "wrong=100"], SEVERAL, SETS).deciding
    alike = MistakeCosts.parse(["missed=1", "wrong=1"], SEVERAL, SETS).deciding
    assert cents.confidence(rows) == pytest.approx(alike.confidence(rows))


def test_whatever_number_of_texts_with_several_labels_is_left_the_others_cost_least():
    rng = np.random.default_rng(0)
    rows = rng.beta(0.5, 1.0, (4000, 3))
    # Labels that come together: a sum of costs asks for the probability of each alone.
    truth = rng.random((4000, 1)) < rows
    costs = MistakeCosts.parse(["missed=4", "a:=20"], SEVERAL, ("a", "b", "c"))
    task = costs.deciding
    cost = costs.of_rows(truth, task.said(rows))
    unweighed = SEVERAL.cut_at(task.thresholds).confidence(rows)  # the least sure decision
    for answered in (800, 2000, 3200):
        by_cost, by_decision = (
            cost[np.argsort(-sure)[:answered]].mean() for sure in (task.confidence(rows), unweighed)
        )
        assert by_cost < by_decision


def ranked(**said: str) -> tuple[CostOfModel, ...]:
    """Models that say `-` or `+` of two hundred rows of which the first hundred are `-`.

    A positive called negative costs five.
    """
    truth = np.repeat([0, 1], 100)
    tables = {name: np.eye(2)[[int(one == "+") for one in text]] for name, text in said.items()}
    costs = MistakeCosts.parse(["+:-=5"], CLASSES, ("-", "+"))
    return rank_by_cost(costs, truth, tables)


RIGHT = "-" * 100 + "+" * 100
CAREFUL = "+" * 20 + "-" * 80 + "+" * 98 + "--"
"""Costs 20 and twice 5, by 22 mistakes."""
BOLD = "-" * 99 + "+" + "-" * 14 + "+" * 86
"""Costs 1 and 14 times 5, by 15 mistakes."""


def test_the_cheaper_model_is_taken_though_more_of_its_labels_are_wrong():
    said = advise_by_cost(ranked(bold=BOLD, careful=CAREFUL), "bold")
    assert said.startswith("By cost take careful: bold costs 0.205 a row more (95 % interval of")
    assert said.endswith("), though it is better where mistakes are not weighed.")
    assert "though" not in advise_by_cost(ranked(bold=BOLD, careful=CAREFUL), None)


def test_where_the_rows_do_not_show_which_costs_less_that_is_said():
    # Right but for one dear mistake, and right but for four cheap ones.
    found = ranked(dear=RIGHT[:-1] + "-", cheap="++++" + RIGHT[4:])
    said = advise_by_cost(found)
    assert said.startswith("By cost 200 rows cannot tell dear from cheap: dear costs 0.005 a row")
    assert said.endswith(").")
    assert advise_by_cost(found, "dear").endswith(
        "). Take dear, which is better where mistakes are not weighed."
    )


def test_two_that_cost_the_same_in_every_row_have_no_interval():
    said = advise_by_cost(ranked(one=BOLD, other=BOLD))
    assert said == "By cost 200 rows cannot tell other from one: each row costs the same by both."


def test_of_several_models_all_are_named_that_may_cost_as_little():
    found = ranked(
        dear=RIGHT[:-1] + "-", cheap="++++" + RIGHT[4:], bold=BOLD, other="+" * 5 + RIGHT[5:]
    )
    assert advise_by_cost(found).endswith("; nor is other shown to be dearer.")
    sure = ranked(right=RIGHT, bold=BOLD, alike="-" * 200)
    assert advise_by_cost(sure, "right").startswith("By cost take right: bold comes next and costs")
    assert advise_by_cost(found[:1]) == ""


def test_a_dear_mistake_that_no_row_shows_may_still_be_made():
    # The one makes ten cheap mistakes more; a dear one in fifty texts would weigh as much.
    (_, other) = ranked(right=RIGHT, cheap="+" * 10 + RIGHT[10:])
    assert other.dearer is not None
    assert other.dearer.low < 0 < other.dearer.value < other.dearer.high
    (_, same) = ranked(one=BOLD, other=BOLD)
    assert same.dearer is not None
    assert (same.dearer.low, same.dearer.high) == (0, 0)
