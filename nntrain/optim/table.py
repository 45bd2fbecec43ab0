"""The optimizers and schedules by the names that recipes use."""

from __future__ import annotations

from nntrain.optim.adam import Adam, AdamW
from nntrain.optim.decay import Cosine, Linear, Polynomial
from nntrain.optim.optimizer import Optimizer
from nntrain.optim.schedule import Constant, Schedule
from nntrain.optim.sgd import SGD

OPTIMIZERS: dict[str, type[Optimizer]] = {
    "sgd": SGD,
    "adam": Adam,
    "adamw": AdamW,
}

SCHEDULES: dict[str, type[Schedule]] = {
    "constant": Constant,
    "linear": Linear,
    "polynomial": Polynomial,
    "cosine": Cosine,
}
