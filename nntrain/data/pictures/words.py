"""What is said of pictures that were read: how many, from where, and which were left out."""

from __future__ import annotations

from nntrain.data.pictures.reading import Pictures

NAMED = 5  # pictures that a note names


def how_read(pictures: Pictures) -> str:
    """Whether they were decoded now, and where they are kept."""
    name = pictures.entry.name
    if pictures.seconds is None:
        return f"decoded before, from the cache ({name})"
    return f"decoded in {pictures.seconds:.1f} s, kept in the cache ({name})"


def are(count: int, what: str) -> str:
    """`1 picture is`, `3 pictures of val are`."""
    noun, _, rest = what.partition(" ")
    return f"{count:,} {noun}{'s' * (count != 1)}{' ' if rest else ''}{rest} {'is' if count == 1 else 'are'}"


def notes_of(pictures: Pictures, used: int) -> list[str]:
    """What is to be said of the files. used: how many pictures there are to learn from and to score."""
    _, channels, height, width = pictures.pixels.shape
    colour = "in colour" if channels == 3 else "in grey"
    said = [f"{used:,} pictures of {width} x {height} {colour}, {how_read(pictures)}"]
    if rows := sorted(pictures.broken):
        shown = "; ".join(f"{pictures.listing.names[row]} {pictures.broken[row]}" for row in rows[:NAMED])
        more = f"; and {len(rows) - NAMED} more" if len(rows) > NAMED else ""
        said.append(f"data.on_broken: {are(len(rows), 'picture')} left out: {shown}{more}")
    if others := pictures.listing.others:
        named = ", ".join(others[:NAMED]) + (", ..." if len(others) > NAMED else "")
        which = "is no picture by its ending and is" if len(others) == 1 else "are no pictures by their endings and are"
        said.append(f"{len(others):,} file{'s' * (len(others) != 1)} {which} ignored: {named}")
    return said
