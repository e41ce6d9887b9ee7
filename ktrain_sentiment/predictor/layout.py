"""What lies where in a predictor folder, declared once.

The places are not ours to choose: each is where a tool looks for it. transformers (4 with
TensorFlow, 5 with PyTorch) reads the top level, ktrain `tf_model.preproc` beside it, and
transformers.js, optimum and Text Embeddings Inference the `onnx` folder.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ktrain_sentiment.runs import Inside


@dataclass(frozen=True)
class PredictorFolder:
    """The paths of a predictor folder, whether or not the files exist.

    Attributes:
        path: The folder itself.
    """

    path: Path

    manifest = Inside("manifest.json")
    """Our own facts: labels, maxlen, temperature, versions, digests."""

    card = Inside("README.md")
    """The model card, in the hub's format."""

    config = Inside("config.json")
    """The architecture and the label names, as transformers wants them."""

    tokenizer = Inside("tokenizer.json")
    """The fast tokenizer, whole, as the `tokenizers` library wants it."""

    features = Inside("features.json")
    """Words and n-grams of ktrain's own classifiers, which have no tokenizer."""

    tokenizer_config = Inside("tokenizer_config.json")
    """How transformers wraps the tokenizer."""

    ktrain_preproc = Inside("tf_model.preproc")
    """The pickled preprocessor. Only ktrain opens it, never this package."""

    torch_weights = Inside("model.safetensors")
    """The same weights in PyTorch's layout, which outlive TensorFlow."""

    onnx = Inside("onnx", "model.onnx")
    """The ONNX graph in 32-bit floats."""

    onnx_int8 = Inside("onnx", "model_quantized.onnx")
    """The ONNX graph with 8-bit weights."""

    @property
    def is_ours(self) -> bool:
        """Whether this package wrote the folder, judged without its manifest: by what lies there.

        ktrain alone writes neither PyTorch weights nor graphs, and others write no preprocessor.
        """
        exported = (self.torch_weights, self.onnx, self.onnx_int8)
        from_encoder = self.ktrain_preproc.is_file() and any(p.is_file() for p in exported)
        return from_encoder or (self.features.is_file() and self.onnx.is_file())

    def files(self) -> tuple[str, ...]:
        """All files in the folder but the manifest, as sorted relative POSIX paths."""
        found = (p for p in self.path.rglob("*") if p.is_file() and p != self.manifest)
        return tuple(sorted(p.relative_to(self.path).as_posix() for p in found))
