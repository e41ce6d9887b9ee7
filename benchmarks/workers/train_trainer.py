"""The Hugging Face Trainer on PyTorch: texts of similar length grouped, fused AdamW.

The second argument is its precision, fp32 (on a GPU by TensorFloat-32, as TensorFlow's) or bf16.
"""

from __future__ import annotations

import sys
import tempfile
from typing import Any

import train_loop

if __name__ == "__main__":
    clock, task, bf16 = train_loop.Clock(), train_loop.task(), sys.argv[2] == "bf16"
    import torch
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorWithPadding,
        Trainer,
        TrainerCallback,
        TrainerState,
        TrainingArguments,
        set_seed,
    )

    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_float32_matmul_precision("high")
    set_seed(task["seed"])
    tokenizer = AutoTokenizer.from_pretrained(task["encoder"])
    model = AutoModelForSequenceClassification.from_pretrained(
        task["encoder"], num_labels=len(task["labels"])
    )

    def encode(name: str) -> list[dict[str, Any]]:
        """Token ids, mask, label and length of each text."""
        found = tokenizer(task[name], truncation=True, max_length=task["maxlen"])
        return [
            {"input_ids": ids, "attention_mask": mask, "labels": label, "length": len(ids)}
            for ids, mask, label in zip(
                found["input_ids"], found["attention_mask"], task[f"{name}_y"], strict=True
            )
        ]

    rows, judged = encode("train"), encode("dev")
    pad = DataCollatorWithPadding(tokenizer, pad_to_multiple_of=8)

    def right() -> float:
        """Accuracy on the judged rows."""
        order = sorted(range(len(judged)), key=lambda index: judged[index]["length"])
        winners = [0] * len(judged)
        model.eval()
        for start in range(0, len(order), 64):
            chosen = order[start : start + 64]
            batch = pad([judged[index] for index in chosen]).to(device)
            with torch.no_grad(), torch.autocast(device, dtype=torch.bfloat16, enabled=bf16):
                logits = model(
                    input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]
                ).logits
            for index, winner in zip(chosen, logits.argmax(dim=1).tolist(), strict=True):
                winners[index] = winner
        model.train()
        return train_loop.share_right(winners, task["dev_y"])

    steps = task["epochs"] * -(-len(task["train"]) // task["batch_size"])
    judge = train_loop.Judge(clock, steps, task["judgements"], right)

    class Judging(TrainerCallback):  # type: ignore[misc]
        """Judges between steps."""

        def on_step_end(
            self, arguments: object, state: TrainerState, control: object, **rest: object
        ) -> None:
            """Count."""
            del arguments, control, rest
            judge.after(state.global_step)

    with tempfile.TemporaryDirectory() as place:
        arguments = TrainingArguments(
            output_dir=place,
            num_train_epochs=task["epochs"],
            per_device_train_batch_size=task["batch_size"],
            learning_rate=task["learning_rate"],
            warmup_steps=round(0.1 * steps),
            weight_decay=0.01,
            optim="adamw_torch_fused",
            bf16=bf16,
            use_cpu=device == "cpu",
            train_sampling_strategy="group_by_length",
            logging_strategy="no",
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            seed=task["seed"],
        )
        trainer = Trainer(
            model, arguments, data_collator=pad, train_dataset=rows, callbacks=[Judging()]
        )
        begun = clock.now()
        trainer.train()
        ended = clock.now()
    train_loop.finish(begun, ended, right())
