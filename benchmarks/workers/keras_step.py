"""One training step of a transformers TensorFlow model, on request, with chosen levers.

    python keras_step.py ENCODER BATCH LENGTH [LEVER ...]

Levers: `rewrite` (TensorFlow's bfloat16 graph rewrite), `fast` (this package's kernels, their
products in float32), `bf16` (the same in bfloat16), `unfused` (the same without XLA), `all` (every
token in the last layer), `sparse` (this package's Adam), `clip`, `frozen` (embeddings).
Prints a line when it is ready, then for each number read from standard input takes that many
steps and prints their seconds and the processor seconds as one JSON line.
"""

from __future__ import annotations

import sys

import numpy as np
from answers import take_steps

from ktrain_sentiment.config import ComputeConfig
from ktrain_sentiment.training.backend import Backend, Untyped, open_backend, without_autotune
from ktrain_sentiment.training.fast import kernels
from ktrain_sentiment.training.optimizers import make_adam


def make_model(
    backend: Backend, encoder: str, how: list[str], largest: tuple[int, int] | None = None
) -> Untyped:
    """The compiled model with the levers pulled; `largest` are texts and tokens of a batch."""
    keras, auto = backend.keras, backend.transformers.TFAutoModelForSequenceClassification
    model = auto.from_pretrained(encoder, num_labels=2)
    if "fast" in how:
        kernels.accelerate(
            backend,
            model,
            precision=precision_of(how),
            fuse="unfused" not in how,
            cls_only="all" not in how,
            largest=largest,
        )
    if "frozen" in how:
        getattr(model, model.base_model_prefix).embeddings.trainable = False
    norm = 1.0 if "clip" in how else None
    if "sparse" in how:
        adam = make_adam(backend.tf, 5e-5, clip_norm=norm)
    else:
        adam = keras.optimizers.legacy.Adam(5e-5, global_clipnorm=norm)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=adam, loss=loss, metrics=["accuracy"])
    return model


def precision_of(how: list[str]) -> str:
    """The number format of the fast kernels' products."""
    return "bfloat16" if "bf16" in how else "float16" if "fp16" in how else "float32"


def main() -> None:
    """Serve steps."""
    encoder, texts, length, *how = sys.argv[1:]
    precision = "bfloat16" if "rewrite" in how else precision_of(how)
    backend = open_backend(ComputeConfig(precision=precision))  # type: ignore[arg-type]
    shape = (int(texts), int(length))
    model = make_model(backend, encoder, how, shape)
    rng, tf = np.random.default_rng(0), backend.tf
    batch = {
        "input_ids": tf.constant(rng.integers(1000, 30000, shape), tf.int32),
        "attention_mask": tf.ones(shape, tf.int32),
    }
    labels = tf.constant(rng.integers(0, 2, shape[0]))
    # As `fit` takes its batches. `train_on_batch` makes a stream for each of them, whose threads
    # may be waited for, a tenth of a second in every other step.
    stream = tf.data.Dataset.from_tensors((batch, labels)).repeat()
    batches, step = iter(without_autotune(tf, stream)), model.make_train_function()
    take_steps(lambda: float(step(batches)["loss"]))


if __name__ == "__main__":
    main()
