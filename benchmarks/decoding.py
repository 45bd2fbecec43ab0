"""The first and the second start on a data set of JPEG pictures, beside plain pools of two decoders.

    python benchmarks/decoding.py
    python benchmarks/decoding.py --pictures 3000 --large 100 --rounds 1     a quick look

Small pictures: CIFAR-10 as JPEG of 32 x 32, as class folders and as a tar.gz. Large ones: drawn here, 640 x 480, made
224 x 224. The pools (multiprocessing, and threads) open, decode, resize and stack the pictures in memory. Ours finds
the files, decodes, writes the cache to disk, splits and takes the statistics: all that a start does. Bars: at least 0.9
of the pool's pictures per second at the first start; the second start, in a new process, under a second. Imports are
not timed: a child says what it took.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import sys
import tarfile
import tempfile
from functools import partial
from pathlib import Path
from statistics import median

from common import ROOT, arguments, interleaved, ratio, report, run, set_threads

CIFAR = ROOT.parent / "shared" / "data" / "cifar10" / "cifar10-jpeg.tar.gz"
BAR, SECOND = 0.9, 1.0
POOL = """
import io, sys, tarfile, time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import Pool
from pathlib import Path
import numpy as np
from PIL import Image, ImageOps

def decode(given):
    source, size = given
    with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as picture:
        picture = picture.convert("RGB")
        if size:
            picture = ImageOps.fit(picture, (size, size), Image.Resampling.BILINEAR)
        return np.asarray(picture)

def sources(path):
    if path.is_dir():
        yield from sorted(str(file) for file in path.rglob("*.jpg"))
        return
    with tarfile.open(path, "r|*") as archive:
        for member in archive:
            if member.isreg():
                yield archive.extractfile(member).read()

if __name__ == "__main__":
    path, size, kind = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    began = time.perf_counter()
    chunk = 16 if size else 256
    if kind == "processes":
        with Pool(2) as pool:
            pixels = np.stack(list(pool.imap(decode, ((one, size) for one in sources(path)), chunksize=chunk)))
    else:
        with ThreadPoolExecutor(2) as pool:
            pixels = np.stack(list(pool.map(decode, [(one, size) for one in sources(path)])))
    print("took", time.perf_counter() - began, len(pixels))
"""
OURS = """
import sys, time
from nntrain.data.pictures.source import FolderSource
began = time.perf_counter()
size = int(sys.argv[2])
data = FolderSource(path=sys.argv[1], size=size or None).load()
print("took", time.perf_counter() - began, data.summary["pictures"]["files"])
"""


def took(out: str) -> float:
    """Seconds that a child says it took."""
    return float(out.rpartition("took ")[2].split()[0])


def pool(script: Path, path: Path, size: int, kind: str) -> tuple[float, None]:
    ran = run([sys.executable, str(script), str(path), str(size), kind], script.parent)
    return took(ran.out), None


def ours(path: Path, size: int, scratch: Path) -> tuple[float, float]:
    """The first start, with an empty cache, and the second one."""
    with tempfile.TemporaryDirectory(dir=scratch) as cache:
        os.environ["NNTRAIN_CACHE"] = cache
        command = [sys.executable, "-c", OURS, str(path), str(size)]
        first, second = (took(run(command, scratch).out) for _ in range(2))
    return first, second


def small_pictures(scratch: Path, count: int) -> tuple[Path, Path, str]:
    """Class folders, a tar.gz of them, and a word on what they are."""
    folder, packed = scratch / "small", scratch / "small.tar.gz"
    if CIFAR.is_file():
        with tarfile.open(CIFAR) as archive:
            members = sorted((member for member in archive if member.isreg()), key=lambda member: member.name)
            step = max(1, len(members) // count)
            archive.extractall(folder, members[::step], filter="data")
        said = f"CIFAR-10 as JPEG, {len(members[::step])} pictures"
    else:
        draw(folder, count, 32, 32)
        said = f"{count} random JPEGs of 32 x 32"
    with tarfile.open(packed, "w:gz", compresslevel=1) as archive:
        archive.add(folder, "small")
    return folder, packed, said


def draw(folder: Path, count: int, width: int, height: int) -> None:
    """Random pictures with about a photo's detail, in two classes."""
    from PIL import Image

    rng = random.Random(0)
    for i in range(count):
        (folder / "train" / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        coarse = Image.frombytes("RGB", (width // 8, height // 8), rng.randbytes(width * height // 64 * 3))
        out = io.BytesIO()
        coarse.resize((width, height), Image.Resampling.BICUBIC).save(out, "JPEG", quality=90)
        (folder / "train" / "ab"[i % 2] / f"{i:06}.jpg").write_bytes(out.getvalue())


def options_of() -> argparse.Namespace:
    parser = arguments(__doc__, rounds=5)
    parser.add_argument("--pictures", type=int, default=60_000, help="small ones (60000)")
    parser.add_argument("--large", type=int, default=2_000, help="large ones (2000)")
    return parser.parse_args()


def main() -> None:
    options = options_of()
    set_threads(options.threads)
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        script = scratch / "pool.py"
        script.write_text(POOL, encoding="utf-8")
        folder, packed, about = small_pictures(scratch, options.pictures)
        draw(scratch / "large", options.large, 640, 480)
        sets = {"folders": (folder, 0), "tar.gz": (packed, 0), "large": (scratch / "large", 224)}
        contestants = {}
        for label, (path, size) in sets.items():
            for kind in ("processes", "threads"):
                contestants[f"{label}, two {kind}"] = partial(pool, script, path, size, kind)
            contestants[f"{label}, nntrain"] = partial(ours, path, size, scratch)
        found = interleaved(contestants, options.rounds)
        counts = {label: sum(1 for _ in path.rglob("*.jpg")) for label, (path, _) in sets.items() if path.is_dir()}
    counts["tar.gz"] = counts["folders"]
    lines = []
    for name_of, times in found.items():
        label, _, who = name_of.partition(", ")
        first = [seconds for seconds, _ in times]
        line: dict[str, object] = {"pictures": label, "by": who, "s": median(first)}
        line["pictures/s"] = round(counts[label] / median(first))
        base = [seconds for seconds, _ in found[f"{label}, two processes"]]
        line["of two processes"] = ratio(base, first)
        if who == "nntrain":
            again = median(seconds for _, seconds in times)
            line |= {"second start s": again, "bars": f"{BAR}, {SECOND:g} s"}
            line[""] = bool(line["of two processes"] >= BAR and again < SECOND)  # type: ignore[operator]
        lines.append(line)
    report("decoding", lines, options, {"data": about, "large": f"{options.large} of 640 x 480"})


if __name__ == "__main__":
    main()
