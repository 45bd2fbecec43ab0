"""Pickles of plain arrays are read; whatever could run code is refused, and nothing of it is run."""

from __future__ import annotations

import codecs
import pickle
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nntrain.data.vision.plain_pickle import read_plain_pickle
from nntrain.errors import UserError


def read(tmp_path: Path, content: bytes) -> dict:
    path = tmp_path / "batch"
    path.write_bytes(content)
    return read_plain_pickle(path)


BATCH = {
    b"data": np.random.default_rng(0).integers(0, 256, size=(4, 3072), dtype=np.uint8),
    b"labels": [3, 1, 4, 1],
    b"filenames": [b"cat_s_000001.png", b"leptodactylus_s_000004.png"],
    b"batch_label": b"training batch 1 of 5",
    "share": 0.25,
    "shuffled": (True, False, None),
    "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "big": np.arange(5, dtype=">i4"),
    "long": 1 << 70,
}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_batch_is_read_from_every_protocol(tmp_path, protocol):
    found = read(tmp_path, pickle.dumps(BATCH, protocol=protocol))
    assert list(found) == [key.decode() if isinstance(key, bytes) else key for key in BATCH]
    for key in ("data", "columns", "big"):
        expected = BATCH[key.encode() if key == "data" else key]
        assert np.array_equal(found[key], expected)
    assert found["labels"] == [3, 1, 4, 1]
    assert found["filenames"] == ["cat_s_000001.png", "leptodactylus_s_000004.png"]
    assert (found["batch_label"], found["share"], found["long"]) == ("training batch 1 of 5", 0.25, 1 << 70)
    assert found["shuffled"] == (True, False, None)


def test_a_batch_of_python_2_as_it_was_published(tmp_path):
    """cPickle of Python 2 wrote text as bytes, and numpy by its old name; so are the files of cs.toronto.edu."""
    pixels = bytes(range(12))
    content = (
        b"\x80\x02}q\x01(U\x0bbatch_labelq\x02U\x05batchq\x03U\x06labelsq\x04]q\x05(K\x06K\x09e"
        b"U\x04dataq\x06cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08K\x00\x85U\x01b\x87Rq\x09"
        b"(K\x01K\x02K\x06\x86cnumpy\ndtype\nq\x0aU\x02u1K\x00K\x01\x87Rq\x0b(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff"
        b"\xff\xffK\x00tb\x89T\x0c\x00\x00\x00" + pixels + b"tbu."
    )
    found = read(tmp_path, content)
    assert np.array_equal(found["data"], np.frombuffer(pixels, np.uint8).reshape(2, 6))
    assert (found["labels"], found["batch_label"]) == ([6, 9], "batch")


@settings(deadline=None, max_examples=40)
@given(
    hnp.arrays(
        st.sampled_from(["u1", "<i8", ">i2", "f4", ">f8", "?"]), hnp.array_shapes(min_dims=1, max_dims=4, max_side=5)
    ),
    st.sampled_from([2, 4, 5]),
)
def test_any_array_of_numbers_comes_back(tmp_path_factory, array, protocol):
    found = read(tmp_path_factory.mktemp("pickle"), pickle.dumps({"x": array}, protocol=protocol))["x"]
    assert found.shape == array.shape
    assert found.astype(array.dtype).tobytes() == array.tobytes()


class Call:
    """Pickles into a call of a function."""

    def __init__(self, function, *given):
        self.made = (function, given)

    def __reduce__(self):
        return self.made


class Thing:
    pass


REFUSED = {
    "a call": (Call(open, "owned", "w"), r"asks for \w+\.open"),
    "a module of the system": (b"cposix\nsystem\n(S'touch owned'\ntR.", "asks for posix.system"),
    "an object": (Thing(), "asks for copyreg._reconstructor|asks for .*Thing"),
    "a call of what may only be named": (Call(np.ndarray, (2,)), "calls ndarray"),
    "an array of objects": (np.array([Thing()], dtype=object), "holds an array of type 'O8', not of numbers"),
    "an array of text": (np.array(["a", "b"]), "holds an array of type 'U1', not of numbers"),
    "a set": ({1, 2}, r"has the operation EMPTY_SET|asks for __builtin__.set"),
    "an extension code": (b"\x80\x02\x82\x01.", "has the operation EXT1"),
    "a persistent id": (b"\x80\x02U\x01aQ.", "has the operation BINPERSID"),
    "an instance of old": (b"(ios\nsystem\n.", "has the operation INST"),
}


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("case", REFUSED)
def test_what_could_run_is_refused_and_not_run(tmp_path, monkeypatch, case, protocol):
    monkeypatch.chdir(tmp_path)
    value, text = REFUSED[case]
    content = value if isinstance(value, bytes) else pickle.dumps({"data": value}, protocol=protocol)
    with pytest.raises(UserError, match=rf"batch: refused, and nothing of it was run: .* this pickle ({text})"):
        read(tmp_path, content)
    assert not (tmp_path / "owned").exists()


def test_a_codec_other_than_latin_1_is_not_called(tmp_path):
    content = pickle.dumps({"data": Call(codecs.encode, "abc", "rot13")}, protocol=2)
    assert read(tmp_path, content)["data"] == "abc"


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_a_batch_cut_short_or_damaged_is_named(tmp_path_factory, data):
    whole = pickle.dumps(BATCH, protocol=2)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(UserError, match=r"batch: is truncated, or no pickle of pictures \("):
        read(tmp_path_factory.mktemp("pickle"), whole[:cut])


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=60))
def test_any_bytes_are_data_or_named(tmp_path_factory, content):
    with suppress(UserError):
        assert isinstance(read(tmp_path_factory.mktemp("pickle"), b"\x80\x02" + content + b"."), dict)


@pytest.mark.parametrize("value", [[1, 2], "text", 3])
def test_what_is_no_mapping_is_named(tmp_path, value):
    with pytest.raises(UserError, match=r"no pickle of pictures \(a \w+ where a dict belongs\)"):
        read(tmp_path, pickle.dumps(value, protocol=2))


def test_a_list_in_itself_has_an_end(tmp_path):
    endless: list = []
    endless.append(endless)
    assert len(read(tmp_path, pickle.dumps({"labels": endless}, protocol=2))["labels"]) == 1
