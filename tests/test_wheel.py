"""The wheel is whole: installed elsewhere, it finds its recipes and writes runs where it is called."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def call(*command: str, cwd: Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_wheel_sweeps_digits_from_an_empty_folder(tmp_path: Path) -> None:
    call(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT), cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    site, empty = tmp_path / "site", tmp_path / "empty"
    empty.mkdir()
    call(
        sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel), cwd=tmp_path
    )
    env = os.environ | {"PYTHONPATH": str(site)}
    where = call(sys.executable, "-c", "import nntrain; print(nntrain.__file__)", cwd=empty, env=env)
    assert Path(where.strip()).is_relative_to(site)

    words = ["config=digits", "epochs=2", "seed=1,2", "-m"]
    said = call(sys.executable, "-m", "nntrain.cli", "fit", *words, cwd=empty, env=env)
    (best,) = (empty / "runs" / "digits").glob("*/best.safetensors")
    assert all((best.parent / number / "best.safetensors").is_file() for number in "01")
    assert "accuracy" in said
    assert "2 jobs, 0 failed" in said
    assert (site / "nntrain" / "py.typed").is_file()
    assert (site / "hydra_plugins").is_dir()
