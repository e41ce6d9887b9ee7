"""SetFit on the same draws as `learn_few.py`; runs in the peer's environment.

Its own defaults but for the number of pairs, which is the paper's: 20 alike and 20 unlike for each
text, one pass, batches of 16 pairs, 2e-5.
"""

import contextlib
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from datasets import Dataset
from setfit import SetFitModel, Trainer, TrainingArguments


def main() -> None:
    """Do the task that the argument names."""
    task = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    pool, judged = pd.read_parquet(task["pool"]), pd.read_parquet(task["judged"])
    number = {label: index for index, label in enumerate(task["labels"])}
    truth = judged["label"].map(number).to_numpy()
    begun = time.perf_counter()
    SetFitModel.from_pretrained(task["encoder"])
    opened = time.perf_counter() - begun
    for draw in task["draws"]:
        begun = time.perf_counter()
        some = pool.iloc[draw["rows"]]
        rows = Dataset.from_dict(
            {"text": some["text"].tolist(), "label": some["label"].map(number).tolist()}
        )
        model = SetFitModel.from_pretrained(task["encoder"])
        model.model_body.max_seq_length = task["maxlen"]
        # It prints its losses, as Python writes them: standard output is for the answers.
        with tempfile.TemporaryDirectory() as place, contextlib.redirect_stdout(sys.stderr):
            how = TrainingArguments(
                output_dir=place, num_iterations=20, batch_size=16, num_epochs=1,
                seed=draw["seed"], report_to="none", save_strategy="no", show_progress_bar=False,
            )  # fmt: skip
            Trainer(model=model, args=how, train_dataset=rows).train()
        seconds = time.perf_counter() - begun
        said = np.asarray(model.predict(judged["text"].tolist(), show_progress_bar=False))
        answer = {"size": draw["size"], "seed": draw["seed"], "seconds": seconds}
        print(json.dumps({**answer, "accuracy": float((said == truth).mean())}), flush=True)
    print(json.dumps({"done": True, "opening_seconds": opened}), flush=True)


if __name__ == "__main__":
    main()
