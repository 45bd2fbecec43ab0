"""The dry builds of a sweep, shared out to its workers, which keep the data for the training. Imports no torch but
in a worker."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from nntrain.sweep.workers.processes import Workers

READY = 4  # workers, at most, that have read the data when training begins, though fewer could look at all configs


@dataclass(frozen=True)
class Share:
    """What a worker takes: configs, by their places among all."""

    configs: Mapping[int, Mapping[str, Any]]

    def run(self, send: Callable[[Any], None]) -> None:
        from nntrain.verbs.dry_build import dry_build

        send({place: dry_build(config) for place, config in self.configs.items()})


def dry_builds(workers: Workers, configs: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """For each config what stands in its way; nothing where its worker died, as it may again when it trains.

    Configs of the same data go to the same worker, which keeps that for the training. Raises Interrupted where a signal
    ends the workers.
    """
    found: list[tuple[str, ...]] = [()] * len(configs)

    def told(problems: Mapping[int, tuple[str, ...]]) -> None:
        for place, said in problems.items():
            found[place] = said

    order = sorted(range(len(configs)), key=lambda place: json.dumps(configs[place]["data"], default=str))
    parts = [Share({place: configs[place] for place in places}) for places in _shared_out(order, workers.count)]
    workers.run(parts, told, lambda part, code: [])
    return found


def _shared_out(order: Sequence[int], count: int) -> list[Sequence[int]]:
    """In as many parts as there are workers, or configs; the first again for workers that would have none."""
    most = min(count, len(order))
    ends = [round(i * len(order) / most) for i in range(most + 1)]
    parts = [order[start:end] for start, end in pairwise(ends)]
    return parts + parts[:1] * (min(count, READY) - most)
