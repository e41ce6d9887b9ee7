"""Texts of many requests are computed together, and none spoils or holds up another."""

import asyncio
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from ktrain_sentiment.errors import PredictorError
from ktrain_sentiment.predictor.tokenization import EncodedTexts
from ktrain_sentiment.serve.batching import BatchWorker, QueuedClassifier
from ktrain_sentiment.serve.limits import Limits, RefusalError
from ktrain_sentiment.tasks import CLASSES


class Counting:
    """A model to whom long texts are loud; it can be held up, and trips over some texts."""

    labels = ("calm", "loud")
    task = CLASSES

    def __init__(self) -> None:
        self.free = threading.Event()
        self.free.set()
        self.begun = threading.Event()
        self.batches: list[int] = []
        self.pause = 0.0

    def encode(self, texts):
        if "untokenizable" in texts:
            raise PredictorError("tokenizer.json cannot be used: no [UNK]")
        ids = [np.zeros(len(text), np.int64) for text in texts]
        return EncodedTexts(ids, *np.zeros((2, len(texts)), bool), np.ones(len(texts), np.int64))

    def logits(self, encoded):
        self.begun.set()
        assert self.free.wait(20)
        time.sleep(self.pause)
        if 13 in encoded.lengths:
            raise ZeroDivisionError("unlucky")
        self.batches.append(len(encoded))
        return np.stack([np.zeros(len(encoded)), encoded.lengths - 5.0], axis=1).astype(np.float32)

    def probabilities(self, logits):
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)


@pytest.fixture
def model() -> Counting:
    return Counting()


@pytest.fixture
def start() -> Iterator:
    opened: list[BatchWorker] = []

    def begin(**limits) -> BatchWorker:
        opened.append(BatchWorker(Limits(**limits), lambda texts, tokens: None))
        return opened[-1]

    yield begin
    for worker in opened:
        worker.close()


async def settled(worker: BatchWorker, texts: int) -> None:
    """Wait until that many texts are on their way."""
    async with asyncio.timeout(10):
        while worker.pending != texts:
            await asyncio.sleep(0.005)


async def hold(worker, model) -> asyncio.Task:
    """Have the worker busy with a text until `model.free` is set."""
    model.free.clear()
    first = asyncio.create_task(worker.score(model, ["first"]))
    await asyncio.to_thread(model.begun.wait, 10)
    return first


def test_a_lone_request_waits_for_nobody(model, start):
    answer = asyncio.run(start().score(model, ["a loud one", "calm"]))
    assert answer.scores.probabilities.argmax(axis=1).tolist() == [1, 0]
    assert answer.tokens == 14
    assert model.batches == [2]


def test_what_came_while_the_worker_was_busy_is_computed_together(model, start):
    worker = start()

    async def work():
        first = await hold(worker, model)
        rest = [asyncio.create_task(worker.score(model, ["x" * k])) for k in range(1, 8)]
        await settled(worker, 8)
        model.free.set()
        await first
        return await asyncio.gather(*rest)

    answers = asyncio.run(work())
    assert model.batches == [1, 7]
    assert [answer.tokens for answer in answers] == list(range(1, 8)), "each has its own"
    assert all(answer.stages.queue >= 0 for answer in answers)


def test_no_batch_outgrows_the_budget_of_tokens_and_none_is_overtaken(model, start):
    worker = start(batch_tokens=10)

    async def work():
        first = await hold(worker, model)
        texts = ["x" * k for k in (6, 3, 4, 25, 1)]
        rest = [asyncio.create_task(worker.score(model, [text])) for text in texts]
        await settled(worker, 6)
        model.free.set()
        await asyncio.gather(first, *rest)

    asyncio.run(work())
    assert model.batches == [1, 2, 1, 1, 1], "6 and 3; 4; 25 alone; 1"


def test_models_take_turns(model, start):
    worker, other = start(), Counting()

    async def work():
        first = await hold(worker, model)
        pairs = [(model, "a"), (other, "b"), (model, "c"), (other, "d")]
        rest = [asyncio.create_task(worker.score(one, [text])) for one, text in pairs]
        await settled(worker, 5)
        model.free.set()
        await asyncio.gather(first, *rest)

    asyncio.run(work())
    assert (model.batches, other.batches) == ([1, 2], [2])


def test_more_than_the_queue_holds_is_refused_with_when_to_come_again(model, start):
    worker = start(max_queue=3)

    async def work():
        first = await hold(worker, model)
        second = asyncio.create_task(worker.score(model, ["a", "b"]))
        await settled(worker, 3)
        with pytest.raises(RefusalError) as refused:
            await worker.score(model, ["c"])
        model.free.set()
        await asyncio.gather(first, second)
        await worker.score(model, ["c"])
        return refused.value

    refusal = asyncio.run(work())
    assert (refusal.status, refusal.headers) == (429, {"retry-after": "1"})
    assert worker.pending == 0


