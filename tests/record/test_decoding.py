"""How far decoding is: a bar where there is a terminal, a line elsewhere, nothing when quiet."""

from __future__ import annotations

import io

import pytest

from nntrain.record import decoding
from nntrain.record.decoding import DecodingBar, decoding_bar


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "PATIENCE", -1.0)


def test_without_a_terminal_it_is_said_once() -> None:
    out = io.StringIO()
    with decoding_bar(out) as bar:
        for done in (0, 512, 1024, 60_000):
            bar(done, 60_000)
    assert out.getvalue() == "decoding 60,000 pictures, once; later starts find them in the cache\n"
    out = io.StringIO()
    with decoding_bar(out) as bar:
        bar(512, None)
    assert out.getvalue().startswith("decoding pictures, once; ")


def test_what_is_soon_done_is_not_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "PATIENCE", 10.0)
    out = io.StringIO()
    with decoding_bar(out) as bar:
        bar(10, 20)
    assert out.getvalue() == ""


def test_quiet_says_nothing() -> None:
    out = io.StringIO()
    with decoding_bar(out, quiet=True) as bar:
        bar(10, 20)
    assert out.getvalue() == ""


def test_the_bar_shows_count_share_and_what_is_left() -> None:
    bar = DecodingBar(io.StringIO(), live=True)
    bar(15_000, 60_000)
    view = bar._view().plain
    bar.close()
    assert view.startswith("decoding  15,000 / 60,000  ━━━━━━━━─")
    assert " 25%  " in view
    assert view.endswith(" left")


def test_of_an_archive_the_bar_shows_what_is_done() -> None:
    bar = DecodingBar(io.StringIO(), live=True)
    bar(1500, None)
    view = bar._view().plain
    bar.close()
    assert view.startswith("decoding  1,500 pictures  ")


def test_the_bar_is_gone_at_the_end() -> None:
    bar = DecodingBar(io.StringIO(), live=True)
    bar(10, 20)
    assert bar.display.on
    bar(20, 20)
    assert not bar.display.on
    with decoding_bar(io.StringIO()) as bar:
        bar(10, 20)
    assert not bar.display.on


def test_whoever_must_be_asked_may_end_it() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), decoding_bar(io.StringIO(), before=stop) as bar:
        bar(0, 20)
