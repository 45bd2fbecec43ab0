"""The words of a command line, `key=value` each. Hydra's grammar reads the values; paths stand as they are written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, IntervalSweep, Override, Quote, QuotedString, Sweep
from hydra.errors import HydraException

from nntrain.config import schema
from nntrain.config.fields import Kind, is_path, shown
from nntrain.config.grammar import gap, sweep_problem, unreadable
from nntrain.config.hints import hint
from nntrain.config.options import option_names, recipe_names
from nntrain.config.origin import Origin
from nntrain.config.recipe import exists
from nntrain.errors import UserError

RECIPE = "config"  # the word that names the recipe
SEARCH = "search"  # the section of a recipe that says what its sweeps try
DEFAULT_RECIPE = "digits"
SWEEP_FUNCTION = re.compile(r"(choice|range|interval|glob|shuffle|sort|tag)\(")
EMPTY = re.compile(r"(choice|range|interval|glob|shuffle|sort|tag)\(\s*\)")
BARE = re.compile(
    r"(?<=[:\s])((?:choice|range|interval|tag)\((?:[^()'\"]|\([^()'\"]*\))*\))(?=\s*[,}])"
)  # in a mapping
FOLDERS = ("hydra.run.dir", "hydra.sweep.dir", "hydra.sweep.subdir", "hydra.output_subdir")
STRUCTURE = set("'\"[]{}()$")  # a value with any of these was meant for Hydra's grammar


@dataclass(frozen=True)
class Word:
    """One word. values: what the key is to be; several in a sweep, none where a sweeper draws them (`interval`) between
    two ends. source: where it stands, if not on the command line."""

    text: str
    key: str
    values: tuple[Any, ...]
    sweeps: bool
    for_hydra: str  # the word in a form that Hydra's sweepers take apart
    ends: tuple[float, ...] = ()
    source: Origin | None = None

    @property
    def value(self) -> Any:
        return self.values[0]

    @property
    def origin(self) -> Origin:
        return self.source or Origin("command line", self.text)

    @property
    def examples(self) -> tuple[Any, ...]:
        """Its values, or the ends between which they are drawn."""
        return self.values or self.ends

    def complaints(self, kind: Kind | None) -> list[str]:
        """What is wrong with its values, or with the ends between which they are drawn, for a setting of that kind."""
        if kind is None:
            return []
        return [
            f"{self.key}: {said}{hint(self.key, kind, value, self.origin)}"
            for value in self.examples
            if (said := kind.complaint(value))
        ]

    def each(self) -> Iterator[Word]:
        """A word for every value."""
        for value in self.examples:
            yield replace(self, values=(value,), sweeps=False)


@dataclass(frozen=True)
class CommandLine:
    """The words of a command line by what they are for; of words with the same key the last one counts, as with Hydra.
    notes: what is to be said of them."""

    recipes: Word
    settings: tuple[Word, ...]
    hydra: tuple[str, ...]
    problems: tuple[str, ...]
    search: tuple[Word, ...] = ()  # settings of the search itself
    notes: tuple[str, ...] = ()


def read_words(texts: Iterable[str], cwd: Path) -> CommandLine:
    """Read all words; what cannot be read is among the problems."""
    found: dict[str, Word] = {}
    hydra: list[str] = []
    problems: list[str] = []
    notes: list[str] = []
    for text in texts:
        try:
            if is_hydra(text):
                key = text.partition("=")[0]
                notes += [_unused(was, text) for was in hydra if was.partition("=")[0] == key and was != text]
                hydra.append(text)
            else:
                word = read_word(text, cwd)
                old = found.pop(word.key, None)
                if old is not None and old.for_hydra != word.for_hydra:
                    notes.append(_unused(old.text, text))
                found[word.key] = word
        except UserError as error:
            problems.extend(error.problems)
    recipes = found.pop(RECIPE, _single(DEFAULT_RECIPE, RECIPE, DEFAULT_RECIPE))
    search = tuple(word for key, word in found.items() if key.partition(".")[0] == SEARCH)
    settings = tuple(word for word in found.values() if word not in search)
    return CommandLine(recipes, settings, tuple(hydra), tuple(problems), search, tuple(notes))


def _unused(earlier: str, later: str) -> str:
    return f"{earlier} does not count: {later} stands after it"


def is_hydra(text: str) -> bool:
    """Whether a word sets up Hydra's sweepers and launchers. UserError where it would have Hydra call Python code."""
    if not re.match(r"[+~]{0,2}hydra[./=@]", text):
        return False
    if text.partition("=")[0] in FOLDERS:
        raise UserError(f"{text}: a folder is chosen by run_dir=...")
    if "_target_" in text:
        raise UserError(f"'_target_' is refused: no config says what Python code to call (command line: {text})")
    return True


