"""Files as people have them: how they are written is found out, and every way they can be broken is named."""

from __future__ import annotations

import gzip

import pytest

from nntrain.data.tables.delimited import read_delimited
from nntrain.errors import UserError


@pytest.fixture
def read(tmp_path):
    def read(content: bytes | str, **settings):
        path = tmp_path / "t.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        frame, dialect = read_delimited(path, **settings)
        return {name: frame[name].to_list() for name in frame.columns}, dialect

    return read


GOOD = {
    "a header over numbers": ("a,b\n1,2\n", {"a": [1.0], "b": [2.0]}),
    "no header": ("1,x\n2,y\n", {"0": [1.0, 2.0], "1": ["x", "y"]}),
    "a header over texts": ("name,city\nann,rome\nbob,rome\n", {"name": ["ann", "bob"], "city": ["rome", "rome"]}),
    "texts without a header": ("yes,no\nno,no\nyes,yes\n", {"0": ["yes", "no", "yes"], "1": ["no", "no", "yes"]}),
    "semicolons, commas inside": ("a;b\nx, y;2\n", {"a": ["x, y"], "b": [2.0]}),
    "decimal commas": ("a;b\n1,5;x\n-2,25;y\n3;z\n", {"a": [1.5, -2.25, 3.0], "b": ["x", "y", "z"]}),
    "tabs": ("a\tb\n1\t2\n", {"a": [1.0], "b": [2.0]}),
    "bars": ("a|b\n1|2\n", {"a": [1.0], "b": [2.0]}),
    "spaces after commas": ("a, b\n 1, x\n 2,y \n", {"a": [1.0, 2.0], "b": ["x", "y"]}),
    "quoted text": ('a,b\n1,"x, ""y""\nz"\n', {"a": [1.0], "b": ['x, "y"\nz']}),
    "quotes after spaces": ('a, b\n1, "x, y"\n', {"a": [1.0], "b": ["x, y"]}),
    "marks of missing values": (
        "a,b\n?,NA\n1, N/A\nNaN,x\nnull,\n2,y\n",
        {"a": [None, 1, None, None, 2], "b": [None, None, "x", None, "y"]},
    ),
    "blank lines": ("\na,b\n\n1,2\n\n3,4\n\n", {"a": [1.0, 3.0], "b": [2.0, 4.0]}),
    "carriage returns": ("a,b\r\n1,2\r\n", {"a": [1.0], "b": [2.0]}),
    "a byte order mark": (b"\xef\xbb\xbfa,b\n1,2\n", {"a": [1.0], "b": [2.0]}),
    "gzip": (gzip.compress(b"a,b\n1,2\n"), {"a": [1.0], "b": [2.0]}),
    "empty and repeated names": ("a,,a\n1,2,3\n", {"a": [1.0], "unnamed_1": [2.0], "a_2": [3.0]}),
    "zero-padded codes": ("zip,n\n02134,1\n10001,2\n", {"zip": ["02134", "10001"], "n": [1.0, 2.0]}),
    "odd line separators in texts": ("a,b\nx\u2028y,1\n", {"a": ["x\u2028y"], "b": [1.0]}),
    "one column": ("a\n1\n2\n", {"a": [1.0, 2.0]}),
    "exponents and signs": ("a,b\n1e3,+2\n-1.5E-2,.5\n", {"a": [1000.0, -0.015], "b": [2.0, 0.5]}),
    "a header of two lines": ('"a\nx",b\n1,2\n', {"a\nx": [1.0], "b": [2.0]}),
}


@pytest.mark.parametrize("case", GOOD)
def test_how_a_file_is_written_is_found_out(read, case):
    content, expected = GOOD[case]
    assert read(content)[0] == expected


def test_a_text_far_below_turns_the_column_into_text(read):
    values, _ = read("a,b\n" + "1,2\n" * 5000 + "x,3\n")
    assert values["a"][-1] == "x"
    assert values["a"][0] == "1"


def test_settings_overrule_what_would_be_found(read):
    assert read("1,2\n3,4\n", header=True)[0] == {"1": [3.0], "2": [4.0]}
    assert read("a,b\nc,d\n", header=False)[0] == {"0": ["a", "c"], "1": ["b", "d"]}
    assert read("a;b,c\n1;2,3\n", separator=",")[1].names == ("a;b", "c")
    assert read("a,b\n-999,2\n1,none\n", missing=["-999", "none"])[0] == {"a": [None, 1.0], "b": [2.0, None]}
    assert read("a,b\n1,2\n", text={"a"})[0] == {"a": ["1"], "b": [2.0]}
    assert read("x,y\nx,z\n", known={"y"})[1].header


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-8"])
def test_encodings(read, encoding):
    assert read("a,b\n1,café\n".encode(encoding), encoding=encoding)[0] == {"a": [1.0], "b": ["café"]}


BAD = {
    "empty": ("", r"t.csv: is empty"),
    "only blank lines": ("\n\n  \n", r"t.csv: is empty"),
    "only a header": ("a,b\n", r"t.csv: has a header but no rows"),
    "a short row": ("a,b,c\n1,2,3\n1,2\n4,5,6\n", r"t.csv: line 3 has 2 fields, the header has 3"),
    "a long row": ("a,b\n1,2\n1,2,3\n", r"t.csv: line 3 has 3 fields, the header has 2"),
    "an open quote": ('a,b\n1,"x\n2,y\n', r"t.csv: a quoted text is never closed"),
    "binary": (b"a,b\n\x00\x01\x02,3\n", r"t.csv: is a binary file, not a table of text"),
    "a spreadsheet": (b"PK\x03\x04rest", r"t.csv: is a zip archive or spreadsheet .* save it as CSV"),
    "latin-1": (
        b"a,b\n1,x\n2,caf\xe9\n",
        r"t.csv: line 3 is not UTF-8 \(byte 0xe9\); set data.encoding, for instance latin-1",
    ),
    "latin-1 far below": (
        b"a,b\n" + b"1,x\n" * 100_000 + b"2,caf\xe9\n",
        r"t.csv: line 100002 is not UTF-8 \(byte 0xe9\)",
    ),
    "utf-16": ("a,b\n1,2\n".encode("utf-16"), r"t.csv: is UTF-16, not UTF-8; set data.encoding=utf-16"),
    "half a gzip": (gzip.compress(b"a,b\n1,2\n" * 1000)[:-20], r"t.csv: is no whole gzip file"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_broken_file_is_named_in_one_line(read, case):
    content, said = BAD[case]
    with pytest.raises(UserError, match=said) as caught:
        read(content)
    assert "\n" not in str(caught.value)


def test_an_unknown_encoding_is_named(read):
    with pytest.raises(UserError, match=r"data.encoding: unknown encoding 'utf-9'"):
        read("a,b\n1,2\n", encoding="utf-9")
