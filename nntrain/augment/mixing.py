"""Samples mixed with others: mixup (Zhang et al. 2018) and cutmix (Yun et al. 2019).

The loss is share * loss(own target) + (1 - share) * loss(partner's target), which for cross-entropy is that of the
mixed label, and has a meaning for real targets too.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from nntrain.augment.draws import Draws
from nntrain.augment.erase import rectangles

POINTS = 2048  # of the tabulated distribution


@dataclass(frozen=True)
class Mixing:
    """For each of a batch's samples: the number of its partner in the training split (int64 [B]), the weight of the own
    sample (float32 [B] in (0, 1]), whether the partner's box is cut in (bool [B]) or the two are blended, and where:
    the box's centre as parts of the sides."""

    partner: Tensor
    share: Tensor
    cut: Tensor
    x: Tensor
    y: Tensor


@dataclass
class Mixer:
    """mixup, cutmix: alpha of the Beta(alpha, alpha) that the share is drawn from; 0: off; where both are on, each
    sample has one of them, by a fair draw. p: the probability that a sample is mixed at all."""

    mixup: float
    cutmix: float
    p: float
    tables: dict[tuple[float, torch.device], Tensor] = field(default_factory=dict, compare=False, repr=False)

    @property
    def on(self) -> bool:
        return self.p > 0 and (self.mixup > 0 or self.cutmix > 0)

    def __call__(self, draws: Draws, count: int | Tensor) -> Mixing:
        """The mixing of a batch, with partners 0 ... count - 1."""
        share = draws.uniform("mix_share")
        cut = torch.zeros_like(share, dtype=torch.bool)
        if self.mixup and self.cutmix:
            cut = draws.happens("mix_kind", 0.5)
        elif self.cutmix:
            cut = ~cut
        shares = [self._beta(alpha, share) for alpha in (self.mixup, self.cutmix) if alpha]
        share = shares[0] if len(shares) == 1 else torch.where(cut, shares[1], shares[0])
        if self.p < 1:
            share = torch.where(draws.happens("mix_p", self.p), share, 1.0)
        partner = draws.whole("mix_partner", count)
        return Mixing(partner, share, cut, draws.uniform("mix_x"), draws.uniform("mix_y"))

    def _beta(self, alpha: float, uniform: Tensor) -> Tensor:
        """Uniform draws [B] -> draws of Beta(alpha, alpha), by the inverse of its distribution."""
        if alpha == 1:
            return uniform
        key = (alpha, uniform.device)
        if key not in self.tables:  # once per run and device
            self.tables[key] = half_quantiles(alpha).to(uniform.device)
        table = self.tables[key]
        place = torch.minimum(uniform, 1 - uniform) * (2 * (len(table) - 1))
        left = place.floor().clamp_max(len(table) - 2)
        index = left.to(torch.int64)
        below, above = table.take(index), table.take(index + 1)
        low = (below + (place - left) * (above - below)) ** (1 / alpha)
        return torch.where(uniform < 0.5, low, 1 - low)

    def mix(self, inputs: Tensor, others: Tensor, mixing: Mixing) -> tuple[Tensor, Tensor]:
        """Pictures [B, C, H, W] with their partners': the mixed ones, and the share of the own target, [B]."""
        if not self.cutmix:
            return blended(inputs, others, mixing.share), mixing.share
        if inputs.dtype != others.dtype:
            inputs, others = inputs.to(torch.float32), others.to(torch.float32)
        inside = _box(mixing, *inputs.shape[2:])
        if self.mixup:
            inside = inside & mixing.cut.view(-1, 1, 1)
        kept = 1 - inside.sum((1, 2)) / (inputs.shape[2] * inputs.shape[3])
        pasted = torch.where(inside.unsqueeze(1), others, inputs)
        if not self.mixup:
            return pasted, kept
        blend = torch.where(mixing.cut, 1.0, mixing.share)
        return blended(pasted, others, blend), torch.where(mixing.cut, kept, mixing.share)


def blended(inputs: Tensor, others: Tensor, share: Tensor) -> Tensor:
    """share * inputs + (1 - share) * others, float32; where the share is 1, the inputs exactly."""
    weight = share.view(-1, *[1] * (inputs.dim() - 1))
    return torch.lerp(inputs.to(torch.float32), others.to(torch.float32), 1 - weight)


def _box(mixing: Mixing, height: int, width: int) -> Tensor:
    """Cutmix's box, bool [B, H, W]: of 1 - share of the area, its centre anywhere, cut at the border."""
    side = (1 - mixing.share).sqrt()
    tall, wide = (side * height).floor(), (side * width).floor()
    top = (mixing.y * height).floor() - (tall / 2).floor()
    left = (mixing.x * width).floor() - (wide / 2).floor()
    return rectangles(height, width, top, left, tall, wide)


def half_quantiles(alpha: float) -> Tensor:
    """x ** alpha for the quantiles x of Beta(alpha, alpha) at 0 ... 1/2, evenly spaced: float32 [POINTS].

    With s = x ** alpha the density is smooth at 0 even for a small alpha: the integral of x^(a-1) (1-x)^(a-1) dx is
    that of (1 - s^(1/a))^(a-1) ds / a.
    """
    edges = torch.linspace(0, 0.5**alpha, 8 * POINTS, dtype=torch.float64)
    density = (1 - edges ** (1 / alpha)) ** (alpha - 1)
    mass = torch.cumulative_trapezoid(density, edges)
    mass = torch.cat((mass.new_zeros(1), mass)) / mass[-1]
    wanted = torch.linspace(0, 1, POINTS, dtype=torch.float64)
    right = torch.searchsorted(mass, wanted).clamp(1, len(mass) - 1)
    part = (wanted - mass[right - 1]) / (mass[right] - mass[right - 1])
    return torch.lerp(edges[right - 1], edges[right], part).float()
