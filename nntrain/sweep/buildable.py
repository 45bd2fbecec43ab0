"""What is wrong with jobs that only their data and their networks can tell, found before any of them runs.

Jobs that differ in numbers alone with which every network can be built, as in the learning rate or the seed, are built
once. Imports no torch: the dry builds are a launcher's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Timer
from typing import Any

from nntrain.components import is_own
from nntrain.errors import UserError
from nntrain.record.files import json_text
from nntrain.record.words import numbers_text, plural

Config = Mapping[str, Any]
DryBuilds = Callable[[Sequence[Config]], Sequence[Sequence[str]]]  # for each config the problems in its way

NEVER_WRONG = frozenset({"name", "run_dir", "quiet", "seed", "time_limit", "data.split_seed"})
NUMBERS = ("optimizer", "schedule", "early_stopping", "checkpoint", "regularization", "init", "loss")  # fit any network
DROPOUTS = ("model.dropout", "model.input_dropout", "model.head_dropout")  # so do these
MAY_BE_LATE = ("regularization.swa_start_epochs", "regularization.swa_start_percent")  # these do not
PATIENCE = 20.0  # seconds until it is said that nothing trains yet
SLOW = "the data is read, and a network of each kind is built, before any is trained"


@dataclass(frozen=True)
class Draft:
    """A job to be: all but its folder, which is made once no job is found wrong."""

    number: int
    varied: Mapping[str, str]
    config: Config


def patiently(dry_builds: DryBuilds, say: Callable[[str], None]) -> DryBuilds:
    """The same, which is said where it takes long, as it may where pictures are decoded for the first time."""

    def told(configs: Sequence[Config]) -> Sequence[Sequence[str]]:
        timer = Timer(PATIENCE, say, [SLOW])
        timer.daemon = True
        timer.start()
        try:
            return dry_builds(configs)
        finally:
            timer.cancel()

    return told


def check_buildable(drafts: Sequence[Draft], dry_builds: DryBuilds) -> None:
    """UserError with the problems of all jobs, each problem once, with the jobs that have it."""
    alike: dict[str, list[Draft]] = {}
    for draft in drafts:
        alike.setdefault(essence(draft.config), []).append(draft)
    having: dict[str, list[Draft]] = {}
    for group, problems in zip(alike.values(), dry_builds([group[0].config for group in alike.values()]), strict=True):
        for problem in problems:
            having.setdefault(problem, []).extend(group)
    if having:
        raise UserError(*(f"{problem} ({_jobs(of, drafts)})" for problem, of in having.items()))


def check_some_buildable(examples: Iterable[Config | UserError], dry_builds: DryBuilds) -> None:
    """UserError with what is wrong with each of some examples of jobs that are yet to be drawn, those among them that
    could not be composed. The rest are not looked at once there is no such thing."""
    common: list[str] | None = None
    for example in examples:
        problems = example.problems if isinstance(example, UserError) else dry_builds([example])[0]
        common = [problem for problem in (problems if common is None else common) if problem in problems]
        if not common:
            return
    if common:
        raise UserError(*common)


def essence(config: Config) -> str:
    """Equal for jobs of which none can be built or all: all settings, but for those that are never in the way; of
    numbers that fit any network whether they are 0, which may switch something off. What numbers fit a class of one's
    own, only that knows."""
    fitting = {group for group in NUMBERS if not is_own(group, config[group].get("name", ""))}
    kept: dict[str, Any] = {}
    for group, section in config.items():
        for key, value in section.items() if isinstance(section, Mapping) else [("", section)]:
            name = f"{group}.{key}".rstrip(".")
            if name not in NEVER_WRONG:
                any_number = (group in fitting and name not in MAY_BE_LATE) or name in DROPOUTS
                kept[name] = _any_number(value) if any_number else value
    return json_text(kept, indent=None)


def _any_number(value: Any) -> Any:
    if isinstance(value, list):
        return [_any_number(inner) for inner in value]
    if isinstance(value, Mapping):
        return {key: _any_number(inner) for key, inner in value.items()}
    return bool(value) if isinstance(value, int | float) else value


def _jobs(having: Sequence[Draft], every: Sequence[Draft]) -> str:
    """`jobs 1, 3: batch_size=5000`: with the values that they have in common, and not all jobs have."""
    if len(having) == len(every):
        return f"all {plural(len(every), 'job')}" if len(every) > 1 else "the only job"
    numbers = sorted(draft.number for draft in having)
    common = set(having[0].varied.items()).intersection(*(draft.varied.items() for draft in having))
    common -= set(every[0].varied.items()).intersection(*(draft.varied.items() for draft in every))
    said = " ".join(f"{key}={value}" for key, value in having[0].varied.items() if (key, value) in common)
    return f"{'jobs' if len(numbers) > 1 else 'job'} {numbers_text(numbers)}" + (f": {said}" if said else "")
