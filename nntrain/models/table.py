"""What a recipe can name: network bodies (`inputs`, `outputs` and their option file's settings) and initialisers."""

from __future__ import annotations

from torch import nn

from nntrain.models.backbone import Backbone
from nntrain.models.cnn import CNN
from nntrain.models.initializers import INITIALIZERS
from nntrain.models.linear import Linear
from nntrain.models.mlp import MLP
from nntrain.models.resnet import ResNet

__all__ = ["INITIALIZERS", "MODELS"]

MODELS: dict[str, type[nn.Module]] = {"mlp": MLP, "linear": Linear, "cnn": CNN, "resnet": ResNet, "backbone": Backbone}
