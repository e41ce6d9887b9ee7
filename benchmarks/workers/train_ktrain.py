"""ktrain as it comes, mended only where it would crash."""

from __future__ import annotations

import os

os.environ.update(TF_USE_LEGACY_KERAS="1", TF_CPP_MIN_LOG_LEVEL="3", MPLBACKEND="Agg")

import train_loop

if __name__ == "__main__":
    clock, task = train_loop.Clock(), train_loop.task()
    import numpy as np

    # NumPy 2 removed it, and ktrain asks for it.
    np.Inf = np.inf  # type: ignore[attr-defined]
    import ktrain
    import tensorflow as tf
    from ktrain import text

    tf.keras.utils.set_random_seed(task["seed"])
    preprocessor = text.Transformer(
        task["encoder"], maxlen=task["maxlen"], class_names=task["labels"]
    )
    rows = preprocessor.preprocess_train(task["train"], task["train_y"], verbose=0)
    judged = preprocessor.preprocess_test(task["dev"], task["dev_y"], verbose=0)
    model = preprocessor.get_classifier()
    learner = ktrain.get_learner(model, train_data=rows, batch_size=task["batch_size"])

    def right() -> float:
        """Accuracy on the judged rows."""
        output = model.predict(judged.to_tfdataset(train=False), verbose=0)
        return train_loop.share_right(output.logits.argmax(axis=1), task["dev_y"])

    steps = task["epochs"] * -(-len(task["train"]) // task["batch_size"])
    judge = train_loop.Judge(clock, steps, task["judgements"], right)

    class Judging(tf.keras.callbacks.Callback):  # type: ignore[misc]
        """Judges between steps."""

        step = 0

        def on_train_batch_end(self, batch: int, logs: object = None) -> None:
            """Count."""
            del batch, logs
            self.step += 1
            judge.after(self.step)

    begun = clock.now()
    learner.fit_onecycle(task["learning_rate"], task["epochs"], callbacks=[Judging()], verbose=0)
    ended = clock.now()
    train_loop.finish(begun, ended, right())
