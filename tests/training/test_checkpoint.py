"""Model and state files: whole or refused, with one line, and never code."""

from __future__ import annotations

import ast
import json
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file

import nntrain
from nntrain.errors import UserError
from nntrain.optim.adam import Adam
from nntrain.training.checkpoint import BEST, LAST, load_model, load_state, save_model, save_state
from nntrain.training.trainer import Trainer

TENSORS = {
    "w": torch.randn(3, 4),
    "b": torch.tensor([1.0, -0.0, torch.inf]),
    "count": torch.tensor(7),
    "none": torch.zeros(0, 3),
    "half": torch.ones(2, dtype=torch.bfloat16),
    "mask": torch.tensor([True, False]),
}
ABOUT = {"config": {"lr": 1e-3, "name": "größer"}, "classes": ["a", "b"], "metrics": {"loss": 0.1, "auc": float("nan")}}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / BEST
    save_model(path, TENSORS, ABOUT)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(UserError) as refused:
        load_model(path)
    said = str(refused.value)
    assert "\n" not in said
    assert said.startswith("checkpoint: ")
    return said


def test_what_was_saved_is_loaded(model: Path) -> None:
    tensors, about = load_model(model)
    assert set(tensors) == set(TENSORS)
    for name, tensor in TENSORS.items():
        assert tensors[name].dtype == tensor.dtype
        assert torch.equal(tensors[name], tensor)
    assert about["config"] == ABOUT["config"]
    assert about["metrics"]["auc"] != about["metrics"]["auc"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_cut_anywhere_it_is_refused(model: Path, data: st.DataObject) -> None:
    whole = model.read_bytes()
    cut = model.with_name("cut.safetensors")
    cut.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    assert "cut.safetensors is truncated or not a safetensors file" in refusal(cut)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_changed_anywhere_it_is_refused_or_the_same(model: Path, data: st.DataObject) -> None:
    whole = bytearray(model.read_bytes())
    place, flip = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.integers(1, 255))
    whole[place] ^= flip
    changed = model.with_name("changed.safetensors")
    changed.write_bytes(whole)
    try:
        tensors, about = load_model(changed)
    except UserError as refused:
        said = str(refused).splitlines()
    else:  # padding of the header, and white space in it, carry nothing
        said = ["the same"]
        assert json.dumps(about) == json.dumps(load_model(model)[1])
        assert all(torch.equal(tensors[name], tensor) for name, tensor in TENSORS.items())
    assert len(said) == 1


@pytest.mark.parametrize("size", [2**20, 2**31, 2**40, 2**63, 2**64 - 1])
def test_a_header_that_claims_to_be_huge_is_refused(model: Path, size: int) -> None:
    path = model.with_name("huge.safetensors")
    path.write_bytes(struct.pack("<Q", size) + model.read_bytes()[8:])
    assert "truncated or not a safetensors file" in refusal(path)


@pytest.mark.parametrize("shape", [[2**40], [2**31, 2**31], [-1], [10**30]])
def test_a_tensor_that_claims_to_be_huge_is_refused(model: Path, shape: list[int]) -> None:
    header = json.dumps({"w": {"dtype": "F32", "shape": shape, "data_offsets": [0, 4]}}).encode()
    path = model.with_name("claims.safetensors")
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    assert "truncated or not a safetensors file" in refusal(path)


def test_foreign_safetensors_are_refused(model: Path) -> None:
    path = model.with_name("foreign.safetensors")
    save_file({"w": torch.zeros(1)}, path)
    assert "is a safetensors file, but not an nntrain model (it holds something else)" in refusal(path)
    save_file({"w": torch.zeros(1)}, path, {"format": "pt"})
    assert "it holds something else" in refusal(path)


