"""Classes of one's own, named by `package.module:Class`: what does not fit is said, and nothing is called before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nntrain.components import build, is_own
from nntrain.config.compose import compose
from nntrain.errors import UserError

MODULE = """\
class Net:
    def __init__(self, width=3, *, inputs, outputs, rate: float):
        self.got = dict(width=width, inputs=inputs, outputs=outputs, rate=rate)

number = 3
"""


class Ours:
    def __init__(self, width: int = 1) -> None:
        self.width = width


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_nets.py").write_text(MODULE)
    (tmp_path / "my_broken.py").write_text("import no_such_module")
    monkeypatch.syspath_prepend(str(tmp_path))


def test_a_name_of_the_table() -> None:
    assert build("model", {"ours": Ours}, {"name": "ours", "width": 5}).width == 5


def test_a_class_of_ones_own() -> None:
    made = build("model", {}, {"name": "my_nets:Net", "rate": 0.5}, inputs=1, outputs=2)
    assert made.got == {"width": 3, "inputs": 1, "outputs": 2, "rate": 0.5}


MISTAKES: list[tuple[dict[str, Any], str]] = [
    (
        {"name": "no_such_package.nets:Net"},
        "model: no_such_package.nets:Net: cannot import 'no_such_package.nets' (No module",
    ),
    (
        {"name": "my_broken:Net"},
        "cannot import 'my_broken' (No module named 'no_such_module'); is its folder on PYTHONPATH?",
    ),
    ({"name": ":Net"}, "model: :Net: cannot import '' ("),
    (
        {"name": "my_nets:Nett"},
        "model: my_nets:Nett: unknown class of my_nets 'Nett'; did you mean 'Net'? (choices: Net)",
    ),
    ({"name": "my_nets:number"}, "model: my_nets:number: unknown class of my_nets 'number' (choices: Net)"),
    (
        {"name": "my_nets:Net", "rte": 1},
        "model.rte: my_nets:Net has no setting 'rte'; did you mean 'model.rate'? (its signature: ",
    ),
    ({"name": "my_nets:Net"}, "missing a required argument: 'rate'"),
    ({"name": "nobody"}, "model: unknown model 'nobody' (choices: )"),
]


@pytest.mark.parametrize(("section", "message"), MISTAKES)
def test_what_does_not_fit(section: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        build("model", {}, section, inputs=1, outputs=2)
    (said,) = caught.value.problems
    assert message in said


def test_all_settings_that_are_not_taken_are_said() -> None:
    with pytest.raises(UserError) as caught:
        build("model", {}, {"name": "my_nets:Net", "rate": 1, "a": 1, "b": 2}, inputs=1, outputs=2)
    assert [said.partition(":")[0] for said in caught.value.problems] == ["model.a", "model.b"]


def test_a_package_can_add_a_name(tmp_path: Path) -> None:
    about = tmp_path / "my_nets-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Name: my_nets\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[nntrain.model]\nmy_net = my_nets:Net\n")
    assert is_own("model", "my_net")
    assert not is_own("optimizer", "my_net")
    section = compose(["model=my_net", "model.rate=0.5"]).config["model"]
    assert section == {"name": "my_net", "rate": 0.5}
    assert build("model", {}, section, inputs=1, outputs=2).got["rate"] == 0.5
    with pytest.raises(UserError, match=r"unknown model 'my_nt'; did you mean 'my_net'\? \(choices: my_net\)"):
        build("model", {}, {"name": "my_nt"})


def test_what_is_ones_own() -> None:
    assert is_own("model", "a.b:C")
    assert not is_own("model", "mlp")
    assert not is_own("model", "nobody")
    assert not is_own("early_stopping", "a.b:C")  # whose settings are no class's


@pytest.mark.parametrize("group", ["early_stopping", "augment"])
def test_not_every_group_takes_a_class(group: str) -> None:
    with pytest.raises(UserError, match=f"{group}: unknown {group} 'my_nets:Net'"):
        compose([f"{group}=my_nets:Net"])
