"""Values that cannot be read, and sweeps that hold none or too many: where, and how it is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from nntrain.config.words import read_word
from nntrain.errors import UserError

FUNCTIONS = "(functions: choice, range, interval, glob, shuffle, sort, tag)"
MISTAKES = {
    # a value that is missing
    "optimizer.lr=0.1,,0.2": "0.1,,0.2 cannot be read: a value is missing after '0.1,'",
    "optimizer.lr=0.1,": "0.1, cannot be read: a value is missing after '0.1,'",
    "optimizer.lr=,0.1": ",0.1 cannot be read: a value is missing before ',0.1'",
    "optimizer.lr=choice(0.1,,0.2)": "choice(0.1,,0.2) cannot be read: a value is missing after 'choice(0.1,'",
    "model.widths=[4,]": "[4,] cannot be read: a value is missing after '[4,'",
    "optimizer=adam,,sgd": "adam,,sgd cannot be read: a value is missing after 'adam,'",
    "config=iris,": "iris, cannot be read: a value is missing after 'iris,'",
    "name='a,',,b": "'a,',,b cannot be read: a value is missing after ''a,','; a text with special characters needs "
    "quotes inside those of the shell: \"name='a (b)'\"",
    # a function that there is none of, or that takes other things
    "optimizer.lr=intervall(1e-4,0.1)": "intervall(1e-4,0.1) cannot be read: there is no function 'intervall'; did you "
    f"mean 'interval(LOW, HIGH)'? {FUNCTIONS}",
    "optimizer.lr=Interval(1e-4,0.1)": "did you mean 'interval(LOW, HIGH)'?",
    "optimizer.lr=uniform(1e-4,0.1)": "there is no function 'uniform'; did you mean 'interval(LOW, HIGH)'?",
    "optimizer.lr=loguniform(1e-4,0.1)": "did you mean 'tag(log, interval(LOW, HIGH))'?",
    "seed=xyz(3)": f"xyz(3) cannot be read: there is no function 'xyz' {FUNCTIONS}",
    "optimizer.lr=interval(1e-4)": "interval(1e-4) cannot be read: interval is written interval(LOW, HIGH)",
    "seed=range(a)": "range(a) cannot be read: range is written range(START, STOP, STEP)",
    "name=range(a)": "range(a) cannot be read: range is written range(START, STOP, STEP) (command line",
    "time_limit=choice(null,3)": "choice(null,3) cannot be read: choice() takes no null; write null,3 (command line",
    "name=sort(b, NULL)": "sort(b, NULL) cannot be read: sort() takes no null; write b, NULL (command line",
    # brackets and quotes
    "optimizer.lr=choice(0.1,0.2": "choice(0.1,0.2 cannot be read: '(' is not closed",
    "optimizer.lr=choice(0.1,0.2))": "choice(0.1,0.2)) cannot be read: ')' closes no '('",
    "model.widths=[4)": "[4) cannot be read: ')' closes no '('",
    'seed=choice("1,2)': 'choice("1,2) cannot be read: the quote " is not closed',
    "seed=(1,2)": "(1,2) cannot be read: write several values without brackets: 1,2",
    "seed={1,2}": "{1,2} cannot be read: write several values without brackets: 1,2",
    # no values, or too many
    "seed=choice()": "choice() has no values",
    "seed=range(4,1)": "range(4,1) has no values: steps of 1 do not lead from 4 to 1",
    "seed=range(1,3,-1)": "range(1,3,-1) has no values: steps of -1 do not lead from 1 to 3",
    "seed=range(0)": "range(0) has no values: it ends where it begins, and the end is not part of it",
    "seed=range(1,3,0)": "range(1,3,0): steps of 0 lead nowhere",
    "seed=range(inf)": "range(inf) has no end; a range goes from one number to another",
    "seed=range(1e9)": "range(1e9) has 1,000,000,000 values, and a sweep takes 100,000; or draw from "
    "interval(LOW, HIGH)",
    "optimizer.lr=interval(0.1,1e-4)": "interval(0.1,1e-4): the first end must be below the second",
    "optimizer.lr=interval(0.1,0.1)": "interval(0.1,0.1): the first end must be below the second",
    # scales
    "optimizer.lr=tag(lgo,interval(0.1,1))": "tag(lgo,interval(0.1,1)): unknown tag 'lgo'; did you mean 'log'? "
    "(choices: log)",
    "optimizer.weight_decay=tag(log,interval(0,0.1))": "tag(log,interval(0,0.1)): what is drawn over orders of "
    "magnitude must begin above 0",
    "model.width=tag(log,range(0,64))": "must begin above 0",
    "model.width=tag(log,range(8,64,8))": "tag(log,range(8,64,8)): what is drawn over orders of magnitude has no step; "
    "write tag(log, interval(...))",
    "model.width=tag(log,choice(8,64))": "tag(log,choice(8,64)) lists values, which have no scale; log goes with "
    "interval() and range()",
}


@pytest.mark.parametrize("word", MISTAKES)
def test_what_is_wrong_with_a_value_is_said(word: str) -> None:
    with pytest.raises(UserError) as caught:
        read_word(word, Path.cwd())
    (said,) = caught.value.problems
    assert MISTAKES[word] in said
    assert said.startswith(f"{word.partition('=')[0]}: ")
    assert said.endswith(f" (command line: {word})")


TEXTS = {"data.separator=,": ",", "name=1;2": "1;2", "name='a,'": "a,"}


@pytest.mark.parametrize("word", TEXTS)
def test_a_text_may_hold_what_the_grammar_has_no_use_for(word: str) -> None:
    assert read_word(word, Path.cwd()).values == (TEXTS[word],)


def test_a_long_range_that_is_within_bounds_is_read() -> None:
    assert len(read_word("seed=range(100000)", Path.cwd()).values) == 100_000
