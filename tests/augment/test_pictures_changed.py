"""Changes to pictures: each sample's own, whatever the batch; off means untouched; sizes and ranges stay."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import COUNT, augmentation, pictures, pixel_features
from torch import Tensor

from nntrain.augment.pictures import Pictures
from nntrain.augment.table import AUGMENTATIONS
from nntrain.config.options import option_file
from nntrain.data.dataset import TableFeatures
from nntrain.errors import UserError

EACH: dict[str, dict[str, Any]] = {  # one setting, or few, that changes pictures
    "crop_padding": {"crop_padding": 4},
    "crop_scale": {"crop_scale": [0.3, 0.8]},
    "translate": {"translate": 3},
    "translate, parts": {"translate": 0.2, "fill": "mean"},
    "flip": {"flip": 0.5},
    "flip_vertical": {"flip_vertical": 0.5, "fill": "edge"},
    "rotate": {"rotate": 20},
    "scale": {"scale": 0.2, "fill": "mean"},
    "shear": {"shear": [5, 15], "fill": "reflect"},
    "perspective": {"perspective": 0.4, "fill": "edge"},
    "elastic": {"elastic": 30.0},
    "brightness": {"brightness": 0.4},
    "contrast": {"contrast": [0.5, 0.9]},
    "saturation": {"saturation": 0.5},
    "hue": {"hue": 0.1},
    "grey": {"grey": 0.5},
    "blur": {"blur": [0.5, 2.0]},
    "noise": {"noise": 0.1},
    "erase": {"erase": 0.5},
    "erase, mean": {"erase": 1.0, "erase_fill": "mean"},
    "erase, noise": {"erase": 1.0, "erase_fill": "noise"},
    "randaugment": {"randaugment": 2},
    "trivialaugment": {"trivialaugment": True},
}
CHANCES = {  # the setting that is the probability of each
    **{name: name for name in ("flip", "flip_vertical", "grey", "erase")},
    "crop_scale": "crop_p",
    "crop_padding": "crop_p",
    **{f"erase, {fill}": "erase" for fill in ("mean", "noise")},
    "translate, parts": "translate_p",
}
UINT8 = {"crop_padding", "translate", "translate, parts", "flip", "flip_vertical"}
UINT8 |= {"erase", "erase, mean", "erase, noise"}
SAMPLES = torch.arange(100, 100 + COUNT)


@pytest.mark.parametrize("case", EACH)
def test_each_change_changes_and_keeps_shape_and_range(case: str) -> None:
    before = pictures()
    after = augmentation(**EACH[case])(before, SAMPLES, 3)
    assert after.shape == before.shape
    assert after.dtype == (torch.uint8 if case in UINT8 else torch.float32)
    assert after.min() >= 0
    assert after.max() <= 255
    assert not torch.equal(after.float(), before.float())


@pytest.mark.parametrize("case", EACH)
def test_inputs_are_left_as_they_are(case: str) -> None:
    before = pictures()
    augmentation(**EACH[case])(before, SAMPLES, 3)
    assert torch.equal(before, pictures())


@pytest.mark.parametrize("case", [case for case in EACH if case not in ("randaugment", "trivialaugment")])
def test_with_probability_0_nothing_happens(case: str) -> None:
    after = augmentation(**{**EACH[case], CHANCES.get(case, f"{case}_p"): 0.0})(pictures(), SAMPLES, 3)
    assert torch.equal(after, pictures())


@pytest.mark.parametrize("case", ["rotate", "scale", "perspective", "elastic", "blur"])
def test_with_probability_one_half_some_pictures_stay(case: str) -> None:
    after = augmentation(**{**EACH[case], f"{case}_p": 0.5})(pictures(), SAMPLES, 3)
    same = ((after - pictures().float()).abs().amax((1, 2, 3)) < 0.01).sum()
    assert 0 < same < COUNT


@pytest.mark.parametrize("case", EACH)
def test_a_picture_gets_the_same_change_in_any_batch(case: str) -> None:
    augment, inputs = augmentation(**EACH[case]), pictures()
    together = augment(inputs, SAMPLES, 3)
    order = torch.randperm(COUNT, generator=torch.Generator().manual_seed(1))
    shuffled = augment(inputs[order], SAMPLES[order], 3)
    alone = torch.cat([augment(inputs[i : i + 1], SAMPLES[i : i + 1], 3) for i in range(COUNT)])
    torch.testing.assert_close(shuffled, together[order], rtol=0, atol=1e-3)
    torch.testing.assert_close(alone, together, rtol=0, atol=1e-3)


@pytest.mark.parametrize("case", EACH)
def test_seed_epoch_and_sample_change_the_draw(case: str) -> None:
    def drawn(seed: int = 0, epoch: int = 3, samples: Tensor = SAMPLES) -> Tensor:
        return augmentation(**EACH[case], seed=seed)(pictures(), samples, epoch)

    assert torch.equal(drawn(), drawn())
    if EACH[case].get("erase") == 1.0 or case not in UINT8:  # others have few outcomes, but not all of a batch alike
        assert not torch.equal(drawn(), drawn(seed=1))
    for other in (drawn(epoch=4), drawn(samples=SAMPLES + COUNT)):
        assert not torch.equal(drawn(), other)


@pytest.mark.parametrize("case", EACH)
def test_no_change_waits_for_the_device_or_makes_tensors_elsewhere(case: str) -> None:
    """On the meta device there are no values: whatever asked for one, or met a tensor of another device, would fail."""
    augment = augmentation(**EACH[case], fill="mean") if "fill" not in EACH[case] else augmentation(**EACH[case])
    inputs, samples = pictures().to("meta"), SAMPLES.to("meta")
    assert augment(inputs, samples, 3).shape == inputs.shape


def test_turning_one_change_on_leaves_the_draws_of_another() -> None:
    alone = augmentation(crop_padding=4)(pictures(), SAMPLES, 0)
    both = augmentation(crop_padding=4, erase=1.0, erase_area=[0.01, 0.02])(pictures(), SAMPLES, 0)
    assert 0.9 < float((alone == both).float().mean()) < 1


@pytest.mark.parametrize("fill", ["black", "edge", "mean", "reflect"])
def test_whole_pixel_moves_are_the_same_when_they_are_part_of_a_resampling(fill: str) -> None:
    moves = {"crop_padding": 5, "flip": 0.5, "flip_vertical": 0.5, "translate": 2, "fill": fill}
    moved = augmentation(height=24, **moves)(pictures(height=24), SAMPLES, 0)
    resampled = augmentation(height=24, rotate=1e-6, **moves)(pictures(height=24), SAMPLES, 0)
    torch.testing.assert_close(resampled, moved.float(), rtol=0, atol=0.02)


@pytest.mark.parametrize(
    ("fill", "expected"),
    [
        ("black", [0, 10, 20, 30]),
        ("mean", [120, 10, 20, 30]),
        ("edge", [10, 10, 20, 30]),
        ("reflect", [10, 10, 20, 30]),
    ],
)
def test_what_comes_in_from_outside(fill: str, expected: list[int]) -> None:
    augment = augmentation(1, 4, 4, translate=1, fill=fill)
    row = torch.tensor([10, 20, 30, 40], dtype=torch.uint8).expand(400, 1, 4, 4)
    moved = augment(row, torch.arange(400), 0)[:, 0, 1:3]
    assert (moved == torch.tensor(expected)).all(2).all(1).any()  # by one pixel to the right, and not up or down
    assert {tuple(m[0].tolist()) for m in moved} >= {tuple(expected), (10, 20, 30, 40)}


def test_flips_are_mirror_images_of_half_of_the_pictures() -> None:
    inputs = pictures(count=1).expand(400, -1, -1, -1)
    flipped = augmentation(flip=0.5)(inputs, torch.arange(400), 0)
    mirrored = (flipped == inputs.flip(3)).flatten(1).all(1)
    assert (mirrored | (flipped == inputs).flatten(1).all(1)).all()
    assert 150 < int(mirrored.sum()) < 250


def test_the_erased_box_has_the_area_and_shape_asked_for() -> None:
    white = torch.full((300, 3, 32, 32), 255, dtype=torch.uint8)
    squares = augmentation(erase=1.0, erase_area=[0.25, 0.25], erase_ratio=[1, 1])(white, torch.arange(300), 0)
    assert ((squares == 0).sum((1, 2, 3)) == 3 * 16 * 16).all()
    boxes = augmentation(erase=0.5)(white, torch.arange(300), 0)
    parts = (boxes[:, 0] == 0).float().mean((1, 2))
    assert 110 < int((parts > 0).sum()) < 190
    assert parts[parts > 0].min() > 0.01
    assert parts.max() < 0.36


def test_elastic_displacements_have_the_size_that_simard_gives() -> None:
    augment = augmentation(1, 64, 64, elastic=34.0, elastic_sigma=4.0)
    from nntrain.augment.draws import Draws, start_of

    inner = augment.warp.displacement(Draws(start_of(0, 0), torch.arange(60)))[:, :, 16:48, 16:48]
    assert float(inner.std()) == pytest.approx(34 * (1 / 3) ** 0.5 / (2 * torch.pi**0.5 * 4), rel=0.05)


def test_grey_pictures_take_all_but_colour_and_are_told_so() -> None:
    augment = augmentation(1, saturation=0.5, hue=0.1, grey=0.2)
    assert augment.notes == ("augment.saturation, augment.hue, augment.grey: no effect, the pictures are grey",)
    assert torch.equal(augment(pictures(1), SAMPLES, 0), pictures(1))
    for case in EACH:
        assert augmentation(1, **EACH[case])(pictures(1), SAMPLES, 3).shape == (COUNT, 1, 32, 32)


def test_pictures_of_other_channels_are_told_that_colours_have_no_meaning() -> None:
    said = "augment.hue: no effect, the pictures are of 2 channels, not red, green and blue"
    assert augmentation(2, hue=0.1).notes == (said,)


@pytest.mark.parametrize(("key", "value"), [("crop_padding", 8), ("translate", 9)])
def test_moves_larger_than_the_picture_are_refused(key: str, value: int) -> None:
    with pytest.raises(UserError, match=rf"augment\.{key}: {value} pixels of pictures of 8 x 20; choose less than 8"):
        augmentation(3, 8, 20, **{key: value})


@pytest.mark.parametrize("name", [name for name, kind in AUGMENTATIONS.items() if kind is Pictures])
def test_a_table_is_refused(name: str) -> None:
    features: Any = TableFeatures(4)
    with pytest.raises(UserError, match="this changes pictures, and the data is a table; use augment=table"):
        AUGMENTATIONS[name](features=features, seed=0)


def test_the_tables_augmentation_refuses_pictures() -> None:
    features: Any = pixel_features()
    with pytest.raises(
        UserError, match="table changes tables, and the data is pictures; use augment=pictures or a pre"
    ):
        AUGMENTATIONS["table"](features=features, seed=0)


@pytest.mark.parametrize("name", [name for name, kind in AUGMENTATIONS.items() if kind is Pictures])
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (3, 48, 20)])
def test_the_presets_run_on_any_pictures(name: str, shape: tuple[int, int, int]) -> None:
    section = yaml.safe_load(option_file("augment", name).read_text(encoding="utf-8"))
    del section["name"]
    out = augmentation(*shape, **section)(pictures(*shape), SAMPLES, 0)
    assert out.shape == (COUNT, *shape)
    assert bool(out.float().isfinite().all())


def test_an_expanded_set_holds_the_originals_and_then_each_draw_of_all() -> None:
    augment = augmentation(expand=3, rotate=10)
    out = augment.expanded(pictures())
    assert out.dtype == torch.uint8
    assert torch.equal(out[:COUNT], pictures())
    second = augment(pictures(), torch.arange(COUNT), 1).round().to(torch.uint8)
    assert torch.equal(out[2 * COUNT :], second)


chance = st.sampled_from([0.0, 0.5, 1.0])
ANY = st.fixed_dictionaries(
    {},
    optional={
        "fill": st.sampled_from(["black", "mean", "edge", "reflect"]),
        "crop_padding": st.integers(0, 4),
        "crop_scale": st.sampled_from([[0.05, 1.0], [1.0, 1.0]]),
        "crop_p": chance,
        "translate": st.one_of(st.integers(0, 4), st.floats(0, 0.99)),
        "flip": chance,
        "rotate": st.floats(0, 180),
        "scale": st.floats(0, 0.9),
        "shear": st.floats(0, 60),
        "shear_p": chance,
        "perspective": st.floats(0, 0.6),
        "elastic": st.floats(0, 100),
        "elastic_sigma": st.floats(0.1, 30),
        "brightness": st.floats(0, 1),
        "contrast": st.floats(0, 1),
        "saturation": st.floats(0, 1),
        "hue": st.floats(0, 0.5),
        "grey": chance,
        "blur": st.floats(0, 9),
        "noise": st.floats(0, 2),
        "erase": chance,
        "erase_area": st.sampled_from([[0.0, 1.0], [0.0, 0.0], [1.0, 1.0]]),
        "erase_fill": st.sampled_from(["black", "mean", "noise"]),
        "randaugment": st.integers(0, 3),
        "randaugment_magnitude": st.integers(0, 30),
    },
)


@settings(max_examples=60, deadline=None)
@given(ANY, st.sampled_from([(1, 8, 8), (3, 5, 9), (3, 16, 12)]))
def test_any_settings_give_pictures(chosen: dict[str, Any], shape: tuple[int, int, int]) -> None:
    out = augmentation(*shape, **chosen)(pictures(*shape, count=4), torch.arange(4), 0)
    assert out.shape == (4, *shape)
    assert out.dtype in (torch.uint8, torch.float32)
    assert bool(out.float().isfinite().all())
    assert out.min() >= 0
    assert out.max() <= 255
