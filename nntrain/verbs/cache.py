"""`nntrain cache`: the decoded pictures that are kept on disk; `clear` deletes them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from rich.text import Text

from nntrain.data.pictures import cache as picture_cache
from nntrain.data.pictures.cache import Entry
from nntrain.errors import UserError, unknown
from nntrain.record.layout import Page, command, facts, grid, heading
from nntrain.record.screen import show
from nntrain.record.words import count, duration, plural, size


def cache_words(words: Sequence[str], stream: TextIO | None = None) -> dict[str, Any]:
    """words: nothing, or `clear` with or without the names of entries."""
    if not words:
        return _list(stream)
    if words[0] != "clear":
        raise UserError(f"cache: {unknown('action', words[0], ('clear',))}; nntrain cache lists what is there")
    return _clear(words[1:], stream)


def _list(stream: TextIO | None) -> dict[str, Any]:
    found, left = picture_cache.entries(), picture_cache.leftovers()
    rows = [_row(entry) for entry in found]
    folder = picture_cache.pictures_dir()
    show(lambda page: _lines(rows, left, folder, page), stream)
    return {"folder": str(folder), "entries": rows, "unfinished": [path.name for path in left]}


def _row(entry: Entry) -> dict[str, Any]:
    about = entry.about
    return {
        "name": entry.name,
        "what": about["what"],
        "pictures": about["pictures"],
        "width": about["width"],
        "height": about["height"],
        "channels": about["channels"],
        "bytes": entry.size,
        "last_used": datetime.fromtimestamp(entry.last_used).isoformat(timespec="seconds"),
    }


def _lines(rows: Sequence[dict[str, Any]], left: Sequence[Path], folder: Path, page: Page) -> list[Text]:
    lines = [heading("decoded pictures", page), *facts([("folder", str(folder))], page)]
    if not rows and not left:
        return [*lines, Text("nothing is kept")]
    now = time.time()
    table = [
        [
            row["name"],
            count(row["pictures"]),
            f"{row['width']} x {row['height']} {'grey' if row['channels'] == 1 else 'colour'}",
            size(row["bytes"]),
            _ago(now - datetime.fromisoformat(row["last_used"]).timestamp()),
        ]
        for row in rows
    ]
    if table:
        lines += [Text(""), *grid(["name", "pictures", "size", "on disk", "last used"], table, "lrlrr", page), Text("")]
        lines += facts([(row["name"], row["what"]) for row in rows], page)
    if left:
        said = f"{plural(len(left), 'folder')} unfinished or damaged: left by a process that was killed, or in work now"
        lines += facts([("note", said)], page)
    total = sum(row["bytes"] for row in rows)
    names = [["nntrain", "cache", "clear"], *([["nntrain", "cache", "clear", rows[-1]["name"]]] if rows else [])]
    return [*lines, Text(""), Text(f"{size(total)} in all; to delete:"), *(c for n in names for c in command(n, page))]


def _ago(seconds: float) -> str:
    if seconds < 60:
        return "just now"
    return f"{duration(seconds)} ago"


def _clear(names: Sequence[str], stream: TextIO | None) -> dict[str, Any]:
    found = {entry.name: entry for entry in picture_cache.entries()}
    if names and not found:
        raise UserError(f"cache clear: nothing is kept in {picture_cache.pictures_dir()}")
    if wrong := [name for name in names if name not in found]:
        raise UserError(*(f"cache clear: {unknown('entry', name, list(found))}" for name in wrong))
    chosen = [found[name] for name in names] if names else list(found.values())
    left = [] if names else picture_cache.leftovers()
    busy = [folder for folder in left if picture_cache.in_work(folder)]
    left = [folder for folder in left if folder not in busy]
    freed = sum(entry.size for entry in chosen)
    for folder in (*(entry.folder for entry in chosen), *left):
        picture_cache.remove(folder)
    said = f"{plural(len(chosen), 'entry', 'entries')} deleted, {size(freed)} freed"
    if busy:
        said += f"; {plural(len(busy), 'unfinished folder')} stay{'s' * (len(busy) == 1)}, being in work now"
    show(lambda page: [Text(said)], stream)
    return {"deleted": [entry.name for entry in chosen], "unfinished": len(left), "bytes": freed}
