"""One job of a sweep: one combination of what varies, with the config that it comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Job:
    """number: stable over resumes. words: as `nntrain fit` takes them, without run_dir. varied: key to value as
    written, of what the sweep varies, the recipe under "config". folder: `<sweep_dir>/<number>`. config: composed and
    validated, its run_dir being `folder`."""

    number: int
    words: tuple[str, ...]
    varied: Mapping[str, str]
    folder: Path
    config: Mapping[str, Any]

    @property
    def said(self) -> str:
        """What tells it from the other jobs, in one line."""
        return " ".join(f"{key}={value}" for key, value in self.varied.items())

    @property
    def settings(self) -> dict[str, Any]:
        """What the sweep varies, with the values that the config has; of a choice, such as an optimizer, its name."""
        return {key: _value(self.config, key, written) for key, written in self.varied.items()}


def _value(config: Mapping[str, Any], key: str, written: str) -> Any:
    found: Any = config if key != "config" else None
    for part in key.split("."):
        if not isinstance(found, Mapping) or part not in found:
            return written
        found = found[part]
    return written if isinstance(found, Mapping) else found
