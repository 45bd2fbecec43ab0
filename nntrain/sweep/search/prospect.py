"""How much a search or a growing will do at once, which can be said before it begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser

from nntrain.config.schema.search import named
from nntrain.config.search import defaults
from nntrain.config.stackable import Config, alone_because, shared_settings
from nntrain.config.variants import Composer
from nntrain.config.words import CommandLine
from nntrain.errors import UserError
from nntrain.record.words import plural
from nntrain.stack.sizes import MOST
from nntrain.sweep.groups import TRIED
from nntrain.sweep.search.examples import EXAMPLES
from nntrain.sweep.search.samplers import GENERATIONS, learns_nothing, population
from nntrain.sweep.search.space import MARK, Axis, read_space
from nntrain.sweep.workers.crew import settings as workers_for

LARGEST = 16  # trials at a time that learn from those before
WORKERS = "hydra.launcher.workers="
STACKING, UNSTACKED = ("stacked", "submitit", "ray"), "hydra.launcher.stacked=false"
AUTO = " (auto)"  # after what it stands for
SAID = ("n_trials", "sampler", "pruner")
WHOLE = "trials of several networks (ensemble, data.folds) run to their end"


def batch(settings: Mapping[str, Any], axes: Sequence[Axis], workers: int, stacks: bool) -> int:
    """How many trials are drawn at a time: one for each worker, or so many that stacks fill them. Samplers that learn
    from every trial draw no more than a sixth of all, and than LARGEST; those that learn from a population, that one.

    stacks: whether these jobs can train as one program.
    """
    if settings["batch"] is not None:
        return int(settings["batch"])
    if not stacks:
        return workers
    if (generation := population(settings, axes)) is not None:
        return max(workers, min(generation, workers * MOST))
    total, name = int(settings["n_trials"]), named(settings["sampler"])[0]
    most = total if name in ("random", "qmc") else min(total // GENERATIONS, LARGEST)
    return workers * max(1, min(most // workers, MOST))


def search_words(settings: Mapping[str, Any], at_once: int, trained: str, pruned: str) -> str:
    """`20 trials by tpe, pruned by median, 2 at a time; stacked`. trained: see `trained_words`; "" where none stack.
    pruned: see `pruned_words`."""
    total, (sampler, _) = settings["n_trials"], named(settings["sampler"])
    said = f"{plural(total, 'trial')} by {'tpe' if sampler == 'auto' else sampler}"
    said += f", {pruned}" if pruned else ""
    said += f", {min(at_once, total)} at a time" if at_once > 1 else ", one after another"
    return said + (f"; {trained}" if trained else "")


def of_search(line: CommandLine, given: Mapping[str, str], launcher: str, cwd: Path) -> dict[str, str]:
    """Trials, sampler, pruner, how the trials train and how many at once, in words. given: settings as written. How
    many a cluster has room for is not known here."""
    plain = {key: str(value) for key, value in defaults().items() if key in SAID}
    said = plain | dict(given)
    if said["sampler"] == "auto":
        said["sampler"] = f"tpe{AUTO}"
    words, axes = read_space([word.for_hydra for word in (line.recipes, *line.settings) if word.key != "run_dir"])
    composer = Composer(cwd)
    if pruned := pruned_words(said["pruner"], words, axes, composer):
        said["pruner"] = pruned.removeprefix("pruned by ")
    together = stacks(launcher, line.hydra)
    trained = {"trained": trained_words(words, axes, composer)} if together else {}
    if launcher not in ("basic", "parallel", "stacked"):
        return said | trained
    config = _example(words, {}, composer)
    count = 1 if launcher == "basic" else workers_of({str(config["device"])}, line.hydra)
    settings: dict[str, Any] = {
        "n_trials": int(said["n_trials"]),
        "sampler": OverridesParser.create().parse_override(f"sampler={said['sampler'].removesuffix(AUTO)}").value(),
        "batch": None if said.get("batch") in (None, "null") else int(said["batch"]),
    }
    at_once = batch(settings, axes, count, together and alone_because(config) is None)
    if said_so := learns_nothing(settings, axes, at_once):
        trained = {**trained, "note": said_so}
    most = min(at_once, settings["n_trials"])
    where = "one program" if count == 1 else f"up to {plural(count, 'program')}"
    return said | {"at once": plural(most, "trial") + (f", in {where} at a time" if most > count else "")} | trained


def trained_words(words: Sequence[Axis | str], axes: Sequence[Axis], composer: Composer) -> str:
    """How trials train where a launcher stacks, by examples in which one setting at a time has another value: in stacks
    of those that agree, or each by itself, and why."""
    stacked: list[dict[str, Any]] = []
    reasons: list[str] = []
    parting: list[str] = []
    for axis in axes:
        kinds: list[dict[str, Any]] = []
        for value in axis.examples[:EXAMPLES]:
            with suppress(UserError):  # it clashes with another's, and such a trial fails
                config = _example(words, {axis.key: value}, composer)
                if (reason := alone_because(config)) is not None:
                    reasons.append(reason)
                elif (kind := dict(shared_settings(config))) not in kinds:
                    kinds.append(kind)
        parting += [axis.key] if len(kinds) > 1 else []
        stacked += kinds
    tried = "" if all(kind["deterministic"] for kind in stacked) else TRIED
    together = f"stacked{' where they agree in ' * bool(parting)}{' and '.join(parting)}{tried}"
    alone = f"each by itself: {', '.join(dict.fromkeys(reasons))}"
    return "; ".join([together] * bool(stacked) + [alone] * bool(reasons))


def pruned_words(pruner: str, words: Sequence[Axis | str], axes: Sequence[Axis], composer: Composer) -> str:
    """Whether trials are ended early, by examples as for `trained_words`; "" for the pruner none."""
    several: set[bool] = set()
    for axis in axes if pruner != "none" else ():
        for value in axis.examples[:EXAMPLES]:
            with suppress(UserError):
                config = _example(words, {axis.key: value}, composer)
                several.add(config["ensemble"] > 1 or bool(config["data"].get("folds")))
    if several == {True}:
        return f"not pruned by {pruner}: {WHOLE}"
    return "" if pruner == "none" else f"pruned by {pruner}{f', but {WHOLE}' * (True in several)}"


def _example(words: Sequence[Axis | str], values: Mapping[str, str | float], composer: Composer) -> Config:
    """The config of a trial with these values, and the first of each other axis. UserError where they clash."""
    chosen = [word if isinstance(word, str) else word.word(values.get(word.key, word.example)) for word in words]
    return composer.compose([word.removeprefix(MARK) for word in chosen]).config


def stacks(launcher: str, words: Sequence[str]) -> bool:
    """Whether a launcher trains jobs as one program, by the words that set up Hydra."""
    return launcher in STACKING and UNSTACKED not in map(str.lower, words)


def workers_of(devices: Set[str], words: Sequence[str]) -> int:
    """How many there will be for jobs on these devices, by the words that set up Hydra."""
    asked = next((word.removeprefix(WORKERS) for word in words if word.startswith(WORKERS)), "")
    return len(workers_for(devices, int(asked) if asked.isdigit() else None))


def of_growing(line: CommandLine, given: Mapping[str, str]) -> dict[str, str]:
    """When it ends, and the jobs that are sure to be needed, which train beside each other."""
    sizes, seeds = (len(word.values) for word in line.settings if word.sweeps)
    patience, least = int(given["patience"]), float(given["min_delta"])
    first = min(sizes, patience + 1)
    better = "a better mean on validation" + (f" by more than {least:g}" if least else "")
    return {
        "ends": f"after {plural(patience, 'size')} without {better}, or with the last",
        "first batch": f"{plural(first, 'size')} x {plural(seeds, 'seed')} = {plural(first * seeds, 'job')}",
    }
