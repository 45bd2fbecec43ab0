"""The changes agree with torchvision's on the amounts that were drawn."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from samples import COUNT, augmentation, pictures
from torch import Tensor
from torchvision.transforms.v2 import functional as tv
from torchvision.transforms.v2.functional import InterpolationMode

from nntrain.augment import colors
from nntrain.augment.draws import Draws, start_of
from nntrain.augment.moves import Canvas
from nntrain.augment.planes import affine, inverse, quadrilateral
from nntrain.augment.warp import resample

SAMPLES = torch.arange(COUNT)
CANVAS = Canvas(32, 32, "black", (0.0,) * 3)
BILINEAR = InterpolationMode.BILINEAR


def each(change: Callable[[Tensor, float], Tensor], amounts: Tensor, pictures: Tensor) -> Tensor:
    """torchvision's change of each picture by its own amount."""
    return torch.stack([change(x, amount) for x, amount in zip(pictures, amounts.tolist(), strict=True)])


def close(ours: Tensor, theirs: Tensor, pixels: float = 0.01) -> None:
    """Alike to `pixels`, on the scale of 0 to 255."""
    torch.testing.assert_close(ours, theirs, rtol=0, atol=pixels)


def test_rotation() -> None:
    augment = augmentation(rotate=40)
    angles = augment.warp.rotate.draw(Draws(start_of(0, 5), SAMPLES))
    theirs = each(lambda x, angle: tv.rotate(x, angle, BILINEAR), angles, pictures().float())
    close(augment(pictures(), SAMPLES, 5), theirs)


@pytest.mark.parametrize("shape", [(32, 32), (24, 40)])
@pytest.mark.parametrize(("degrees", "shear_x", "shear_y"), [(17.0, 12.0, 0.0), (0.0, 0.0, 8.0)])
def test_affine_maps(shape: tuple[int, int], degrees: float, shear_x: float, shear_y: float) -> None:
    """torchvision's angles and shears are the other way about."""
    x = pictures(height=shape[0], width=shape[1]).float()[:1]
    theirs = tv.affine(x, -degrees, [3, -2], 0.8, [-shear_x, -shear_y], BILINEAR)
    tangents = (math.tan(math.radians(shear)) for shear in (shear_x, shear_y))
    numbers = (math.radians(degrees), 0.8, *tangents, 3.0, -2.0)
    forward = affine(*(torch.tensor([number]) for number in numbers))
    close(resample(x, Canvas(*shape, "black", (0.0,) * 3), inverse(forward)), theirs)


def test_perspective() -> None:
    x = pictures().float()[:1]
    start = [[0, 0], [32, 0], [32, 32], [0, 32]]
    end = [[3, 5], [28, 1], [30, 27], [2, 31]]
    corners = [(torch.tensor([px - 16.0]), torch.tensor([py - 16.0])) for px, py in end]
    ours = resample(x, CANVAS, inverse(quadrilateral(corners, 32, 32)))
    close(ours, tv.perspective(x, start, end, BILINEAR), 0.05)


def test_a_resized_crop_is_a_window_inside_the_picture_of_the_area_and_ratio_asked_for() -> None:
    samples = torch.arange(300)
    m = augmentation(crop_scale=[0.2, 0.7], crop_ratio=[0.8, 1.25]).warp.map(Draws(start_of(0, 5), samples))
    wide, high = m[:, 0, 0], m[:, 1, 1]
    assert 0.2 <= float((wide * high).min()) < 0.22
    assert 0.68 < float((wide * high).max()) <= 0.7001
    assert 0.799 <= float((wide / high).min()) < 0.82
    assert (m[:, 0, 2].abs() <= (1 - wide) * 16 + 1e-4).all()
    assert (m[:, 1, 2].abs() <= (1 - high) * 16 + 1e-4).all()


def test_a_resized_crop_is_resampled_as_torchvision_does_it() -> None:
    middle = torch.diag(torch.tensor([0.5, 0.5, 1.0])).expand(COUNT, 3, 3)
    theirs = tv.resized_crop(pictures().float(), 8, 8, 16, 16, [32, 32], BILINEAR, antialias=False)
    ours = resample(pictures(), CANVAS, middle)  # theirs knows nothing beyond the window, ours does: borders differ
    close(ours[:, :, 1:-1, 1:-1], theirs[:, :, 1:-1, 1:-1])


