"""The jobs of a sweep in groups, each of which trains as one program, and the plan that says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from nntrain.config.stackable import Config, alone_because, shared_settings
from nntrain.record.files import json_text
from nntrain.record.words import plural
from nntrain.stack.sizes import MOST, cut
from nntrain.sweep.job import Job

FEWEST = 4  # members that are worth a program of their own, for the sake of an idle worker
NAMED = 3  # reasons and settings that a plan names
TRIED = ", as far as a short trial finds that faster"


@dataclass(frozen=True)
class Group:
    """Jobs that train as one program; or one job, and the reason why it trains by itself."""

    jobs: tuple[Job, ...]
    reason: str | None = None

    @property
    def stacked(self) -> bool:
        return len(self.jobs) > 1


def partition(jobs: Sequence[Job]) -> list[Group]:
    """The groups, in the order of their first jobs."""
    alike: dict[str, list[Job]] = {}
    reasons: dict[str, str | None] = {}
    for job in jobs:
        reason = alone_because(job.config)
        key = f"job {job.number}" if reason else shared(job.config)
        alike.setdefault(key, []).append(job)
        reasons[key] = reason
    heads = [dict(shared_settings(members[0].config)) for key, members in alike.items() if not reasons[key]]
    unlike = iter(_unlike(heads))
    groups = []
    for key, members in alike.items():
        reason = reasons[key] or next(unlike)
        groups.append(Group(tuple(members), reason if reasons[key] or len(members) == 1 else None))
    return groups


def _unlike(heads: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Of what the members of each group have in common, why no other job goes with them: the settings that tell it from
    its nearest, and more where others have those too."""
    keys = dict.fromkeys(key for head in heads for key in head)
    varying = [key for key in keys if any(head.get(key) != heads[0].get(key) for head in heads)]
    own = [tuple(json_text(head.get(key), indent=None) for key in varying) for head in heads]
    alone = _telling_alone(own, len(varying))
    alike = {places: _by_values(own, places) for places in set(alone)}
    for this, places in zip(own, alone, strict=True):
        others = alike[places][tuple(this[i] for i in places)]
        apart = sorted(
            ([key for key, a, b in zip(varying, this, other, strict=True) if a != b] for other in others), key=len
        )
        found = [varying[i] for i in places]
        for differing in apart[1:]:  # the first is itself
            if set(found).isdisjoint(differing):
                found += _named(differing)
        named = [key.removesuffix(".name") for key in varying if key in found]  # in one order for all
        yield f"no other job has its {_and(named)}" if named else "there is no other job that could go with it"


Values = tuple[str, ...]  # of settings, in their order


def _telling_alone(own: Sequence[Values], count: int) -> list[tuple[int, ...]]:
    """Of each the places of the settings in which alone it differs from some other."""
    found: list[tuple[int, ...]] = [()] * len(own)
    for i in range(count):
        rest = [this[:i] + this[i + 1 :] for this in own]
        counts = Counter(rest)
        found = [(*places, i) if counts[values] > 1 else places for places, values in zip(found, rest, strict=True)]
    return found


def _by_values(own: Sequence[Values], places: Sequence[int]) -> dict[Values, list[Values]]:
    """Those that have the same values in these places, by these."""
    alike: dict[Values, list[Values]] = {}
    for this in own:
        alike.setdefault(tuple(this[i] for i in places), []).append(this)
    return alike


def _named(keys: Sequence[str]) -> list[str]:
    """Without those that come with a choice that is among them."""
    chosen = [key for key in keys if key.endswith(".name")]
    inside = tuple(key.removesuffix("name") for key in chosen)
    return [*chosen, *(key for key in keys if not key.startswith(inside))] if chosen else list(keys)


def shared(config: Config) -> str:
    """All that the members of a stack have in common, as text that is equal where it is."""
    return json_text(dict(shared_settings(config)), indent=None)


def units(groups: Sequence[Group], workers: int, most: int = MOST) -> list[list[Job]]:
    """What the workers take one after another: groups in parts of `most` jobs at most, so that no worker is idle for
    long; the largest first."""
    parts: list[list[Job]] = []
    for group in groups:
        parts += cut(group.jobs, -(-len(group.jobs) // most))
    parts.sort(key=len, reverse=True)
    while len(parts) % workers and len(parts[0]) >= 2 * FEWEST:
        parts[:1] = cut(parts[0], 2)
        parts.sort(key=len, reverse=True)
    return parts


def plan_words(groups: Sequence[Group]) -> list[str]:
    """`48 jobs: 3 groups of 16 stacked, ...`; what tells the groups apart; what trains by itself, and why."""
    stacks = [group for group in groups if group.stacked]
    single = [group for group in groups if not group.stacked]
    jobs = plural(sum(len(group.jobs) for group in groups), "job")
    if not stacks:
        return [jobs if len(single) == 1 else f"{jobs}, each by itself: {_reasons(single)}"]
    how = "each by itself" if len(single) > 1 else "by itself"
    alone = f"; {len(single)} {how}" if single else ""
    tried = "" if all(group.jobs[0].config["deterministic"] for group in stacks) else TRIED
    lines = [f"{jobs}: {', '.join(_sizes(stacks))} stacked{tried}{alone}"]
    if keys := _differing(stacks):
        lines.append(f"the groups differ in {_some(keys)}")
    if single:
        lines.append(f"{how}: {_reasons(single)}")
    return lines


def _reasons(single: Sequence[Group]) -> str:
    """Each with how many jobs have it, where there are several."""
    reasons = Counter(str(group.reason) for group in single)
    if len(reasons) == 1:
        return next(iter(reasons))
    return _some([f"{reason} ({plural(count, 'job')})" for reason, count in reasons.items()], "; ")


def _sizes(stacks: Sequence[Group]) -> list[str]:
    """`3 groups of 16`, `1 group of 8`, by size, the largest first."""
    counts: dict[int, int] = {}
    for size in sorted((len(group.jobs) for group in stacks), reverse=True):
        counts[size] = counts.get(size, 0) + 1
    if len(counts) > NAMED:
        return [f"{len(stacks)} groups of {min(counts)} to {max(counts)}"]
    return [f"{plural(count, 'group')} of {size}" for size, count in counts.items()]


def _differing(stacks: Sequence[Group]) -> list[str]:
    """The settings in which groups differ, as far as members of a stack must agree in them."""
    common = [dict(shared_settings(group.jobs[0].config)) for group in stacks]
    keys = dict.fromkeys(key for settings in common for key in settings)
    named = {key: key.removesuffix(".name") for key in keys}
    chosen = [key for key in keys if key.endswith(".name") and len({settings.get(key) for settings in common}) > 1]
    inside = tuple(f"{named[key]}." for key in chosen)  # a choice brings settings of its own
    rest = [
        key
        for key in keys
        if key not in chosen
        and not key.startswith(inside)
        and len({json_text(settings.get(key)) for settings in common}) > 1
    ]
    return [named[key] for key in (*chosen, *rest)]


def _and(texts: Sequence[str]) -> str:
    return " and ".join([*texts[:-1][:NAMED], *texts[-1:]])


def _some(texts: Sequence[str], between: str = ", ") -> str:
    more = f"{between}and {len(texts) - NAMED} more" if len(texts) > NAMED else ""
    return between.join(texts[:NAMED]) + more
