"""Train neural networks from YAML: `nntrain.fit` returns a run, `nntrain.load` a predictor. Imports no torch."""

from __future__ import annotations

from nntrain.api import fit, load

__all__ = ["fit", "load"]
