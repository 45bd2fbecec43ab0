"""Penalties and limits of many members beside those of each."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nntrain.objective.penalties import add_penalty_gradients, clip_by_norm, clip_by_value, max_norm_
from nntrain.optim.parameters import Parameters
from nntrain.stack.limits import Limits
from nntrain.training.step import Program

SETTINGS: list[dict[str, Any]] = [
    {"l1": 0.1},
    {"l2": 0.2},
    {"l1": 0.1, "l2": 0.2, "clip_norm": 0.5},
    {"clip_value": 0.3},
    {"clip_norm": 2.0, "clip_value": 0.1},
    {"clip_norm": 1e6, "clip_value": 1e6, "max_norm": 1e6},
    {"max_norm": 0.5},
    {},
]


def drawn(seed: int) -> tuple[Parameters, list[Tensor]]:
    g = torch.Generator().manual_seed(seed)
    net = nn.Sequential(nn.Linear(7, 5), nn.PReLU(), nn.Embedding(3, 2), nn.Conv2d(2, 3, 3))
    params = Parameters(net.named_parameters())
    for view in params.data:
        view.copy_(torch.randn(view.shape, generator=g))
    return params, [torch.randn(view.shape, generator=g) for view in params.data]


def program(**settings: Any) -> Program:
    return Program(None, None, None, **settings)  # type: ignore[arg-type]


def alone(params: Parameters, grads: list[Tensor], **settings: Any) -> Tensor:
    if "l1" in settings or "l2" in settings:
        chosen = {key: settings[key] for key in ("l1", "l2") if key in settings}
        grads = add_penalty_gradients(grads, params.data, params.weights, **chosen)
    if "clip_norm" in settings:
        grads = clip_by_norm(grads, settings["clip_norm"])
    if "clip_value" in settings:
        grads = clip_by_value(grads, settings["clip_value"])
    return params.gather(grads)


def test_gradients_of_each_member_are_those_it_has_alone() -> None:
    members = [drawn(seed) for seed in range(len(SETTINGS))]
    flat = torch.stack([params.flat for params, _ in members])
    found = torch.stack([params.gather(grads) for params, grads in members])
    Limits([program(**settings) for settings in SETTINGS], members[0][0]).on_gradients(flat, found)
    for row, (params, grads), settings in zip(found, members, SETTINGS, strict=True):
        torch.testing.assert_close(row, alone(params, grads, **settings), rtol=1e-6, atol=1e-7)


def test_weight_vectors_of_each_member_are_limited_as_alone() -> None:
    members = [drawn(seed)[0] for seed in range(len(SETTINGS))]
    flat = torch.stack([params.flat for params in members])
    Limits([program(**settings) for settings in SETTINGS], members[0]).on_weights(flat)
    for row, params, settings in zip(flat, members, SETTINGS, strict=True):
        if "max_norm" in settings:
            max_norm_(params.data[: params.weights], settings["max_norm"])
        torch.testing.assert_close(row, params.flat, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("beside", SETTINGS)
def test_a_member_without_any_is_left_alone_to_the_bit(beside: dict[str, Any]) -> None:
    params, grads = drawn(0)
    limits = Limits([program(), program(**beside)], params)
    flat, found = torch.stack([params.flat, params.flat]), torch.stack([params.gather(grads)] * 2)
    limits.on_gradients(flat, found)
    limits.on_weights(flat)
    assert torch.equal(found[0], params.gather(grads))
    assert torch.equal(flat[0], params.flat)


def test_nothing_is_computed_where_no_member_asks_for_it() -> None:
    limits = Limits([program(), program()], drawn(0)[0])
    assert (limits.l1, limits.l2, limits.clip_norm, limits.clip_value, limits.max_norm) == (None,) * 5
