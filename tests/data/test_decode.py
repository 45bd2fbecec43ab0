"""One picture from its bytes: every kind of file comes out right, and every kind of damage is said."""

from __future__ import annotations

import io
import struct
import zlib
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image

from nntrain.data.pictures.decoding import FORMAT_OF_ENDING, Look, UnreadableError, decode, facts, fitted, pillow

COLOUR = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
GREY = COLOUR[:, :, 0]


def saved(picture: Image.Image, form: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


LOOK = Look(6, 8, 3)


def decoded(content: bytes, look: Look = LOOK, name: str | None = None) -> np.ndarray:
    with pillow():
        return decode(content, look, name)


def said(content: bytes, look: Look = LOOK, name: str | None = None) -> str:
    with pytest.raises(UnreadableError) as error:
        decoded(content, look, name)
    return str(error.value)


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "PPM", "WEBP"])
def test_a_lossless_picture_is_its_pixels(form: str) -> None:
    content = saved(Image.fromarray(COLOUR), form, **({"lossless": True} if form == "WEBP" else {}))
    assert np.array_equal(decoded(content), COLOUR.transpose(2, 0, 1))


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "PPM", "GIF"])
def test_grey_is_one_channel_or_three_alike(form: str) -> None:
    content = saved(Image.fromarray(GREY), form)
    assert np.array_equal(decoded(content, Look(6, 8, 1)), GREY[None])
    assert np.array_equal(decoded(content), np.stack([GREY] * 3))


def test_a_jpeg_is_what_pil_makes_of_it() -> None:
    content = saved(Image.fromarray(COLOUR), "JPEG")
    assert np.array_equal(decoded(content), np.asarray(Image.open(io.BytesIO(content))).transpose(2, 0, 1))


def test_colour_becomes_grey_by_luminance() -> None:
    expected = np.asarray(Image.fromarray(COLOUR).convert("L"))
    assert np.array_equal(decoded(saved(Image.fromarray(COLOUR)), Look(6, 8, 1))[0], expected)


RED = np.zeros((2, 2, 3), np.uint8) + np.array([255, 0, 0], np.uint8)
ONE_RED = Image.fromarray(RED)


def test_a_palette_is_its_colours() -> None:
    assert decoded(saved(ONE_RED.quantize(4)), Look(2, 2, 3))[:, 0, 0].tolist() == [255, 0, 0]


def test_sixteen_bits_become_eight_of_the_same_shade() -> None:
    for form in ("PNG", "TIFF"):
        deep = Image.fromarray(np.array([[0, 257, 32896], [65535, 128 * 257, 300]], np.uint16))
        assert decoded(saved(deep, form), Look(2, 3, 1))[0].tolist() == [[0, 1, 128], [255, 128, 1]], form
    netpbm = b"P5 3 1 65535\n" + struct.pack(">3H", 0, 32896, 65535)
    assert decoded(netpbm, Look(1, 3, 1))[0].tolist() == [[0, 128, 255]]


def test_one_bit_is_black_and_white() -> None:
    assert decoded(saved(Image.fromarray(np.array([[True, False]]))), Look(1, 2, 1))[0].tolist() == [[255, 0]]


def test_what_is_transparent_lies_on_white() -> None:
    clear = np.zeros((1, 3, 4), np.uint8)
    clear[0, :, 3] = (0, 255, 128)
    for content in (saved(Image.fromarray(clear)), saved(Image.fromarray(clear), "TIFF")):
        assert decoded(content, Look(1, 3, 3))[0, 0].tolist() == [255, 0, 127]
    grey = Image.fromarray(clear[:, :, 2:])
    assert grey.mode == "LA"
    assert decoded(saved(grey), Look(1, 3, 1))[0, 0].tolist() == [255, 0, 127]
    keyed = saved(Image.fromarray(np.array([[7, 9]], np.uint8)), transparency=7)
    assert decoded(keyed, Look(1, 2, 1))[0, 0].tolist() == [255, 9]
    palette = ONE_RED.quantize(2)
    assert decoded(saved(palette, transparency=palette.getpixel((0, 0))), Look(2, 2, 3)).min() == 255


def test_cmyk_is_the_colour_it_prints() -> None:
    paper = decoded(saved(Image.new("CMYK", (16, 16), (0, 0, 0, 0)), "JPEG"), Look(16, 16, 3))
    cyan = decoded(saved(Image.new("CMYK", (16, 16), (255, 0, 0, 0)), "JPEG"), Look(16, 16, 3))
    assert paper.min() > 250
    assert cyan[:, 0, 0].tolist() == pytest.approx([0, 255, 255], abs=5)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_exif_says_which_side_is_up(form: str, orientation: int) -> None:
    from PIL import ImageOps

    exif = Image.Exif()
    exif[274] = orientation
    options = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}.get(form, {})
    content = saved(Image.fromarray(COLOUR), form, exif=exif, **options)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content)))).transpose(2, 0, 1)
    height, width = expected.shape[1:]
    assert (height, width) == ((8, 6) if orientation >= 5 else (6, 8))
    assert np.array_equal(decoded(content, Look(height, width, 3, exact=True)), expected)
    with pillow():
        assert facts(content, 1000) == (height, width, False)


def test_of_a_moving_picture_the_first_frame_counts() -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    content = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decoded(content, Look(4, 4, 3))[:, 0, 0].tolist() == [255, 0, 0]


HALVES = np.zeros((4, 8, 3), np.uint8)
HALVES[:, :2], HALVES[:, 6:] = 255, 100


