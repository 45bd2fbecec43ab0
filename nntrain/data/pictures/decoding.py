"""One picture from its bytes: whatever a file of an allowed format may hold becomes upright grey or colour of one size.

Imports no torch, and PIL where it is used: a process that only decodes starts in a sixth of a second.
"""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image

Fit = Literal["crop", "stretch", "pad"]

FORMAT_OF_ENDING = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".png": "PNG",
    ".gif": "GIF",
    ".bmp": "BMP",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".pgm": "PPM",
    ".ppm": "PPM",
}
IMAGE_ENDINGS = tuple(FORMAT_OF_ENDING)
FORMATS = tuple(dict.fromkeys(FORMAT_OF_ENDING.values()))  # tried in this order; PIL knows forty more, never tried
MAX_PIXELS = 89_478_485  # PIL's own limit: a quarter of a GiB in colour
ORIENTATION = 274  # the EXIF tag
GREY_MODES = {"1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N", "F"}
_limit = threading.Lock()


class UnreadableError(Exception):
    """A picture that cannot be used, and why. kind: "broken"; "size" where no size was asked for and this picture's
    is another; "colour" where grey was expected of all."""

    def __init__(self, said: str, kind: Literal["broken", "size", "colour"] = "broken") -> None:
        super().__init__(said)
        self.kind = kind


@dataclass(frozen=True)
class Look:
    """What pictures become.

    height, width: in pixels. channels: 1 grey, 3 colour. fit: of another size, the shorter side to size and the middle
    cut out (crop), both sides to size (stretch), or the longer side to size on black (pad). exact: another size is
    refused. all_grey: a picture in colour is refused. max_pixels: larger ones are.
    """

    height: int
    width: int
    channels: int
    fit: Fit = "crop"
    exact: bool = False
    all_grey: bool = False
    max_pixels: int = MAX_PIXELS


def decode(content: bytes, look: Look, name: str | None = None) -> NDArray[np.uint8]:
    """The picture in the bytes of a file as uint8 [C, H, W]. name: the file's, whose ending is to be true.

    Raises UnreadableError. To be called within `pillow()`.
    """
    with _opened(content, look.max_pixels, name) as picture:
        if look.exact and upright_size(picture) != (look.height, look.width):
            height, width = upright_size(picture)
            raise UnreadableError(f"is {width} x {height}, the first is {look.width} x {look.height}", "size")
        if look.all_grey and not is_grey(picture):
            raise UnreadableError("is in colour", "colour")
        enough = 2 * max(look.height, look.width)
        if min(picture.size) >= 2 * enough:
            picture.draft(None, (enough, enough))  # a JPEG much too large is decoded at a half, quarter or eighth
        picture.load()
        return fitted(picture, look)


def facts(content: bytes, max_pixels: int, name: str | None = None) -> tuple[int, int, bool]:
    """Height and width as it is to be looked at, and whether it is grey, by a file's head. Raises UnreadableError."""
    with _opened(content, max_pixels, name) as picture:
        height, width = upright_size(picture)
        return height, width, is_grey(picture)


