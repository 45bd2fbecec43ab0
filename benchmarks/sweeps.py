"""Sweeps as whole processes, every job's folder written, beside what people do instead.

    python benchmarks/sweeps.py

32 jobs (8 learning rates by 4 seeds) of 64-32-32-10 on digits, batches of 32, 20 epochs of Adam: stacked, and nntrain's
other launchers; benchmarks/sweep_by_hand.py has the others. Bars, stacked against each: 5 times faster than our own
`basic`, 3 times than the loop, 2 times than joblib with two processes, faster than scikit-learn.
256 jobs (32 by 8): 8 times faster than the loop, whose 32 jobs are taken 8 times; and no dearer a job than of 32.
mnist: 8 learning rates of 784-256-128-10 at batch 128, two epochs: stacked is never slower than `basic`.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median

from common import HERE, Ran, arguments, interleaved, mnist_folder, nntrain, ratio, report, run, set_threads

PARTS = ("32", "256", "mnist")
STACKED, BASIC, PARALLEL = "nntrain, stacked", "nntrain, basic", "nntrain, parallel"
LOOP, JOBLIB, HYDRA, SKLEARN, BARE = (
    "by hand: a loop",
    "by hand: joblib, 2 processes",
    "Hydra's basic launcher",
    "scikit-learn",
    "bare: import torch, and the steps",
)
BARS = {BASIC: 5.0, LOOP: 3.0, JOBLIB: 2.0, SKLEARN: 1.0}  # how many times faster stacked must be
MANY = 8.0  # than the loop, of 256 jobs
Command = Callable[[Path], list[str]]  # given the folder for what it writes
Row = dict[str, object]


def main() -> None:
    parser = arguments(__doc__, rounds=5)
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=PARTS, help="of the above (all)")
    parser.add_argument("--only", nargs="*", default=None, help="contestants whose name contains one of these")
    parser.add_argument("--epochs", type=int, default=20, help="of a job of digits (20)")
    parser.add_argument("--rates", type=int, default=8, help="learning rates of the smaller sweep (8)")
    options = parser.parse_args()
    set_threads(options.threads)
    rows: list[Row] = []
    data = "none"
    with tempfile.TemporaryDirectory() as name:
        go = partial(contest, scratch=Path(name), rounds=options.rounds, only=options.only)
        if {"32", "256"} & set(options.parts):
            few = go(on_digits(options.rates, 4, options.epochs))
            rows += [row(f"{4 * options.rates} jobs", 4 * options.rates, found, few) for found in few.items()]
        if "256" in options.parts:
            rows += many(few, go(our_launchers(options.rates * 4, 8, options.epochs, [STACKED])), options.rates)
        if "mnist" in options.parts:
            with mnist_folder() as (folder, data):
                found = go(on_mnist(folder))
            rows += [row("8 jobs of MNIST", 8, one, found, {BASIC: 1.0}) for one in found.items()]
    report("sweeps", rows, options, {"mnist": data, "epochs": options.epochs})


def on_digits(rates: int, seeds: int, epochs: int) -> dict[str, Command]:
    """All contestants in a sweep over so many learning rates and seeds."""
    script = [sys.executable, str(HERE / "sweep_by_hand.py")]
    values, numbers = spread(rates), ",".join(map(str, range(seeds)))

    def by_hand(how: str) -> Command:
        return lambda folder: [*script, how, str(folder), str(epochs), values, numbers]

    def by_hydra(folder: Path) -> list[str]:
        told = [f"hydra.sweep.dir={folder}", "hydra.job.chdir=false"]
        return [*script, "hydra", *told, f"+epochs={epochs}", f"+lr={values}", f"+seed={numbers}", "-m"]

    others = {
        LOOP: by_hand("loop"),
        JOBLIB: by_hand("joblib"),
        SKLEARN: by_hand("sklearn"),
        HYDRA: by_hydra,
        BARE: by_hand("bare"),
    }
    return our_launchers(rates, seeds, epochs, [STACKED, BASIC, PARALLEL]) | others


def our_launchers(rates: int, seeds: int, epochs: int, names: Sequence[str]) -> dict[str, Command]:
    words = [f"config='{HERE / 'sweep.yaml'}'", f"epochs={epochs}", f"optimizer.lr={spread(rates)}"]
    return {name: ours(name, *words, f"seed=range({seeds})") for name in names}


def on_mnist(folder: Path) -> dict[str, Command]:
    words = [f"config='{HERE / 'mnist.yaml'}'", f"data.path='{folder}'", "epochs=2", f"optimizer.lr={spread(8)}"]
    return {name: ours(name, *words) for name in (STACKED, BASIC)}


def ours(name: str, *words: str) -> Command:
    launcher = f"hydra/launcher={name.rpartition(' ')[2]}"
    return lambda folder: nntrain("fit", *words, "device=cpu", launcher, f"run_dir='{folder / 'sweep'}'", "-m")


def spread(rates: int) -> str:
    """So many learning rates from 1e-4 to 1e-2, as a comma list."""
    return ",".join(f"{1e-4 * 100 ** (i / max(rates - 1, 1)):.4g}" for i in range(rates))


def contest(
    commands: Mapping[str, Command], scratch: Path, rounds: int, only: Sequence[str] | None
) -> dict[str, list[Ran]]:
    """Whole processes, each with a new folder. Stacked is never left out: the others are compared with it."""
    chosen = {
        name: partial(timed, command, scratch)
        for name, command in commands.items()
        if name == STACKED or only is None or any(part in name for part in only)
    }
    return interleaved(chosen, rounds)


def timed(command: Command, scratch: Path) -> Ran:
    with new_folder(scratch) as folder:
        return run(command(folder), scratch)


@contextmanager
def new_folder(scratch: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=scratch) as name:
        yield Path(name)


def row(
    sweep: str,
    jobs: int,
    found: tuple[str, Sequence[Ran]],
    among: Mapping[str, Sequence[Ran]],
    bars: Mapping[str, float] = BARS,
) -> Row:
    name, runs = found
    seconds = [ran.seconds for ran in runs]
    times = ratio(seconds, [ran.seconds for ran in among[STACKED]])
    line: Row = {"sweep": sweep, "contestant": name, "wall s": median(seconds)}
    line |= {"CPU s": median(ran.cpu for ran in runs), "ms per job": median(seconds) / jobs * 1e3}
    line |= {"times as long as stacked": times}
    return line | ({"bar": bars[name], "": times >= bars[name]} if name in bars else {})


def many(few: Mapping[str, Sequence[Ran]], found: Mapping[str, Sequence[Ran]], rates: int) -> list[Row]:
    """The larger sweep, beside the loop's smaller one taken 8 times; its cost of a job beside that of the smaller."""
    sweep, jobs = f"{32 * rates} jobs", 32 * rates
    line = row(sweep, jobs, (STACKED, found[STACKED]), found)
    each = median(ran.seconds for ran in found[STACKED]) / jobs
    before = median(ran.seconds for ran in few[STACKED]) / (4 * rates)
    rows = [line | {"bar": f"{before * 1e3:.3g} ms per job", "": each <= before}]
    if LOOP in few:
        seconds = 8 * median(ran.seconds for ran in few[LOOP])
        times = seconds / median(ran.seconds for ran in found[STACKED])
        line = {"sweep": sweep, "contestant": f"{LOOP}, 8 times its {4 * rates}", "wall s": seconds}
        rows.append(line | {"times as long as stacked": times, "bar": MANY, "": times >= MANY})
    return rows


if __name__ == "__main__":
    main()
