"""Every augmentation that a recipe can name, but for `none`; the presets are `pictures` with other defaults."""

from __future__ import annotations

from nntrain.augment.pictures import Pictures
from nntrain.augment.rows import Rows

AUGMENTATIONS: dict[str, type[Pictures] | type[Rows]] = {
    "pictures": Pictures,
    "mnist": Pictures,
    "cifar": Pictures,
    "photos": Pictures,
    "table": Rows,
}
