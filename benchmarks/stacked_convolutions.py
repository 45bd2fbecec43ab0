"""Convolutional networks as one program, beside the same networks one after another.

Two convolutions of 3x3 with max pooling, batch norm and relu, the mean over all places and a linear head, for pictures
of three sizes. Forward and backward pass of a stack by one convolution in groups, by torch.func.vmap, and by products
over unfolded pictures; then whole steps of nntrain, update and all, of its stack beside its steps alone. With several
threads only on a machine that does nothing else.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from common import arguments, interleaved, ratio, report, set_threads

LEAST = 0.02  # seconds that a contestant computes in a round


@dataclass(frozen=True)
class Shape:
    """Of pictures [channels, side, side], of the first convolution's channels, and of a batch."""

    channels: int
    side: int
    width: int
    batch: int


SHAPES = {
    "digits, 8x8": [Shape(1, 8, 8, 32), Shape(1, 8, 16, 32)],
    "MNIST, 28x28": [Shape(1, 28, 8, 64), Shape(1, 28, 16, 64), Shape(1, 28, 32, 128)],
    "CIFAR, 32x32 in colour": [Shape(3, 32, 32, 128)],
}


def main() -> None:
    parser = arguments(__doc__, rounds=5)
    parser.add_argument("--members", type=int, nargs="*", default=[4, 16])
    options = parser.parse_args()
    set_threads(options.threads)

    import torch

    rows: list[dict[str, object]] = []
    for pictures, shapes in SHAPES.items():
        for shape in shapes:
            for members in options.members:
                about = {"pictures": pictures, "channels": shape.width, "batch": shape.batch, "members": members}
                rows += [about | row for row in measured(shape, members, options.rounds)]
    report("stacked_convolutions", rows, options, {"torch's threads": torch.get_num_threads()})


def measured(shape: Shape, members: int, rounds: int) -> list[dict[str, object]]:
    from stacked_ways import ALONE, steps

    rows: list[dict[str, object]] = []
    size = (shape.channels, shape.side, shape.side)
    ways = {"passes": steps(size, shape.width, shape.batch, members)}
    ways["nntrain's steps"] = nntrain_steps(shape, members)
    for what, contestants in ways.items():
        found = interleaved({name: timed(step) for name, step in contestants.items()}, rounds)
        for name, seconds in found.items():
            line: dict[str, object] = {"what": what, "way": name, "us per member": median(seconds) / members * 1e6}
            rows.append(line | ({} if name == ALONE else {"times as fast": ratio(found[ALONE], seconds)}))
    return rows


def timed(step: Callable[[], Any]) -> Callable[[], float]:
    """Seconds of a step, the mean over as many as take `LEAST` seconds."""

    def once() -> float:
        began, done = perf_counter(), 0
        while done == 0 or perf_counter() - began < LEAST:
            step()
            done += 1
        return (perf_counter() - began) / done

    return once


def nntrain_steps(shape: Shape, members: int) -> dict[str, Callable[[], Any]]:
    """Whole training steps, as a sweep takes them: of all members alone, and of the stack."""
    from stacked_ways import ALONE

    from nntrain.stack.trial import step_alone, step_together

    trainer = stack_of(shape, members)
    alone = [step_alone(member) for member in trainer.members]
    together, positions = step_together(trainer, members), trainer.orders.steps(0)
    numbers = count()

    def one_after_another() -> None:
        position = next(numbers) % positions
        for step in alone:
            step(position)

    return {ALONE: one_after_another, "stacked": lambda: together(next(numbers) % positions)}


def stack_of(shape: Shape, members: int) -> Any:
    """A `StackedTrainer` before its first epoch, on random pictures."""
    import numpy as np

    from nntrain.builders import load_data
    from nntrain.config.compose import compose
    from nntrain.experiment import build_experiment
    from nntrain.stack.member import Member
    from nntrain.stack.trainer import StackedTrainer
    from nntrain.training.course import Stop
    from nntrain.training.state import LoopState

    draw, size, nobody = np.random.default_rng(0), 4 * shape.batch * 5, Nobody()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pictures.npz"
        pictures = draw.integers(256, size=(size, shape.side, shape.side, shape.channels), dtype=np.uint8)
        np.savez(path, x=pictures, y=np.arange(size) % 10)
        words = [f"model.width={shape.width}", "model.depth=2", f"batch_size={shape.batch}", "device=cpu"]
        config = compose(["data=arrays", f"data.path={path}", "model=cnn", *words]).config
        data = load_data(config)
    found = []
    for seed in range(members):
        built = build_experiment({**config, "seed": seed}, dataset=data)
        given: Sequence[Any] = (built.dataset.train, built.dataset.val, built.course, nobody, nobody)
        found.append(Member(built.program, built.state, LoopState(), *given))
    trainer = StackedTrainer(found, Stop())
    trainer.arrange()
    return trainer


class Nobody:
    """A screen and a keeper that are not called."""


if __name__ == "__main__":
    main()
