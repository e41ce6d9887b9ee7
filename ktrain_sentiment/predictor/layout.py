"""What lies where in a predictor folder, declared once.

The places are not ours to choose: each is where a tool looks for it. transformers (4 with
TensorFlow, 5 with PyTorch) reads the top level, ktrain `tf_model.preproc` beside it, and
transformers.js, optimum and Text Embeddings Inference the `onnx` folder.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class PredictorFolder:
    """The paths of a predictor folder, whether or not the files exist.

    Attributes:
        path: The folder itself.
    """

    path: Path

    @property
    def manifest(self) -> Path:
        """Our own facts: labels, maxlen, temperature, versions, digests."""
        return self.path / "manifest.json"

    @property
    def card(self) -> Path:
        """The model card, in the hub's format."""
        return self.path / "README.md"

    @property
    def config(self) -> Path:
        """The architecture and the label names, as transformers wants them."""
        return self.path / "config.json"

    @property
    def tokenizer(self) -> Path:
        """The fast tokenizer, whole, as the `tokenizers` library wants it."""
        return self.path / "tokenizer.json"

    @property
    def features(self) -> Path:
        """Words and n-grams of ktrain's own classifiers, which have no tokenizer."""
        return self.path / "features.json"

    @property
    def tokenizer_config(self) -> Path:
        """How transformers wraps the tokenizer."""
        return self.path / "tokenizer_config.json"

    @property
    def ktrain_preproc(self) -> Path:
        """The pickled preprocessor. Only ktrain opens it, never this package."""
        return self.path / "tf_model.preproc"

    @property
    def torch_weights(self) -> Path:
        """The same weights in PyTorch's layout, which outlive TensorFlow."""
        return self.path / "model.safetensors"

    @property
    def onnx(self) -> Path:
        """The ONNX graph in 32-bit floats."""
        return self.path / "onnx" / "model.onnx"

    @property
    def onnx_int8(self) -> Path:
        """The ONNX graph with 8-bit weights."""
        return self.path / "onnx" / "model_quantized.onnx"

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
