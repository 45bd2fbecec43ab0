"""Settings that belong to no group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nntrain.config.fields import Boolean, Choice, Either, Integer, Kind, Number, Path, Text, optional


class Device(Text):
    """The name of a device; whether the machine has it is found out when it is used."""

    def __init__(self) -> None:
        super().__init__("a device: auto, cpu, cuda, cuda:0, cuda:1, ..., or mps")

    def allows(self, value: object) -> bool:
        if not isinstance(value, str):
            return False
        kind, _, number = value.partition(":")
        return value in ("auto", "cpu", "mps") or (kind == "cuda" and (number.isdigit() or value == "cuda"))


FIELDS: dict[str, Kind] = {
    "name": optional(Text("a name for the run"), "null (the recipe's name)"),
    "seed": Integer(low=0, high=2**63 - 1),
    "ensemble": Integer(low=1, high=1000),
    "device": Device(),
    "epochs": Integer(low=1),
    "batch_size": Either(Integer(low=1), Choice("batch size", ("full",))),
    "gradient_accumulation": Integer(low=1),
    "precision": Choice("precision", ("fp32", "tf32", "bf16", "fp16")),
    "deterministic": Boolean(),
    "time_limit": optional(Number(above=0), "null (no limit)"),
    "run_dir": optional(Path("a folder"), "null (a new folder below runs/)"),
    "quiet": Boolean(),
}


def conflicts(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What an ensemble cannot stand beside. config: the whole of it; values that are no sound ones are left out."""
    count = config.get("ensemble", 1)
    if not isinstance(count, int) or count == 1:
        return
    folds, objective = config.get("data", {}).get("folds"), config.get("objective", {}).get("name", "supervised")
    if folds:
        yield (
            "ensemble",
            f"{count} networks learn from one training split, and data.folds={folds} makes {folds} of them; leave one "
            "of the two out",
        )
    if objective != "supervised":
        yield (
            "ensemble",
            f"codes and reconstructions of {count} networks have no mean that says anything, and objective {objective} "
            f"gives these; set it to 1, or learn targets: objective=supervised, with pretrain={objective} before it",
        )
