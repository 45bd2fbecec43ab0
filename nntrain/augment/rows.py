"""Changes to the rows of a table: noise, features left out, rows mixed with others.

Legend: B rows of F columns, numeric ones first and then category codes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from nntrain.augment.augmentation import Augmentation
from nntrain.augment.draws import Draws
from nntrain.augment.expand import expanded
from nntrain.augment.mixing import Mixer, Mixing, blended
from nntrain.errors import UserError

if TYPE_CHECKING:
    from nntrain.data.dataset import TableFeatures


@dataclass(frozen=True)
class RowMixing:
    """`rows`: who is mixed with whom; codes: bool [B, categories], true where the row keeps its own category."""

    rows: Mixing
    codes: Tensor

    @property
    def partner(self) -> Tensor:
        return self.rows.partner


class Rows(Augmentation):
    """Each setting is explained in configs/augment/table.yaml.

    features: of the data. seed: the run's. Raises UserError where the data is pictures.
    """

    notes: tuple[str, ...] = ()

    def __init__(
        self,
        *,
        features: TableFeatures,
        seed: int,
        expand: int = 1,
        noise: float = 0.1,
        feature_dropout: float = 0.0,
        mixup: float = 0.0,
        mix_p: float = 1.0,
    ) -> None:
        if not hasattr(features, "cardinalities"):
            raise UserError("augment: table changes tables, and the data is pictures; use augment=pictures or a preset")
        self.seed, self.expand = seed, expand
        self.numeric, self.categories = features.numeric, len(features.cardinalities)
        self.noise, self.feature_dropout = noise, feature_dropout
        self.mixer = Mixer(mixup, 0.0, mix_p)

    @property
    def mixes(self) -> bool:
        return self.mixer.on

    @property
    def changes(self) -> bool:
        """Whether a row of its own, not mixed, is ever changed."""
        return (self.noise > 0 and self.numeric > 0) or self.feature_dropout > 0

    @torch.no_grad()
    def changed(self, inputs: Tensor, draws: Draws) -> Tensor:
        """float32 [B, F] -> the same. Left out is what the preprocessing takes for unknown: 0 (the mean), and for
        categories code 0."""
        x = inputs
        if self.noise and self.numeric:
            drawn = draws.normal_field("noise", self.numeric)
            x = torch.cat((x[:, : self.numeric] + self.noise * drawn, x[:, self.numeric :]), 1)
        if self.feature_dropout:
            x = x * (draws.field("feature_dropout", x.shape[1]) >= self.feature_dropout)
        return x

    def mixing_by(self, draws: Draws, count: int | Tensor) -> RowMixing:
        rows = self.mixer(draws, count)
        return RowMixing(rows, draws.field("mix_codes", self.categories) < rows.share.unsqueeze(1))

    @torch.no_grad()
    def mix(self, inputs: Tensor, others: Tensor, mixing: RowMixing) -> tuple[Tensor, Tensor]:
        """A category is that of one of both, the own one with a probability of its share."""
        share = mixing.rows.share
        numbers = blended(inputs[:, : self.numeric], others[:, : self.numeric], share)
        codes = torch.where(mixing.codes, inputs[:, self.numeric :], others[:, self.numeric :])
        return torch.cat((numbers, codes), 1), share

    def expanded(self, inputs: Tensor) -> Tensor:
        """[N, F] -> [expand * N, F]: the originals, then all of them by draw 0, by draw 1, ..."""
        return expanded(self, inputs, self.expand)
