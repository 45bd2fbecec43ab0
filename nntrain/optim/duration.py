"""Lengths of time in a schedule: given in steps, epochs or percent of the training, in exactly one of them."""

from __future__ import annotations

from dataclasses import dataclass

from nntrain.errors import UserError


@dataclass(frozen=True)
class Duration:
    """A length named `name`, of which at most one unit is given.

    steps: updates. epochs: passes over the training data, fractions allowed. percent: of all steps, 0 to 100.
    """

    name: str
    steps: int | None
    epochs: float | None
    percent: float | None

    def __post_init__(self) -> None:
        reject_two_units(self.name, self.steps, self.epochs, self.percent)

    def resolve(self, total_steps: int, steps_per_epoch: int, default: int) -> int:
        """The length in whole steps, to the nearest; `default` where no unit is given."""
        if self.steps is not None:
            return self.steps
        if self.epochs is not None:
            return round(self.epochs * steps_per_epoch)
        if self.percent is not None:
            return round(self.percent * total_steps / 100)
        return default


def reject_two_units(name: str, steps: object, epochs: object, percent: object) -> None:
    """Raise UserError where more than one unit is given."""
    units = {f"{name}_steps": steps, f"{name}_epochs": epochs, f"{name}_percent": percent}
    given = [f"{key}={value}" for key, value in units.items() if value is not None]
    if len(given) > 1:
        raise UserError(f"schedule: give exactly one of {', '.join(units)}; got {' and '.join(given)}")
