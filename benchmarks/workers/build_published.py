"""A predictor of an architecture as published, with random weights, built without a hub.

    python build_published.py ARCHITECTURE FOLDER ENCODER TEXTS

ARCHITECTURE is `Bert` or `DistilBert`: transformers' own default configuration, which is that of
bert-base-uncased and distilbert-base-uncased. ENCODER is a folder whose tokenizer has their
vocabulary; TEXTS is a JSON file with the set `short`, which gives int8 its ranges. Random weights
are as fast and as large as trained ones, and know nothing. Prints one JSON line: parameters.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from answers import say

from ktrain_sentiment.export.engines import write_int8, write_onnx
from ktrain_sentiment.export.keras_files import named_arrays
from ktrain_sentiment.export.weights import to_torch_names, write_safetensors
from ktrain_sentiment.predictor.layout import PredictorFolder
from ktrain_sentiment.predictor.manifest import Manifest, digest_files, write_manifest
from ktrain_sentiment.predictor.tokenization import TextEncoder
from ktrain_sentiment.training.backend import open_backend, seed_everything

LABELS, MAXLEN = ("negative", "positive"), 64


def main() -> None:
    """Build, save, count."""
    architecture, home, encoder, texts = sys.argv[1], *map(Path, sys.argv[2:])
    backend = open_backend()
    seed_everything(backend, 0)
    config = getattr(backend.transformers, f"{architecture}Config")(
        id2label=dict(enumerate(LABELS)), label2id={name: k for k, name in enumerate(LABELS)}
    )
    name = f"{architecture}ForSequenceClassification"
    config.architectures = [name]
    model = getattr(backend.transformers, f"TF{name}")(config)
    model.build_in_name_scope()
    place = PredictorFolder(home)
    home.mkdir(parents=True)
    config.save_pretrained(str(home))
    shutil.copy(encoder / place.tokenizer.name, place.tokenizer)
    weights = to_torch_names(named_arrays(model), config.model_type)
    write_safetensors(place.torch_weights, weights)
    place.onnx.parent.mkdir()
    write_onnx(place.onnx, weights, config.to_dict())
    some = json.loads(texts.read_text(encoding="utf-8"))["short"]
    encoded = TextEncoder.from_folder(place, MAXLEN).encode(some)
    write_int8(place, weights, config.to_dict(), encoded)
    engines = {"fp32": {"kept": True}, "int8": {"kept": True}}
    files = digest_files(place)
    manifest = Manifest(
        labels=LABELS, maxlen=MAXLEN, encoder=f"random {architecture}", family=config.model_type,
        engines=engines, files=files,
    )  # fmt: skip
    write_manifest(home, manifest)
    say(parameters=model.count_params())


if __name__ == "__main__":
    main()
