"""Several processes that train one model: who they are, how they meet, what they add up.

A cluster says in `TF_CONFIG` who its workers are, as TensorFlow, Kubernetes' training operator and
cloud services have it. TensorFlow's MultiWorkerMirroredStrategy opens the connections and notices
who is gone; what the workers compute is summed by TensorFlow's collective ops, so that nothing here
speaks to a network by itself.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ktrain_sentiment.errors import ConfigError, TrainingError, one_line
from ktrain_sentiment.messages import flag_of

Untyped = Any
"""As the backend's, which imports this module."""

VARIABLE = "TF_CONFIG"
"""The environment variable by which a cluster says who takes part."""

WAIT = 300.0
"""Seconds until a worker that does not come is given up: clusters start machines one by one."""

_JOBS = ("chief", "worker")
_GROUP = 1
_MOST = 2**31 - 1
_SERVICE = "oordination"
"""What TensorFlow names where its service noticed that a worker is silent."""
_EAGER = {"float32": 5, "int32": 6, "int64": 7}


@dataclass(frozen=True)
class Cluster:
    """Which workers train together, and which of them this process is.

    Attributes:
        addresses: Host and port of each worker; the first one writes the run.
        index: This process's place among them.
        here: Whether the first worker starts the others, on its own machine.
        threads: Threads of each worker, where they share a machine; None: all cores.
        wait: Seconds until a worker that does not come is given up.
    """

    addresses: tuple[str, ...]
    index: int
    here: bool = False
    threads: int | None = None
    wait: float = WAIT

    @property
    def is_chief(self) -> bool:
        """Whether this worker writes the run."""
        return self.index == 0


def cluster_from(environment: Mapping[str, str]) -> Cluster | None:
    """The cluster that `TF_CONFIG` tells of; None where it tells of none, or of a single worker.

    Args:
        environment: The process's variables.

    Raises:
        ConfigError: It cannot be understood.
    """
    text = environment.get(VARIABLE, "").strip()
    if not text:
        return None
    wanted = (
        'wanted {"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}'
    )
    try:
        said = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"{VARIABLE} is not JSON ({error}): {wanted}") from error
    jobs = said.get("cluster") if isinstance(said, dict) else None
    if not isinstance(jobs, dict) or not jobs:
        raise ConfigError(f"{VARIABLE} names no cluster: {wanted}")
    if others := sorted(jobs.keys() - set(_JOBS)):
        raise ConfigError(
            f"{VARIABLE}: the cluster has {', '.join(others)}, and all take part alike here: name "
            "workers alone (and a chief)"
        )
    addresses: list[str] = []
    first = {}
    for job in _JOBS:
        first[job] = len(addresses)
        addresses += _addresses(job, jobs.get(job, []))
    if len(set(addresses)) < len(addresses):
        raise ConfigError(f"{VARIABLE}: an address stands there twice: {', '.join(addresses)}")
    task = said.get("task")
    if not isinstance(task, dict) or task.get("type") not in jobs:
        raise ConfigError(f"{VARIABLE} does not say which task this process is: {wanted}")
    job, index, count = task["type"], task.get("index"), len(jobs[task["type"]])
    if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < count:
        raise ConfigError(
            f"{VARIABLE}: the task's index is {index!r}, and of {job} there are {count}: wanted a "
            f"number from 0 to {count - 1}"
        )
    if len(addresses) == 1:
        return None
    return Cluster(tuple(addresses), first[job] + index)


def _addresses(job: str, given: object) -> list[str]:
    """The addresses of one kind of worker.

    Raises:
        ConfigError: They are none.
    """
    good = isinstance(given, list) and all(
        isinstance(one, str) and re.fullmatch(r"\S+:\d{1,5}", one) for one in given
    )
    if not good:
        raise ConfigError(f'{VARIABLE}: {job} is {given!r}: wanted a list of "host:port"')
    return list(given)  # type: ignore[call-overload, no-any-return]


