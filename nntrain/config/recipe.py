"""Reading a recipe: one YAML file that a person wrote, as plain values and the line each key stands on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import yaml
from omegaconf._utils import get_yaml_loader
from yaml.reader import Reader

from nntrain.config.options import config_dir, recipe_file, recipe_names
from nntrain.config.origin import Origin
from nntrain.errors import UserError, did_you_mean, nearest

MAX_BYTES = 1_000_000
MAX_NODES = 20_000  # of the tree with every alias written out: a real recipe has some dozens
MAX_REFERENCES = 16  # `${...}` to other settings; a few that each refer several times multiply like aliases
CALLS = frozenset({"_target_"})  # how Hydra calls Python code
BOOL = "tag:yaml.org,2002:bool"
HINT = "a recipe has sections such as 'data:' and 'model:' (see: nntrain configs)"


@dataclass(frozen=True)
class Recipe:
    """`values` as written; `lines` from dotted path to line number."""

    name: str
    path: Path
    values: dict[str, Any]
    lines: dict[str, int]

    def origin(self, key: str) -> Origin:
        """File and line of a key, or of what it is written in: `model: mlp` stands for `model.name` too."""
        while key not in self.lines and "." in key:
            key = key.rpartition(".")[0]
        line = self.lines.get(key)  # none for what comes by a YAML merge key
        return Origin("recipe", f"{_known_as(self.path)}, line {line}" if line else _known_as(self.path))


def find_recipe(given: str, cwd: Path, origin: Origin | None = None) -> Path:
    """A shipped recipe's name, the path of a file of one's own (with or without `.yaml`), or a run's folder.

    origin: where it was given. UserError where there is none such, with the nearest.
    """
    path = absolute(given, cwd)
    if given in recipe_names():
        return recipe_file(given)
    for candidate in (path, path.parent / f"{path.name}.yaml", path / "config.yaml") if given else ():
        if exists(candidate) and candidate.is_file():
            return candidate
    where = "" if origin is None else f" ({origin})"
    raise UserError(f"config: {_not_found(given, path, cwd)}{where}")


def _not_found(given: str, path: Path, cwd: Path) -> str:
    if not given:
        return f"names no recipe (recipes: {', '.join(recipe_names())}; or a YAML file of your own)"
    if exists(path) and path.is_dir():
        below = [*path.glob("*/config.yaml"), *path.glob("*/*/config.yaml")]
        whole = [found for found in below if not (found.parents[1] / "config.yaml").exists()]  # not a fold of one
        runs = sorted(whole, key=lambda found: found.stat().st_mtime)
        latest = f": config={Path(given) / runs[-1].parent.relative_to(path)}" if runs else ""
        return f"'{given}' is a folder without a config.yaml; give a recipe's file, or a run's folder{latest}"
    if "/" in given or "\\" in given or given.endswith((".yaml", ".yml")):
        beside = sorted(found.name for found in path.parent.glob("*.y*ml")) if exists(path.parent) else []
        guess = nearest(path.name, beside)
        return f"there is no file '{given}'{did_you_mean(guess and Path(given).parent / guess)}"
    guess = nearest(given, [*recipe_names(), *sorted(found.stem for found in cwd.glob("*.yaml"))])
    others = f"(recipes: {', '.join(recipe_names())}; or a YAML file of your own)"
    return f"there is no recipe '{given}'{did_you_mean(guess)} {others}"


def read_recipe(path: Path) -> Recipe:
    """Load a recipe. UserError where it is missing, empty, no mapping, no YAML, or too large to be a recipe.

    The tree of nodes is looked at before any value is made of it: what is refused costs nothing.
    """
    name = _known_as(path)
    loader = _loader()(_text(path))
    try:
        root = loader.get_single_node()
        if root is None:
            raise UserError(f"{name}: is empty; {HINT}")
        if not isinstance(root, yaml.MappingNode):
            raise UserError(f"{name}: is {_form(root)}, no recipe; {HINT}")
        if _size(root, name) > MAX_NODES:
            raise UserError(f"{name}: its aliases expand to more than {MAX_NODES:,} values; refused")
        lines = dict(_lines(root, "", name))
        values = loader.construct_document(root)
        if str(values).count("${") > MAX_REFERENCES:
            raise UserError(f"{name}: refers to other settings more than {MAX_REFERENCES} times; refused")
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        if "'\\t'" in problem:
            problem = "a tab; indent by spaces"
        raise UserError(f"{name}{where}: is not valid YAML: {problem}") from None
    except (RecursionError, ValueError) as error:  # nested too deep; a number of too many digits
        reason = "nested too deep" if isinstance(error, RecursionError) else str(error).splitlines()[0]
        raise UserError(f"{name}: is not valid YAML: {reason}") from None
    finally:
        loader.dispose()
    return Recipe(path.stem, path, {str(key): value for key, value in values.items()}, lines)


@cache
def _loader() -> Any:
    """OmegaConf's safe loader (1e-3 is a number, a date is text), in which `yes`, `no`, `on` and `off` are words.

    YAML 1.2 and the command line read them so too; classes and columns are called that.
    """

    class Loader(get_yaml_loader()):  # type: ignore[misc]
        yaml_implicit_resolvers: ClassVar = {
            first: [(tag, pattern) for tag, pattern in resolvers if tag != BOOL]
            for first, resolvers in get_yaml_loader().yaml_implicit_resolvers.items()
        }

    Loader.add_implicit_resolver(BOOL, re.compile("^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
    return Loader


def exists(path: Path) -> bool:
    """Whether there is such a file or folder. A name that no file can have is no error."""
    try:
        return path.exists()
    except (OSError, ValueError):  # too long; a null character
        return False


def absolute(given: str, base: Path) -> Path:
    """A path as a config gives it: `~` is one's home, and what is relative begins at `base`."""
    try:
        return (base / Path(given).expanduser()).resolve()
    except (RuntimeError, OSError, ValueError):  # no such user; links in a circle; a null character
        return base / given


