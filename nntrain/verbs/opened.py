"""The model that `eval` and `predict` name on the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nntrain.errors import UserError, unknown
from nntrain.opening import load
from nntrain.predictor import Predictor

SETTINGS = ("checkpoint", "device", "trust", "tta")  # that both verbs take
MOST_VIEWS = 1000


def check_words(verb: str, words: Mapping[str, str], own: Sequence[str], *, example: str) -> None:
    """UserError for a word that the verb does not know, or where no model is named. example: how to name one."""
    allowed = (*SETTINGS, *own)
    if wrong := [key for key in words if key not in allowed]:
        raise UserError(*(f"{verb}: {unknown('setting', key, allowed)}" for key in wrong))
    if "checkpoint" not in words:
        raise UserError(f"{verb}: which model? Give a run folder or a model file: {example}")


def trusted(words: Mapping[str, str]) -> bool:
    """Whether code that a model file names may be run."""
    word = words.get("trust", "false").lower()
    if word not in ("true", "false"):
        raise UserError(f"trust: '{word}' is neither true nor false")
    return word == "true"


def views_of(verb: str, words: Mapping[str, str]) -> int:
    """How many views of each sample `tta=` asks for; 1: the sample alone."""
    word = words.get("tta", "1")
    if not (word.isdecimal() and 1 <= int(word) <= MOST_VIEWS):
        raise UserError(f"{verb}: tta: '{word}' is not a whole number from 1 to {MOST_VIEWS}")
    return int(word)


def opened(words: Mapping[str, str]) -> Predictor:
    """The model of `checkpoint=`, on `device=`."""
    return load(words["checkpoint"], device=words.get("device", "auto"), trust=trusted(words))
