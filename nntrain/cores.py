"""How many processor cores there are for us, and who else computes here."""

from __future__ import annotations

import os


def cores() -> int:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


SHARING = "NNTRAIN_SHARING"  # an environment variable, which a sweep sets for its workers


def sharing() -> int | None:
    """How many workers of a sweep share the memory of this machine, or of the GPU that they train on, this one among
    them; None where nobody has said."""
    said = os.environ.get(SHARING)
    return int(said) if said else None
