"""The option files, the constructors and the schema say the same."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from nntrain.config.schema import optimizer as optimizer_schema
from nntrain.config.schema import schedule as schedule_schema
from nntrain.optim.table import OPTIMIZERS, SCHEDULES

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
GROUPS = {"optimizer": (OPTIMIZERS, optimizer_schema), "schedule": (SCHEDULES, schedule_schema)}
OPTIONS = [(group, name) for group, (table, _) in GROUPS.items() for name in table]


def section(group: str, name: str) -> dict[str, Any]:
    loaded: Any = OmegaConf.to_container(OmegaConf.load(CONFIGS / group / f"{name}.yaml"))
    return dict(loaded)


@pytest.mark.parametrize("group", GROUPS)
def test_every_option_has_a_file_and_every_file_an_option(group: str) -> None:
    assert {path.stem for path in (CONFIGS / group).glob("*.yaml")} == set(GROUPS[group][0])


@pytest.mark.parametrize(("group", "name"), OPTIONS)
def test_the_file_holds_the_arguments_of_the_constructor_and_their_defaults(group: str, name: str) -> None:
    parameters = inspect.signature(GROUPS[group][0][name]).parameters
    defaults = {key: list(p.default) if isinstance(p.default, tuple) else p.default for key, p in parameters.items()}
    assert section(group, name) == {"name": name} | defaults


@pytest.mark.parametrize(("group", "name"), OPTIONS)
def test_every_default_is_allowed_and_clashes_with_no_other(group: str, name: str) -> None:
    schema = GROUPS[group][1]
    settings = section(group, name)
    assert {key: schema.FIELDS[key].complaint(value) for key, value in settings.items() if key != "name"} == {
        key: None for key in settings if key != "name"
    }
    assert list(schema.conflicts(settings)) == []


@pytest.mark.parametrize("group", GROUPS)
def test_the_schema_has_no_key_that_no_option_has(group: str) -> None:
    table, schema = GROUPS[group]
    assert set(schema.FIELDS) == {key for name in table for key in section(group, name)} - {"name"}


@pytest.mark.parametrize(("group", "name"), OPTIONS)
def test_every_line_says_what_it_means_within_120_columns(group: str, name: str) -> None:
    first, second, *rest = (CONFIGS / group / f"{name}.yaml").read_text().splitlines()
    assert first.startswith("# ")
    assert first.endswith(".")
    assert second == f"name: {name}"
    assert all("  # " in line for line in rest)
    assert all(len(line) <= 120 for line in (first, *rest))


CLASHES = [
    (
        "optimizer",
        "sgd",
        {"nesterov": True, "momentum": 0.0},
        "nesterov",
        "true wants momentum above 0 and dampening 0; got momentum=0 and dampening=0",
    ),
    (
        "optimizer",
        "rprop",
        {"etas": [1.2, 0.5]},
        "etas",
        "[1.2, 0.5] must be a number below 1 and then one above 1, as [0.5, 1.2]",
    ),
    (
        "optimizer",
        "rprop",
        {"step_sizes": [1.0, 0.1]},
        "step_sizes",
        "[1.0, 0.1] must be the least step and then the greatest",
    ),
    (
        "schedule",
        "cosine",
        {"warmup_steps": 10, "warmup_epochs": 1},
        "warmup_epochs",
        "give exactly one of warmup_steps, warmup_epochs, warmup_percent; got warmup_steps=10 and warmup_epochs=1",
    ),
    (
        "schedule",
        "multistep",
        {"milestones_epochs": [3], "milestones_percent": [50]},
        "milestones_percent",
        "give exactly one of milestones_steps, milestones_epochs, milestones_percent; "
        "got milestones_epochs=[3] and milestones_percent=[50]",
    ),
    (
        "schedule",
        "one_cycle",
        {"base_momentum": 0.99},
        "base_momentum",
        "0.99 is above max_momentum=0.95; it is the momentum at the peak of lr, the lowest of the cycle",
    ),
]


@pytest.mark.parametrize(("group", "name", "changes", "key", "message"), CLASHES)
def test_settings_that_exclude_each_other(
    group: str, name: str, changes: dict[str, Any], key: str, message: str
) -> None:
    assert list(GROUPS[group][1].conflicts(section(group, name) | changes)) == [(key, message)]


WRONG = [
    ("optimizer", "lr", "fast", "'fast' is not a number above 0"),
    ("optimizer", "lr", 0, "0 is not a number above 0"),
    (
        "optimizer",
        "betas",
        [0.9],
        "[0.9] has 1 entries; it must be a list of 2 values, each a number of at least 0 and below 1",
    ),
    ("optimizer", "eps", 0.0, "0.0 is not a number above 0"),
    ("schedule", "warmup_percent", 150, "150 is not a number from 0 to 100 or null (no warm-up)"),
    ("schedule", "warmup_steps", 1.5, "1.5 is not a whole number of at least 0 or null (no warm-up)"),
]


@pytest.mark.parametrize(("group", "key", "value", "message"), WRONG)
def test_a_wrong_value_is_told_what_is_allowed(group: str, key: str, value: Any, message: str) -> None:
    assert GROUPS[group][1].FIELDS[key].complaint(value) == message
