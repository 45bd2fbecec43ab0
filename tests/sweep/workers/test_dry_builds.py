"""How what is to be built before training is shared out to workers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest

from nntrain.sweep.workers.dry_builds import Share, dry_builds
from nntrain.sweep.workers.processes import Workers


class Now:
    """Workers that do in this process what they are given. dies: whether all of them die of it."""

    def __init__(self, count: int, dies: bool = False) -> None:
        self.count, self.dies = count, dies
        self.took: list[list[int]] = []

    def run(self, parts: Sequence[Share], told: Callable[[Any], None], lost: Callable[..., Any]) -> None:
        for part in parts:
            self.took.append(list(part.configs))
            if self.dies:
                assert lost(part, -9) == []
            else:
                part.run(told)


def configs(*data: str) -> list[dict[str, Any]]:
    return [{"data": {"name": name}} for name in data]


@pytest.fixture(autouse=True)
def _names_are_problems(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nntrain.verbs.dry_build.dry_build", lambda config: (config["data"]["name"],))


SHARES = {
    (2, "abab"): [[0, 2], [1, 3]],  # by data
    (2, "abc"): [[0, 1], [2]],
    (4, "ab"): [[0], [1], [0], [0]],  # the others read the data that most will train on
    (2, "a"): [[0], [0]],
    (9, "a"): [[0]] * 4,  # not too many, for the memory's sake
}


@pytest.mark.parametrize(("count", "data"), SHARES)
def test_each_config_is_built_by_a_worker_that_knows_its_data(count: int, data: str) -> None:
    workers = Now(count)
    assert dry_builds(cast(Workers, workers), configs(*data)) == [(name,) for name in data]
    assert workers.took == SHARES[count, data]


def test_nothing_is_known_where_a_worker_died() -> None:
    assert dry_builds(cast(Workers, Now(2, dies=True)), configs("a", "b")) == [(), ()]
