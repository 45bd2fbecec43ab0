"""Changes to the training samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nntrain.config.fields import (
    FRACTION,
    NON_NEGATIVE,
    POSITIVE,
    PROBABILITY,
    Boolean,
    Choice,
    Either,
    Integer,
    Kind,
    ListOf,
    Number,
    optional,
)

PAIR = ListOf(NON_NEGATIVE, length=2)
POSITIVE_PAIR = ListOf(POSITIVE, length=2)
FACTOR = Either(FRACTION, PAIR)

FIELDS: dict[str, Kind] = {
    "expand": Integer(low=1, high=1000),
    "fill": Choice("fill", ("black", "mean", "edge", "reflect")),
    "crop_padding": Integer(low=0),
    "crop_scale": optional(ListOf(Number(above=0, high=1), length=2), "null (no resized crop)"),
    "crop_ratio": POSITIVE_PAIR,
    "crop_p": FRACTION,
    "translate": Either(Integer(low=0), PROBABILITY),
    "translate_p": FRACTION,
    "flip": FRACTION,
    "flip_vertical": FRACTION,
    "rotate": Either(Number(low=0, high=180), ListOf(Number(low=-180, high=180), length=2)),
    "rotate_p": FRACTION,
    "scale": Either(PROBABILITY, POSITIVE_PAIR),
    "scale_p": FRACTION,
    "shear": Either(Number(low=0, high=80), ListOf(Number(low=-80, high=80), length=2)),
    "shear_p": FRACTION,
    "perspective": Number(low=0, high=0.6),
    "perspective_p": FRACTION,
    "elastic": NON_NEGATIVE,
    "elastic_sigma": Number(above=0, high=1000),
    "elastic_p": FRACTION,
    "brightness": FACTOR,
    "brightness_p": FRACTION,
    "contrast": FACTOR,
    "contrast_p": FRACTION,
    "saturation": FACTOR,
    "saturation_p": FRACTION,
    "hue": Either(Number(low=0, high=0.5), ListOf(Number(low=-0.5, high=0.5), length=2)),
    "hue_p": FRACTION,
    "grey": FRACTION,
    "blur": Either(NON_NEGATIVE, PAIR),
    "blur_p": FRACTION,
    "noise": Either(NON_NEGATIVE, PAIR),
    "noise_p": FRACTION,
    "erase": FRACTION,
    "erase_area": ListOf(FRACTION, length=2),
    "erase_ratio": POSITIVE_PAIR,
    "erase_fill": Choice("fill of a box", ("black", "mean", "noise")),
    "randaugment": Integer(low=0, high=8),
    "randaugment_magnitude": Integer(low=0, high=30),
    "trivialaugment": Boolean(),
    "feature_dropout": PROBABILITY,
    "mixup": NON_NEGATIVE,
    "cutmix": NON_NEGATIVE,
    "mix_p": FRACTION,
}


def conflicts(section: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What a merged section may not hold together."""
    for key, value in section.items():
        if isinstance(value, list) and len(value) == 2 and value[0] > value[1]:
            yield key, f"{value} must be the least and then the greatest"
    if section.get("randaugment") and section.get("trivialaugment"):
        yield "trivialaugment", "beside randaugment: both draw from the same operations; choose one"
    for key in ("mixup", "cutmix"):
        if section.get(key) and section["expand"] > 1:
            yield key, f"beside expand={section['expand']}: a fixed set has one target per sample; choose one"