def test_a_pickle_is_refused_and_not_opened(model: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
            return exec, ("raise SystemExit('ran')",)

    path = model.with_name("model.pt")
    path.write_bytes(pickle.dumps(Bomb()))
    assert "truncated or not a safetensors file" in refusal(path)
    torch.save({"w": torch.zeros(1)}, path)
    assert "truncated or not a safetensors file" in refusal(path)


def rewritten(model: Path, name: str, **metadata: str) -> Path:
    """The same tensors with other metadata."""
    with safe_open(model, "pt") as file:
        known = file.metadata()
    path = model.with_name(name)
    save_file(load_model(model)[0], path, known | metadata)
    return path


def test_a_single_number_out_of_a_larger_tensor_is_saved(tmp_path: Path) -> None:
    save_model(tmp_path / "one.safetensors", {"w": torch.arange(6.0).view(2, 3)[:1, 1]}, {})
    assert load_model(tmp_path / "one.safetensors")[0]["w"].tolist() == [1.0]


def test_a_newer_format_is_refused(model: Path) -> None:
    said = refusal(rewritten(model, "newer.safetensors", format="3"))
    assert "has format 3, written by a newer nntrain; this one reads up to format 2: upgrade nntrain" in said


@pytest.mark.parametrize("number", ["", "one", "-1", "1.0", "²", "9" * 5000])
def test_a_format_that_is_no_number_is_refused(model: Path, number: str) -> None:
    assert "is damaged: its format is " in refusal(rewritten(model, "odd.safetensors", format=number))


def test_other_words_about_itself_are_refused(model: Path) -> None:
    said = refusal(rewritten(model, "words.safetensors", about='{"config": {}}'))
    assert "was changed after it was written (its checksum does not match); refused" in said


@pytest.mark.parametrize("about", ["", "{", "[]", "3", "[" * 100_000])
def test_words_that_are_no_mapping_are_refused_though_their_checksum_fits(model: Path, about: str) -> None:
    from nntrain.training.checkpoint import _checksum

    sum_of_all = _checksum(load_model(model)[0], about)
    assert "is damaged: what it says of itself" in refusal(
        rewritten(model, "about.safetensors", about=about, sha256=sum_of_all)
    )


def test_a_missing_file_is_refused_with_the_nearest(model: Path) -> None:
    said = refusal(model.with_name("bets.safetensors"))
    assert f"there is no file '{model.with_name('bets.safetensors')}'; did you mean '{model}'?" in said
    assert "there is no file" in refusal(model.parent / "no" / "where")


def test_a_state_is_not_a_model(trainer: Callable[..., Trainer], tmp_path: Path) -> None:
    ready = trainer()
    save_state(tmp_path, ready.state, ready.loop, torch.zeros(0))
    assert "is a safetensors file, but not an nntrain model (it holds nntrain training state)" in refusal(
        tmp_path / LAST
    )


def test_a_state_is_restored_in_place(trainer: Callable[..., Trainer], tmp_path: Path) -> None:
    ready = trainer(optimizer=Adam(), epochs=1)
    ready.fit()
    save_state(tmp_path, ready.state, ready.loop, torch.tensor([0.5]))
    other = trainer(optimizer=Adam(), epochs=1)
    loop, losses = load_state(tmp_path, other.state)
    assert loop == ready.loop
    assert losses.tolist() == [0.5]
    for name, tensor in ready.state.tensors().items():
        assert torch.equal(other.state.tensors()[name], tensor)
    assert other.program.network.body[0].weight.data_ptr() == other.state.params.flat.data_ptr()


def test_a_state_of_another_optimizer_is_refused(trainer: Callable[..., Trainer], tmp_path: Path) -> None:
    ready = trainer(optimizer=Adam())
    save_state(tmp_path, ready.state, ready.loop, torch.zeros(0))
    with pytest.raises(
        UserError, match=r"does not fit .*config.yaml; was that edited\? \(differs: optimizer\.exp_avg\)"
    ):
        load_state(tmp_path, trainer().state)


FORBIDDEN = {"pickle", "cPickle", "dill", "joblib", "shelve", "marshal", "cloudpickle"}
PUBLISHED = "weights.py"  # torchvision publishes pickles: tensors alone are taken out of one, once its SHA-256 is right


def test_nothing_in_the_package_unpickles() -> None:
    for path in Path(nntrain.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import | ast.ImportFrom):
                modules = {alias.name for alias in node.names} | {getattr(node, "module", "") or ""}
                assert not {module.partition(".")[0] for module in modules} & FORBIDDEN, path
            if path.name == PUBLISHED:
                if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
                    assert any(k.arg == "weights_only" and k.value.value is True for k in node.keywords), path
                continue
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert (node.value.id, node.attr) not in {("torch", "load"), ("torch", "save")}, path
            if isinstance(node, ast.keyword):
                assert node.arg not in {"weights_only", "allow_pickle"} or _is_false(node.value), path


def _is_false(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is False
