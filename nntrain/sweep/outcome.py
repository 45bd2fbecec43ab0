"""How a job of a sweep ended: small plain data, so that a worker of any kind can send it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nntrain.folder import RESULT, UNSAVED
from nntrain.signals import INTERRUPTED

SAVED = "interrupted; its state is saved"
OUT_OF_TIME = "time limit of the search"  # begins the stop_reason of a job that it ended


@dataclass
class Outcome:
    """status: the exit status that the job would have had alone. result: what its result.json holds, {} where there is
    none. pruned: ended early because others did better."""

    number: int
    status: int = 0
    error: str | None = None
    result: dict[str, Any] = field(default_factory=dict)
    pruned: bool = False

    @property
    def interrupted(self) -> bool:
        return self.status >= INTERRUPTED

    @property
    def out_of_time(self) -> bool:
        """Whether the time limit of its search ended it, with the model that it had by then."""
        return str(self.result.get("stop_reason", "")).startswith(OUT_OF_TIME)

    @property
    def unsaved(self) -> bool:
        """Whether it was interrupted and does not say that its state is saved."""
        return (self.interrupted and self.error != SAVED) or (self.error or "").startswith(UNSAVED)


def finished(number: int, result: dict[str, Any]) -> Outcome:
    """The outcome of a job that ran to its end."""
    return Outcome(number, result=result, pruned=str(result.get("stop_reason", "")).startswith("pruned"))


def find_outcome(number: int, folder: Path) -> Outcome | None:
    """What a job's folder says of it; None where it has not run to its end."""
    try:
        result = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(result, dict) or not result.get("val"):
        return None
    return finished(number, result)
