"""The optimizers and schedules by the names that recipes use."""

from __future__ import annotations

from nntrain.optim.adafactor import Adafactor
from nntrain.optim.adagrad import Adadelta, Adagrad, RMSprop
from nntrain.optim.adam import Adam, AdamW
from nntrain.optim.adam_variants import Adamax, NAdam, RAdam
from nntrain.optim.asgd import ASGD
from nntrain.optim.cycles import CosineRestarts, OneCycle, Triangular
from nntrain.optim.decay import Cosine, Linear, Polynomial
from nntrain.optim.lbfgs import LBFGS
from nntrain.optim.lion import Lion
from nntrain.optim.muon import Muon
from nntrain.optim.optimizer import Optimizer
from nntrain.optim.plateau import Plateau
from nntrain.optim.rprop import Rprop
from nntrain.optim.schedule import Constant, Schedule
from nntrain.optim.sgd import SGD
from nntrain.optim.steps import Exponential, InverseSqrt, Multistep, Step

OPTIMIZERS: dict[str, type[Optimizer]] = {
    "adam": Adam,
    "adamw": AdamW,
    "sgd": SGD,
    "nadam": NAdam,
    "radam": RAdam,
    "adamax": Adamax,
    "adagrad": Adagrad,
    "adadelta": Adadelta,
    "adafactor": Adafactor,
    "rmsprop": RMSprop,
    "rprop": Rprop,
    "asgd": ASGD,
    "lion": Lion,
    "muon": Muon,
    "lbfgs": LBFGS,
}

SCHEDULES: dict[str, type[Schedule]] = {
    "constant": Constant,
    "step": Step,
    "multistep": Multistep,
    "exponential": Exponential,
    "linear": Linear,
    "polynomial": Polynomial,
    "cosine": Cosine,
    "cosine_restarts": CosineRestarts,
    "one_cycle": OneCycle,
    "inverse_sqrt": InverseSqrt,
    "triangular": Triangular,
    "plateau": Plateau,
}
