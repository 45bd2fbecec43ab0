"""Every optimizer against torch's own, and what all of them promise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nntrain.optim.optimizer import Hyper, Optimizer, State
from nntrain.optim.parameters import Parameters
from nntrain.optim.table import OPTIMIZERS

STEPWISE = [name for name, kind in OPTIMIZERS.items() if not kind.needs_closure]
DECAYING = [name for name in STEPWISE if name != "rprop"]
FUSED = ["adam", "adamw", "sgd", "adagrad"]


class Net(nn.Module):
    """A bag of parameters: two matrices, an embedding, a kernel and two vectors."""

    def __init__(self) -> None:
        super().__init__()
        g = torch.Generator().manual_seed(7)

        def drawn(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.randn(shape, generator=g))

        self.bias = drawn(5)
        self.wide = drawn(5, 3)
        self.tall = drawn(3, 17)
        self.embedding = drawn(4, 2)
        self.kernel = drawn(2, 3, 3, 3)
        self.gain = drawn(16)


class Matrices(nn.Module):
    """What torch's Muon takes."""

    def __init__(self) -> None:
        super().__init__()
        net = Net()
        self.wide, self.tall = net.wide, net.tall


def layout(net: nn.Module | None = None) -> Parameters:
    return Parameters((Net() if net is None else net).named_parameters())


def gradients(params: Parameters, step: int) -> list[Tensor]:
    g = torch.Generator().manual_seed(1000 + step)
    return [torch.randn(p.shape, generator=g) for p in params.data]


def run(optimizer: Optimizer, params: Parameters, state: State, steps: range, **hyper: Any) -> None:
    for step in steps:
        optimizer.update(params, gradients(params, step), state, Hyper(step, optimizer.lr, **hyper))


def trained(optimizer: Optimizer, steps: int = 20, **hyper: Any) -> Tensor:
    params = layout()
    run(optimizer, params, optimizer.initial_state(params), range(1, steps + 1), **hyper)
    return params.flat


def by_rule(optimizer: Optimizer) -> Optimizer:
    """The same optimizer without torch's kernel."""
    optimizer.has_fused = lambda device: False  # type: ignore[method-assign]
    return optimizer


def torch_trained(
    make: Callable[[list[nn.Parameter]], torch.optim.Optimizer], net: nn.Module, steps: int = 20
) -> Tensor:
    params = layout(net)
    peer = make(params.views)
    for step in range(1, steps + 1):
        for p, g in zip(params.views, gradients(params, step), strict=True):
            p.grad = g
        peer.step()
    return params.flat


