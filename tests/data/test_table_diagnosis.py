"""Why a delimited file is no table: the first row of another width is named, however the file is written."""

from __future__ import annotations

import pytest

from nntrain.data.tables.diagnosis import check_short_rows, diagnosis
from nntrain.data.tables.sniffing import Dialect
from nntrain.errors import UserError


@pytest.fixture
def written(tmp_path):
    """Write a file and say how it is written: (path, encoding, dialect)."""

    def written(content: str, *, header: bool = True):
        path = tmp_path / "t.csv"
        path.write_text(content, newline="")
        names = tuple(content.partition("\n")[0].strip().split(","))
        return path, "utf-8", Dialect(",", header, names, skip=int(header))

    return written


SHORT = {
    "in the middle": ("a,b,c\n1,2,3\n1,2\n4,5,6\n", "line 3 has 2 fields, the header has 3"),
    "at the end": ("a,b,c\n1,2,3\n4,5", "line 3 has 2 fields, the header has 3"),
    "at the beginning": ("a,b,c\n1,2\n4,5,6\n", "line 2 has 2 fields, the header has 3"),
    "among missing values": ("a,b\n1,\n2,\n3\n", "line 4 has 1 field, the header has 2"),
    "among quotes": ('a,b\n"x,y",1\n"z"\n', "line 3 has 1 field, the header has 2"),
}


@pytest.mark.parametrize("where", SHORT)
def test_a_short_row_is_named(written, where):
    content, said = SHORT[where]
    with pytest.raises(UserError, match=rf"t.csv: {said}"):
        check_short_rows(*written(content))


@pytest.mark.parametrize("content", ["a,b\n1,2\n\n3,4\n", "a,b\r\n1,2\r\n\r\n3,4", "a\n1\n\n2\n", 'a,b\n"x,y",1\n'])
def test_blank_lines_and_quoted_separators_are_no_short_rows(written, content):
    check_short_rows(*written(content))


def test_a_long_row_is_named_before_what_the_reader_says(written):
    said = diagnosis(*written("1,2\n3,4\n1,2,3\n", header=False), "could not parse")
    assert said.endswith("t.csv: line 3 has 3 fields, line 1 has 2")


def test_what_no_row_explains_is_said_as_the_reader_says_it(written):
    assert diagnosis(*written("a,b\n1,2\n"), "no luck\nat all").endswith("t.csv: cannot be read as a table: no luck")