def test_a_cancelled_request_leaves_the_queue(model, start):
    worker = start()

    async def work():
        first = await hold(worker, model)
        gone = asyncio.create_task(worker.score(model, ["gone"]))
        stays = asyncio.create_task(worker.score(model, ["stays"]))
        await settled(worker, 3)
        gone.cancel()
        await asyncio.sleep(0)
        model.free.set()
        await asyncio.gather(first, stays)

    asyncio.run(work())
    assert model.batches == [1, 1]
    assert worker.pending == 0


def test_an_answer_that_takes_too_long_is_given_up(model, start):
    worker = start(timeout=0.05)

    async def work():
        model.free.clear()
        with pytest.raises(TimeoutError):
            await worker.score(model, ["slow"])
        model.free.set()

    asyncio.run(work())
    assert worker.pending == 0


def test_a_text_that_cannot_be_tokenized_spoils_no_other(model, start):
    worker = start()

    async def work():
        texts = ("fine", "untokenizable", "fine too")
        jobs = (worker.score(model, [text]) for text in texts)
        return await asyncio.gather(*jobs, return_exceptions=True)

    fine, refusal, other = asyncio.run(work())
    assert (refusal.status, refusal.kind) == (422, "Tokenizer")
    assert fine.tokens + other.tokens == 12


def test_a_model_that_fails_fails_for_one_request_and_the_worker_goes_on(model, start, caplog):
    worker = start()

    async def work():
        first = await hold(worker, model)
        jobs = [asyncio.create_task(worker.score(model, ["x" * k])) for k in (12, 13, 14)]
        await settled(worker, 4)
        model.free.set()
        await first
        return await asyncio.gather(*jobs, return_exceptions=True)

    before, refusal, behind = asyncio.run(work())
    assert (refusal.status, str(refusal)) == (500, "the model failed: ZeroDivisionError")
    assert before.tokens + behind.tokens == 26
    assert "unlucky" in caplog.text


def test_a_request_that_would_wait_too_long_is_refused_at_once(model, start):
    worker = start(max_wait=0.1)

    async def work():
        model.pause = 0.2
        await worker.score(model, ["slow"] * 20)
        model.pause = 0.0
        first = await hold(worker, model)
        others = [asyncio.create_task(worker.score(model, ["a"])) for _ in range(15)]
        await settled(worker, 16)
        with pytest.raises(RefusalError, match=r"16 texts are waiting already, 0\.1\d s"):
            await worker.score(model, ["c"])
        model.free.set()
        await asyncio.gather(first, *others)
        # What turns out to be faster is believed, even of a small batch.
        for _ in range(50):
            await worker.score(model, ["quick"])
        return worker._pace

    assert asyncio.run(work()) < 0.005


def test_a_few_clients_take_turns_however_much_they_ask_unless_it_cannot_be_in_time(model, start):
    worker = start(max_wait=0.1, timeout=4)

    async def work():
        model.pause = 0.2
        await worker.score(model, ["slow"] * 20)
        model.pause = 0.0
        first = await hold(worker, model)
        others = [asyncio.create_task(worker.score(model, ["a"] * 32)) for _ in range(7)]
        await settled(worker, 225)
        with pytest.raises(RefusalError, match=r"225 texts are waiting already, 2\.\d\d s"):
            await worker.score(model, ["late"])
        model.free.set()
        await asyncio.gather(first, *others)

    asyncio.run(work())


def test_a_thread_s_many_texts_take_turns_with_requests(model, start):
    worker = start(max_queue=10)

    async def work():
        patient = QueuedClassifier(worker, model, asyncio.get_running_loop())
        return await asyncio.to_thread(patient.predict, ["quite loud"] * 150 + ["calm"])

    found = asyncio.run(work())
    assert [one.label for one in found] == ["loud"] * 150 + ["calm"]
    assert model.batches == [64, 64, 23]


def test_closing_answers_what_waits(model, start):
    worker = start()

    async def work():
        first = await hold(worker, model)
        second = asyncio.create_task(worker.score(model, ["second"]))
        await settled(worker, 2)
        closing = asyncio.create_task(asyncio.to_thread(worker.close))
        model.free.set()
        await asyncio.gather(first, second, closing)

    asyncio.run(work())
    assert model.batches == [1, 1]


def test_many_texts_are_answered_as_without_a_server(server, classifier, reviews):
    texts = [text for text, _ in reviews[:200]]

    async def work():
        jobs = (server.site.worker.score(server.site.hosting.get().classifier, texts[k : k + 7])
                for k in range(0, 200, 7))  # fmt: skip
        return await asyncio.gather(*jobs)

    found = np.concatenate([answer.scores.probabilities for answer in asyncio.run(work())])
    # Products of another shape round otherwise; int8 shows it.
    assert np.abs(found - classifier.predict_proba(texts)).max() < 0.02
