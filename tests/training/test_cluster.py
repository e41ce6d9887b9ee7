"""Who trains together is read from TF_CONFIG, or refused in a line that says what is wrong."""

import json
from typing import Any

import pytest

from ktrain_sentiment.errors import ConfigError
from ktrain_sentiment.training.cluster import (
    Cluster,
    cluster_from,
    disagreements,
    own_of,
    wait_for_others,
)
from ktrain_sentiment.workflow.several_workers import free_ports

TWO = {"worker": ["here:1", "there:1"]}


def told(cluster: Any, task: Any = None) -> dict[str, str]:
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": task})}


@pytest.mark.parametrize("text", ["", " ", None])
def test_without_tf_config_there_is_no_cluster(text: str | None) -> None:
    assert cluster_from({} if text is None else {"TF_CONFIG": text}) is None


def test_a_chief_and_workers_are_all_workers_the_chief_first() -> None:
    jobs = {"worker": ["b:2", "c:3"], "chief": ["a:1"]}
    found = cluster_from(told(jobs, {"type": "worker", "index": 1}))
    assert found == Cluster(("a:1", "b:2", "c:3"), 2)
    assert not found.is_chief
    chief = cluster_from(told(jobs, {"type": "chief", "index": 0}))
    assert chief is not None
    assert chief.is_chief


def test_one_worker_is_none() -> None:
    assert cluster_from(told({"worker": ["a:1"]}, {"type": "worker", "index": 0})) is None


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"TF_CONFIG": "worker 0 of 2"}, "TF_CONFIG is not JSON"),
        ({"TF_CONFIG": "[1]"}, "TF_CONFIG names no cluster"),
        (told({}), "TF_CONFIG names no cluster"),
        (told({**TWO, "ps": ["p:1"]}), "the cluster has ps"),
        (told(TWO), "does not say which task"),
        (told(TWO, {"type": "chief", "index": 0}), "does not say which task"),
        (told(TWO, {"type": "worker"}), "the task's index is None, and of worker there are 2"),
        (told(TWO, {"type": "worker", "index": 2}), "the task's index is 2"),
        (told(TWO, {"type": "worker", "index": -1}), "a number from 0 to 1"),
        (told(TWO, {"type": "worker", "index": "0"}), "the task's index is '0'"),
        (told(TWO, {"type": "worker", "index": True}), "the task's index is True"),
        (told({"worker": "here:1"}), "worker is 'here:1'"),
        (told({"worker": ["here", "there:1"]}), 'wanted a list of "host:port"'),
        (told({"worker": ["a:1", "a:1"]}), "an address stands there twice"),
    ],
)
def test_what_cannot_be_understood_is_refused_in_one_line(
    environment: dict[str, str], said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        cluster_from(environment)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_worker_that_does_not_come_is_named_in_one_line() -> None:
    port = free_ports(1)[0]
    with pytest.raises(
        ConfigError, match=rf"worker 1 \(127.0.0.1:{port}\) was not there"
    ) as caught:
        wait_for_others(Cluster((f"127.0.0.1:{port + 1}", f"127.0.0.1:{port}"), 0, wait=0.2))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"version": "2"}, "worker 1 has version 2, and worker 0 has version 1"),
        ({"settings": {"epochs": 4}}, "worker 1 has --epochs 4, and worker 0 has --epochs 3"),
        ({"settings": {}}, "worker 1 has --epochs None"),
        ({"rows": "b"}, "worker 1 has rows b, and worker 0 has rows a"),
        ({}, ""),
    ],
)
def test_workers_that_differ_say_in_what(other: dict[str, Any], said: str) -> None:
    first = {"version": "1", "settings": {"epochs": 3}, "rows": "a"}
    found = disagreements([first, {**first, **other}])
    assert found.startswith(said)
    assert bool(found) == bool(said)


def test_each_worker_of_a_machine_has_a_gpu_of_its_own() -> None:
    addresses = ("a:1", "b:1", "a:2", "a:3")
    gpus = [0, 1, 2]
    assert [own_of(gpus, Cluster(addresses, index)) for index in range(4)] == [0, 0, 1, 2]
    with pytest.raises(ConfigError, match="3 workers on a, which has 2 GPUs"):
        own_of([0, 1], Cluster(addresses, 2))
