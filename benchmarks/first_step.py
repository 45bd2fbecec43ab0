"""`nntrain` up to the end of its first training step, which prints the moment and the peak memory and ends it all.

python benchmarks/first_step.py fit config=digits
"""

from __future__ import annotations

import os
import resource
import sys
from time import monotonic
from typing import Any

from nntrain import cli, launch


def reached() -> None:
    """Print `seconds on the system's clock, peak KiB` and end."""
    print(f"\nfirst step {monotonic()} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}", flush=True)
    os._exit(0)


def watched(train: Any) -> Any:
    """`train_composed` with a training step that ends the process. torch is imported where it always is, in there."""

    def inner(*words: Any, **settings: Any) -> Any:
        from nntrain.training import trainer

        step = trainer.train_step

        def first(*given: Any, **named: Any) -> None:
            step(*given, **named)
            reached()

        trainer.train_step = first
        return train(*words, **settings)

    return inner


if __name__ == "__main__":
    launch.train_composed = watched(launch.train_composed)
    sys.exit(cli.main(sys.argv[1:]))