AMOUNTS = torch.linspace(0.2, 1.9, COUNT)
COLORS: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], Callable[[Tensor, float], Tensor]]] = {
    "brightness": (colors.brightness, tv.adjust_brightness),
    "contrast": (colors.contrast, tv.adjust_contrast),
    "saturation": (colors.saturation, tv.adjust_saturation),
    "sharpness": (colors.sharpness, tv.adjust_sharpness),
    "hue": (lambda x, f: colors.hue(x, f / 2 - 0.5), lambda x, f: tv.adjust_hue(x, f / 2 - 0.5)),
    "solarize": (lambda x, f: colors.solarize(x, f * 128), lambda x, f: tv.solarize(x, f * 128 / 255)),
}


@pytest.mark.parametrize("name", COLORS)
def test_colours(name: str) -> None:
    ours, theirs = COLORS[name]
    x = pictures().float()
    close(ours(x, AMOUNTS), 255 * each(theirs, AMOUNTS, x / 255))


@pytest.mark.parametrize("channels", [1, 3])
def test_grey_contrast_of_any_channels(channels: int) -> None:
    x = pictures(channels).float()
    close(colors.contrast(x, AMOUNTS), 255 * each(tv.adjust_contrast, AMOUNTS, x / 255))


def test_grey() -> None:
    x = pictures().float()
    some = torch.arange(COUNT) % 2 == 0
    grey = colors.grey(x, some)
    close(grey[some], 255 * tv.rgb_to_grayscale(x[some] / 255, 3))
    assert torch.equal(grey[~some], x[~some])


def test_blur() -> None:
    sigmas = torch.linspace(0.3, 2.0, COUNT)
    x = pictures().float()
    theirs = each(lambda y, sigma: tv.gaussian_blur(y, [13, 13], [sigma, sigma]), sigmas, x)
    close(colors.blur(x, sigmas, 2.0), theirs, 0.02)
    close(colors.blur(x, sigmas * 0, 2.0), x, 0.001)


def test_posterize() -> None:
    bits = torch.arange(COUNT).float() % 8 + 1
    theirs = each(lambda y, b: tv.posterize(y.to(torch.uint8), int(b)).float(), bits, pictures().float())
    close(colors.posterize(pictures().float(), bits), theirs)


def test_autocontrast() -> None:
    x = pictures().float() * 0.5 + 20
    close(colors.autocontrast(x), 255 * tv.autocontrast(x / 255))
    flat = torch.full((1, 3, 4, 4), 7.0)
    assert torch.equal(colors.autocontrast(flat), flat)


@pytest.mark.parametrize("scale", [1.0, 0.3, 0.0])
def test_equalize(scale: float) -> None:
    x = (pictures().float() * scale).to(torch.uint8)
    close(colors.equalize(x.float()), tv.equalize(x).float())


def test_a_policy_leaves_who_draws_the_identity() -> None:
    augment = augmentation(trivialaugment=True)
    samples = torch.arange(200)
    inputs = pictures(count=1).expand(200, -1, -1, -1)
    out = augment(inputs, samples, 0)
    idle = augment.policy.chosen(Draws(start_of(0, 0), samples), 0, "identity")
    assert 4 < int(idle.sum()) < 30
    close(out[idle], inputs[idle].float())
    assert float((out - inputs.float()).abs().amax((1, 2, 3)).gt(1).float().mean()) > 0.6


def test_a_policys_turns_are_those_it_drew() -> None:
    """A sample of one rotation is torchvision's rotation."""
    augment, samples = augmentation(randaugment=1, randaugment_magnitude=15), torch.arange(400)
    draws = Draws(start_of(0, 0), samples)
    inputs = pictures(count=1).expand(400, -1, -1, -1)
    out = augment(inputs, samples, 0)
    who = augment.policy.chosen(draws, 0, "rotate")
    signs = augment.policy.signed(draws, 0)[who].sign()
    theirs = each(lambda x, sign: tv.rotate(x, 15 * sign, BILINEAR), signs, inputs[who].float())
    close(out[who], theirs)
