"""What is wrong with the words that choose a launcher or a sweeper and set it up, in words of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import fields

from hydra.core.config_store import ConfigStore

from nntrain.errors import unknown
from nntrain.sweep.plugins import DEFAULT_LAUNCHER, DEFAULT_SWEEPER, LAUNCHERS, SWEEPERS

SETTING = re.compile(r"[+]{0,2}hydra\.(launcher|sweeper)\.(\w+)")
PARTS = {"launcher": (LAUNCHERS, DEFAULT_LAUNCHER), "sweeper": (SWEEPERS, DEFAULT_SWEEPER)}


def mistakes(words: Sequence[str]) -> Iterator[str]:
    """Names that nobody has, and settings that what is chosen has not. Choices of other packages stand beside ours,
    so all must be registered."""
    chosen = {}
    for part, (_, default) in PARTS.items():
        given = [word for word in words if word.startswith(f"hydra/{part}=")]
        chosen[part] = given[-1].partition("=")[2] if given else default
        names = [name.removesuffix(".yaml") for name in ConfigStore.instance().list(f"hydra/{part}")]
        if chosen[part] not in names:
            yield f"hydra/{part}: {unknown(part, chosen[part], names)} (command line: {given[-1]})"
    for word in words:
        if (found := SETTING.match(word)) and chosen[found[1]] in PARTS[found[1]][0]:
            part, key = found[1], found[2]
            known = [entry.name for entry in fields(PARTS[part][0][chosen[part]]) if not entry.name.startswith("_")]
            if key not in known:
                what = f"hydra/{part}={chosen[part]}"
                said = unknown(f"setting of {what}", key, known) if known else f"{what} has no settings"
                yield f"hydra.{part}.{key}: {said} (command line: {word})"
