"""What a recipe and the words over it come to: an option for every group, values by dotted path, each key checked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from nntrain.components import is_own
from nntrain.config import schema
from nntrain.config.options import default_options, option_names, read_option
from nntrain.config.origin import Origin
from nntrain.config.recipe import CALLS, Recipe
from nntrain.config.schema.data import DATASETS
from nntrain.config.search import Search, read_search
from nntrain.config.words import Word
from nntrain.errors import nearest, unknown

NAMES_ELSEWHERE = {  # what other tools call a choice
    "mse": "squared",
    "l2": "squared",
    "mae": "absolute",
    "l1": "absolute",
    "smooth_l1": "huber",
    "pinball": "quantile",
    "ce": "cross_entropy",
    "bce": "binary_cross_entropy",
    "csv": "table",
    "dnn": "mlp",
    "convnet": "cnn",
    "cosine_annealing": "cosine",
    "reduce_on_plateau": "plateau",
    "cyclic": "triangular",
}
BACKBONES = re.compile(  # how torchvision's classification models are called: architectures of `backbone`
    "(alexnet|convnext|densenet|efficientnet|googlenet|inception|maxvit|mnasnet|mobilenet|regnet|(wide_)?resnet[1-9]"
    "|resnext|shufflenet|squeezenet|swin|vgg|vit)"
)
UNNAMED = ("regularization", "checkpoint")  # sections with one option, `default`, that nobody has to name


class Plan:
    """A recipe and the words over it, checked key by key.

    problems: every mistake, with where it was made. options: the option of each group, the default where a choice is
    wrong. chosen: the origins of those that were named. values: what goes over the options' defaults, by dotted path.
    wrong: the groups whose choice is a mistake; their settings are left out, for nobody knows what they belong to.
    search: the recipe's own, checked; no part of the config.
    """

    def __init__(self, recipe: Recipe, words: Iterable[Word]) -> None:
        self.problems: list[str] = []
        self.options: dict[str, str] = dict(default_options())
        self.chosen: dict[str, Origin] = {}
        self.values: dict[str, tuple[Any, Origin]] = {}
        self.wrong: set[str] = set()
        words = list(words)
        choices = {word.key: word for word in words if word.key in schema.GROUPS}
        for key, value in recipe.values.items():
            if key in schema.GROUPS:
                self._section(key, value, recipe, choices.get(key))
            elif key in schema.fields("top"):
                self.values[key] = value, recipe.origin(key)
            elif key == schema.SEARCH:
                continue
            else:
                self.problems.append(f"{_unknown_top(str(key))} ({recipe.origin(str(key))})")
        for word in words:
            if word.key in schema.GROUPS and word.key not in recipe.values:
                self._choose(word.key, word.value, word.origin)
        for word in words:
            if word.key not in schema.GROUPS and word.key.partition(".")[0] not in self.wrong:
                self._word(word)
        self.search = read_search(recipe)
        self.problems += [*self.search.problems, *self._search_problems(self.search)]

    def _section(self, group: str, section: Any, recipe: Recipe, choice: Word | None) -> None:
        """One section of the recipe; its settings count only where the command line does not choose something else."""
        if isinstance(section, str):
            section = {"name": section}
        if not isinstance(section, Mapping):
            said = f"must be a section such as {_example(group)}; it is {_form(section)}"
            self.problems.append(f"{group}: {said} ({recipe.origin(group)})")
            self.wrong.add(group)
            return
        if "name" in section:
            self._choose(group, section["name"], recipe.origin(f"{group}.name"))
        option = self.options[group]
        allowed = None if group in self.wrong else _settings(group, option)
        values: dict[str, tuple[Any, Origin]] = {}
        for key, value in section.items():
            if key == "name":
                continue
            origin = recipe.origin(f"{group}.{key}")
            if allowed is not None and key not in allowed:
                self.problems.append(f"{_unknown_key(group, option, str(key), allowed)} ({origin})")
            else:
                values[f"{group}.{key}"] = value, origin
        if choice is not None:
            self.wrong.discard(group)
            self._choose(group, choice.value, choice.origin)
        if group not in self.wrong and self.options[group] == option:
            self.values |= values

    def _choose(self, group: str, name: Any, origin: Origin) -> None:
        problem = _name_problem(group, name)
        if problem:
            self.problems.append(f"{problem} ({origin})")
            self.wrong.add(group)
        else:
            self.options[group] = name
            self.chosen[group] = origin

    def _word(self, word: Word) -> None:
        problem = self._word_problem(word)
        if problem:
            self.problems.append(f"{problem} ({word.origin})")
            return
        if word.value is not None:
            for path in schema.replaced(word.key):
                if path in self.values and self.values[path][1].kind == "recipe":
                    del self.values[path]
        self.values[word.key] = word.value, word.origin

    def _search_problems(self, search: Search) -> Iterator[str]:
        """Keys that do not exist, but for settings of choices that are searched too; and values not allowed."""
        varied = {word.key for word in search.words}
        for word in search.words:
            group = word.key.partition(".")[0]
            if word.key in schema.GROUPS:
                said = [problem for value in word.values if (problem := _name_problem(word.key, value))]
            elif group in self.wrong or (group in varied and group != word.key):
                continue
            elif problem := self._word_problem(word):
                said = [problem]
            else:
                said = word.complaints(schema.field(word.key))
            yield from (f"{problem} ({word.origin})" for problem in said)

    def _word_problem(self, word: Word) -> str | None:
        group, _, rest = word.key.partition(".")
        if CALLS.intersection(word.key.split(".")) or any(map(_calls, word.examples)):
            return (
                f"{word.key}: is refused: a config names its parts by 'name', and never says what Python code to call"
            )
        if group not in schema.GROUPS:
            if rest and group in schema.fields("top"):
                return f"{word.key}: '{group}' is a single value; write {group}=..."
            return None if word.key in schema.fields("top") else _unknown_top(word.key)
        if rest == "name":
            return f"{word.key}: a choice is made by its group; write {group}={word.examples[0]}"
        first = rest.partition(".")[0]
        allowed = _settings(group, self.options[group])
        if allowed is not None and first not in allowed:
            return _unknown_key(group, self.options[group], first, allowed)
        return None


def _settings(group: str, option: str) -> list[str] | None:
    """The keys that an option takes; None for somebody's own class, whose signature is checked when it is built."""
    return None if is_own(group, option) else [key for key, _, _ in read_option(group, option).settings]


