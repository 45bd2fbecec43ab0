"""Penalties beside autograd, clipping beside torch's own, and the settings of `regularization`."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml
from torch import nn

from nntrain.config.schema import regularization
from nntrain.objective.penalties import add_penalty_gradients, clip_by_norm, clip_by_value, max_norm_, penalty


@pytest.fixture
def params() -> list[torch.Tensor]:
    torch.manual_seed(0)
    return [
        torch.randn(4, 3, requires_grad=True),
        torch.randn(2, 4, requires_grad=True),
        torch.randn(4, requires_grad=True),
    ]


@pytest.mark.parametrize(("l1", "l2"), [(0.1, 0.0), (0.0, 0.2), (0.1, 0.2)])
def test_penalty_and_its_gradient_are_those_of_the_formula(params, l1, l2):
    value = sum(l1 * w.abs().sum() + l2 * w.square().sum() for w in params[:2])
    torch.testing.assert_close(penalty(params[:2], l1, l2), value)
    grads = [torch.randn_like(p) for p in params]
    before = [g.clone() for g in grads]
    expected = [a + b for a, b in zip(grads, torch.autograd.grad(value, params[:2]), strict=False)]
    found = add_penalty_gradients(grads, params, 2, l1, l2)
    torch.testing.assert_close(found, [*expected, grads[2]])
    assert all(torch.equal(g, b) for g, b in zip(grads, before, strict=True))


def test_without_weights_there_is_nothing_to_penalise(params):
    grads = [torch.ones_like(p) for p in params]
    assert add_penalty_gradients(grads, params, 0, 0.1, 0.1) == grads


@pytest.mark.parametrize("limit", [0.5, 1000.0])
def test_clipping_by_norm_is_torchs(params, limit):
    for p in params:
        p.grad = torch.randn_like(p)
    grads = [p.grad.clone() for p in params]
    nn.utils.clip_grad_norm_(params, limit)
    torch.testing.assert_close(clip_by_norm(grads, limit), [p.grad for p in params])


def test_clipping_by_value_is_torchs(params):
    for p in params:
        p.grad = torch.randn_like(p)
    grads = [p.grad.clone() for p in params]
    nn.utils.clip_grad_value_(params, 0.5)
    torch.testing.assert_close(clip_by_value(grads, 0.5), [p.grad for p in params])


def test_max_norm_bounds_every_units_incoming_weights_and_leaves_the_others(params):
    before = [p.detach().clone() for p in params]
    max_norm_(params[:2], 1.0)
    for p, old in zip(params[:2], before, strict=False):
        norms = old.norm(dim=1, keepdim=True)
        torch.testing.assert_close(p.detach(), torch.where(norms > 1, old / norms, old))
    assert torch.equal(params[2], before[2])


OPTION = Path(__file__).resolve().parents[2] / "configs" / "regularization" / "default.yaml"


def test_the_option_file_has_all_settings_within_their_range():
    settings = yaml.safe_load(OPTION.read_text())
    assert settings.pop("name") == "default"
    assert list(settings) == list(regularization.FIELDS)
    assert all(regularization.FIELDS[key].complaint(value) is None for key, value in settings.items())
    assert not list(regularization.conflicts(settings))


@pytest.mark.parametrize(
    ("change", "key", "text"),
    [
        ({"ema": 0.99, "swa_start_epochs": 5}, "ema", "beside swa_start_epochs: both average the weights"),
        ({"swa_start_percent": 75, "swa_start_epochs": 5}, "swa_start_percent", "both say when averaging starts"),
    ],
)
def test_averages_that_exclude_each_other(change, key, text):
    ((where, said),) = regularization.conflicts(yaml.safe_load(OPTION.read_text()) | change)
    assert where == key
    assert text in said
