"""Tab completion: a script for each shell, which asks `nntrain completion query` what could stand at the cursor.

Not Hydra's completion, which knows no verbs and composes the whole config for each answer. Only the option files and
the recipe are read, and neither Hydra nor torch is imported: an answer takes a tenth of a second.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from nntrain.components import is_own
from nntrain.config import schema
from nntrain.config.fields import Boolean, Choice, Either, Kind, Null, Variant, is_path
from nntrain.config.options import default_options, option_names, read_option, recipe_names
from nntrain.config.recipe import find_recipe, read_recipe
from nntrain.errors import UserError, unknown
from nntrain.help import VERBS

CURSOR = "\0"
YAML = (".yaml", ".yml")
SPLITS = ("train", "val", "test")
HYDRA_DEFAULTS = {"launcher": "stacked", "sweeper": "basic"}
DEVICES = ("auto", "cpu", "cuda", "mps")

SCRIPTS = {
    "bash": """\
_nntrain() {
    local IFS=$'\\n' line="${COMP_LINE:0:COMP_POINT}" found
    # readline replaces only what follows the last = or : (of COMP_WORDBREAKS), so the answer leaves out what is before
    found=($(COMP_LINE="$line" NNTRAIN_BREAKS="$COMP_WORDBREAKS" nntrain completion query 2>/dev/null))
    COMPREPLY=()
    (( ${#found[@]} )) || return 0
    COMPREPLY=($(printf '%q\\n' "${found[@]}"))
    [[ ${#found[@]} == 1 && ${found[0]} == *[=./] ]] && compopt -o nospace 2>/dev/null
    return 0
}
complete -F _nntrain nntrain""",
    "zsh": """\
#compdef nntrain
_nntrain() {
    local -a found
    found=("${(@f)$(COMP_LINE="${(j: :)words[1,CURRENT-1]} $PREFIX" nntrain completion query 2>/dev/null)}")
    compadd -S '' -- ${(M)found:#*[=./]}
    compadd -- ${found:#*[=./]}
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _nntrain nntrain""",
    "fish": """\
function __nntrain_complete
    set -lx COMP_LINE (commandline -cp)
    nntrain completion query 2>/dev/null
end
complete -c nntrain -f -a '(__nntrain_complete)'""",
}


def completion_words(words: Sequence[str]) -> int:
    """Print a shell's script; or, for `query`, each word that could stand at the end of $COMP_LINE, one per line."""
    if list(words) == ["query"]:
        current, found = candidates(os.environ.get("COMP_LINE", ""), Path.cwd())
        breaks = os.environ.get("NNTRAIN_BREAKS", "")
        cut = max((current.rfind(mark) + 1 for mark in breaks if mark in "=:"), default=0)
        print("\n".join(word[cut:] for word in found))
    elif len(words) == 1 and words[0] in SCRIPTS:
        print(SCRIPTS[words[0]])
    else:
        came = unknown("shell", words[0], list(SCRIPTS)) if len(words) == 1 else "which shell?"
        raise UserError(f"completion: {came} nntrain completion bash | zsh | fish")
    return 0


def candidates(line: str, cwd: Path) -> tuple[str, list[str]]:
    """The word at the end of a command line, and the words that could complete it."""
    *before, current = _words(line)
    found = {word for word in _possible(before[1:], current, cwd) if word.startswith(current)}
    return current, sorted(word for word in found if current or not word.startswith("-"))


def _words(line: str) -> list[str]:
    """The words of an unfinished line; the last ends at the cursor."""
    for ending in ("", "'", '"'):  # a quote may be open
        try:
            words = shlex.split(line + CURSOR + ending)
        except ValueError:
            continue
        return [*words[:-1], words[-1].rstrip(CURSOR)]
    return ["nntrain", ""]


def _possible(before: Sequence[str], current: str, cwd: Path) -> Iterator[str]:
    words = [word for word in before if not word.startswith("-")]
    if not words or words == ["help"]:
        yield from VERBS
        yield from ("--help", "--version")
        return
    verb, given = words[0], words[1:]
    yield from ("--help", "--json")
    if verb in ("fit", "check"):
        yield from ("-m", "--multirun", *_assign("resume", current, _paths(_value(current), cwd, ("/",))))
    if verb == "check":
        yield from (*_assign("show", current, ("augment",)), *_assign("output", current, _paths(_value(current), cwd)))
    if verb in ("fit", "check"):
        yield from _settings(given, current, cwd)
    elif verb in ("eval", "predict"):
        yield from _of_model(verb, given, current, cwd)
    elif verb == "configs":
        yield from _of_configs(given, current, cwd)
    elif verb == "cache" and not given:
        yield "clear"
    elif verb == "completion" and not given:
        yield from SCRIPTS


def _settings(given: Sequence[str], current: str, cwd: Path) -> Iterator[str]:
    """`config=`, groups and their choices, and the settings of the options chosen so far."""
    key, equals, value = current.partition("=")
    options = _chosen(given, cwd)
    if not equals:
        yield "config="
        yield from (f"{top}=" for top in (*schema.fields("top"), *schema.SHORT))
        for group, option in options.items():
            if len(option_names(group)) > 1:
                yield f"{group}="
            settings = _keys(group, option)
            if "." in current:
                yield from (f"{group}.{name}=" for name in settings)
            elif settings:
                yield f"{group}."
        yield from (f"{schema.SEARCH}.{name}=" for name in schema.fields(schema.SEARCH) if name != "space")
        yield from _of_hydra(given, current)
        return
    kind = schema.field(schema.SHORT.get(key, key))
    if key == "config":
        found: Iterable[str] = (*recipe_names(), *_paths(value, cwd, YAML))
    elif key in options:
        found = option_names(key)
    elif key.removeprefix("hydra/") in schema.HYDRA:
        found = option_names(key.removeprefix("hydra/"))
    elif is_path(kind):
        found = _paths(value, cwd)
    else:
        found = _enumerated(kind) if kind else ()
    listed = value.rpartition(",")[0] if key == "config" or not is_path(kind) else ""  # the earlier values of a sweep
    before = f"{key}={listed}," if listed else f"{key}="
    yield from (f"{before}{word}" for word in found)


def _of_hydra(given: Sequence[str], current: str) -> Iterator[str]:
    """The words that set up a sweep, and the settings of what they choose once `hydra.` is written."""
    chosen = dict(word.split("=", 1) for word in given if "=" in word)
    for group in schema.HYDRA:
        yield f"hydra/{group}="
        if current.startswith("hydra."):
            name = chosen.get(f"hydra/{group}", HYDRA_DEFAULTS[group])
            yield from (f"hydra.{group}.{key}=" for key in _keys(group, name))


def _of_model(verb: str, given: Sequence[str], current: str, cwd: Path) -> Iterator[str]:
    paths = list(_paths(_value(current), cwd))
    if "=" not in current and not any("=" not in word or word.startswith("checkpoint=") for word in given):
        yield from paths
    yield from _assign("checkpoint", current, paths)
    yield from _assign("device", current, DEVICES)
    yield from _assign("tta", current, ())
    if verb == "eval":
        yield from _assign("split", current, SPLITS)
        yield from _assign("data.path", current, paths)
    else:
        yield from _assign("input", current, paths)
        yield from _assign("output", current, paths)


def _of_configs(given: Sequence[str], current: str, cwd: Path) -> Iterator[str]:
    if not given:
        yield from (*schema.GROUPS, schema.SEARCH, *schema.HYDRA, "recipes", "top", "copy", *recipe_names())
    elif given == ["copy"]:
        yield from recipe_names()
    elif given[0] == "copy":
        yield from _paths(current, cwd, YAML)
    elif given[0] in (*schema.GROUPS, *schema.HYDRA):
        yield from option_names(given[0])


def _assign(key: str, current: str, values: Iterable[str]) -> Iterator[str]:
    """`key=`, and once that is written, `key=value` for each value."""
    if current.startswith(f"{key}="):
        yield from (f"{key}={value}" for value in values)
    else:
        yield f"{key}="


def _chosen(given: Sequence[str], cwd: Path) -> dict[str, str]:
    """The option of every group, by default, in the recipe, or on the command line."""
    words = dict(word.split("=", 1) for word in given if "=" in word)
    options = dict(default_options())
    try:
        recipe: Mapping[str, object] = read_recipe(find_recipe(words.get("config", "digits"), cwd)).values
    except UserError:  # it may not be written yet
        recipe = {}
    for group in options:
        section = recipe.get(group)
        named = section.get("name") if isinstance(section, Mapping) else section
        for name in (named, words.get(group)):
            if isinstance(name, str):
                options[group] = name.split(",")[0]
    return options


def _keys(group: str, option: str) -> list[str]:
    if option not in option_names(group) or is_own(group, option):
        return []
    return [key for key, _, _ in read_option(group, option).settings]


def _enumerated(kind: Kind) -> Iterator[str]:
    """The values of a field, where they can be listed."""
    match kind:
        case Either():
            for one in kind.kinds:
                yield from _enumerated(one)
        case Choice() | Variant():
            yield from kind.options
        case Boolean():
            yield from ("true", "false")
        case Null():
            yield "null"


def _value(current: str) -> str:
    return current.rpartition("=")[2]


def _paths(value: str, cwd: Path, endings: tuple[str, ...] = ()) -> Iterator[str]:
    """Folders, and files with one of the endings (all files where none is given), whose paths begin with `value`."""
    folder, slash, start = value.rpartition("/")
    base = cwd / Path(folder + slash).expanduser()
    try:
        entries = sorted(os.scandir(base), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if not entry.name.startswith(start) or (entry.name.startswith(".") and not start):
            continue
        if entry.is_dir():
            yield f"{folder}{slash}{entry.name}/"
        elif not endings or entry.name.endswith(endings):
            yield f"{folder}{slash}{entry.name}"
