"""The GPUs that a sweep can train on at the same time, found out without importing torch."""

from __future__ import annotations

import os
import re
from importlib.util import find_spec
from pathlib import Path


def gpus() -> list[str]:
    """Those that torch would use, as CUDA_VISIBLE_DEVICES names them; none where torch is built without CUDA."""
    if not _built_with_cuda():
        return []
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name for name in visible.split(",") if name.strip() not in ("", "-1")]
    numbers = (path.name.removeprefix("nvidia") for path in Path("/dev").glob("nvidia*"))
    return sorted(filter(str.isdigit, numbers), key=int)


def _built_with_cuda() -> bool:
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        return False
    about = Path(spec.origin).with_name("version.py")
    return about.is_file() and re.search(r"^cuda\b.*= *['\"]", about.read_text(encoding="utf-8"), re.M) is not None
