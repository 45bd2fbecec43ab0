"""Many configs that differ in a few values, as the jobs of a sweep do, at a small part of the cost of composing each.

Jobs with the same recipe and the same choices have the same keys: the first of them is composed by Hydra, the others
are that one with other values, and each section that has one of these is checked as a whole like any.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nntrain.config import schema
from nntrain.config.compose import Composed, compose_recipe, located
from nntrain.config.recipe import Recipe, find_recipe, read_recipe
from nntrain.config.validate import value_problems
from nntrain.config.words import RECIPE, Word, read_word
from nntrain.errors import UserError

REFERENCES = ("${", "???")  # what only Hydra's machinery can resolve


@dataclass(frozen=True)
class _Base:
    composed: Composed
    settings: tuple[Word, ...]  # in the order of all jobs that are made of it


class Composer:
    """Composes the words of one job after another. cwd: what relative paths in them are relative to."""

    def __init__(self, cwd: Path) -> None:
        self._cwd = cwd
        self._words: dict[str, Word] = {}
        self._recipes: dict[str, Recipe] = {}
        self._bases: dict[Any, _Base] = {}

    def word(self, text: str) -> Word:
        """A word that is read once, however many jobs have it."""
        if text not in self._words:
            self._words[text] = read_word(text, self._cwd)
        return self._words[text]

    def recipe(self, name: str) -> Recipe:
        if name not in self._recipes:
            self._recipes[name] = read_recipe(find_recipe(name, self._cwd))
        return self._recipes[name]

    def compose(self, texts: Sequence[str]) -> Composed:
        """The config of one job. UserError with every mistake of its keys and values."""
        words = [self.word(text) for text in texts]
        settings = tuple(word for word in words if word.key != RECIPE)
        recipe = self.recipe(next(str(word.value) for word in words if word.key == RECIPE))
        if not _plain(recipe, settings):
            return compose_recipe(recipe, settings, self._cwd)
        key = recipe.path, tuple((word.key, _kept(word)) for word in settings)
        if key not in self._bases:
            self._bases[key] = _Base(compose_recipe(recipe, settings, self._cwd), settings)
            return _copy(self._bases[key].composed)
        return self._varied(self._bases[key], settings)

    def _varied(self, base: _Base, settings: Sequence[Word]) -> Composed:
        composed = _copy(base.composed)
        origins = dict(composed.origins)
        changed: dict[str, None] = {}  # groups, in the order of the words
        for word, known in zip(settings, base.settings, strict=True):
            if word is known or word.value is None:
                continue
            group, dot, key = word.key.partition(".")
            section = composed.config[group] if dot else composed.config
            section[key if dot else group] = located(word.key, deepcopy(word.value), self._cwd)
            origins[word.key] = word.origin
            changed |= {group: None} if dot else {}
        problems = list(value_problems(composed.config, origins, changed))
        if problems:
            raise UserError(*dict.fromkeys(problems))
        return Composed(composed.config, origins)


def _plain(recipe: Recipe, settings: Sequence[Word]) -> bool:
    """Whether each word sets just its own value: no part of another one, and nothing refers to another setting."""
    texts = (str(recipe.values), *(word.text for word in settings))
    return not any(mark in text for mark in REFERENCES for text in texts) and all(
        word.key.count(".") < 2 for word in settings
    )


def _kept(word: Word) -> Any:
    """What of a word's value decides which keys and values stand beside it: a choice, or that it is null."""
    return word.value if word.key in schema.GROUPS else word.value is None


def _copy(composed: Composed) -> Composed:
    return Composed(deepcopy(composed.config), composed.origins)
