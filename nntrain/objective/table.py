"""Every loss and every objective that a recipe can name."""

from __future__ import annotations

from nntrain.objective.corruption import Autoencoder, Denoising, Masked, Supervised
from nntrain.objective.loss import Loss
from nntrain.objective.losses import (
    Absolute,
    Auto,
    BinaryCrossEntropy,
    CrossEntropy,
    Focal,
    Hinge,
    Huber,
    LogCosh,
    Poisson,
    Quantile,
    Squared,
)

LOSSES: dict[str, type[Loss]] = {
    "auto": Auto,
    "cross_entropy": CrossEntropy,
    "binary_cross_entropy": BinaryCrossEntropy,
    "focal": Focal,
    "hinge": Hinge,
    "squared": Squared,
    "absolute": Absolute,
    "huber": Huber,
    "log_cosh": LogCosh,
    "quantile": Quantile,
    "poisson": Poisson,
}

OBJECTIVES: dict[str, type[Supervised | Autoencoder]] = {
    "supervised": Supervised,
    "autoencoder": Autoencoder,
    "denoising": Denoising,
    "masked": Masked,
}