class Workers:
    """All workers, as one of them sees them: sums over all, and what the first one says.

    All workers must ask for the same in the same order.
    """

    def __init__(self, tf: Untyped, cluster: Cluster) -> None:
        """Meet the others; see `meet`."""
        self.tf = tf
        self.cluster = cluster
        self.count = len(cluster.addresses)

    @property
    def is_chief(self) -> bool:
        """Whether this worker writes the run."""
        return self.cluster.is_chief

    def sum(self, values: Untyped, key: int) -> Untyped:
        """The sum of a tensor over all workers, its shape the same on each.

        Args:
            values: float32, int32 or int64, flat.
            key: Its number among the sums of a step: 1 to 4.
        """
        tf = self.tf
        # One key may only ever mean one type and shape, and batches have several widths.
        whole = tf.size(values, tf.int64) * 8 + key
        return tf.raw_ops.CollectiveReduceV2(
            input=values,
            group_size=self.count,
            group_key=_GROUP,
            instance_key=tf.cast(whole % _MOST, tf.int32),
            ordering_token=[],
            merge_op="Add",
            final_op="Id",
        )

    def chiefs(self, values: NDArray[Any]) -> NDArray[Any]:
        """An array of the first worker's, on all; the others give one of its shape and dtype."""
        # Integers are summed as such: generators' states have all their 64 bits.
        kind = values.dtype if values.dtype.kind == "i" and values.dtype.itemsize > 2 else None
        sent = values.astype(kind or (np.int64 if values.dtype.kind in "iub" else np.float32))
        if not self.is_chief:
            sent = np.zeros_like(sent)
        # A collective op cuts what it sends in pieces, and must have something to cut.
        if not sent.size:
            return values
        return self._summed(sent).astype(values.dtype)

    def chiefs_word(self, word: object = None) -> Any:  # noqa: ANN401 - plain JSON
        """What the first worker says, as plain JSON."""
        said = json.dumps(word).encode() if self.is_chief else b""
        length = int(self.chiefs(np.array([len(said)]))[0])
        sent = np.frombuffer(said.ljust(length, b" ")[:length], np.uint8)
        return json.loads(self.chiefs(sent).tobytes())

    def all_words(self, word: object) -> list[Any]:
        """What each worker says, as plain JSON, the first one's first."""
        said = json.dumps(word).encode()
        lengths = np.zeros(self.count, np.int64)
        lengths[self.cluster.index] = len(said)
        lengths = self._summed(lengths)
        sent = np.zeros((self.count, int(lengths.max())), np.int32)
        sent[self.cluster.index, : len(said)] = np.frombuffer(said, np.uint8)
        told = self._summed(sent).astype(np.uint8)
        return [json.loads(row[:n].tobytes()) for row, n in zip(told, lengths, strict=True)]

    def _summed(self, values: NDArray[Any]) -> NDArray[Any]:
        key = _EAGER[values.dtype.name]
        with self.noticing():
            found = self.sum(self.tf.constant(values.reshape(-1)), key).numpy()
        return np.asarray(found.reshape(values.shape))

    @contextlib.contextmanager
    def noticing(self) -> Iterator[None]:
        """Say in one line that another worker is gone, where TensorFlow notices it.

        Raises:
            TrainingError: One is.
        """
        errors = self.tf.errors
        gone = errors.UnavailableError, errors.DeadlineExceededError
        try:
            yield
        except errors.OpError as error:
            # What is aborted, and by which kind of error, depends on who notices it first.
            if isinstance(error, gone) or _SERVICE in str(error):
                raise TrainingError(self._loss()) from error
            raise

    def _loss(self) -> str:
        others = [one for one in self.cluster.addresses if one != self.address]
        return (
            f"worker {self.cluster.index} ({self.address}) has lost another one "
            f"({', '.join(others)}): start all workers again with --resume (and without "
            "--overwrite) to go on from the last checkpoint"
        )

    @property
    def address(self) -> str:
        """This worker's own."""
        return self.cluster.addresses[self.cluster.index]


