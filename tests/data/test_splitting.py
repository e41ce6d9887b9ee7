"""Splits: stratified, grouped, by time, by column, by file, in folds; never leaking unsaid."""

import pandas as pd
import pytest

from ktrain_sentiment.config import DataConfig, SplitConfig
from ktrain_sentiment.data import LabelledTexts, k_fold, split
from ktrain_sentiment.errors import ConfigError, DataError


def make(rows=100, **columns):
    frame = pd.DataFrame(
        {
            "text": [f"this is text number {k}" for k in range(rows)],
            "label": ["good" if k % 4 else "bad" for k in range(rows)],
            "row": range(1, rows + 1),
            **columns,
        }
    )
    return LabelledTexts(frame, "reviews.csv", "text", "label", config=DataConfig(data="x"))


def texts_in(*frames):
    return [set(frame["text"]) for frame in frames]


def test_a_split_is_stratified_and_complete():
    splits = split(make(), SplitConfig(validation=0.2, test=0.1))
    assert splits.sizes() == {"train": 70, "validation": 20, "test": 10}
    assert splits.validation["label"].value_counts().to_dict() == {"good": 15, "bad": 5}
    assert splits.labels == ("bad", "good")
    train, validation, test = texts_in(splits.train, splits.validation, splits.test)
    assert len(train | validation | test) == 100
    assert list(splits.test.index) == list(range(10))


def test_numbers_of_rows_are_met_exactly():
    splits = split(make(), SplitConfig(validation=7, test=13))
    assert splits.sizes() == {"train": 80, "validation": 7, "test": 13}


def test_a_split_without_test_rows_is_possible():
    assert split(make(), SplitConfig(test=0)).sizes() == {"train": 90, "validation": 10, "test": 0}


def test_too_many_rows_wanted_leaves_none_to_train_on():
    with pytest.raises(DataError, match="110 of 100 rows are wanted for validation and test"):
        split(make(), SplitConfig(validation=60, test=50))


def test_the_fingerprint_changes_with_the_seed_and_with_any_text():
    first = split(make(), SplitConfig())
    assert first.fingerprint == split(make(), SplitConfig()).fingerprint
    assert first.fingerprint != split(make(), SplitConfig(split_seed=1)).fingerprint
    other = make()
    other.frame.loc[0, "text"] = "another text"
    assert first.fingerprint != split(other, SplitConfig()).fingerprint
    assert len(first.fingerprint) == 64


def test_the_fingerprint_tells_texts_from_labels_that_run_together():
    frames = [
        pd.DataFrame({"text": ["ab"], "label": ["c"]}),
        pd.DataFrame({"text": ["a"], "label": ["bc"]}),
    ]
    from ktrain_sentiment.data import fingerprint

    assert fingerprint(frames[0]) != fingerprint(frames[1])


