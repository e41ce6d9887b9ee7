"""What makes a folder an encoder, what is said of one that is none, and where encoders are kept."""

from pathlib import Path
from typing import Any

import pytest

from ktrain_sentiment import encoders
from ktrain_sentiment.encoders import encoder_folder
from ktrain_sentiment.encoders.encoder_folder import most_tokens
from ktrain_sentiment.runs import cache_folder
from support.encoders import WEIGHTS, complaint


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
