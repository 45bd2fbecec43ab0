"""Draws: uniform, independent, and a function of seed, epoch, sample and purpose alone."""

from __future__ import annotations

import pytest
import torch

from nntrain.augment.draws import PURPOSES, Amount, Draws, mix64, start_of
from nntrain.augment.mixing import Mixer, half_quantiles

SAMPLES = torch.arange(50_000)


def splitmix(state: int) -> int:
    """SplitMix64's output function in Python's whole numbers."""
    z = state
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % 2**64
    return z ^ (z >> 31)


def test_the_hash_is_splitmix64() -> None:
    states = [0, 1, 2**63 - 1, 0x9E3779B97F4A7C15, 2**64 - 1]
    signed = torch.tensor([s - 2**64 if s >= 2**63 else s for s in states])
    assert [value % 2**64 for value in mix64(signed).tolist()] == [splitmix(s) for s in states]


def test_a_purpose_has_one_number() -> None:
    assert len(set(PURPOSES)) == len(PURPOSES)


def test_draws_are_uniform() -> None:
    drawn = Draws(start_of(0, 0), SAMPLES).uniform("rotate")
    counts = torch.histc(drawn, 100, 0, 1)
    expected = len(SAMPLES) / 100
    assert float(((counts - expected) ** 2 / expected).sum()) < 160  # chi-squared of 99 degrees: above it 1 in 10,000
    assert drawn.min() >= 0
    assert drawn.max() < 1


def test_fields_are_uniform_and_differ_between_samples_and_pixels() -> None:
    field = Draws(start_of(0, 0), torch.arange(200)).field("noise", 501)
    assert field.shape == (200, 501)
    assert abs(float(field.mean()) - 0.5) < 0.005
    assert abs(float(field.var()) - 1 / 12) < 0.002
    assert len(field.unique()) > 0.98 * field.numel()


def test_normal_fields_have_mean_0_and_deviation_1() -> None:
    field = Draws(start_of(0, 0), torch.arange(500)).normal_field("noise", 1000)
    assert bool(field.isfinite().all())
    assert abs(float(field.mean())) < 0.006
    assert abs(float(field.std()) - 1) < 0.005


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(Draws(start_of(0, 0), SAMPLES).uniform("scale"), id="purpose"),
        pytest.param(Draws(start_of(0, 1), SAMPLES).uniform("rotate"), id="epoch"),
        pytest.param(Draws(start_of(1, 0), SAMPLES).uniform("rotate"), id="seed"),
        pytest.param(Draws(start_of(0, 0), SAMPLES + 1).uniform("rotate"), id="sample"),
    ],
)
def test_neighbouring_draws_do_not_correlate(other: torch.Tensor) -> None:
    drawn = Draws(start_of(0, 0), SAMPLES).uniform("rotate")
    assert abs(float(torch.corrcoef(torch.stack((drawn, other)))[0, 1])) < 0.02


def test_a_draw_does_not_depend_on_the_batch() -> None:
    among = Draws(start_of(5, 2), torch.tensor([3, 9, 4])).bits[:, 1]
    assert torch.equal(among, Draws(start_of(5, 2), torch.tensor([9])).bits[:, 0])


def test_whole_numbers_cover_their_range_evenly() -> None:
    counts = torch.bincount(Draws(start_of(0, 0), SAMPLES).whole("crop_x", 9), minlength=9)
    assert len(counts) == 9
    assert float((counts / len(SAMPLES) - 1 / 9).abs().max()) < 0.006


@pytest.mark.parametrize(
    ("value", "around", "low", "high"),
    [(10, 0.0, -10, 10), ((5, 10), 0.0, 5, 10), (0.2, 1.0, 0.8, 1.2), (2, 1.0, 0, 3)],
)
def test_an_amount_is_uniform_in_its_range(value: float, around: float, low: float, high: float) -> None:
    drawn = Amount.of("rotate", value, 1.0, around=around).draw(Draws(start_of(0, 0), SAMPLES))
    assert low <= float(drawn.min()) < low + (high - low) / 1000
    assert high - (high - low) / 1000 < float(drawn.max()) <= high


def test_an_amount_is_neutral_as_often_as_its_probability_leaves() -> None:
    drawn = Amount.of("scale", 0.2, 0.3, around=1.0).draw(Draws(start_of(0, 0), SAMPLES))
    assert abs(float((drawn == 1).float().mean()) - 0.7) < 0.01


@pytest.mark.parametrize("alpha", [0.1, 0.4, 1.0, 2.5])
def test_shares_follow_the_beta_distribution(alpha: float) -> None:
    drawn = Mixer(alpha, 0.0, 1.0)(Draws(start_of(0, 0), SAMPLES), 10).share.double()
    assert abs(float(drawn.mean()) - 0.5) < 0.01
    assert abs(float(drawn.var()) - 1 / (4 * (2 * alpha + 1))) < 0.003


def test_the_table_of_a_beta_distribution_is_its_inverse() -> None:
    from scipy.stats import beta

    quantiles = half_quantiles(0.3).double() ** (1 / 0.3)
    assert beta(0.3, 0.3).cdf(quantiles) == pytest.approx(torch.linspace(0, 0.5, len(quantiles)).double(), abs=1e-5)
