"""`hydra/sweeper=basic`, the default: every combination of what varies, as Hydra's own sweeper has them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from nntrain.sweep.kept.resume import MAY_CHANGE
from nntrain.sweep.search.space import MARK

if TYPE_CHECKING:
    from nntrain.sweep.sweep import Sweep


class Grid(Sweeper):
    """Hydra's would load its own config for every job, to see whether it can: ours are composed and checked by the
    sweep, all of them before the first one runs."""

    sweeping: Sweep
    launcher: Launcher

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.sweeping = task_function  # type: ignore[assignment]  # that it is a sweep, only we know
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Sequence[JobReturn]:
        known = self.sweeping.manifest.jobs  # on resume; a shuffle() would order them anew
        lists = [list(known[number]) for number in sorted(known)]
        if not lists or not any(map(_is_shuffled, arguments)):
            lists += missing(lists, combinations(arguments))
        return self.launcher.launch(lists, 0)


def missing(known: Sequence[Sequence[str]], every: Sequence[list[str]]) -> list[list[str]]:
    """The combinations behind the known ones, where these are the first of all: what a manifest lacks that was cut
    short. Whatever may change when a sweep is gone on with does not tell them apart."""
    begun = [_essence(words) for words in every[: len(known)]]
    return list(every[len(known) :]) if begun == [_essence(words) for words in known] else []


def _essence(words: Sequence[str]) -> list[str]:
    plain = (word.removeprefix(MARK) for word in words)
    return sorted(word for word in plain if word.partition("=")[0] not in MAY_CHANGE)


def _is_shuffled(word: str) -> bool:
    return "shuffle" in word.partition("=")[2]


def combinations(words: Sequence[str]) -> list[list[str]]:
    """The words of every job."""
    axes: list[list[str]] = []
    for word in OverridesParser.create().parse_overrides(list(words)):
        key = word.get_key_element()
        if word.is_sweep_override():
            axes.append([f"{key}={value}" for value in word.sweep_string_iterator()])
        else:
            axes.append([f"{key}={word.get_value_element_as_str()}"])
    return [list(job) for job in product(*axes)]
