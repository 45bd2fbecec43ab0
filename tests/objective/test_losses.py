"""Losses: values beside torch's or the closed form, weights, and what is predicted from the outputs."""

from __future__ import annotations

import inspect
import math
from pathlib import Path

import pytest
import torch
import yaml
from torch.nn import functional as F

from nntrain.config.schema import loss as schema
from nntrain.errors import UserError
from nntrain.objective.loss import Loss
from nntrain.objective.table import LOSSES
from nntrain.task import Task

TWO = Task("classification", ("y",), ("no", "yes"))
FIVE = Task("classification", ("y",), tuple("abcde"))
VALUES = Task("regression", ("u", "v"), center=(10.0, -1.0), scale=(2.0, 0.5))
TASKS = {"two classes": TWO, "five classes": FIVE, "values": VALUES}
CONFIGS = Path(__file__).resolve().parents[2] / "configs" / "loss"


def serves(name: str, task: Task) -> bool:
    if name == "auto":
        return True
    return LOSSES[name].serves == task.kind and not (name == "binary_cross_entropy" and len(task.classes) != 2)


SERVED = [(name, task) for name in LOSSES for task in TASKS if serves(name, TASKS[task])]
REFUSED = [(name, task) for name in LOSSES for task in TASKS if not serves(name, TASKS[task])]


def batch(loss: Loss, task: Task, size: int = 16) -> tuple[torch.Tensor, torch.Tensor]:
    """Random outputs and targets for the task."""
    g = torch.Generator().manual_seed(0)
    outputs = torch.randn(size, loss.outputs(task), generator=g)
    if task.is_classification:
        return outputs, torch.randint(0, len(task.classes), (size,), generator=g)
    targets = torch.randn(size, len(task.targets), generator=g)
    return outputs, targets.abs() if loss.raw_targets else targets


@pytest.mark.parametrize(("name", "task"), SERVED)
def test_the_mean_is_the_mean_over_samples_and_weights_are_factors(name, task):
    loss = LOSSES[name]().resolve(TASKS[task])
    outputs, targets = batch(loss, TASKS[task])
    each = torch.stack([loss(outputs[i : i + 1], targets[i : i + 1]) for i in range(16)])
    weights = torch.rand(16) * 3
    torch.testing.assert_close(loss(outputs, targets), each.mean())
    torch.testing.assert_close(loss(outputs, targets, weights), (each * weights).sum() / 16)


@pytest.mark.parametrize(("name", "task"), SERVED)
def test_gradients_are_those_of_finite_differences(name, task):
    loss = LOSSES[name]().resolve(TASKS[task])
    outputs, targets = batch(loss, TASKS[task])
    targets = targets if TASKS[task].is_classification else targets.double()
    assert torch.autograd.gradcheck(lambda o: loss(o, targets), outputs.double().requires_grad_())


@pytest.mark.parametrize(("name", "task"), SERVED)
def test_predictions_are_probabilities_of_all_classes_or_values(name, task):
    loss = LOSSES[name]().resolve(TASKS[task])
    outputs, _ = batch(loss, TASKS[task])
    predictions = loss.predictions(outputs, TASKS[task])
    assert predictions.shape == (16, len(TASKS[task].classes) or 2)
    if TASKS[task].is_classification:
        torch.testing.assert_close(predictions.sum(1), torch.ones(16))
        assert predictions.min() >= 0


