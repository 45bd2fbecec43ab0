"""Matrices of plane geometry, one per sample: float32 [B, 3, 3] in pixels from the centre, x to the right, y down.

Products are written out: `matmul` would round the coordinates where the run allows tf32 or bf16.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def matrix(rows: Sequence[Sequence[Tensor | float]], like: Tensor) -> Tensor:
    """[B, 3, 3] from entries that are numbers or float32 [B]. like: a tensor [B] on the device."""
    zero = torch.zeros_like(like)
    return torch.stack([entry if isinstance(entry, Tensor) else zero + entry for row in rows for entry in row], 1).view(
        -1, 3, 3
    )


def product(first: Tensor, *others: Tensor) -> Tensor:
    """first @ second @ ...: of two maps the last one is applied first."""
    for other in others:
        first = (first.unsqueeze(3) * other.unsqueeze(1)).sum(2)
    return first


def inverse(m: Tensor) -> Tensor:
    """The inverse up to a factor (the adjugate), which is all that a projective map needs; divided by its corner."""
    a, b, c, d, e, f, g, h, i = m.flatten(1).unbind(1)
    adjugate = [
        [e * i - f * h, c * h - b * i, b * f - c * e],
        [f * g - d * i, a * i - c * g, c * d - a * f],
        [d * h - e * g, b * g - a * h, a * e - b * d],
    ]
    found = matrix(adjugate, a)
    return found / found[:, 2:, 2:]


def affine(angle: Tensor, scale: Tensor, shear_x: Tensor, shear_y: Tensor, dx: Tensor, dy: Tensor) -> Tensor:
    """What the picture does: scaled, sheared along x and then y (tangents of the angles), turned counter-clockwise by
    `angle` (radians), moved by dx to the right and dy down (pixels)."""
    sin, cos = angle.sin(), angle.cos()
    lower = 1 + shear_x * shear_y
    return matrix(
        [
            [scale * (cos + sin * shear_y), scale * (cos * shear_x + sin * lower), dx],
            [scale * (cos * shear_y - sin), scale * (cos * lower - sin * shear_x), dy],
            [0.0, 0.0, 1.0],
        ],
        angle,
    )


def window(width: Tensor, height: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """What sampling a window of the picture does to a position: width and height as parts of the sides, its centre at
    (x, y) pixels. Negative parts mirror."""
    return matrix([[width, 0.0, x], [0.0, height, y], [0.0, 0.0, 1.0]], x)


def quadrilateral(corners: Sequence[tuple[Tensor, Tensor]], width: int, height: int) -> Tensor:
    """The projective map of the picture's corners (top left, top right, bottom right, bottom left) to `corners`.

    In closed form: unit square to quadrilateral (Heckbert 1989, sec. 2.2.3).
    """
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = corners
    sx, sy = x0 - x1 + x2 - x3, y0 - y1 + y2 - y3
    dx1, dx2, dy1, dy2 = x1 - x2, x3 - x2, y1 - y2, y3 - y2
    area = dx1 * dy2 - dx2 * dy1
    g, h = (sx * dy2 - dx2 * sy) / area, (dx1 * sy - sx * dy1) / area
    square = matrix(
        [[x1 - x0 + g * x1, x3 - x0 + h * x3, x0], [y1 - y0 + g * y1, y3 - y0 + h * y3, y0], [g, h, 1.0]], x0
    )
    to_unit = matrix([[1 / width, 0.0, 0.5], [0.0, 1 / height, 0.5], [0.0, 0.0, 1.0]], x0)
    return product(square, to_unit)
