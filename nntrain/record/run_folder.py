"""The folder of a run, and where and with what the run happened."""

from __future__ import annotations

import os
import platform
import re
import secrets
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime
from functools import cache, lru_cache
from importlib import metadata
from pathlib import Path
from time import monotonic
from typing import Any

from nntrain.record.files import refused

GIT_TIMEOUT = 2.0  # seconds; a run never waits longer to learn its commit
GIT_LASTS = 10.0  # seconds for which the runs of a process take the commit for the same


def safe_name(name: str) -> str:
    """`name` as one folder name: letters, digits, `.`, `_`, `-`; at most 80 characters; never empty or hidden."""
    kept = re.sub(r"[^\w.-]+", "-", name).strip(".-")[:80].rstrip(".-")
    return kept or "run"


def create_run_folder(base: Path, name: str) -> Path:
    """Make `base/<name>/<YYYY-MM-DD>_<HH-MM-SS>_<short id>/` and nothing in it. No two calls return the same folder.

    Raises WriteError when the disk refuses.
    """
    parent = Path(base) / safe_name(name)
    try:
        parent.mkdir(parents=True, exist_ok=True)
        while True:
            folder = parent / f"{datetime.now():%Y-%m-%d_%H-%M-%S}_{secrets.token_hex(3)}"
            try:
                folder.mkdir()
            except FileExistsError:  # someone was as quick and drew the same id: draw again
                continue
            return folder
    except OSError as error:
        raise refused(parent, error) from error


def environment(
    seed: int, device: str, data_fingerprint: str, command: Sequence[str] | None = None, folder: Path | None = None
) -> dict[str, Any]:
    """What `environment.json` holds, JSON-able.

    device: what the run computes on ("cpu", "cuda:1"). command: the command line, by default this process's own.
    folder: whose git commit is noted, by default the working directory's.
    """
    import torch

    here = Path.cwd() if folder is None else folder
    hardware = {
        **_machine(),
        "threads": torch.get_num_threads(),
        "device": device,
        "gpu": torch.cuda.get_device_name(device) if device.startswith("cuda") else None,
    }
    return {
        "started": datetime.now().astimezone().isoformat(timespec="seconds"),
        "command": list(sys.argv if command is None else command),
        "seed": seed,
        "data_fingerprint": data_fingerprint,
        "versions": dict(_versions()),
        "hardware": hardware,
        "git": _git_lately(here, int(monotonic() // GIT_LASTS)),
    }


@cache
def _machine() -> dict[str, Any]:
    return {"cpu": _cpu_name(), "cores": os.cpu_count(), "memory_bytes": _memory()}


@cache
def _versions() -> dict[str, str | None]:
    import numpy as np
    import torch

    return {
        "nntrain": _version("nntrain"),
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "cuda": torch.version.cuda,
        "numpy": np.__version__,
        "os": platform.platform(),
    }


@lru_cache(maxsize=1)
def _git_lately(folder: Path, moment: int) -> dict[str, Any] | None:
    """The same for all runs that start in one moment, as jobs of a sweep do: asking takes longer than some train."""
    return git_state(folder)


def git_state(folder: Path) -> dict[str, Any] | None:
    """`{"commit": ..., "dirty": ...}`, or None outside a repository, without git, or where git takes too long.

    Dirty means that a tracked file differs from the commit; untracked files do not count, as in `git describe --dirty`.
    """
    command = ["git", "-c", "core.fsmonitor=false", "status", "--porcelain=v2", "--branch", "--untracked-files=no"]
    try:
        said = subprocess.run(
            command,
            cwd=folder,
            env=os.environ | {"GIT_OPTIONAL_LOCKS": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=GIT_TIMEOUT,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if said.returncode:
        return None
    lines = said.stdout.splitlines()
    commits = [line.split()[2] for line in lines if line.startswith("# branch.oid ")]
    commit = commits[0] if commits and commits[0] != "(initial)" else None
    return {"commit": commit, "dirty": any(not line.startswith("#") for line in lines)}


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # run from a checkout that was never installed
        return None


def _cpu_name() -> str:
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as info:
            for line in info:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass  # not Linux: what Python knows must do
    return platform.processor() or platform.machine()


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # no such figure on Windows
        return None
