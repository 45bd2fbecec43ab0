"""L-BFGS: torch's own, with its state in and out at every step."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, nn

from nntrain.optim.lbfgs import LBFGS
from nntrain.optim.optimizer import Hyper, State
from nntrain.optim.parameters import Parameters


def network() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 1))


def problem(net: nn.Module) -> Callable[[], Tensor]:
    g = torch.Generator().manual_seed(5)
    x = torch.randn(40, 4, generator=g)
    y = torch.randn(40, 1, generator=g)
    return lambda: nn.functional.mse_loss(net(x), y)


def closure(net: nn.Module, params: Parameters) -> Callable[[], tuple[Tensor, Sequence[Tensor]]]:
    loss_of = problem(net)

    def evaluate() -> tuple[Tensor, Sequence[Tensor]]:
        loss = loss_of()
        return loss, torch.autograd.grad(loss, params.views)

    return evaluate


@pytest.mark.parametrize("search", ["strong_wolfe", None])
def test_minimizes_like_torch(search: str | None) -> None:
    net = network()
    params = Parameters(net.named_parameters())
    ours = LBFGS(lr=0.5, max_iter=5, history_size=4, line_search_fn=search)
    state = ours.initial_state(params)
    for step in range(1, 4):
        ours.minimize(params, closure(net, params), state, Hyper(step, 0.5))

    peer_net = network()
    peer = torch.optim.LBFGS(peer_net.parameters(), lr=0.5, max_iter=5, history_size=4, line_search_fn=search)
    loss_of = problem(peer_net)

    def evaluate() -> Tensor:
        peer.zero_grad()
        loss = loss_of()
        loss.backward()
        return loss

    for _ in range(3):
        peer.step(evaluate)
    for a, b in zip(net.parameters(), peer_net.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3)


def test_a_saved_state_continues_bit_for_bit() -> None:
    net, lbfgs = network(), LBFGS(max_iter=4, history_size=6)
    params = Parameters(net.named_parameters())
    state = lbfgs.initial_state(params)
    for step in range(1, 3):
        lbfgs.minimize(params, closure(net, params), state, Hyper(step, 1.0))

    other = network()
    resumed = Parameters(other.named_parameters())
    resumed.flat.copy_(params.flat)
    saved = State({name: tensor.clone() for name, tensor in state.tensors.items()}, resumed)
    for step in range(3, 6):
        lbfgs.minimize(params, closure(net, params), state, Hyper(step, 1.0))
        LBFGS(max_iter=4, history_size=6).minimize(resumed, closure(other, resumed), saved, Hyper(step, 1.0))
    assert torch.equal(params.flat, resumed.flat)


def test_returns_the_loss_before_the_step_and_lowers_it() -> None:
    net, lbfgs = network(), LBFGS()
    params = Parameters(net.named_parameters())
    before = problem(net)().detach()
    first = lbfgs.minimize(params, closure(net, params), lbfgs.initial_state(params), Hyper(1, 1.0))
    assert torch.equal(first, before)
    assert problem(net)() < 0.9 * before


def test_stays_at_a_minimum() -> None:
    net = nn.Linear(2, 1, bias=False)
    nn.init.zeros_(net.weight)
    params = Parameters(net.named_parameters())
    lbfgs = LBFGS()
    state = lbfgs.initial_state(params)

    def flat() -> tuple[Tensor, list[Tensor]]:
        loss = net.weight.square().sum()
        return loss, list(torch.autograd.grad(loss, params.views))

    lbfgs.minimize(params, flat, state, Hyper(1, 1.0))
    assert state.tensors == {}
    assert not params.flat.any()