def read_word(text: str, cwd: Path) -> Word:
    """Read one word. UserError where it is no `key=value`, or its value is not understood."""
    if text[:1] in ("+", "~"):
        raise UserError(
            f"{text.lstrip('+~').partition('=')[0]}: nothing can be added to or taken from a config; "
            f"write it without '{text[0]}' (command line: {text})"
        )
    key, equals, raw = text.partition("=")
    if not key or not equals:
        raise UserError(f"'{text}' is not understood; {_meant(text)}")
    key = schema.SHORT.get(key, key)
    path = _written_path(key, raw, cwd)
    if path is not None:
        return _single(text, key, path)
    if EMPTY.fullmatch(raw):
        raise UserError(f"{key}: {raw} has no values (command line: {text})")
    if key == SEARCH:  # what a search draws from is a text in there
        raw = BARE.sub(r"'\1'", raw)
    try:
        parsed = _parser().parse_override(f"value={raw}")
    except HydraException as error:
        if STRUCTURE.isdisjoint(raw) and gap(raw) is None:  # plain text with characters that the grammar has no use for
            return _single(text, key, raw)
        quoted = f"; a text with special characters needs quotes inside those of the shell: \"{key}='a (b)'\""
        hint = quoted if _takes_text(key) and not SWEEP_FUNCTION.match(raw) else ""
        raise UserError(f"{key}: {raw} cannot be read: {unreadable(raw, error)}{hint} (command line: {text})") from None
    if parsed.is_sweep_override():
        return _sweep(text, key, raw, parsed)
    value = parsed.value()
    if isinstance(value, int | float | bool) and is_text(key):
        return _single(text, key, raw)  # a name such as 007 or 1e5
    if key == RECIPE and not isinstance(value, str):
        said = f"must be the name of a recipe, or a file; it is {shown(value)}{_listed(value)}"
        raise UserError(f"{key}: {said} (command line: {text})")
    return Word(text, key, (value,), False, f"++{key}={parsed.get_value_element_as_str()}")


@cache
def _parser() -> OverridesParser:
    """Kept, for to make one takes as long as to read a word."""
    return OverridesParser.create()


def _meant(text: str) -> str:
    """What a word without `=` stands for, as far as that can be told."""
    names = text.split(",")
    if all(name in recipe_names() or name.endswith((".yaml", ".yml")) for name in names):
        return f"did you mean 'config={text}'?"
    if text in (*schema.GROUPS, *schema.SHORT, "resume") or schema.field(text) is not None:
        return f"settings are written key=value: {text}=..."
    return "settings are written key=value (see: nntrain fit --help)"


def _sweep(text: str, key: str, raw: str, parsed: Override) -> Word:
    sweep: Any = parsed.value()
    if isinstance(sweep, Glob):
        names = _matching(sweep, key, text)
        return Word(text, key, names, True, f"++{key}={','.join(names)}")
    if isinstance(sweep, Sweep) and (problem := sweep_problem(sweep, raw)):
        raise UserError(f"{key}: {problem} (command line: {text})")
    if isinstance(sweep, IntervalSweep):
        return Word(text, key, (), True, f"++{key}={raw}", ends=_ends(sweep))
    values = tuple(parsed.sweep_iterator(Override._convert_value))
    return Word(text, key, values, True, f"++{key}={raw}")


def _takes_text(key: str) -> bool:
    if key in (RECIPE, SEARCH, *schema.GROUPS):
        return False
    kind = schema.field(key)
    return kind is None or kind.complaint("a (b)") is None


def _listed(value: Any) -> str:
    plain = isinstance(value, list) and all(isinstance(entry, str) for entry in value)
    return f"; a sweep is written {RECIPE}={','.join(value)} -m" if plain else ""


def _ends(interval: IntervalSweep) -> tuple[float, ...]:
    """Whole numbers as such: Hydra's grammar makes real ones of all, and some settings take no others."""
    ends = (float(interval.start or 0.0), float(interval.end or 0.0))
    return tuple(int(end) if end.is_integer() else end for end in ends)


def is_text(key: str) -> bool:
    """Whether what stands behind `key=` names something, so that no number is meant by it."""
    return key in (RECIPE, "name", *schema.GROUPS) or is_path(schema.field(key))


def _single(text: str, key: str, value: str) -> Word:
    return Word(text, key, (value,), False, f"++{key}={QuotedString(value, Quote.single).with_quotes()}")


def _written_path(key: str, raw: str, cwd: Path) -> str | None:
    """The path that `raw` is just as it stands: quotes, commas, `=` and brackets are part of a file's name.

    None where the key holds no path, or the value is a quoted text, several values, or refers to another setting.
    """
    if key != RECIPE and not is_path(schema.field(key)):
        return None
    quoted = len(raw) > 1 and raw[0] in "'\"" and raw[0] == raw[-1]
    for path in (raw, raw[1:-1]) if quoted else (raw,):
        if path and any(exists(cwd / f"{path}{ending}") for ending in ("", ".yaml")):
            return path
    if quoted or raw in ("", "null") or "${" in raw or SWEEP_FUNCTION.match(raw):
        return None
    if "," in raw and key != "run_dir":  # of a sweep it is the one folder that all jobs lie in
        return None
    return raw


def _matching(glob: Glob, key: str, text: str) -> tuple[str, ...]:
    names: Sequence[str] = recipe_names() if key == RECIPE else option_names(key) if key in schema.GROUPS else ()
    found = tuple(glob.filter(list(names)))
    if not found:
        allowed = f"choices: {', '.join(names)}" if names else "glob() chooses among recipes or a group's options"
        raise UserError(f"{key}: no name matches ({allowed}) (command line: {text})")
    return found
