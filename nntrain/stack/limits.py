"""Penalties on weights and limits on gradients and weight vectors, with a setting per member.

A member whose setting is 0 or None is left exactly as it is. See `nntrain/objective/penalties.py` for the same alone.

Legend: M members, W numbers in a member's row: its parameters and a gap, which is zero (see `parameters.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

import torch
from torch import Tensor

from nntrain.optim.parameters import Parameters
from nntrain.training.step import Program


class Limits:
    """l1, l2: float32 [M, 1]; clip_norm, clip_value, max_norm too, infinite for none. None where no member has any.

    params: of any member, for the layout, which all share.
    """

    def __init__(self, programs: Sequence[Program], params: Parameters) -> None:
        self.params = params
        self.l1 = self._column([program.l1 for program in programs], 0.0)
        self.l2 = self._column([2 * program.l2 for program in programs], 0.0)
        self.clip_norm = self._column([program.clip_norm for program in programs], inf)
        self.clip_value = self._column([program.clip_value for program in programs], inf)
        self.max_norm = self._column([program.max_norm for program in programs], inf)

    def _column(self, settings: Sequence[float | None], none: float) -> Tensor | None:
        values = [none if setting is None else setting for setting in settings]
        if all(value == none for value in values):
            return None
        return torch.tensor(values, dtype=torch.float32, device=self.params.flat.device)[:, None]

    @torch.no_grad()
    def on_gradients(self, flat: Tensor, grads: Tensor) -> None:
        """Add the penalties' gradients to `grads` and clip them, in place. flat, grads: [M, W]."""
        weights = flat[:, : self.params.decayed]
        if self.l2 is not None:
            grads[:, : self.params.decayed].addcmul_(weights, self.l2)
        if self.l1 is not None:
            grads[:, : self.params.decayed].addcmul_(weights.sign(), self.l1)
        if self.clip_norm is not None:
            norm = torch.linalg.vector_norm(grads, dim=1, keepdim=True)
            grads.mul_((self.clip_norm / (norm + 1e-6)).clamp_(max=1.0))
        if self.clip_value is not None:
            grads.clamp_(-self.clip_value, self.clip_value)

    @torch.no_grad()
    def on_weights(self, flat: Tensor) -> None:
        """Scale weights that come into one unit and are too long, as a vector, in place. flat: [M, W]."""
        if self.max_norm is None:
            return
        for weight in self.params.split(flat)[: self.params.weights]:
            units = weight.flatten(2)
            norms = torch.linalg.vector_norm(units, dim=2)
            scale = torch.where(norms > self.max_norm, self.max_norm / (norms + 1e-7), 1.0)
            units.mul_(scale[:, :, None])
