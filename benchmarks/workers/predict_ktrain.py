"""ktrain's predictor as it comes, without this package."""

from __future__ import annotations

import os
import sys

os.environ.update(TF_USE_LEGACY_KERAS="1", TF_CPP_MIN_LOG_LEVEL="3", MPLBACKEND="Agg")

import predict_loop

if __name__ == "__main__":
    import numpy as np

    # NumPy 2 removed it, and ktrain asks for it.
    np.Inf = np.inf  # type: ignore[attr-defined]
    import ktrain

    predictor = ktrain.load_predictor(sys.argv[1])
    predict_loop.serve(lambda texts: predictor.predict_proba(list(texts)).tolist())
