"""What the head of a network takes, computed once for each sample, where nothing before the head changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from nntrain.training.evaluate import evaluation_batch
from nntrain.training.step import Program

if TYPE_CHECKING:
    from nntrain.data.dataset import Split

SHARE = 0.5  # of the free memory that features may take
MEMINFO = Path("/proc/meminfo")
UNKNOWN = 2**31  # bytes, where the system does not tell


@torch.no_grad()
def features_of(program: Program, inputs: Tensor) -> Tensor:
    """Features float32 [N, F] of inputs as in a split; the network is left in evaluation mode."""
    network, device = program.network, program.device
    network.eval()
    with program.autocast(device):
        parts = [
            network.body.features(network.enter(part.to(device))).float()  # type: ignore[operator]
            for part in torch.split(inputs, evaluation_batch(inputs))
        ]
    return torch.cat(parts)


def feature_bytes(program: Program, samples: int, inputs: Tensor) -> int:
    """Memory of the features of so many samples, known from one of `inputs`."""
    return samples * features_of(program, inputs[:1]).nbytes


def with_features(program: Program, split: Split) -> Split:
    """The split with features in place of its inputs."""
    return replace(split, inputs=features_of(program, split.inputs), streamed=False)


def free_bytes(device: torch.device) -> int:
    """Memory that can be had, of the device or of this machine."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if MEMINFO.is_file():  # free pages alone would leave out files that the system keeps in memory while it can
        lines = (line.split() for line in MEMINFO.read_text(encoding="ascii").splitlines())
        return next((int(line[1]) * 1024 for line in lines if line[0] == "MemAvailable:"), UNKNOWN)
    return UNKNOWN
