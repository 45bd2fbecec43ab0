"""How raw pictures become the uint8 tensor that a picture network takes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch

from nntrain.data.dataset import PixelFeatures, Split
from nntrain.task import Task


@dataclass(frozen=True)
class PixelPreprocessing:
    """Files, folders, arrays or rows of pixels -> uint8 [N, C, H, W] of the size the network was trained on."""

    features: PixelFeatures
    task: Task

    def state(self) -> dict[str, Any]:
        return {"kind": "pixels", "features": asdict(self.features), "task": asdict(self.task)}

    def inputs(self, raw: Any) -> torch.Tensor:
        raise NotImplementedError

    def labelled(self, raw: Any) -> Split:
        raise NotImplementedError
