"""Reading a recipe: one YAML file that a person wrote, as plain values and the line each key stands on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from omegaconf._utils import get_yaml_loader

from nntrain.config.options import config_dir, recipe_file, recipe_names
from nntrain.errors import UserError, nearest

MAX_BYTES = 1_000_000
MAX_NODES = 20_000  # of the tree with every alias written out: a real recipe has some dozens


@dataclass(frozen=True)
class Recipe:
    """`values` as written; `lines` from dotted path to line number."""

    name: str
    path: Path
    values: dict[str, Any]
    lines: dict[str, int]

    @property
    def shown(self) -> str:
        """The path as people know it: below configs/ for a recipe of ours, else relative to where the command runs."""
        for base in (config_dir(), Path.cwd()):
            if self.path.is_relative_to(base):
                return str(self.path.relative_to(base))
        return str(self.path)

    def where(self, key: str) -> str:
        line = self.lines.get(key)
        return f"{self.shown}, line {line}" if line else self.shown


def find_recipe(given: str, cwd: Path) -> Path:
    """A shipped recipe's name, or a path to a file of one's own (with or without `.yaml`)."""
    looks_like_path = "/" in given or "\\" in given or given.endswith((".yaml", ".yml"))
    for candidate in (cwd / given, cwd / f"{given}.yaml"):
        if candidate.is_file() and (looks_like_path or given not in recipe_names()):
            return candidate.resolve()
    if given in recipe_names():
        return recipe_file(given)
    if (cwd / given).is_dir() and looks_like_path:
        saved = cwd / given / "config.yaml"
        if saved.is_file():
            return saved.resolve()
    if looks_like_path:
        folder = (cwd / given).parent
        beside = sorted(path.name for path in folder.glob("*.y*ml")) if folder.is_dir() else []
        guess = nearest(Path(given).name, beside)
        hint = f"; did you mean '{folder / guess}'?" if guess else ""
        raise UserError(f"config: there is no file '{given}'{hint}")
    guess = nearest(given, recipe_names())
    hint = f"; did you mean '{guess}'?" if guess else ""
    raise UserError(
        f"config: there is no recipe '{given}'{hint} (recipes: {', '.join(recipe_names())}; or the path of a YAML file of your own)"
    )


def read_recipe(path: Path) -> Recipe:
    """Load a recipe safely. Raises UserError where it is missing, empty, no mapping, no YAML, or too large to be a recipe."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    if len(raw) > MAX_BYTES:
        raise UserError(f"{path}: {len(raw):,} bytes is too large for a recipe (at most {MAX_BYTES:,})")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8 text (byte {error.start}); a recipe is a YAML text file") from None
    loader = get_yaml_loader()(text)
    try:
        root = loader.get_single_node()
        if root is None:
            raise UserError(
                f"{path}: is empty; a recipe has sections such as 'data:' and 'model:' (see: nntrain configs)"
            )
        if not isinstance(root, yaml.MappingNode):
            raise UserError(f"{path}: is not a recipe; it must be a mapping with sections such as 'data:' and 'model:'")
        if _size(root, path) > MAX_NODES:
            raise UserError(f"{path}: its aliases expand to more than {MAX_NODES:,} values; refused")
        lines = dict(_lines(root, "", path))
        values = loader.construct_document(root)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "it cannot be parsed"
        raise UserError(f"{path}{where}: is not valid YAML: {problem}") from None
    except (RecursionError, ValueError) as error:
        raise UserError(f"{path}: is not valid YAML: {type(error).__name__}: {str(error).splitlines()[0]}") from None
    finally:
        loader.dispose()
    return Recipe(path.stem, path, values, lines)


def _size(root: yaml.Node, path: Path) -> int:
    """How many nodes the document has with every alias written out; a node inside itself is refused."""
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def size(node: yaml.Node) -> int:
        if id(node) in sizes:
            return sizes[id(node)]
        if id(node) in open_nodes:
            raise UserError(f"{path}, line {node.start_mark.line + 1}: an alias contains itself; refused")
        open_nodes.add(id(node))
        children: list[yaml.Node] = []
        if isinstance(node, yaml.MappingNode):
            children = [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            children = list(node.value)
        total = 1 + sum(size(child) for child in children)
        open_nodes.discard(id(node))
        sizes[id(node)] = total
        return total

    return size(root)


def _lines(node: yaml.Node, prefix: str, path: Path) -> Iterator[tuple[str, int]]:
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[str] = set()
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise UserError(f"{path}, line {key.start_mark.line + 1}: a key must be a word")
        if key.value in seen:
            raise UserError(f"{path}, line {key.start_mark.line + 1}: '{prefix}{key.value}' stands twice")
        seen.add(key.value)
        if key.value.startswith("_") and key.value.endswith("_") and key.value != "_self_":
            raise UserError(
                f"{path}, line {key.start_mark.line + 1}: '{prefix}{key.value}' is refused: a recipe names its parts by 'name', "
                "and never says what Python code to call"
            )
        yield f"{prefix}{key.value}", key.start_mark.line + 1
        yield from _lines(value, f"{prefix}{key.value}.", path)
