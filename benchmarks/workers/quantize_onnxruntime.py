"""Make an int8 model by ONNX Runtime's dynamic quantization, with optimum's settings for this CPU.

optimum's `AutoQuantizationConfig`: signed weights where the CPU has VNNI, unsigned ones where it
has AVX2 alone (products of signed weights saturate there), one scale a tensor, no reduced range.
Arguments: the predictor folder, the sets of texts (not used), the file to make.
"""

from __future__ import annotations

import sys
from pathlib import Path

from answers import say

if __name__ == "__main__":
    from onnxruntime.quantization import QuantType, quantize_dynamic

    vnni = "avx512_vnni" in Path("/proc/cpuinfo").read_text(encoding="ascii", errors="ignore")
    quantize_dynamic(
        Path(sys.argv[1]) / "onnx" / "model.onnx",
        sys.argv[3],
        weight_type=QuantType.QInt8 if vnni else QuantType.QUInt8,
        per_channel=False,
        reduce_range=False,
    )
    say(done=True)