def fitted(picture: Image.Image, look: Look) -> NDArray[np.uint8]:
    """A PIL image, upright, in grey or colour, of the size of the look: uint8 [C, H, W]. Raises UnreadableError."""
    picture = _plain(_upright(picture), "L" if look.channels == 1 else "RGB")
    width, height = picture.size
    target = (look.width, look.height)
    if (width, height) != target:
        from PIL import Image

        across, down = look.width / width, look.height / height
        scale = max(across, down) if look.fit == "crop" else min(across, down)
        if look.fit == "stretch":
            picture = picture.resize(target, Image.Resampling.BILINEAR)
        elif look.fit == "crop":
            left, top = (width - look.width / scale) / 2, (height - look.height / scale) / 2
            box = (max(left, 0.0), max(top, 0.0), min(width - left, width), min(height - top, height))
            picture = picture.resize(target, Image.Resampling.BILINEAR, box=box)
        else:
            inner = (max(1, round(width * scale)), max(1, round(height * scale)))
            canvas = Image.new(picture.mode, target)
            inside = picture.resize(inner, Image.Resampling.BILINEAR)
            canvas.paste(inside, ((look.width - inner[0]) // 2, (look.height - inner[1]) // 2))
            picture = canvas
    pixels = np.asarray(picture, dtype=np.uint8)
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def is_grey(picture: Image.Image) -> bool:
    """By the kind of picture, not by its pixels; a palette is grey where all its colours are."""
    if picture.mode != "P":
        return picture.mode in GREY_MODES
    palette = np.array(picture.getpalette("RGB") or [], dtype=np.uint8).reshape(-1, 3)
    return bool((palette == palette[:, :1]).all())


def upright_size(picture: Image.Image) -> tuple[int, int]:
    """Height and width as it is to be looked at."""
    width, height = picture.size
    return (width, height) if _orientation(picture) >= 5 else (height, width)


@contextmanager
def pillow() -> Iterator[None]:
    """Within this, PIL's own limit of pixels is off, because `Look.max_pixels` stands in its place, and its remarks on
    odd files are not printed."""
    from PIL import Image

    with _limit, warnings.catch_warnings():
        kept, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = kept


@contextmanager
def _opened(content: bytes, max_pixels: int, name: str | None) -> Iterator[Image.Image]:
    """The picture, not decoded yet. Whatever PIL raises on the way, also while it decodes, becomes UnreadableError."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            _check_ending(picture.format, name)
            width, height = picture.size
            if width * height > max_pixels:
                said = f"has {width} x {height} = {width * height:,} pixels, more than data.max_pixels={max_pixels:,}"
                raise UnreadableError(said)
            if picture.format == "TIFF":
                picture.load()  # which PIL turns upright itself, its size before or after, by PIL's release
            yield picture
    except UnreadableError:
        raise
    except UnidentifiedImageError:
        said = f"what it holds is none of {', '.join(FORMATS)}" if content else "it is empty"
        raise UnreadableError(f"cannot be read as a picture: {said}") from None
    except Exception as error:  # a damaged file can make PIL's decoders raise nearly anything; all of it is said
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UnreadableError(f"cannot be read as a picture: {said}") from None


def _check_ending(found: str | None, name: str | None) -> None:
    if name is None:
        return
    ending = "." + name.rpartition(".")[2].lower()
    said = FORMAT_OF_ENDING.get(ending)
    found = "JPEG" if found == "MPO" else found  # a camera's JPEG with a second picture behind the first
    if said is not None and found != said:
        right = next((ending for ending, known in FORMAT_OF_ENDING.items() if known == found), "another")
        raise UnreadableError(f"is {found}, not {said} as its ending {ending} says; name it {right}")


def _orientation(picture: Image.Image) -> int:
    """1 to 8 as EXIF has it; 1: upright."""
    info = picture.info
    if "exif" not in info and "Raw profile type exif" not in info and picture.format not in ("TIFF", "WEBP"):
        return 1
    value: Any = picture.getexif().get(ORIENTATION, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _upright(picture: Image.Image) -> Image.Image:
    from PIL import Image

    orientation = _orientation(picture)
    if orientation == 1:
        return picture
    turn = Image.Transpose
    turns = {
        2: turn.FLIP_LEFT_RIGHT,
        3: turn.ROTATE_180,
        4: turn.FLIP_TOP_BOTTOM,
        5: turn.TRANSPOSE,
        6: turn.ROTATE_270,
        7: turn.TRANSVERSE,
        8: turn.ROTATE_90,
    }
    return picture.transpose(turns[orientation])


def _plain(picture: Image.Image, mode: str) -> Image.Image:
    """Any mode -> "L" or "RGB": transparent parts on white, 16 bits to 8."""
    if picture.mode == mode and "transparency" not in picture.info:
        return picture
    from PIL import Image

    if picture.mode.startswith("I"):
        values = np.asarray(picture).astype(np.int64)
        if values.size and (values.min() < 0 or values.max() > 65535):
            raise UnreadableError(
                "has whole numbers beyond 16 bits as pixels, whose range is not known; save it with 8"
            )
        picture = Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))
    elif picture.mode == "F":
        raise UnreadableError("has real numbers as pixels, whose range is not known; save it with 8 bits")
    if "transparency" in picture.info or picture.mode in ("LA", "La", "PA", "RGBA", "RGBa"):
        coloured = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", coloured.size, "white"), coloured)
    return picture.convert(mode)
