"""How often Python searches for garbage."""

from __future__ import annotations

import gc

COLLECT_AFTER = 100_000  # new objects. Imports make very many that stay, and Python's 700 searches them for garbage so
# often that it takes a fifth of the time to the first step.


def collect_seldom() -> tuple[int, int, int]:
    """From now on; the thresholds that were before, for `gc.set_threshold`."""
    before = gc.get_threshold()
    gc.set_threshold(COLLECT_AFTER, *before[1:])
    return before
