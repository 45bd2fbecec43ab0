"""Step time, eager, beside peers, in one process and in interleaved rounds.

    python benchmarks/step_time.py

Bars: at most 1.05 times the fastest loop written by hand with indexing and a fused optimizer; faster than a loop with a
DataLoader, Lightning, Keras on torch, skorch and scikit-learn. Peers that are not installed (`.[bench]`) are left out.
"""

from __future__ import annotations

import sys
import warnings
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
    rows = []
    with mnist_folder() as (folder, data):
        paths = find_files([folder], FILES)
        assert paths is not None
        pixels = torch.from_numpy(read_idx(paths[0])[: options.samples].copy())[:, None]
        y = torch.from_numpy(read_idx(paths[1])[: options.samples].astype("int64"))
        x = pixels.flatten(1).float().sub_(33.3).div_(78.6)
        for net, (widths, batch) in NETS.items():
            job = Job(widths, batch, pixels, x, y, folder)
            chosen = [name for name in PEERS if options.only is None or any(part in name for part in options.only)]
            absent = [name for name in chosen if not installed(name)]
            if absent:
                print(f"not installed, left out: {', '.join(absent)}", file=sys.stderr)
            contestants = {name: PEERS[name](job) for name in chosen if name not in absent}
            found = interleaved(contestants, options.rounds)
            steps = -(-len(x) // batch)
            for name, seconds in found.items():
                times = ratio(found[OURS], seconds)
                close = "indexing" in name or "uint8" in name
                rows.append(
                    {
                        "net": net,
                        "contestant": name,
                        "us per step": median(seconds) / steps * 1e6,
                        "nntrain takes, times": times,
                        "bar": None if name == OURS else MOST if close else 1.0,
                        "": None if name == OURS else times <= MOST if close else times < 1,
                    }
                )
    about = {"data": data, "torch's threads": torch.get_num_threads(), "samples": options.samples}
    report("step_time", rows, options, about)


if __name__ == "__main__":
    main()
