"""Every network body that a recipe can name. Each takes `inputs`, `outputs` and the settings of its option file."""

from __future__ import annotations

from torch import nn

from nntrain.models.linear import Linear
from nntrain.models.mlp import MLP

MODELS: dict[str, type[nn.Module]] = {"mlp": MLP, "linear": Linear}