def _known_as(path: Path) -> str:
    """Below configs/ for a recipe of ours, else relative to where the command runs."""
    for base in (config_dir(), Path.cwd()):
        if path.is_relative_to(base):
            return str(path.relative_to(base))
    return str(path)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UserError(f"{_known_as(path)}: cannot be read ({error.strerror})") from None
    if len(raw) > MAX_BYTES:
        raise UserError(f"{_known_as(path)}: is too large for a recipe (more than {MAX_BYTES:,} bytes)")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        said = f"is not UTF-8 text (byte {error.start:,}); a recipe is a YAML text file"
        raise UserError(f"{_known_as(path)}: {said}") from None
    if found := Reader.NON_PRINTABLE.search(text):
        said = f"is not text (character {found.start():,} is U+{ord(found.group()):04X}); a recipe is a YAML text file"
        raise UserError(f"{_known_as(path)}: {said}")
    return text


def _form(root: yaml.Node) -> str:
    return "a list" if isinstance(root, yaml.SequenceNode) else "a single value"


def _size(root: yaml.Node, name: str) -> int:
    """How many nodes the document has with every alias written out; a node inside itself is refused."""
    sizes: dict[int, int] = {}
    unfinished: set[int] = set()

    def size(node: yaml.Node) -> int:
        if id(node) in sizes:
            return sizes[id(node)]
        if id(node) in unfinished:
            raise UserError(f"{name}, line {node.start_mark.line + 1}: an alias contains itself; refused")
        unfinished.add(id(node))
        sizes[id(node)] = 1 + sum(size(child) for child in _children(node))
        return sizes[id(node)]

    return size(root)


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _lines(node: yaml.Node, prefix: str, name: str) -> Iterator[tuple[str, int]]:
    """Dotted path and line of every key. UserError for one that stands twice, is no word, or would call Python code."""
    if isinstance(node, yaml.SequenceNode):
        for i, entry in enumerate(node.value):
            yield from _lines(entry, f"{prefix}{i}.", name)
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[str] = set()
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise UserError(f"{name}, line {line}: a key must be a word")
        if key.value in seen:
            raise UserError(f"{name}, line {line}: '{prefix}{key.value}' stands twice")
        if key.value in CALLS:
            said = "a config names its parts by 'name', and never says what Python code to call"
            raise UserError(f"{name}, line {line}: '{prefix}{key.value}' is refused: {said}")
        seen.add(key.value)
        yield f"{prefix}{key.value}", line
        yield from _lines(value, f"{prefix}{key.value}.", name)
