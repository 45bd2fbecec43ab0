"""Who may import whom, and what costs time: the rules of the design's plan, held over every module."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "nntrain"
MODULES = sorted(str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py"))

LEAVES = {"cores", "errors", "garbage", "seeding", "signals", "task"}
PARTS = {"augment", "data", "models", "objective", "optim", "record"}  # each stands alone
BUILD = {"experiment", "builders", "checks", "components", "training", "stack", "source_weights"} | PARTS | LEAVES
TOP = {
    "cli",
    "api",
    "launch",
    "verbs",
    "sweep",
    "help",
    "completion",
    "config",
    "opening",
    "predictor",
    "model_checks",
    "model_file",
    "folder",
    "resumed",
    "sweep_folder",
} | BUILD

# What each part of the house may import of the others; what only names types is free.
ALLOWED: dict[str, set[str]] = {
    **{leaf: set() for leaf in LEAVES},
    **dict.fromkeys(PARTS, LEAVES),
    "training": {"record", "objective", "optim"} | LEAVES,
    "stack": {"augment", "data", "models", "objective", "optim", "training", "record"} | LEAVES,
    "config": {"components"} | LEAVES,
    "components": {"config"} | LEAVES,
    "experiment": BUILD,
    "builders": BUILD - {"experiment"},
    "checks": {"data", "models", "objective", "optim", "source_weights"} | LEAVES,
    "folder": {"record"} | LEAVES,
    "resumed": {"folder"} | LEAVES,
    "sweep_folder": {"folder", "record"} | LEAVES,
    "source_weights": {"data", "models", "training", "folder", "sweep_folder"} | LEAVES,
    "model_file": BUILD,
    "model_checks": {"components", "config", "data", "models", "objective"} | LEAVES,  # held against the schema
    "predictor": {"model_checks", "folder"} | BUILD,
    "opening": {"predictor", "model_checks", "model_file"} | BUILD,
    "verbs": TOP - {"sweep"},
    "sweep": TOP,
    "launch": TOP,
    "api": TOP,
    "cli": TOP,
    "help": set(),
    "completion": {"help", "config", "components"} | LEAVES,
    "__init__": {"api"},
}
KNOWS_HYDRA = {"cli", "config", "sweep"}


@cache
def parsed(module: str) -> ast.Module:
    return ast.parse((PACKAGE / module).read_text(encoding="utf-8"))


@cache
def imports(module: str) -> frozenset[str]:
    """Every module that a file imports, at its top or inside a function, but for those under TYPE_CHECKING."""
    return frozenset(_imports(parsed(module)))


def _imports(tree: ast.Module) -> Iterator[str]:
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from ([f"{node.module}.{name.name}" for name in node.names] if node.module == "nntrain" else [])
            yield node.module or ""


def part(module: str) -> str:
    """The part of the house that a file of ours lies in."""
    return Path(module).parts[0].removesuffix(".py")


def test_modules_import_only_what_their_place_allows() -> None:
    for module in MODULES:
        ours = {name.split(".")[1] for name in imports(module) if name.startswith("nntrain.")}
        assert ours - {part(module)} <= ALLOWED[part(module)], module


def test_nothing_but_cli_config_and_sweep_knows_hydra() -> None:
    for module in MODULES:
        theirs = {name.split(".")[0] for name in imports(module)}
        assert part(module) in KNOWS_HYDRA or not theirs & {"hydra", "omegaconf"}, module


def test_no_module_can_open_a_pickle_or_run_text() -> None:
    pickles = {"pickle", "dill", "joblib", "shelve", "marshal"}
    for module in MODULES:
        assert not pickles & {name.split(".")[0] for name in imports(module)}, module
        calls = (node.func for node in ast.walk(parsed(module)) if isinstance(node, ast.Call))
        assert not {"eval", "exec"} & {called.id for called in calls if isinstance(called, ast.Name)}, module


def modules_after(code: str) -> set[str]:
    """What a fresh Python has imported after some code."""
    told = "import sys; print('\\n' + ' '.join(sys.modules))"
    ran = subprocess.run(
        [sys.executable, "-c", f"{code}\n{told}"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(ran.stdout.splitlines()[-1].split())


SLOW = {"torch", "torchvision", "sklearn", "polars", "matplotlib", "scipy"}
QUICK = {
    "import nntrain": SLOW | {"hydra", "omegaconf", "rich"},
    "from nntrain.cli import main; main(['--help'])": SLOW | {"hydra", "omegaconf", "rich"},
    "from nntrain.cli import main; main(['fit', '--help'])": SLOW | {"hydra", "omegaconf", "rich"},
    "from nntrain.cli import main; main(['cache'])": SLOW | {"hydra", "omegaconf"},
    "from nntrain.cli import main; main(['configs'])": SLOW | {"hydra", "omegaconf"},
    "from nntrain.cli import main; main(['configs', 'optimizer'])": SLOW | {"hydra", "omegaconf"},
    "from nntrain.cli import main; main(['fit', 'optimizer.lrr=1'])": SLOW,
    "from nntrain.cli import main; main(['fit', 'optimizer.lr=fast,slow', '-m'])": SLOW,
    "from nntrain.cli import main; main(['check', 'seed=range(9)', '-m'])": SLOW,  # so are jobs composed and grouped
    "import os; os.environ['COMP_LINE'] = 'nntrain fit optimizer=sgd optimizer.'\n"
    "from nntrain.cli import main; main(['completion', 'query'])": SLOW | {"hydra", "rich"},
    "import nntrain.config.compose": SLOW | {"rich"},
    "import nntrain.record.console": {"torch"},
}


@pytest.mark.parametrize("code", QUICK)
def test_what_is_quick_imports_nothing_slow(code: str) -> None:
    assert not QUICK[code] & modules_after(code)
