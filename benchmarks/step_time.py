"""Step time, eager, beside peers, in one process and in interleaved rounds.

    python benchmarks/step_time.py

Bars: at most 1.05 times the fastest loop written by hand with indexing and a fused optimizer; faster than a loop with a
DataLoader, Lightning, Keras on torch, skorch and scikit-learn. Peers that are not installed (`.[bench]`) are left out.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from statistics import median

from common import arguments, interleaved, mnist_folder, ratio, report, set_threads

NETS = {"784-256-128-10, batch 128": ((256, 128), 128), "784-32-32-10, batch 32": ((32, 32), 32)}
OURS, MOST = "nntrain", 1.05


def main() -> None:
    parser = arguments(__doc__, rounds=25)
    parser.add_argument("--samples", type=int, default=12_800, help="per epoch (12800)")
    parser.add_argument("--only", nargs="*", default=None, help="contestants whose name contains one of these")
    options = parser.parse_args()
    set_threads(options.threads)

    import torch
    from peers import PEERS, Job, installed

    from nntrain.data.idx import FILES, find_files, read_idx

    warnings.filterwarnings("ignore", module="lightning|skorch|sklearn")
    rows: list[dict[str, object]] = []
    with mnist_folder() as (folder, data):
        paths = find_files([folder], FILES)
        assert paths is not None
        pixels = torch.from_numpy(read_idx(paths[0])[: options.samples].copy())[:, None]
        y = torch.from_numpy(read_idx(paths[1])[: options.samples].astype("int64"))
        x = pixels.flatten(1).float().sub_(33.3).div_(78.6)
        chosen = [name for name in PEERS if options.only is None or any(part in name for part in options.only)]
        absent = [name for name in chosen if not installed(name)]
        if absent:
            print(f"not installed, left out: {', '.join(absent)}", file=sys.stderr)
        present = [name for name in chosen if name not in absent]
        # Once Lightning is imported, torch.optim's step takes half as long again, for everyone: it comes last, alone.
        first, last = ([name for name in present if (name == "Lightning") == late] for late in (False, True))
        for names in (first, [OURS, *last] if last else []):
            for net, (widths, batch) in NETS.items() if names else ():
                job = Job(widths, batch, pixels, x, y, folder)
                found = interleaved({name: PEERS[name](job) for name in names}, options.rounds, rest=0.3)
                steps = -(-len(x) // batch)
                rows += [
                    row(net, name, seconds, found[OURS], steps)
                    for name, seconds in found.items()
                    if name != OURS or names is first
                ]
    rows.sort(key=lambda line: list(NETS).index(str(line["net"])))
    about = {"data": data, "torch's threads": torch.get_num_threads(), "samples": options.samples}
    report("step_time", rows, options, about)


def row(net: str, name: str, seconds: Sequence[float], ours: Sequence[float], steps: int) -> dict[str, object]:
    times = ratio(ours, seconds)
    line = {"net": net, "contestant": name, "us per step": median(seconds) / steps * 1e6}
    line["nntrain takes, times"] = times
    if name == OURS or "no bar" in name:
        return line
    bar, met = (MOST, times <= MOST) if "fused Adam" in name else (1.0, times < 1)
    return line | {"bar": bar, "": met}


if __name__ == "__main__":
    main()
