"""Mixing: partners of the whole split, blends and boxes by their shares, rows of tables."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import augmentation, pictures

from nntrain.augment.rows import Rows
from nntrain.data.dataset import TableFeatures

SAMPLES = torch.arange(40)


def rows(**settings: Any) -> Rows:
    return Rows(features=TableFeatures(3, (5, 20)), seed=0, **{"noise": 0.0, **settings})


def table(count: int = 40) -> torch.Tensor:
    """Three numbers, and codes below 5 and 20."""
    numbers = torch.randn(count, 3, generator=torch.Generator().manual_seed(0))
    codes = torch.stack((torch.arange(count) % 5, torch.arange(count) % 20), 1)
    return torch.cat((numbers, codes.float()), 1)


def test_nothing_is_mixed_unless_asked() -> None:
    assert augmentation().mixing(SAMPLES, 0, 100) is None
    assert augmentation(mixup=1.0, mix_p=0.0).mixing(SAMPLES, 0, 100) is None
    assert rows().mixing(SAMPLES, 0, 100) is None


def test_partners_are_any_samples_of_the_split_and_new_in_each_epoch() -> None:
    augment = augmentation(mixup=1.0)
    first, second = (augment.mixing(torch.arange(2000), epoch, 7) for epoch in (0, 1))
    assert first is not None
    assert second is not None
    assert set(first.partner.tolist()) == set(range(7))
    assert not torch.equal(first.partner, second.partner)


@pytest.mark.parametrize("kinds", [{"mixup": 0.4}, {"cutmix": 1.0}, {"mixup": 0.4, "cutmix": 1.0, "mix_p": 0.5}])
def test_a_sample_has_the_same_partner_and_share_in_any_batch(kinds: dict[str, float]) -> None:
    augment, inputs = augmentation(**kinds), pictures(count=40)

    def mixed(samples: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mixing = augment.mixing(samples, 2, 40)
        assert mixing is not None
        return augment.mix(inputs[samples], inputs[mixing.partner], mixing)

    order = SAMPLES.flip(0)[:13]
    for ours, theirs in zip(mixed(SAMPLES), mixed(order), strict=True):
        assert torch.equal(ours[order], theirs)


def test_mixup_blends_by_the_share() -> None:
    augment, inputs, others = augmentation(mixup=1.0), pictures(count=40), pictures(count=40).flip(0)
    mixing = augment.mixing(SAMPLES, 0, 40)
    assert mixing is not None
    mixed, share = augment.mix(inputs, others, mixing)
    weight = share.view(-1, 1, 1, 1)
    torch.testing.assert_close(mixed, weight * inputs + (1 - weight) * others, rtol=0, atol=1e-3)


@pytest.mark.parametrize("kinds", [{"mixup": 0.4}, {"cutmix": 1.0}, {"mixup": 0.4, "cutmix": 1.0, "mix_p": 0.5}])
def test_mixing_does_not_wait_for_the_device(kinds: dict[str, float]) -> None:
    augment, inputs, samples = augmentation(**kinds), pictures(count=40).to("meta"), SAMPLES.to("meta")
    mixing = augment.mixing(samples, 0, 40)
    assert mixing is not None
    assert augment.mix(inputs, inputs[mixing.partner], mixing)[1].shape == (40,)


def test_cutmix_pastes_a_box_and_the_share_is_what_is_left() -> None:
    white, black = (torch.full((40, 3, 32, 32), value, dtype=torch.uint8) for value in (255, 0))
    augment = augmentation(cutmix=1.0)
    mixing = augment.mixing(SAMPLES, 0, 40)
    assert mixing is not None
    mixed, share = augment.mix(white, black, mixing)
    assert mixed.dtype == torch.uint8
    torch.testing.assert_close(share, (mixed == 255).float().mean((1, 2, 3)))
    assert share.unique().numel() > 20


def test_with_both_kinds_each_sample_has_one() -> None:
    white, black = (torch.full((400, 1, 16, 16), value, dtype=torch.uint8) for value in (255, 0))
    augment = augmentation(1, 16, 16, mixup=1.0, cutmix=1.0)
    mixing = augment.mixing(torch.arange(400), 0, 400)
    assert mixing is not None
    mixed, share = augment.mix(white, black, mixing)
    torch.testing.assert_close(share, mixed.mean((1, 2, 3)) / 255, rtol=0, atol=1e-3)
    flat = mixed.flatten(1).std(1) < 1e-3
    assert 150 < int((~flat).sum() + (flat & (share > 0.999)).sum()) < 270  # some boxes lie outside, or are empty


def test_some_are_not_mixed_where_the_probability_says_so() -> None:
    augment = augmentation(mixup=1.0, mix_p=0.25)
    inputs = pictures(count=40)
    mixing = augment.mixing(SAMPLES, 0, 40)
    assert mixing is not None
    mixed, share = augment.mix(inputs, inputs.flip(0), mixing)
    assert 20 < int((share == 1).sum()) < 38
    assert torch.equal(mixed[share == 1], inputs[share == 1].float())


def test_rows_are_blended_and_a_category_is_that_of_one_of_both() -> None:
    augment, inputs = rows(mixup=1.0), table()
    mixing = augment.mixing(SAMPLES, 0, 40)
    assert mixing is not None
    others = inputs[mixing.partner]
    mixed, share = augment.mix(inputs, others, mixing)
    weight = share.unsqueeze(1)
    torch.testing.assert_close(mixed[:, :3], weight * inputs[:, :3] + (1 - weight) * others[:, :3])
    codes = mixed[:, 3:]
    assert ((codes == inputs[:, 3:]) | (codes == others[:, 3:])).all()


def test_a_category_is_the_own_one_as_often_as_its_share_says() -> None:
    mixing = rows(mixup=1.0).mixing(torch.arange(20_000), 0, 40)
    assert mixing is not None
    mostly = mixing.rows.share > 0.8
    assert float(mixing.codes[mostly].float().mean()) == pytest.approx(0.9, abs=0.02)


def test_noise_is_on_numbers_alone_and_of_the_deviation_asked_for() -> None:
    inputs = table(4000)
    noisy = rows(noise=0.3)(inputs, torch.arange(4000), 0)
    assert torch.equal(noisy[:, 3:], inputs[:, 3:])
    assert float((noisy - inputs)[:, :3].std()) == pytest.approx(0.3, rel=0.03)


def test_features_are_left_out_as_often_as_asked() -> None:
    dropped = rows(feature_dropout=0.2)(table(4000) + 1, torch.arange(4000), 0)
    assert float((dropped == 0).float().mean()) == pytest.approx(0.2, abs=0.01)


def test_a_row_changes_alike_in_any_batch() -> None:
    augment, inputs = rows(noise=0.3, feature_dropout=0.2), table()
    together = augment(inputs, SAMPLES, 1)
    assert torch.equal(augment(inputs[7:9], SAMPLES[7:9], 1), together[7:9])
    assert not torch.equal(augment(inputs, SAMPLES, 2), together)


def test_a_table_without_numbers_or_categories_is_changed_too() -> None:
    names = Rows(features=TableFeatures(0, (5,)), seed=0, noise=0.5, mixup=1.0)
    numbers = Rows(features=TableFeatures(2), seed=0, noise=0.5, mixup=1.0)
    for augment, inputs in ((names, torch.ones(4, 1)), (numbers, torch.ones(4, 2))):
        mixing = augment.mixing(SAMPLES[:4], 0, 4)
        assert mixing is not None
        mixed, _ = augment.mix(augment(inputs, SAMPLES[:4], 0), inputs, mixing)
        assert mixed.shape == inputs.shape


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 4),
    st.lists(st.integers(2, 9), max_size=3),
    st.floats(0, 3),
    st.floats(0, 0.99),
    st.floats(0.05, 5),
    st.floats(0, 1),
)
def test_any_table_stays_one(
    numeric: int, cardinalities: list[int], noise: float, dropout: float, mixup: float, mix_p: float
) -> None:
    features = TableFeatures(numeric, tuple(cardinalities))
    augment = Rows(features=features, seed=0, noise=noise, feature_dropout=dropout, mixup=mixup, mix_p=mix_p)
    inputs = torch.ones(9, numeric + len(cardinalities))
    changed = augment(inputs, SAMPLES[:9], 0)
    mixing = augment.mixing(SAMPLES[:9], 0, 9)
    if mixing is not None:
        changed, share = augment.mix(changed, inputs[mixing.partner], mixing)
        assert ((share >= 0) & (share <= 1)).all()
    assert changed.shape == inputs.shape
    assert bool(changed.isfinite().all())
    assert set(changed[:, numeric:].unique().tolist()) <= {0.0, 1.0}


def test_an_expanded_table_holds_the_originals_first() -> None:
    out = rows(expand=4, noise=0.1).expanded(table())
    assert out.shape == (160, 5)
    assert torch.equal(out[:40], table())
    assert not torch.equal(out[40:80], out[80:120])