PARITY: list[tuple[str, str, dict[str, Any]]] = [
    ("sgd", "SGD", {"lr": 0.1, "momentum": 0.0}),
    ("sgd", "SGD", {"lr": 0.1, "momentum": 0.9}),
    ("sgd", "SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.5, "weight_decay": 0.1}),
    ("sgd", "SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("adam", "Adam", {"lr": 0.01}),
    ("adam", "Adam", {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-4, "weight_decay": 0.1}),
    ("adam", "Adam", {"lr": 0.01, "betas": (0.8, 0.5), "amsgrad": True}),
    ("adam", "Adam", {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("adamw", "AdamW", {"lr": 0.01}),
    ("adamw", "AdamW", {"lr": 0.01, "weight_decay": 0.1, "amsgrad": True}),
    ("nadam", "NAdam", {"lr": 0.01}),
    ("nadam", "NAdam", {"lr": 0.01, "weight_decay": 0.1, "momentum_decay": 0.1}),
    ("nadam", "NAdam", {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("radam", "RAdam", {"lr": 0.01, "betas": (0.9, 0.95)}),
    ("radam", "RAdam", {"lr": 0.01, "weight_decay": 0.1}),
    ("radam", "RAdam", {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("adamax", "Adamax", {"lr": 0.01}),
    ("adamax", "Adamax", {"lr": 0.01, "weight_decay": 0.1}),
    ("adagrad", "Adagrad", {"lr": 0.1}),
    ("adagrad", "Adagrad", {"lr": 0.1, "lr_decay": 0.1, "initial_accumulator_value": 0.5, "weight_decay": 0.1}),
    ("adadelta", "Adadelta", {"lr": 1.0}),
    ("adadelta", "Adadelta", {"lr": 0.5, "rho": 0.5, "weight_decay": 0.1}),
    ("adafactor", "Adafactor", {"lr": 0.1}),
    ("adafactor", "Adafactor", {"lr": 0.01, "weight_decay": 0.005, "d": 2.0}),
    ("rmsprop", "RMSprop", {"lr": 0.01}),
    ("rmsprop", "RMSprop", {"lr": 0.01, "momentum": 0.9, "centered": True, "weight_decay": 0.1}),
    ("rprop", "Rprop", {"lr": 0.1}),
    ("rprop", "Rprop", {"lr": 0.1, "etas": (0.3, 1.5), "step_sizes": (0.01, 0.2)}),
    ("asgd", "ASGD", {"lr": 0.1}),
    ("asgd", "ASGD", {"lr": 0.1, "lambd": 0.1, "alpha": 0.5, "t0": 5, "weight_decay": 0.1}),
]


@pytest.mark.parametrize("rule", [False, True], ids=["as run", "rule"])
@pytest.mark.parametrize(("name", "peer", "options"), PARITY)
def test_steps_like_torch(name: str, peer: str, options: dict[str, Any], rule: bool) -> None:
    ours = OPTIMIZERS[name](**options) if name == "rprop" else OPTIMIZERS[name](**options, decay_biases_and_norms=True)
    if name == "adamw" and "weight_decay" not in options:
        options = options | {"weight_decay": 0.01}
    kind = getattr(torch.optim, peer)
    expected = torch_trained(lambda views: kind(views, **options), Net())
    torch.testing.assert_close(trained(by_rule(ours) if rule else ours), expected, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("options", [{}, {"nesterov": False, "momentum": 0.5}, {"adjust_lr_fn": "match_rms_adamw"}])
def test_muon_steps_like_torch_on_matrices(options: dict[str, Any]) -> None:
    params = layout(Matrices())
    muon = OPTIMIZERS["muon"](lr=0.02, weight_decay=0.1, **options)
    run(muon, params, muon.initial_state(params), range(1, 11))
    expected = torch_trained(
        lambda views: torch.optim.Muon(views, lr=0.02, weight_decay=0.1, **options), Matrices(), 10
    )
    torch.testing.assert_close(params.flat, expected, rtol=1e-3, atol=1e-3)  # both iterate in bfloat16


def test_muon_is_adamw_for_embeddings_and_vectors() -> None:
    params, muon = layout(), OPTIMIZERS["muon"](lr=0.02, adamw_lr=0.003, weight_decay=0.1)
    run(muon, params, muon.initial_state(params), range(1, 11))
    adamw = Parameters(Net().named_parameters())
    peer = OPTIMIZERS["adamw"](lr=0.003, weight_decay=0.1)
    run(peer, adamw, peer.initial_state(adamw), range(1, 11))
    same = {
        name
        for name, a, b in zip(params.names, params.data, adamw.data, strict=True)
        if torch.allclose(a, b, atol=1e-6)
    }
    assert same == {"embedding", "bias", "gain"}


def test_muon_takes_a_kernel_as_a_matrix() -> None:
    kernel, matrix = nn.Module(), nn.Module()
    kernel.weight = nn.Parameter(torch.ones(4, 2, 3, 3))
    matrix.weight = nn.Parameter(torch.ones(4, 18))
    g = torch.randn(4, 18, generator=torch.Generator().manual_seed(0))
    muon = OPTIMIZERS["muon"]()
    results = []
    for params in (layout(kernel), layout(matrix)):
        muon.update(params, [g.view(params.shapes[0])], muon.initial_state(params), Hyper(1, muon.lr))
        results.append(params.flat)
    assert torch.equal(*results)


def test_lion_follows_its_equations() -> None:
    options = {"lr": 0.01, "betas": (0.8, 0.6), "weight_decay": 0.1}
    params, lion = layout(), OPTIMIZERS["lion"](**options, decay_biases_and_norms=True)
    p, m = [view.clone() for view in params.data], [torch.zeros_like(view) for view in params.data]
    run(lion, params, lion.initial_state(params), range(1, 21))
    for step in range(1, 21):
        for i, g in enumerate(gradients(params, step)):
            update = torch.sign(0.8 * m[i] + 0.2 * g)
            p[i] = p[i] - 0.01 * (update + 0.1 * p[i])
            m[i] = 0.6 * m[i] + 0.4 * g
    for ours, expected in zip(params.data, p, strict=True):
        torch.testing.assert_close(ours, expected)


@pytest.mark.parametrize("name", FUSED)
def test_the_kernel_and_the_rule_agree_where_only_weights_decay(name: str) -> None:
    kernel, rule = OPTIMIZERS[name](lr=0.05, weight_decay=0.1), by_rule(OPTIMIZERS[name](lr=0.05, weight_decay=0.1))
    assert kernel.has_fused(torch.device("cpu"))
    torch.testing.assert_close(trained(kernel), trained(rule), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", FUSED)
def test_kernels_are_only_used_where_every_torch_that_is_allowed_has_them(name):
    assert OPTIMIZERS[name]().has_fused(torch.device("cuda")) == (name != "adagrad")
    assert not OPTIMIZERS[name]().has_fused(torch.device("mps"))


@pytest.mark.parametrize("name", STEPWISE)
def test_two_runs_are_equal_bit_for_bit(name: str) -> None:
    assert torch.equal(trained(OPTIMIZERS[name]()), trained(OPTIMIZERS[name]()))


@pytest.mark.parametrize("name", STEPWISE)
def test_a_saved_state_continues_bit_for_bit(name: str) -> None:
    optimizer = OPTIMIZERS[name]()
    params = layout()
    state = optimizer.initial_state(params)
    run(optimizer, params, state, range(1, 6))
    resumed = layout()
    resumed.flat.copy_(params.flat)
    saved = {key: tensor.clone() for key, tensor in state.tensors.items()}
    fresh = OPTIMIZERS[name]()
    run(fresh, resumed, State(saved, resumed), range(6, 11))
    run(optimizer, params, state, range(6, 11))
    assert torch.equal(resumed.flat, params.flat)


@pytest.mark.parametrize("name", STEPWISE)
def test_a_quadratic_goes_down(name: str) -> None:
    slow_starters = {"adadelta": 10.0}
    params, optimizer = layout(), OPTIMIZERS[name](lr=slow_starters.get(name, 0.05))
    state = optimizer.initial_state(params)
    before = params.flat.square().sum()
    for step in range(1, 101):
        optimizer.update(params, [p.clone() for p in params.data], state, Hyper(step, optimizer.lr))
    assert params.flat.square().sum() < 0.9 * before


@pytest.mark.parametrize("name", STEPWISE)
def test_found_inf_leaves_parameters_and_state_untouched(name: str) -> None:
    params, optimizer = layout(), OPTIMIZERS[name]()
    state = optimizer.initial_state(params)
    run(optimizer, params, state, range(1, 3))
    before = [params.flat.clone(), *(tensor.clone() for tensor in state.tensors.values())]
    broken = [torch.full_like(p, float("nan")) for p in params.data]
    optimizer.update(params, broken, state, Hyper(3, optimizer.lr), found_inf=torch.ones(()))
    assert all(map(torch.equal, before, [params.flat, *state.tensors.values()]))


@pytest.mark.parametrize("name", STEPWISE)
def test_found_inf_of_0_is_a_plain_step(name: str) -> None:
    results = []
    for found_inf in (None, torch.zeros(())):
        params, optimizer = layout(), OPTIMIZERS[name]()
        state = optimizer.initial_state(params)
        optimizer.update(params, gradients(params, 1), state, Hyper(1, optimizer.lr), found_inf)
        results.append(params.flat)
    assert torch.equal(*results)


@pytest.mark.parametrize("decoupled", [False, True])
@pytest.mark.parametrize("name", DECAYING)
def test_weights_decay_and_biases_do_not(name: str, decoupled: bool) -> None:
    options = {"weight_decay": 0.5, "decoupled_weight_decay": decoupled}
    moved = []
    for settings in ({"weight_decay": 0.0}, options):
        params, optimizer = layout(), OPTIMIZERS[name](lr=0.01, **settings)
        run(optimizer, params, optimizer.initial_state(params), range(1, 4))
        moved.append(params)
    without, decayed = moved
    pairs = zip(decayed.names, without.data, decayed.data, strict=True)
    changed = {name for name, a, b in pairs if not torch.allclose(a, b, rtol=1e-5, atol=1e-6)}
    assert changed == {"wide", "tall", "embedding", "kernel"}


@pytest.mark.parametrize("name", STEPWISE)
def test_gradients_of_any_strides_are_read_right_and_left_alone(name: str) -> None:
    results = []
    for arrange in (lambda g: g, lambda g: g.mT.contiguous().mT if g.ndim > 1 else g):
        params, optimizer = layout(), OPTIMIZERS[name]()
        grads = [arrange(g) for g in gradients(params, 1)]
        before = [g.clone() for g in grads]
        optimizer.update(params, grads, optimizer.initial_state(params), Hyper(1, optimizer.lr))
        assert all(map(torch.equal, grads, before))
        results.append(params.flat)
    torch.testing.assert_close(*results)


@pytest.mark.parametrize("name", STEPWISE)
def test_gaps_of_the_layout_stay_zero(name: str) -> None:
    optimizer = OPTIMIZERS[name]()
    params = layout()
    run(optimizer, params, optimizer.initial_state(params), range(1, 4))
    views = params.gather(params.data)
    assert torch.equal(views, params.flat)


@pytest.mark.parametrize("name", [n for n in STEPWISE if OPTIMIZERS[n]().base_momentum is not None])
def test_a_schedule_can_replace_the_momentum(name: str) -> None:
    own = OPTIMIZERS[name]()
    assert torch.equal(trained(own, momentum=own.base_momentum), trained(own))
    assert not torch.equal(trained(own, momentum=0.5), trained(own))


def test_no_state_is_kept_that_is_not_needed() -> None:
    assert OPTIMIZERS["sgd"](momentum=0.0).initial_state(layout()).tensors == {}
    assert set(OPTIMIZERS["rmsprop"]().initial_state(layout()).tensors) == {"square_avg"}
    assert "max_exp_avg_sq" in OPTIMIZERS["adam"](amsgrad=True).initial_state(layout()).tensors


def test_asgd_offers_the_mean_of_its_late_path() -> None:
    params, asgd = layout(), OPTIMIZERS["asgd"](lr=0.1, t0=4)
    state = asgd.initial_state(params)
    path = []
    for step in range(1, 11):
        run(asgd, params, state, range(step, step + 1))
        path.append(params.flat.clone())
    assert asgd.averaged(state, 5) is None
    averaged = asgd.averaged(state, 10)
    assert averaged is not None
    torch.testing.assert_close(averaged, torch.stack(path[5:]).mean(dim=0))
