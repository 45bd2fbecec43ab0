"""What every augmentation is: changes to samples, and perhaps mixtures of them, by draws that are each sample's own."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from nntrain.augment.draws import Draws, start_of


class Augmentation:
    """A subclass says what given draws do: those of one training here, of many in a stack of trainings."""

    seed: int

    @property
    def mixes(self) -> bool:
        """Whether samples are mixed with others, so that a sample has two targets."""
        raise NotImplementedError

    def changed(self, inputs: Tensor, draws: Draws) -> Tensor:
        """Each of inputs [B, ...] as it is drawn."""
        raise NotImplementedError

    def mixing_by(self, draws: Draws, count: int | Tensor) -> Any:
        """Who is mixed with whom, of `count` samples of the training split (int64 [B] where splits are of several
        sizes): `partner`, int64 [B], and what `mix` wants to know. Where some are mixed."""
        raise NotImplementedError

    def mix(self, inputs: Tensor, others: Tensor, mixing: Any) -> tuple[Tensor, Tensor]:
        """Samples and their partners, changed already: the mixed ones, and the share of the own target, float32 [B]."""
        raise NotImplementedError

    def __call__(self, inputs: Tensor, samples: Tensor, epoch: int) -> Tensor:
        """Each sample as an epoch of the training shows it. samples: int64 [B], their numbers in the training split."""
        return self.changed(inputs, Draws(start_of(self.seed, epoch), samples))

    def mixing(self, samples: Tensor, epoch: int, count: int) -> Any:
        """See `mixing_by`; None where nobody is mixed."""
        return self.mixing_by(Draws(start_of(self.seed, epoch), samples), count) if self.mixes else None
