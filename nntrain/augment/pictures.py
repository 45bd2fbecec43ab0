"""Changes to pictures, composed into as few passes over the pixels as possible.

Whole-pixel moves alone are one selection of uint8 pixels; anything between pixels is one resampling, moves included.
Then come the colours, in this order: brightness, contrast, saturation, hue, grey, the policy's; then blur, noise,
erasing. Without a resampling and without changes of colour, pictures stay uint8.

Legend: B pictures of C channels and H x W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from nntrain.augment import colors
from nntrain.augment.augmentation import Augmentation
from nntrain.augment.draws import Amount, Draws
from nntrain.augment.erase import Erase
from nntrain.augment.expand import expanded
from nntrain.augment.mixing import Mixer, Mixing
from nntrain.augment.moves import Canvas, Moves
from nntrain.augment.policy import Policy
from nntrain.augment.warp import Warp
from nntrain.errors import UserError

if TYPE_CHECKING:
    from nntrain.data.dataset import PixelFeatures

Span = float | Sequence[float]


class Pictures(Augmentation):
    """Each setting is explained in configs/augment/pictures.yaml; everything is off by default.

    features: of the data. seed: the run's. notes: sentences about settings that have no effect on these pictures.
    Raises UserError where the data is a table, or a setting does not fit the pictures' size.
    """

    def __init__(
        self,
        *,
        features: PixelFeatures,
        seed: int,
        expand: int = 1,
        fill: str = "black",
        crop_padding: int = 0,
        crop_scale: Sequence[float] | None = None,
        crop_ratio: Sequence[float] = (0.75, 1.3333),
        crop_p: float = 1.0,
        translate: float = 0,
        translate_p: float = 1.0,
        flip: float = 0.0,
        flip_vertical: float = 0.0,
        rotate: Span = 0,
        rotate_p: float = 1.0,
        scale: Span = 0,
        scale_p: float = 1.0,
        shear: Span = 0,
        shear_p: float = 1.0,
        perspective: float = 0.0,
        perspective_p: float = 1.0,
        elastic: float = 0.0,
        elastic_sigma: float = 4.0,
        elastic_p: float = 1.0,
        brightness: Span = 0.0,
        brightness_p: float = 1.0,
        contrast: Span = 0.0,
        contrast_p: float = 1.0,
        saturation: Span = 0.0,
        saturation_p: float = 1.0,
        hue: Span = 0.0,
        hue_p: float = 1.0,
        grey: float = 0.0,
        blur: Span = 0.0,
        blur_p: float = 1.0,
        noise: Span = 0.0,
        noise_p: float = 1.0,
        erase: float = 0.0,
        erase_area: Sequence[float] = (0.02, 0.33),
        erase_ratio: Sequence[float] = (0.3, 3.3),
        erase_fill: str = "black",
        randaugment: int = 0,
        randaugment_magnitude: int = 9,
        trivialaugment: bool = False,
        mixup: float = 0.0,
        cutmix: float = 0.0,
        mix_p: float = 1.0,
    ) -> None:
        check_pictures(features)
        self.seed, self.expand = seed, expand
        shape = (features.channels, features.height, features.width)
        mean = features.mean if "mean" in (fill, erase_fill) else ()  # else the pictures of another split do as well
        canvas = Canvas(features.height, features.width, fill, mean)
        self.moves = Moves(canvas, crop_padding, crop_p, translate, translate_p, flip, flip_vertical)
        if trivialaugment:
            self.policy = Policy.trivial_augment(*shape)
        else:
            self.policy = Policy.rand_augment(*shape, randaugment, randaugment_magnitude)
        self.warp = Warp(
            canvas,
            self.moves,
            self.policy,
            crop_scale,
            crop_ratio,
            crop_p,
            Amount.of("rotate", rotate, rotate_p),
            Amount.of("scale", scale, scale_p, around=1.0),
            Amount.of("shear", shear, shear_p),
            perspective,
            perspective_p,
            elastic,
            elastic_sigma,
            elastic_p,
        )
        self.brightness = Amount.of("brightness", brightness, brightness_p, around=1.0)
        self.contrast = Amount.of("contrast", contrast, contrast_p, around=1.0)
        self.saturation = Amount.of("saturation", saturation, saturation_p, around=1.0)
        self.hue = Amount.of("hue", hue, hue_p)
        self.grey = grey
        self.blur = _from_none("blur", blur, blur_p)
        self.noise = _from_none("noise", noise, noise_p)
        self.erase = Erase(canvas, erase, erase_area, erase_ratio, erase_fill)
        self.mixer = Mixer(mixup, cutmix, mix_p)
        self.has_color = features.channels == 3
        colored = {"saturation": self.saturation.on, "hue": self.hue.on, "grey": grey > 0}
        idle = [name for name, on in colored.items() if on and not self.has_color]
        what = "grey" if features.channels == 1 else f"of {features.channels} channels, not red, green and blue"
        said = f"augment.{', augment.'.join(idle)}: no effect, the pictures are {what}"
        self.notes: tuple[str, ...] = (said,) if idle else ()

    @property
    def mixes(self) -> bool:
        return self.mixer.on

    @property
    def changes(self) -> bool:
        """Whether a picture of its own, not mixed, is ever changed."""
        return self.warp.on or self.moves.on or self._recolors or self.erase.on

    @property
    def _recolors(self) -> bool:
        amounts = any(amount.on for amount in (self.brightness, self.contrast, self.blur, self.noise))
        colored = self.has_color and (self.saturation.on or self.hue.on or self.grey > 0)
        return amounts or colored or self.policy.on

    @torch.no_grad()
    def changed(self, inputs: Tensor, draws: Draws) -> Tensor:
        """uint8 [B, C, H, W] -> uint8, or float32 from 0 to 255."""
        x = inputs
        if self.warp.on:
            x = self.warp(x, draws)
        elif self.moves.on:
            x = self.moves(x, draws)
        if self._recolors:
            x = self._recolored(x.to(torch.float32), draws)
        if self.erase.on:
            x = self.erase(x, draws)
        return x

    def _recolored(self, x: Tensor, draws: Draws) -> Tensor:
        """float32 [B, C, H, W], 0 to 255."""
        if self.brightness.on:
            x = colors.brightness(x, self.brightness.draw(draws))
        if self.contrast.on:
            x = colors.contrast(x, self.contrast.draw(draws))
        if self.has_color and self.saturation.on:
            x = colors.saturation(x, self.saturation.draw(draws))
        if self.has_color and self.hue.on:
            x = colors.hue(x, self.hue.draw(draws))
        if self.has_color and self.grey > 0:
            x = colors.grey(x, draws.happens("grey_p", self.grey))
        if self.policy.on:
            x = self.policy.color(x, draws)
        if self.blur.on:
            x = colors.blur(x, self.blur.draw(draws), self.blur.high)
        if self.noise.on:
            size = colors.per_sample(self.noise.draw(draws) * 255)
            x = draws.normal_field("noise", x[0].numel()).view_as(x).mul_(size).add_(x).clamp_(0, 255)
        return x

    def mixing_by(self, draws: Draws, count: int | Tensor) -> Mixing:
        return self.mixer(draws, count)

    @torch.no_grad()
    def mix(self, inputs: Tensor, others: Tensor, mixing: Mixing) -> tuple[Tensor, Tensor]:
        return self.mixer.mix(inputs, others, mixing)

    def expanded(self, inputs: Tensor) -> Tensor:
        """uint8 [N, C, H, W] -> [expand * N, C, H, W]: the originals, then all of them by draw 0, by draw 1, ..."""
        return expanded(self, inputs, self.expand)


def _from_none(name: str, value: Span, p: float) -> Amount:
    """An amount that cannot be negative: a number r is for 0 ... r."""
    return Amount.of(name, value if isinstance(value, Sequence) else (0.0, value), p)


def check_pictures(features: Any) -> None:
    """UserError where the data is no pictures."""
    if not hasattr(features, "channels"):
        raise UserError("augment: this changes pictures, and the data is a table; use augment=table, or augment=none")
