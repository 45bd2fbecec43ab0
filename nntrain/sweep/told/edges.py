"""Whether the best setting lies at the end of the values that were tried, so that better ones may lie beyond."""

from __future__ import annotations

from typing import Any, TypeGuard

from nntrain.config import schema
from nntrain.sweep.told.ranking import Contest

FEWEST = 3  # values that show a trend
STEP = 0.01  # of a value: whether one so much beyond is allowed at all


def edge_words(contest: Contest) -> list[str]:
    """`optimizer.lr=0.01 is the largest that was tried; larger ones may be better`: a line for each setting of which
    that can be said. It is a number, and with the one next to it, all else being the same, the mean is worse. Nothing
    of a search, which looks beyond by itself."""
    best = contest.rows[0]
    if contest.metrics or best.pruned:
        return []
    settings = [row.jobs[0].settings for row in contest.rows]
    tried = [{key: own[key] for key in row.setting} for row, own in zip(contest.rows, settings, strict=True)]
    worse = [own for row, own in zip(contest.rows, tried, strict=True) if row.mean != best.mean]
    said = []
    for key, written in best.setting.items():
        at, every = tried[0][key], [own.get(key) for own in tried]
        values = sorted({value for value in every if _is_number(value)})
        if len(values) < FEWEST or not all(map(_is_number, every)):
            continue
        smallest, largest = at == values[0], at == values[-1]
        if not (smallest or largest) or {**tried[0], key: values[1 if smallest else -2]} not in worse:
            continue
        if _goes_on(key, at, -1 if smallest else 1):
            end = "small" if smallest else "larg"
            said.append(f"{key}={written} is the {end}est that was tried; {end}er ones may be better")
    return said


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _goes_on(key: str, value: float, way: int) -> bool:
    """Whether the setting takes values beyond: a dropout has none below 0."""
    kind = schema.field(key)
    beyond = value + way * (1 if isinstance(value, int) else STEP * abs(value) or STEP)
    return kind is None or kind.complaint(beyond) is None
