"""One training step of PyTorch and transformers, on request; runs in the peer's environment.

    python torch_step.py ENCODER BATCH LENGTH [frozen] [float32]

Prints a line when it is ready, then for each number read from standard input takes that many
steps and prints their seconds and the processor seconds as one JSON line.
"""

import sys

import torch
from answers import take_steps
from transformers import AutoModelForSequenceClassification


def main() -> None:
    """Serve steps."""
    encoder, texts, length, *how = sys.argv[1:]
    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_float32_matmul_precision("high")  # TensorFloat-32 on a GPU, as TensorFlow's.
    model = AutoModelForSequenceClassification.from_pretrained(encoder, num_labels=2)
    model = model.train().to(device)
    if "frozen" in how:
        for parameter in getattr(model, model.base_model_prefix).embeddings.parameters():
            parameter.requires_grad = False
    free = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(free, lr=5e-5, fused=True)
    shape = (int(texts), int(length))
    batch = {
        "input_ids": torch.randint(1000, 30000, shape, device=device),
        "attention_mask": torch.ones(shape, dtype=torch.long, device=device),
        "labels": torch.randint(0, 2, shape[:1], device=device),
    }

    def step() -> float:
        with torch.autocast(device, dtype=torch.bfloat16, enabled="float32" not in how):
            loss = model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(free, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        return float(loss)  # Waits for the GPU.

    take_steps(step)


if __name__ == "__main__":
    main()