@pytest.mark.parametrize(("name", "task"), SERVED)
def test_the_link_gives_outputs_that_predict_the_same_at_the_same_loss(name, task):
    loss = LOSSES[name]().resolve(TASKS[task])
    outputs, targets = batch(loss, TASKS[task])
    predictions = loss.predictions(outputs, TASKS[task])
    linked = loss.link(predictions, TASKS[task])
    assert (linked.shape, linked.dtype) == (outputs.shape, torch.float32)
    torch.testing.assert_close(loss.predictions(linked, TASKS[task]), predictions, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(loss(linked, targets), loss(outputs, targets), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("name", "task"), SERVED)
def test_the_loss_of_a_certain_mistake_is_finite(name, task):
    loss = LOSSES[name]().resolve(TASKS[task])
    predictions = torch.zeros(4, len(TASKS[task].classes) or 2)
    predictions[:, 0] = 1.0
    targets = torch.ones(4, dtype=torch.int64) if TASKS[task].is_classification else torch.ones(4, 2)
    assert loss(loss.link(predictions, TASKS[task]), targets).isfinite()


@pytest.mark.parametrize(("name", "task"), SERVED)
def test_half_a_thousand_steps_on_the_outputs_themselves_reach_the_targets(name, task):
    loss = LOSSES[name]().resolve(TASKS[task])
    outputs, targets = batch(loss, TASKS[task])
    outputs.requires_grad_()
    optimizer = torch.optim.Adam([outputs], lr=0.05)
    for _ in range(500):
        optimizer.zero_grad()
        loss(outputs, targets).backward()
        optimizer.step()
    predictions = loss.predictions(outputs.detach(), TASKS[task])
    if TASKS[task].is_classification:
        assert torch.equal(predictions.argmax(1), targets)
    else:
        expected = targets if loss.raw_targets else targets * torch.tensor(VALUES.scale) + torch.tensor(VALUES.center)
        torch.testing.assert_close(predictions, expected.to(predictions), rtol=0, atol=0.1)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_cross_entropy_is_torchs(smoothing):
    outputs, y = batch(LOSSES["cross_entropy"](), FIVE)
    expected = F.cross_entropy(outputs, y, label_smoothing=smoothing)
    torch.testing.assert_close(LOSSES["cross_entropy"]()(outputs, y, None, smoothing), expected)
    torch.testing.assert_close(LOSSES["cross_entropy"]()(outputs, y, torch.ones(16), smoothing), expected)


@pytest.mark.parametrize("name", ["binary_cross_entropy", "focal"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_one_output_is_two_outputs_the_first_of_which_is_0(name, smoothing):
    loss = LOSSES[name]()
    wide = LOSSES["cross_entropy" if name == "binary_cross_entropy" else name]()
    logit, y = batch(loss, TWO)
    two = torch.cat((torch.zeros_like(logit), logit), 1)
    torch.testing.assert_close(loss(logit, y, None, smoothing), wide(two, y, None, smoothing))
    torch.testing.assert_close(loss.predictions(logit, TWO), torch.softmax(two, 1))


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_focal_with_gamma_0_is_cross_entropy(smoothing):
    outputs, y = batch(LOSSES["focal"](), FIVE)
    expected = F.cross_entropy(outputs, y, label_smoothing=smoothing)
    torch.testing.assert_close(LOSSES["focal"](gamma=0.0)(outputs, y, None, smoothing), expected)


def test_focal_is_its_formula():
    outputs, y = batch(LOSSES["focal"](), FIVE)
    p = torch.softmax(outputs, 1)[torch.arange(16), y]
    torch.testing.assert_close(LOSSES["focal"](gamma=1.5)(outputs, y), (-((1 - p) ** 1.5) * p.log()).mean())


def test_focal_has_a_finite_gradient_where_the_class_is_certain():
    outputs = torch.tensor([[200.0, 0.0]], requires_grad=True)
    LOSSES["focal"](gamma=0.5)(outputs, torch.tensor([0])).backward()
    assert outputs.grad.isfinite().all()


def test_hinge_is_its_formula():
    one = torch.tensor([[2.0], [0.5], [-0.5]])
    assert LOSSES["hinge"]()(one, torch.tensor([1, 1, 0])).item() == pytest.approx((0 + 0.5 + 0.5) / 3)
    many = torch.tensor([[3.0, 1.0, 0.0], [0.0, 1.0, 0.8], [0.0, 0.0, 0.0]])
    assert LOSSES["hinge"]()(many, torch.tensor([0, 2, 1])).item() == pytest.approx((0 + 1.2 + 1) / 3)


@pytest.mark.parametrize(
    ("name", "settings", "function"),
    [
        ("squared", {}, F.mse_loss),
        ("absolute", {}, F.l1_loss),
        ("huber", {"delta": 0.3}, lambda o, y: F.huber_loss(o, y, delta=0.3)),
        ("log_cosh", {}, lambda o, y: torch.log(torch.cosh(o - y)).mean()),
        ("quantile", {"quantile": 0.5}, lambda o, y: F.l1_loss(o, y) / 2),
        ("poisson", {}, lambda o, y: (o.exp() - y * o).mean()),
    ],
)
def test_regression_losses_are_torchs_or_their_formula(name, settings, function):
    loss = LOSSES[name](**settings)
    outputs, targets = batch(loss, VALUES)
    torch.testing.assert_close(loss(outputs, targets), function(outputs, targets))


def test_quantile_is_lowest_at_that_quantile():
    targets = torch.arange(101.0).unsqueeze(1)
    losses = [LOSSES["quantile"](quantile=0.9)(torch.full((101, 1), float(v)), targets).item() for v in range(101)]
    assert min(range(101), key=losses.__getitem__) == 90


def test_log_cosh_of_a_large_error_is_finite():
    assert LOSSES["log_cosh"]()(torch.tensor([[1e4]]), torch.zeros(1, 1)).item() == pytest.approx(1e4 - math.log(2))


def test_values_are_predicted_in_their_own_unit_and_rates_from_their_logarithm():
    outputs = torch.tensor([[0.0, 1.0]])
    assert LOSSES["squared"]().predictions(outputs, VALUES).tolist() == [[10.0, -0.5]]
    torch.testing.assert_close(LOSSES["poisson"]().predictions(outputs, VALUES), outputs.exp())


@pytest.mark.parametrize(
    ("task", "expected"), [(TWO, "binary_cross_entropy"), (FIVE, "cross_entropy"), (VALUES, "squared")]
)
def test_auto_goes_by_the_target(task, expected):
    assert type(LOSSES["auto"]().resolve(task)) is LOSSES[expected]


@pytest.mark.parametrize(("name", "task"), REFUSED)
def test_a_loss_that_does_not_fit_the_task_says_what_does(name, task):
    with pytest.raises(UserError, match=rf"loss {name} is for .*; use .*, or auto"):
        LOSSES[name]().resolve(TASKS[task])


def test_messages_of_losses_that_do_not_fit():
    with pytest.raises(
        UserError, match="loss cross_entropy is for classification, and this is regression; use squared, absolute"
    ):
        LOSSES["cross_entropy"]().resolve(VALUES)
    with pytest.raises(
        UserError, match="binary_cross_entropy is for two classes, and the target has 5; use cross_entropy, or"
    ):
        LOSSES["binary_cross_entropy"]().resolve(FIVE)
    with pytest.raises(
        UserError, match=r"poisson needs targets of at least 0, and the lowest is -1.5; use squared or huber"
    ):
        LOSSES["poisson"]().check_targets(torch.tensor([[2.0], [-1.5]]))


@pytest.mark.parametrize("name", LOSSES)
def test_an_option_file_lists_the_constructors_settings_and_defaults(name):
    settings = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())
    assert settings.pop("name") == name
    assert settings == {key: p.default for key, p in inspect.signature(LOSSES[name]).parameters.items()}
    assert all(schema.FIELDS[key].complaint(value) is None for key, value in settings.items())


def test_every_option_file_is_in_the_table():
    assert {path.stem for path in CONFIGS.glob("*.yaml")} == set(LOSSES)


@pytest.mark.parametrize("name", sorted(set(LOSSES) - {"auto"}))
def test_a_loss_knows_its_name(name):
    assert LOSSES[name]().name == name
