"""A fixed set several times the size, as texts before the days of fast augmentation have it."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

BLOCK = 1024  # samples that are changed at a time


class Change(Protocol):
    def __call__(self, inputs: Tensor, samples: Tensor, epoch: int) -> Tensor: ...


def expanded(change: Change, inputs: Tensor, times: int) -> Tensor:
    """[N, ...] -> [times * N, ...]: the originals, then all of them by the draws of epoch 0, of epoch 1, ...

    Sample i of each part is sample i of the originals. uint8 stays uint8, rounded.
    """
    count = len(inputs)
    out = inputs.new_empty(times * count, *inputs.shape[1:])
    out[:count] = inputs
    for part in range(1, times):
        for start in range(0, count, BLOCK):
            block = inputs[start : start + BLOCK]
            samples = torch.arange(start, start + len(block), device=inputs.device)
            changed = change(block, samples, part - 1)
            if out.dtype == torch.uint8 and changed.dtype != torch.uint8:
                changed = changed.round().clamp_(0, 255)
            out[part * count + start : part * count + start + len(block)] = changed
    return out