def test_crop_takes_the_middle() -> None:
    assert decoded(saved(Image.fromarray(HALVES)), Look(4, 4, 3, "crop")).max() == 0
    tall = Image.fromarray(HALVES.transpose(1, 0, 2))
    assert decoded(saved(tall), Look(4, 4, 3, "crop")).max() == 0


def test_pad_keeps_everything_on_black() -> None:
    padded = decoded(saved(Image.new("RGB", (8, 4), "white")), Look(4, 4, 3, "pad"))
    assert padded[0].tolist() == [[0] * 4, [255] * 4, [255] * 4, [0] * 4]


def test_stretch_and_crop_are_pils() -> None:
    from PIL import ImageOps

    picture = Image.fromarray(COLOUR)
    stretched = np.asarray(picture.resize((5, 3), Image.Resampling.BILINEAR)).transpose(2, 0, 1)
    assert np.array_equal(decoded(saved(picture), Look(3, 5, 3, "stretch")), stretched)
    cropped = np.asarray(ImageOps.fit(picture, (3, 5), Image.Resampling.BILINEAR)).transpose(2, 0, 1)
    assert np.array_equal(decoded(saved(picture), Look(5, 3, 3, "crop")), cropped)


def test_a_large_jpeg_decoded_at_a_fraction_is_nearly_the_same() -> None:
    y, x = np.mgrid[0:512, 0:768]
    smooth = np.stack([127 + 100 * np.sin(x / 90), 127 + 100 * np.cos(y / 70), x / 3], -1).astype(np.uint8)
    content = saved(Image.fromarray(smooth), "JPEG", quality=95)
    whole = fitted(Image.open(io.BytesIO(content)), Look(32, 32, 3))
    assert np.abs(decoded(content, Look(32, 32, 3)).astype(int) - whole).max() <= 6


def test_a_picture_given_as_an_image_is_treated_as_its_file() -> None:
    picture = Image.fromarray(COLOUR)
    assert np.array_equal(fitted(picture, Look(3, 3, 1)), decoded(saved(picture), Look(3, 3, 1)))


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is that large."""

    def part(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", zlib.compress(b"")) + part(b"IEND", b"")


WHOLE_JPEG = saved(Image.fromarray(np.tile(COLOUR, (9, 9, 1))), "JPEG")
DAMAGED = {
    "empty": (b"", "cannot be read as a picture: it is empty"),
    "text": (b"hello", "cannot be read as a picture: what it holds is none of JPEG, PNG, GIF, BMP, WEBP, TIFF, PPM"),
    "half a JPEG": (WHOLE_JPEG[: len(WHOLE_JPEG) // 2], "cannot be read as a picture: image file is truncated"),
    "half a PNG": (saved(Image.fromarray(COLOUR))[:100], "cannot be read as a picture: "),
    "a bomb": (bomb(100_000, 100_000), "has 100000 x 100000 = 10,000,000,000 pixels, more than data.max_pixels="),
    "real numbers": (saved(Image.new("F", (8, 6)), "TIFF"), "has real numbers as pixels"),
    "32 bits": (saved(Image.new("I", (8, 6), 1 << 20), "TIFF"), "has whole numbers beyond 16 bits as pixels"),
    "another format": (saved(Image.new("RGB", (8, 6)), "PCX"), "what it holds is none of"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_what_is_no_picture_is_said(case: str) -> None:
    content, expected = DAMAGED[case]
    assert expected in said(content)


@pytest.mark.parametrize("ending", FORMAT_OF_ENDING)
def test_an_ending_that_is_not_true_is_said(ending: str) -> None:
    other = "PNG" if FORMAT_OF_ENDING[ending] != "PNG" else "BMP"
    content = saved(Image.fromarray(COLOUR), other)
    assert said(content, name=f"cat/1{ending.upper()}") == (
        f"is {other}, not {FORMAT_OF_ENDING[ending]} as its ending {ending} says; name it .{other.lower()}"
    )
    assert np.array_equal(decoded(content), COLOUR.transpose(2, 0, 1)), "without a name the content decides"


def test_the_limit_of_pixels_is_ours_and_pils_is_back_afterwards() -> None:
    before = Image.MAX_IMAGE_PIXELS
    small = Look(6, 8, 3, max_pixels=47)
    assert said(saved(Image.fromarray(COLOUR)), small).startswith("has 8 x 6 = 48 pixels, more than data.max_pixels=47")
    assert before == Image.MAX_IMAGE_PIXELS


def test_where_no_size_is_asked_for_another_one_is_said() -> None:
    content = saved(Image.fromarray(COLOUR))
    assert said(content, Look(5, 5, 3, exact=True)) == "is 8 x 6, the first is 5 x 5"
    assert said(content, Look(6, 8, 1, all_grey=True)) == "is in colour"


def test_random_damage_is_never_anything_but_said() -> None:
    rng = np.random.default_rng(1)
    files = [saved(Image.fromarray(COLOUR), form) for form in ("JPEG", "PNG", "GIF", "TIFF", "WEBP", "BMP", "PPM")]
    with pillow():
        for content in files:
            for _ in range(30):
                bytes_ = bytearray(content)
                for place in rng.integers(0, len(bytes_), 4):
                    bytes_[place] = rng.integers(0, 256)
                with suppress(UnreadableError):
                    assert decode(bytes(bytes_), Look(4, 4, 3)).shape == (3, 4, 4)