def _name_problem(group: str, name: Any) -> str | None:
    options = option_names(group)
    if group in UNNAMED and name != "default":
        return f"{group}: has no choices, only settings; leave out its name"
    if not isinstance(name, str):
        said = f"{group}: must be the name of a choice ({', '.join(options)}); it is {_form(name)}"
        several = isinstance(name, list) and all(entry in options for entry in name)
        return f"{said}; a sweep is written {group}={','.join(name)} -m" if several else said
    if name in options or is_own(group, name):
        return None
    if (ours := NAMES_ELSEWHERE.get(name.lower())) in options:
        return f"{group}: unknown {group} '{name}'; here it is called '{ours}'"
    if group == "data" and (kind := next((kind for kind, sets in DATASETS.items() if name in sets), None)):
        return f"data: unknown data '{name}'; it is a data set: write data={kind} data.dataset={name}"
    if group == "model" and BACKBONES.match(name):
        return f"model: unknown model '{name}'; write model=backbone model.architecture={name}"
    return f"{group}: {unknown(group, name, options)}"


def _unknown_key(group: str, option: str, key: str, allowed: list[str]) -> str:
    what = group if group in UNNAMED else f"{group} {option}"
    if guess := nearest(key, allowed):
        hint = f"; did you mean '{group}.{guess}'?"
    elif others := [name for name in option_names(group) if key in (_settings(group, name) or ())]:
        hint = f"; {group} {', '.join(others[:3])} {'has' if len(others) == 1 else 'have'} it"
    elif owners := [other for other in (*schema.GROUPS, "top") if key in schema.fields(other)]:
        hint = f"; did you mean '{key if owners[0] == 'top' else f'{owners[0]}.{key}'}'?"
    else:
        hint = f" (settings: {', '.join(allowed)})" if allowed else " (it has no settings)"
    return f"{group}.{key}: {what} has no setting '{key}'{hint}"


def _unknown_top(key: str) -> str:
    first, dot, rest = key.partition(".")
    allowed = [*schema.GROUPS, *schema.fields("top"), schema.SEARCH, "config", "resume"]
    owners = [group for group in (*schema.GROUPS, schema.SEARCH) if first in schema.fields(group)]
    if first in ("config", "resume"):
        hint = f"; it is a word of the command line: {first}=..."
    elif first in schema.GROUPS:
        hint = f"; in a recipe it is written {first}: {{{rest}: ...}}"
    elif owners:
        within = f"={{{rest}:...}}" if dot else ""  # a setting has no parts where it is null
        hint = f"; did you mean '{owners[0]}.{first}{within}'?"
    elif guess := nearest(first, allowed):
        hint = f"; did you mean '{guess}{dot}{rest}'?"
    elif key == "defaults":
        hint = "; a recipe needs no defaults list: optimizer: {name: sgd} takes all of sgd's defaults"
    else:
        hint = f" (sections and settings: {', '.join(allowed)})"
    return f"{key}: there is no such section or setting{hint}"


def _example(group: str) -> str:
    option = default_options()[group]
    if group not in UNNAMED:
        return f"'{group}: {{name: {option}}}'"
    key, value, _ = read_option(group, option).settings[0]
    return f"'{group}: {{{key}: {value}}}'"


def _form(value: Any) -> str:
    if value is None:
        return "empty"
    nouns = {bool: "truth value", int: "number", float: "number", list: "list", dict: "mapping", str: "text"}
    return f"a {nouns.get(type(value), type(value).__name__)}"


def _calls(value: Any) -> bool:
    """Whether a value has, at any depth, one of the keys by which Hydra calls Python code."""
    if isinstance(value, Mapping):
        return not CALLS.isdisjoint(map(str, value)) or any(map(_calls, value.values()))
    return isinstance(value, list) and any(map(_calls, value))
