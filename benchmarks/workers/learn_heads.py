"""An encoder with one of several heads, in plain PyTorch; runs in the peer's environment.

Only the head and its loss differ: batches, their order, rate and warm-up are the same. What a head
has of its own begins at nothing and so learns at `own_rate`, many times the encoder's.
Argument: a JSON file as `heads.py` writes it. Answers: what each judged text was given, by seed.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from answers import say

if __name__ == "__main__":
    task: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    import torch
    from torch import Tensor, nn
    from torch.nn import functional
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    HIDDEN = 32
    HEAD = task["head"]
    TRUTH = torch.tensor(task["train"]["truth"])
    COUNT = 1 if HEAD in ("words", "network") else int(TRUTH.max()) + 1

    class Own(nn.Module):  # type: ignore[misc]
        """What stands on the encoder's dropped-out first token, shape (rows, width)."""

        def __init__(self, width: int) -> None:
            """Begin where every class is as likely as among the training rows."""
            super().__init__()
            columns = len(task["train"]["columns"][0])
            inner = HIDDEN if HEAD == "network" else 0
            one = HEAD in ("coral", "adjacent")
            self.out = nn.Linear(width + inner, 1 if one else COUNT)
            nn.init.normal_(self.out.weight, std=0.02)
            nn.init.zeros_(self.out.bias)
            if inner:
                self.columns = nn.Sequential(nn.Linear(columns, inner), nn.ReLU())
            if one:
                share = torch.bincount(TRUTH, minlength=COUNT) / len(TRUTH)
                above = share.flip(0).cumsum(0).flip(0)[1:].clamp(1e-3, 1 - 1e-3)
                self.edges = nn.Parameter(above.logit() if HEAD == "coral" else share.log())

        def forward(self, seen: Tensor, columns: Tensor) -> Tensor:
            """What the loss takes: logits of classes or of edges between them, or one number."""
            if HEAD == "network":
                seen = torch.cat([seen, self.columns(columns)], dim=1)
            found: Tensor = self.out(seen)
            if HEAD == "coral":
                return found + self.edges
            if HEAD == "adjacent":
                # Neighbours' log-odds differ by the text's one number: a softmax that has an order.
                return found * torch.arange(COUNT) + self.edges
            return found

    def loss_of(found: Tensor, rows: Tensor) -> Tensor:
        """The head's own loss, a mean over rows."""
        truth = TRUTH[rows]
        if COUNT == 1:
            return functional.mse_loss(found[:, 0], truth.float())
        if HEAD == "coral":
            above = (truth[:, None] > torch.arange(COUNT - 1)).float()
            losses = functional.binary_cross_entropy_with_logits(found, above, reduction="none")
            return losses.sum(dim=1).mean()
        if HEAD == "near":
            return functional.cross_entropy(found, torch.tensor(task["targets"])[truth])
        return functional.cross_entropy(found, truth)

    def answer(found: Tensor) -> Tensor:
        """Probabilities of classes, or the one number."""
        if COUNT == 1:
            return found
        if HEAD == "coral":
            above = found.sigmoid()
            ends = torch.ones(len(above), 1)
            return -torch.diff(torch.cat([ends, above, 0 * ends], dim=1), dim=1)
        return found.softmax(dim=1)

    tokenizer = AutoTokenizer.from_pretrained(task["encoder"])

    tokens = {
        name: tokenizer(task[name]["texts"], truncation=True, max_length=task["maxlen"])
        for name in ("train", "judged")
    }
    lengths = {name: torch.tensor([*map(len, one["input_ids"])]) for name, one in tokens.items()}

    def batch(name: str, rows: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Tokens and columns of some rows."""
        chosen = [{key: tokens[name][key][row] for key in tokens[name]} for row in rows.tolist()]
        padded = tokenizer.pad(chosen, pad_to_multiple_of=8, return_tensors="pt")
        columns = torch.tensor([task[name]["columns"][row] for row in rows.tolist()])
        return dict(padded), columns

    def batches() -> list[Tensor]:
        """Rows in an order of chance, neighbours of similar length; then the batches, likewise."""
        size, mixed = task["batch_size"], torch.randperm(len(TRUTH))
        pools = (pool[lengths["train"][pool].argsort()] for pool in mixed.split(50 * size))
        found = [rows for pool in pools for rows in pool.split(size)]
        return [found[place] for place in torch.randperm(len(found)).tolist()]

    for seed in task["seeds"]:
        torch.manual_seed(seed)
        begun = time.perf_counter()
        model = AutoModelForSequenceClassification.from_pretrained(task["encoder"])
        own = Own(model.config.hidden_size)
        model.classifier = nn.Identity()
        steps = task["epochs"] * -(-len(TRUTH) // task["batch_size"])
        groups = [
            {"params": model.parameters(), "lr": task["rate"]},
            {"params": own.parameters(), "lr": task["own_rate"]},
        ]
        optimizer = torch.optim.AdamW(groups, weight_decay=0.01, fused=True)
        warm = max(1, round(0.1 * steps))

        def share(step: int, warm: int = warm, steps: int = steps) -> float:
            """Of the highest rate: up over a tenth of the steps, then down to nothing."""
            return min((step + 1) / warm, (steps - step) / (steps - warm))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, share)
        model.train()
        for _ in range(task["epochs"]):
            for rows in batches():
                padded, columns = batch("train", rows)
                with torch.autocast("cpu", dtype=torch.bfloat16, enabled=task["bf16"]):
                    seen = model(**padded).logits
                loss = loss_of(own(seen.float(), columns), rows)
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_([*model.parameters(), *own.parameters()], 1.0)
                optimizer.step()
                schedule.step()
        model.eval()
        said: list[list[float]] = [[]] * len(lengths["judged"])
        with torch.no_grad():
            for rows in lengths["judged"].argsort().split(64):
                padded, columns = batch("judged", rows)
                answers = answer(own(model(**padded).logits, columns)).tolist()
                for row, one in zip(rows.tolist(), answers, strict=True):
                    said[row] = one
        say(seed=seed, said=said, seconds=time.perf_counter() - begun)
    say(done=True)
