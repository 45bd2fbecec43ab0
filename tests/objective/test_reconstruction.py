"""Learning without labels: closed forms of losses and scores, what counts, and what corruption leaves alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from nntrain.errors import UserError
from nntrain.models.inputs import TableInput
from nntrain.models.network import Network
from nntrain.objective.corruption import Autoencoder, Denoising, Layout, Masked
from nntrain.objective.reconstruction import Reconstruction

PICTURES = Layout(shape=(2, 9, 6), low=(-1.0, -2.0), high=(3.0, 4.0), unit=(10.0, 20.0))
ROWS = Layout(numeric=2, cardinalities=(3, 5), low=(-2.0, -1.0), high=(2.0, 1.0))


def drawn(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(count: int = 5) -> Tensor:
    return torch.randn(count, 2, 9, 6, generator=drawn())


def rows(count: int = 7) -> Tensor:
    g = drawn(1)
    codes = [torch.randint(0, n, (count, 1), generator=g).float() for n in ROWS.cardinalities]
    return torch.cat((torch.randn(count, 2, generator=g), *codes), 1)


class Same(nn.Module):
    """Gives back what it is given, or always the same."""

    def __init__(self, always: Tensor | None = None) -> None:
        super().__init__()
        self.always = always

    def forward(self, x: Tensor) -> Tensor:
        return x if self.always is None else self.always.expand(len(x), *self.always.shape)


def network(body: nn.Module, layout: Layout = PICTURES) -> Network:
    first = TableInput(layout.numeric, layout.cardinalities) if layout.shape is None else nn.Identity()
    return Network(first, body)


def scores(objective: Reconstruction, net: Network, x: Tensor) -> dict[str, float]:
    totals = objective.totals(net, x, objective.fixed(x.device))
    return {name: float(value) for name, value in totals.scores().items()}


def test_the_loss_of_pictures_is_the_squared_error_in_standardised_units() -> None:
    x, y = pictures(), pictures(1)[0] + 0.5
    objective = Reconstruction(Autoencoder(), PICTURES, 0)
    assert torch.allclose(objective.loss(network(Same(y)), x), F.mse_loss(y.expand_as(x), x))


def test_rmse_is_in_grey_levels_and_r2_the_explained_share_of_the_spread() -> None:
    x, y = pictures(), pictures(1)[0]
    found = scores(Reconstruction(Autoencoder(), PICTURES, 0), network(Same(y)), x)
    unit = torch.tensor(PICTURES.unit).view(-1, 1, 1)
    error, spread = (((y - x) * unit) ** 2).sum(), (((x - x.mean(0)) * unit) ** 2).sum()
    assert found["rmse"] == pytest.approx(float((error / x.numel()).sqrt()), rel=1e-5)
    assert found["r2"] == pytest.approx(float(1 - error / spread), rel=1e-4)


def test_the_mean_picture_is_the_baseline_and_explains_nothing() -> None:
    x = torch.randint(0, 256, (40, 2, 9, 6), generator=drawn(), dtype=torch.uint8)
    found = Reconstruction(Autoencoder(), PICTURES, 0).mean_prediction(x, x)
    assert found["rmse"] == pytest.approx(float(x.double().std(0, correction=0).square().mean().sqrt()))
    assert found["r2"] == pytest.approx(0.0, abs=1e-9)


def test_a_row_counts_numbers_by_squared_error_and_categories_by_cross_entropy() -> None:
    x, out = rows(), torch.randn(10, generator=drawn(3))
    loss = Reconstruction(Autoencoder(), ROWS, 0).loss(network(Same(out), ROWS), x)
    squares = (out[:2] - x[:, :2]) ** 2
    first = F.cross_entropy(out[2:5].expand(len(x), -1), x[:, 2].long(), reduction="none")
    second = F.cross_entropy(out[5:].expand(len(x), -1), x[:, 3].long(), reduction="none")
    assert torch.allclose(loss, torch.cat((squares, first[:, None], second[:, None]), 1).mean())


def test_errors_of_a_table_are_told_column_by_column() -> None:
    x, out = rows(), torch.randn(10, generator=drawn(3))
    objective = Reconstruction(Autoencoder(), ROWS, 0)
    totals = objective.totals(network(Same(out), ROWS), x, drawn())
    wrong = [float((x[:, 2] != out[2:5].argmax()).sum()), float((x[:, 3] != out[5:].argmax()).sum())]
    assert totals.columns[:2].tolist() == pytest.approx(((out[:2] - x[:, :2]) ** 2).sum(0).tolist())
    assert totals.columns[2:].tolist() == wrong
    assert totals.hits.tolist() == [len(x)] * 4


def test_only_hidden_places_of_a_picture_have_a_gradient() -> None:
    objective = Reconstruction(Masked(share=0.4, patch=2), PICTURES, 0)
    body = nn.Conv2d(2, 2, 1)
    torch.manual_seed(5)
    seen = objective.look(network(body), pictures())
    outputs = seen.outputs.detach().requires_grad_()
    seen.outputs = outputs
    assert seen.mask is not None
    hidden = seen.mask.expand_as(outputs)
    loss = (objective.errors(seen) * hidden).sum() / hidden.sum()
    (gradient,) = torch.autograd.grad(loss, outputs)
    assert torch.equal(gradient != 0, hidden != 0)
    torch.manual_seed(5)
    assert torch.allclose(objective.loss(network(body), pictures()), loss)


def test_what_is_hidden_is_not_seen() -> None:
    x = pictures()
    given, mask = Masked(share=0.4, patch=2)(x, PICTURES, drawn())
    assert mask is not None
    hidden = mask.expand_as(x) != 0
    assert not given[hidden].any()
    assert torch.equal(given[~hidden], x[~hidden])


@given(share=st.floats(0.01, 0.99), patch=st.integers(1, 6), seed=st.integers(0, 1000))
def test_every_picture_hides_as_many_patches_and_never_all(share: float, patch: int, seed: int) -> None:
    _, mask = Masked(share, patch)(torch.ones(3, 2, 9, 6), PICTURES, drawn(seed))
    assert mask is not None
    tiles = mask[:, 0, ::patch, ::patch].flatten(1)
    assert torch.equal(
        mask, mask[:, :, ::patch, ::patch].repeat_interleave(patch, 2).repeat_interleave(patch, 3)[..., :9, :6]
    )
    wanted = min(max(1, round(share * tiles.shape[1])), tiles.shape[1] - 1)
    assert tiles.sum(1).tolist() == [wanted] * 3


def test_a_hidden_column_is_its_mean_and_a_hidden_category_missing() -> None:
    x = rows(200)
    given, mask = Masked(share=0.3)(x, ROWS, drawn())
    assert mask is not None
    assert not given[mask != 0].any()
    assert torch.equal(given[mask == 0], x[mask == 0])
    assert float(mask.mean()) == pytest.approx(0.3, abs=0.05)


@pytest.mark.parametrize("noise", ["masking", "salt"])
def test_noise_replaces_its_share_of_the_values(noise: str) -> None:
    x = torch.full((100, 2, 9, 6), 0.5)
    given, mask = Denoising(noise, 0.2)(x, PICTURES, drawn())
    assert mask is None
    assert float((given != x).float().mean()) == pytest.approx(0.2, abs=0.02)
    changed = given[:, 1][given[:, 1] != 0.5].unique().tolist()
    assert changed == ([0.0] if noise == "masking" else [-2.0, 4.0])


def test_gaussian_noise_has_the_standard_deviation_that_is_asked_for_and_spares_categories() -> None:
    x = rows(5000)
    given, _ = Denoising("gaussian", 0.7)(x, ROWS, drawn())
    assert float((given - x)[:, :2].std()) == pytest.approx(0.7, rel=0.05)
    assert torch.equal(given[:, 2:], x[:, 2:])


def test_salt_gives_categories_any_of_their_values() -> None:
    given, _ = Denoising("salt", 0.9)(rows(500), ROWS, drawn())
    assert given[:, 2].unique().tolist() == [0, 1, 2]
    assert given[:, 3].unique().tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("corruption", [Denoising("gaussian", 0.5), Masked(0.5, 3)])
def test_validation_has_one_corruption_and_training_that_of_its_step(corruption: Autoencoder) -> None:
    objective, net, x = Reconstruction(corruption, PICTURES, 0), network(Same()), pictures()
    assert scores(objective, net, x) == scores(objective, net, x)
    assert scores(Reconstruction(corruption, PICTURES, 1), net, x) != scores(objective, net, x)

    def step(seed: int) -> float:
        torch.manual_seed(seed)
        return float(objective.loss(net, x))

    assert step(3) == step(3) != step(4)


def test_totals_of_parts_add_up() -> None:
    objective, net, x = Reconstruction(Autoencoder(), ROWS, 0), network(Same(torch.ones(10)), ROWS), rows()
    whole = objective.totals(net, x, drawn())
    parts = objective.totals(net, x[:3], drawn()) + objective.totals(net, x[3:], drawn())
    for name, value in vars(whole).items():
        assert torch.allclose(getattr(parts, name), value), name


BAD: dict[str, tuple[Any, Layout]] = {
    "objective.patch: 7 is larger than the pictures, 6 by 9 pixels; choose at most 3": (Masked(patch=7), PICTURES),
    "objective.patch: 6 hides the pictures, 6 by 6 pixels, as a whole, and leaves nothing to see; choose at most 3": (
        Masked(patch=6),
        Layout(shape=(1, 6, 6)),
    ),
}


@pytest.mark.parametrize("said", BAD)
def test_a_patch_must_leave_something_to_see(said: str) -> None:
    with pytest.raises(UserError) as error:
        Reconstruction(*BAD[said], seed=0)
    assert str(error.value) == said


@pytest.mark.parametrize("layout", [PICTURES, ROWS], ids=["pictures", "rows"])
def test_salt_brings_its_ends_to_the_device_once(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    salt, x = Denoising("salt", 0.5), pictures() if layout is PICTURES else rows()
    salt(x, layout)
    monkeypatch.setattr(torch, "tensor", None)
    monkeypatch.setattr(torch.Tensor, "new_tensor", None)
    noisy, _ = salt(x, layout)
    assert noisy.shape == x.shape
