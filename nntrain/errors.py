"""What users can get wrong, said so that they can mend it: where, what came, what is allowed, the nearest valid."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Iterable, Sequence


class UserError(Exception):
    """A mistake that is the user's to mend. The command line prints it without a traceback and exits with 2.

    `problems` holds one message each, so that all mistakes of a config are reported at once. `table`: lines that follow
    the last of them.
    """

    def __init__(self, *problems: str, table: Sequence[str] = ()) -> None:
        super().__init__("\n".join((*problems, *table)))
        self.problems: tuple[str, ...] = problems
        self.table = tuple(table)


def say(text: str) -> None:
    """A line on standard error, unless nobody can read that any more, as of a terminal that was closed."""
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())  # or flushing it at the end would fail again


def nearest(word: str, allowed: Iterable[str]) -> str | None:
    """The valid name closest to `word`, or None when nothing is near."""
    names = list(allowed)
    lowered = {name.lower(): name for name in reversed(names)}
    matches = difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=0.6)
    begun = [name for name in lowered if len(word) > 2 and name.startswith(f"{word.lower()}_")]
    if len(begun) == 1:  # width, where there is a width_multiplier
        matches = begun
    return lowered[matches[0]] if matches else None


def did_you_mean(guess: object | None) -> str:
    """`; did you mean 'adamw'?`, as it follows what came; empty where nothing is near."""
    return f"; did you mean '{guess}'?" if guess else ""


def unknown(what: str, word: str, allowed: Sequence[str], *, show: int = 24) -> str:
    """`unknown optimizer 'admw'; did you mean 'adamw'? (choices: adam, adamw, ...)`"""
    listed = ", ".join(allowed[:show]) + (", ..." if len(allowed) > show else "")
    return f"unknown {what} '{word}'{did_you_mean(nearest(word, allowed))} (choices: {listed})"


def unknown_of_many(what: str, word: str, allowed: Sequence[str]) -> str:
    """`unknown backbone 'resnt18' (nearest: resnet18, resnet34, resnet152; 80 in all)`, where a list would be long."""
    near = difflib.get_close_matches(word.lower(), allowed, n=5, cutoff=0.5)
    return f"unknown {what} '{word}' (nearest: {', '.join(near or allowed[:5])}; {len(allowed)} in all)"