def test_near_duplicates_stay_in_one_split():
    made = make()
    forms = ["Text {n} http://t.co/{k}", "TEXT {n}  http://x.org"]
    made.frame["text"] = [forms[k % 2].format(n=k // 5, k=k) for k in range(100)]
    splits = split(made, SplitConfig(validation=0.2, test=0.2))
    numbers = [{text.split()[1] for text in own} for own in texts_in(*splits.frames().values())]
    assert not numbers[0] & numbers[1]
    assert not numbers[0] & numbers[2]
    assert not numbers[1] & numbers[2]
    assert splits.notes == ()


def test_a_class_too_rare_for_all_splits_is_named_with_ways_out():
    made = make(20)
    made.frame["label"] = ["good"] * 9 + ["bad"] * 9 + ["odd"] * 2
    with pytest.raises(DataError) as refused:
        split(made, SplitConfig())
    assert str(refused.value) == (
        "reviews.csv: too few different texts to have each class in each of 3 parts: odd (2); "
        "leave such classes out with --min-class-size 3 or --drop-labels, or join them with --map"
    )


def test_a_slip_of_a_label_is_said_and_what_leaves_nothing_is_not_advised():
    made = make(40)
    made.frame["label"] = ["positive"] * 19 + ["negative"] * 20 + ["postive"]
    with pytest.raises(DataError, match=r'or join them with --map "postive=positive"$'):
        split(made, SplitConfig())
    few = make(3)
    few.frame["label"] = ["good", "bad", "so so"]
    with pytest.raises(DataError, match="; wanted 3 of each class at least, and better many"):
        split(few, SplitConfig())


def test_no_group_lies_in_two_splits():
    made = make(200, user=[f"u{k % 23}" for k in range(200)])
    splits = split(made, SplitConfig(validation=0.2, test=0.2, group="user"))
    users = [set(frame["user"]) for frame in splits.frames().values()]
    assert not users[0] & users[1]
    assert not users[0] & users[2]
    assert not users[1] & users[2]
    assert all(size >= 20 for size in splits.sizes().values())


def test_groups_that_are_too_few_missing_or_empty_are_refused():
    with pytest.raises(DataError, match="--group user has 2 different values, and 3 splits want"):
        split(make(10, user=["a", "b"] * 5), SplitConfig(group="user"))
    with pytest.raises(DataError, match=r"there is no column 'user' \(--group\); columns: 'text'"):
        split(make(10), SplitConfig(group="user"))
    with pytest.raises(DataError, match="--group user: no value in rows 1, 3, 5, 7, 9; fill it in"):
        split(make(10, user=[None, "b"] * 5), SplitConfig(group="user"))


def test_the_latest_rows_are_tested_on():
    days = pd.date_range("2024-01-01", periods=100).strftime("%Y-%m-%d")
    splits = split(make(100, when=days[::-1]), SplitConfig(validation=0.2, test=0.1, time="when"))
    assert splits.sizes() == {"train": 70, "validation": 20, "test": 10}
    assert splits.train["when"].max() < splits.validation["when"].min()
    assert splits.validation["when"].max() < splits.test["when"].min()


@pytest.mark.parametrize(
    ("moment", "problem"),
    [
        ("03/04/2024", "row 3: '03/04/2024' may be day or month first; write dates as 2024-01-31"),
        ("yesterday", r"row 3: 'yesterday' in column 'when' \(--time\) is no date"),
    ],
)
def test_dates_that_cannot_be_told_are_refused_by_their_row(moment, problem):
    when = ["2024-01-01", "2024-01-02", moment, *["2024-01-03"] * 7]
    with pytest.raises(DataError, match=problem):
        split(make(10, when=when), SplitConfig(time="when"))


def test_one_moment_for_all_is_no_order():
    with pytest.raises(DataError, match="all rows have the same time in column 'when'"):
        split(make(10, when=["2024-01-01"] * 10), SplitConfig(time="when"))


def test_a_column_may_say_which_split_a_row_belongs_to():
    own = ["train"] * 60 + ["dev"] * 20 + ["Test"] * 20
    splits = split(make(100, part=own), SplitConfig(split_column="part"))
    assert splits.sizes() == {"train": 60, "validation": 20, "test": 20}


def test_a_split_that_the_column_does_not_name_is_cut_from_train():
    own = ["train"] * 80 + ["test"] * 20
    splits = split(make(100, part=own), SplitConfig(split_column="part", validation=0.25))
    assert splits.sizes() == {"train": 60, "validation": 20, "test": 20}


def test_an_odd_name_of_a_split_is_refused():
    with pytest.raises(DataError, match="column 'part' holds 'holdout', wanted train, validation"):
        split(make(4, part=["train", "holdout"] * 2), SplitConfig(split_column="part"))


def leaking():
    made = make(100, part=["train"] * 60 + ["validation"] * 20 + ["test"] * 20)
    made.frame.loc[[60, 61, 80], "text"] = ["THIS is text  number 4.", "fine", "fine"]
    return made


def test_leaks_across_given_splits_are_counted():
    splits = split(leaking(), SplitConfig(split_column="part"))
    assert splits.sizes() == {"train": 60, "validation": 20, "test": 20}
    assert splits.notes == (
        "1 of 20 validation rows stand in train too, exactly or nearly (--leaks drop leaves them "
        "out of train)",
        "1 of 20 test rows stand in validation too, exactly or nearly (--leaks drop leaves them "
        "out of validation)",
    )


def test_leaks_are_left_out_of_what_is_learned_from():
    splits = split(leaking(), SplitConfig(split_column="part", leaks="drop"))
    assert splits.sizes() == {"train": 59, "validation": 19, "test": 20}
    train, validation, test = texts_in(splits.train, splits.validation, splits.test)
    assert "this is text number 4" not in train
    assert "fine" in test
    assert "fine" not in validation


def test_files_of_their_own_are_read_like_the_first(write, read):
    train = "review;stars;drop me\n" + "".join(f"train {k};{k % 2 + 1};x\n" for k in range(20))
    later = "review;stars;drop me\n" + "".join(f"later {k};{k % 2 + 1};x\n" for k in range(6))
    texts = read(write("train.csv", train), map="1=bad 2=good")
    validation = str(write("val.csv", later))
    splits = split(texts, SplitConfig(validation=validation, test=0.2))
    assert splits.sizes() == {"train": 16, "validation": 6, "test": 4}
    assert splits.labels == ("bad", "good")
    assert set(splits.validation["label"]) == {"bad", "good"}


def test_a_file_with_labels_that_train_lacks_is_refused(write, read):
    texts = read(write("train.csv", "text,label\n" + "a b,x\nc d,y\ne f,x\ng h,y\n"))
    later = str(write("test.csv", "text,label\nq r,x\ns t,z\n"))
    with pytest.raises(DataError, match="test has labels that train has no row of: 'z'; rename"):
        split(texts, SplitConfig(validation=0.5, test=later))


def test_folds_cover_everything_but_the_test_rows():
    config = SplitConfig(folds=5, test=0.2)
    found = list(k_fold(make(), config))
    assert [len(one.validation) for one in found] == [16] * 5
    assert len({one.fingerprint for one in found}) == 5
    assert all(one.test.equals(found[0].test) for one in found)
    validated = [text for one in found for text in one.validation["text"]]
    assert len(validated) == len(set(validated)) == 80
    for one in found:
        assert not set(one.train["text"]) & set(one.validation["text"])


def test_folds_keep_groups_whole():
    made = make(200, user=[f"u{k % 31}" for k in range(200)])
    for one in k_fold(made, SplitConfig(folds=4, test=0, group="user")):
        assert not set(one.train["user"]) & set(one.validation["user"])
        assert 40 <= len(one.validation) <= 60


def test_folds_want_a_number():
    with pytest.raises(ConfigError, match="--folds is not given"):
        next(k_fold(make(), SplitConfig()))


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        ({"group": "a", "time": "b"}, "--group and --time each decide the split: choose one"),
        ({"folds": 1}, "--folds 1 --fold 1: wanted at least 2 folds"),
        ({"folds": 5, "fold": 6}, "--folds 5 --fold 6: wanted at least 2 folds, and one of them"),
        ({"folds": 5, "time": "b"}, "--folds chooses the validation rows itself"),
        ({"validation": -0.1}, "must not be negative"),
        ({"validation": 0.5, "test": 0.5}, "leave nothing to train on"),
    ],
)
def test_contradicting_ways_of_splitting_are_refused(flags, problem):
    with pytest.raises(ConfigError, match=problem):
        SplitConfig(**flags)