def meet(tf: Untyped, cluster: Cluster) -> Workers:
    """Wait for all workers and connect to them; before anything is computed.

    Args:
        tf: TensorFlow, of which nothing was asked yet but how long to wait.
        cluster: Who they are.

    Raises:
        ConfigError: One does not come, or cannot be reached, or this one's port is taken.
    """
    distribute = tf.distribute
    spec = tf.train.ClusterSpec({"worker": list(cluster.addresses)})
    resolver = distribute.cluster_resolver.SimpleClusterResolver(
        spec, task_type="worker", task_id=cluster.index, rpc_layer="grpc"
    )
    # Who leads waits for ever for the others, once TensorFlow does the waiting.
    if cluster.is_chief:
        wait_for_others(cluster)
    try:
        distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)
        workers = Workers(tf, cluster)
        workers.chiefs(np.zeros(1, np.int64))
    except (tf.errors.OpError, RuntimeError, ValueError) as error:
        others = [one for k, one in enumerate(cluster.addresses) if k != cluster.index]
        raise ConfigError(
            f"worker {cluster.index} ({cluster.addresses[cluster.index]}) and the others "
            f"({', '.join(others)}) did not meet within {cluster.wait:.0f} s: start all of them, "
            f"at addresses that each can reach and that are free ({one_line(error)[:200]})"
        ) from error
    return workers


def wait_for_others(cluster: Cluster) -> None:
    """Wait until all others can be reached.

    Args:
        cluster: Who they are, and how long to wait.

    Raises:
        ConfigError: One cannot.
    """
    end = time.monotonic() + cluster.wait
    for number, address in enumerate(cluster.addresses[1:], start=1):
        host, _, port = address.rpartition(":")
        while True:
            try:
                socket.create_connection((host, int(port)), timeout=5).close()
                break
            except (OSError, OverflowError) as error:
                if time.monotonic() > end:
                    raise ConfigError(
                        f"worker {number} ({address}) was not there within {cluster.wait:.0f} s: "
                        "start all workers, at addresses that each can reach "
                        f"({one_line(error)})"
                    ) from error
            time.sleep(0.5)


def own_of(gpus: Sequence[Untyped], cluster: Cluster) -> Untyped:
    """The GPU of a worker: each has one, in their order on a machine.

    Args:
        gpus: Those of this machine.
        cluster: Who is where.

    Raises:
        ConfigError: The machine has fewer GPUs than workers.
    """
    hosts = [address.rpartition(":")[0] for address in cluster.addresses]
    mine = hosts[cluster.index]
    if hosts.count(mine) > len(gpus):
        raise ConfigError(
            f"{hosts.count(mine)} workers on {mine}, which has {len(gpus)} GPUs, and each needs "
            "one: take fewer workers, or --device cpu"
        )
    return gpus[hosts[: cluster.index].count(mine)]


def disagreements(words: Sequence[Mapping[str, Any]]) -> str:
    """In what a worker differs from the first one; empty where none does.

    Args:
        words: What each worker says of itself: its version, settings by name, rows.
    """
    chief = words[0]
    for number, mine in enumerate(words):
        for what in chief:
            if mine[what] == chief[what]:
                continue
            if what != "settings":
                told = f"{what} {mine[what]}", f"{what} {chief[what]}"
            else:
                every = {**chief[what], **mine[what]}
                name = next(n for n in every if mine[what].get(n) != chief[what].get(n))
                flag = flag_of(name)
                told = f"{flag} {mine[what].get(name)}", f"{flag} {chief[what].get(name)}"
            return (
                f"worker {number} has {told[0]}, and worker 0 has {told[1]}: start all with the "
                "same version, settings and rows"
            )
    return ""
