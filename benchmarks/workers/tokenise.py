"""Texts to what training reads: by ktrain, by Hugging Face's tokenizers, or by this package.

python tokenise.py TASK (ktrain|huggingface|ours)
"""

from __future__ import annotations

import os
import sys
import time

os.environ.update(TF_USE_LEGACY_KERAS="1", TF_CPP_MIN_LOG_LEVEL="3", MPLBACKEND="Agg")

import answers
import train_loop

if __name__ == "__main__":
    task = train_loop.task()
    if sys.argv[2] == "ktrain":
        import numpy as np

        # NumPy 2 removed it, and ktrain asks for it.
        np.Inf = np.inf  # type: ignore[attr-defined]
        from ktrain import text

        preprocessor = text.Transformer(
            task["encoder"], maxlen=task["maxlen"], class_names=task["labels"]
        )
        preprocessor.get_tokenizer()
        before, begun = answers.held_mb(), time.perf_counter()
        rows = preprocessor.preprocess_train(task["train"], task["train_y"], verbose=0)
    elif sys.argv[2] == "huggingface":
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(f"{task['encoder']}/tokenizer.json")
        tokenizer.enable_truncation(task["maxlen"])
        tokenizer.no_padding()
        before, begun = answers.held_mb(), time.perf_counter()
        rows = [encoding.ids for encoding in tokenizer.encode_batch_fast(task["train"])]
    else:
        # Whoever reads data has it open already, as ktrain has; pyarrow would open it meanwhile.
        import pandas  # noqa: F401
        from tokenizers import Tokenizer

        from ktrain_sentiment.training.tokens import tokenize

        tokenizer = Tokenizer.from_file(f"{task['encoder']}/tokenizer.json")
        before, begun = answers.held_mb(), time.perf_counter()
        rows = tokenize(task["train"], tokenizer, task["maxlen"])
    seconds = time.perf_counter() - begun
    grown = answers.peak_mb() - before
    answers.say(done=True, seconds=seconds, grown_mb=grown, rows=len(rows))
