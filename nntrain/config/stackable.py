"""Which trainings can be one program, told from their configs alone.

Members of a stack have the same shapes, and every step is the same operations for all; numbers may differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nntrain.components import OWN_GROUPS, is_own

Config = Mapping[str, Any]

STACKED_MODELS = ("mlp", "linear", "cnn", "resnet")
MAY_DIFFER = frozenset(
    {
        *("name", "run_dir", "quiet", "seed", "epochs", "time_limit", "data.split_seed"),
        *("model.dropout", "model.input_dropout", "model.head_dropout", "checkpoint.every_seconds"),
    }
)
SECTIONS_MAY_DIFFER = ("init", "schedule", "early_stopping", "regularization")  # name and all
NUMBERS_MAY_DIFFER = ("optimizer", "loss", "augment")
FIXED_NUMBERS = frozenset({"ns_coefficients", "ns_steps"})  # of muon
MIXING = ("mixup", "cutmix", "mix_p")  # without which a sample has one target


def alone_because(config: Config) -> str | None:
    """Why a job cannot be part of a stack, whatever the others are; None where it can."""
    return next(_obstacles(config), None)


def _obstacles(config: Config) -> Iterator[str]:
    model = config["model"]
    for group in OWN_GROUPS:
        if is_own(group, config[group]["name"]):
            yield f"{group} {config[group]['name']} is a class of one's own"
    if model["name"] not in STACKED_MODELS:
        yield f"model {model['name']} has layers that cannot be stacked"
    if config["objective"]["name"] != "supervised":
        yield f"objective {config['objective']['name']}"
    if config["pretrain"]["name"] != "none":
        yield "it is pre-trained"
    if config["ensemble"] > 1:
        yield "it has members of its own to stack, where that is faster"
    if config["data"].get("folds"):
        yield "it has folds of its own to stack, where that is faster"
    if config["optimizer"]["name"] == "lbfgs":
        yield "optimizer lbfgs"
    if config["precision"] == "fp16":
        yield "precision fp16"
    if model["init_from"] is not None or model["freeze"] != "none":
        yield "it starts from another network"
    if model["lr_decay"] != 1 or model["lr_multipliers"]:
        yield "its layers have learning rates of their own"


def shared_settings(config: Config) -> Iterator[tuple[str, Any]]:
    """All that the members of a stack have in common, by name."""
    for key, section in config.items():
        if not isinstance(section, Mapping):
            if key not in MAY_DIFFER:
                yield key, section
        elif key not in SECTIONS_MAY_DIFFER:
            for name, value in section.items():
                if f"{key}.{name}" not in MAY_DIFFER:
                    yield f"{key}.{name}", _kind(key, name, value, section.get("name"))
    averages = config["regularization"]
    yield "ema", averages["ema"] > 0
    yield "swa", any(averages[key] is not None for key in ("swa_start_epochs", "swa_start_percent"))


def _kind(group: str, key: str, value: Any, choice: str | None) -> Any:
    """Of a number that may differ that it is one; of another value the value."""
    if choice == "adafactor" and key == "eps1":  # be it null, which is a number of its own
        return "a number"
    if group not in NUMBERS_MAY_DIFFER or not _is_number(value) or (choice == "muon" and key in FIXED_NUMBERS):
        return value
    if group == "augment" and key == "expand":  # of which the number of steps comes
        return value
    if group == "augment" and key in MIXING:
        return "none" if value == 0 else "some"
    return "a number"


def _is_number(value: Any) -> bool:
    """A truth value is a switch, and no number."""
    if isinstance(value, list):
        return bool(value) and all(map(_is_number, value))
    return isinstance(value, int | float) and not isinstance(value, bool)
