"""One picture several times: its rows stay together where splits are drawn; equal files are counted."""

from __future__ import annotations

import numpy as np

from nntrain.data.pictures.reading import Pictures
from nntrain.data.splitting import Index, Rows


def one_of_each(pool: Index, stored: Index, labels: Index | None) -> Index:
    """The first row of `pool` that shows each picture, for drawing. stored, labels: the picture and the class of each
    row of the data; a picture of several classes stands for the rarest."""
    order = pool
    if labels is not None:
        order = pool[np.argsort(np.bincount(labels[pool])[labels[pool]], kind="stable")]
    _, first = np.unique(stored[order], return_index=True)
    return np.sort(order[first])


def with_copies(drawn: Rows, pool: Index, stored: Index) -> Rows:
    """What was drawn of `one_of_each`, and with each row all others of `pool` that show the same picture."""
    train, val, test = (pool[np.isin(stored[pool], stored[of])] for of in (drawn.train, drawn.val, drawn.test))
    return Rows(train, val, test)


def copies_notes(pictures: Pictures, stored: Index, rows: Rows) -> list[str]:
    """What is to be said of held-out pictures whose pixels are those of a training picture too."""
    train, said = stored[rows.train], []
    sums, first = np.unique(pictures.sums[train], return_index=True)
    for name, held_out in (("validation", stored[rows.val]), ("test", stored[rows.test])):
        alike = held_out[np.isin(pictures.sums[held_out], sums)]
        twins = train[first[np.searchsorted(sums, pictures.sums[alike])]]
        # a checksum of 32 bits may be that of another picture
        copies = [
            a for a, b in zip(alike, twins, strict=True) if np.array_equal(pictures.pixels[a], pictures.pixels[b])
        ]
        if copies:
            which = f"{len(copies):,} of the {name} pictures {'is' if len(copies) == 1 else 'are'}"
            example = pictures.listing.names[copies[0]]
            said.append(f"{which} also among the training pictures, such as {example}: their score flatters")
    return said
