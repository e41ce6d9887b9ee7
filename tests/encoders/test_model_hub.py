"""Encoders from a hub: fetched sparingly, verified, and one line when there is none."""

import json
import socket
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from ktrain_sentiment.encoders.model_hub import git_blob_sha1_of, learned_english_alone
from support.encoders import NAME, WEIGHTS, User, as_pickle, assert_same_tensors
from support.hub import Hub


def test_a_small_file_has_the_digest_that_git_gives_it(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    # git hash-object /dev/null
    assert git_blob_sha1_of(tmp_path / "empty") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"


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


# What was resolved can be used


def test_tensorflow_loads_a_downloaded_distilbert_with_its_weights(
    hub: Hub, user: User, encoder: Path
) -> None:
    hub.add(NAME, encoder)
    place = user.asks(NAME).folder
    from transformers import AutoTokenizer, TFAutoModelForSequenceClassification

    model = TFAutoModelForSequenceClassification.from_pretrained(place, num_labels=2)
    served = load_file(encoder / WEIGHTS)["distilbert.embeddings.word_embeddings.weight"]
    loaded = next(w for w in model.weights if "word_embeddings" in w.name)
    assert (loaded.numpy() == served).all()
    ids = AutoTokenizer.from_pretrained(place)("the plot was dull")["input_ids"]
    assert len(ids) == 6


def test_which_encoders_know_english_alone_is_said_of_those_that_are_known() -> None:
    assert all(map(learned_english_alone, ["minilm", "distilbert-base-uncased", "roberta-base"]))
    others = ["xlm-roberta-base", "distilbert-base-multilingual-cased", "my/own-encoder"]
    assert not any(map(learned_english_alone, others))
