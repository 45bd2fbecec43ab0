"""Every mistake of a config has one line that says where it is, what came and what to do; all are said at once."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nntrain.config.compose import compose
from nntrain.errors import UserError

Mistakes = Callable[..., list[str]]

WORDS = {
    # unknown keys, at any depth
    "optimiser=sgd": "optimiser: there is no such section or setting; did you mean 'optimizer'?",
    "optimiser.lr=1": "optimiser.lr: there is no such section or setting; did you mean 'optimizer.lr'?",
    "epoch=3": "epoch: there is no such section or setting; did you mean 'epochs'?",
    "lr=0.1": "lr: there is no such section or setting; did you mean 'optimizer.lr'?",
    "init_from=RUN": "init_from: there is no such section or setting; did you mean 'model.init_from'?",
    "unfreeze_at.epochs=1": "unfreeze_at.epochs: there is no such section or setting; "
    "did you mean 'model.unfreeze_at={epochs:...}'?",
    "optimizer.lrr=1": "optimizer.lrr: optimizer adam has no setting 'lrr'; did you mean 'optimizer.lr'?",
    "optimizer.nesterov=true": "optimizer adam has no setting 'nesterov'; optimizer muon, sgd have it",
    "optimizer.patience=3": "optimizer.patience: optimizer adam has no setting 'patience'; "
    "did you mean 'early_stopping.patience'?",
    "checkpoint.zzz=1": "checkpoint.zzz: checkpoint has no setting 'zzz' (settings: every_seconds, resumable)",
    "model.activation={name:relu,slope:1}": "model.activation: relu has no setting 'slope'",
    "model.activation.alpha=1": "model.activation.alpha: model.activation is 'relu', which has no parts; "
    "write model.activation={name:relu,alpha:1}",
    "loss.class_weights.a=2": "loss.class_weights.a: loss.class_weights is null, which has no parts; "
    "write loss.class_weights={a:2}",
    "model.width.a=2": "model.width.a: model.width is 128, which has no parts; write model.width=...",
    "seed.x=1": "seed.x: 'seed' is a single value; write seed=...",
    # choices
    "optimizer=admw": "optimizer: unknown optimizer 'admw'; did you mean 'adamw'? (choices: adadelta, ",
    "loss=mse": "loss: unknown loss 'mse'; here it is called 'squared'",
    "model=convnet": "model: unknown model 'convnet'; here it is called 'cnn'",
    "model=resnet18": "model: unknown model 'resnet18'; write model=backbone model.architecture=resnet18",
    "confg=digits": "confg: there is no such section or setting; did you mean 'config'?",
    "optimizer=mse": "optimizer: unknown optimizer 'mse' (choices: ",
    "optimizer=": "optimizer: unknown optimizer '' (choices: ",
    "optimizer=null": "optimizer: must be the name of a choice (adadelta, ",
    "optimizer=[sgd]": "; it is a list",
    "optimizer=[sgd,adam]": "; it is a list; a sweep is written optimizer=sgd,adam -m (command line",
    "data=iris": "data: unknown data 'iris'; it is a data set: write data=bundled data.dataset=iris",
    "n_trials=3": "n_trials: there is no such section or setting; did you mean 'search.n_trials'?",
    "optimizer={name:sgd}": "; it is a mapping",
    "optimizer.name=sgd": "optimizer.name: a choice is made by its group; write optimizer=sgd",
    "regularization=strong": "regularization: has no choices, only settings; leave out its name",
    # type and range
    "optimizer.lr=fast": "optimizer.lr: 'fast' is not a number above 0",
    "optimizer.lr=nan": "optimizer.lr: nan is not a number above 0",
    "optimizer.lr=[0.1,0.2]": "optimizer.lr: [0.1, 0.2] is not a number above 0; a list in brackets is one value: a "
    "sweep is written optimizer.lr=0.1,0.2 -m (command line: optimizer.lr=[0.1,0.2])",
    "seed=[1,2]": "seed: [1, 2] is not a whole number from 0 to 9,223,372,036,854,775,807; a list in brackets is one "
    "value: a sweep is written seed=1,2 -m",
    "seed=1-4": "; a sweep is written seed=range(1,5) -m (command line: seed=1-4)",
    "optimizer.lr=1..4": "; a sweep is written optimizer.lr=range(1,5) -m (command line: optimizer.lr=1..4)",
    "model.widths=4": "; a list of one is written [4] (command line: model.widths=4)",
    "model.widths=[[4],[4,4]]": "a list in brackets is one value: a sweep is written model.widths=[4],[4,4] -m (comm",
    "optimizer.lr=true": "optimizer.lr: true is not a number above 0",
    "model.dropout=1.5": "model.dropout: 1.5 is not a number of at least 0 and below 1 or a list of values",
    "model.depth=-1": "model.depth: -1 is not a whole number of at least 0",
    "epochs=2.5": "epochs: 2.5 is not a whole number of at least 1",
    "device=gpu": "device: 'gpu' is not a device: auto, cpu, cuda",
    "batch_size=fulll": "batch_size: unknown batch size 'fulll'; did you mean 'full'?",
    "run_dir=a\0b": "run_dir: 'a\\x00b' is not a folder",
    "config=a\0b": "config: there is no recipe 'a\0b'",
    "config=~nobody-at-all/a.yaml": "config: there is no file '~nobody-at-all/a.yaml'",
    "quiet=yes": "quiet: 'yes' is not true or false",
    "name=": "name: '' is not a name for the run",
    # the grammar
    "key": "'key' is not understood; settings are written key=value (see: nntrain fit --help)",
    "iris.yaml": "'iris.yaml' is not understood; did you mean 'config=iris.yaml'?",
    "digits": "'digits' is not understood; did you mean 'config=digits'?",
    "=3": "'=3' is not understood",
    "seed": "'seed' is not understood; settings are written key=value: seed=...",
    "iris,wine": "'iris,wine' is not understood; did you mean 'config=iris,wine'?",
    "model.widths=[1,2": "model.widths: [1,2 cannot be read: '[' is not closed (command line: model.widths=[1,2)",
    "model.dropout=range(1": "model.dropout: range(1 cannot be read: '(' is not closed",
    "name=a (b)": "name: a (b) cannot be read: there is no function 'a' (functions: choice, range, interval, glob, "
    "shuffle, sort, tag); a text with special characters needs quotes inside those of the shell: \"name='a (b)'\"",
    "+optimizer.x=1": "optimizer.x: nothing can be added to or taken from a config; write it without '+'",
    "++seed=1": "seed: nothing can be added to or taken from a config; write it without '+'",
    "~model": "model: nothing can be added to or taken from a config; write it without '~'",
    "optimizer.lr=0.1,0.2": "optimizer.lr=0.1,0.2: several values make a sweep: add -m",
    "optimizer=adam,sgd": "optimizer=adam,sgd: several values make a sweep: add -m",
    "config=digits,other": "config=digits,other: several values make a sweep: add -m",
    "seed=range(3)": "seed=range(3): several values make a sweep: add -m",
    "optimizer.lr=interval(0,1)": "optimizer.lr=interval(0,1): several values make a sweep: add -m",
    "hydra/launcher=joblib": "hydra/launcher=joblib: sets up a sweep; add -m",
    # references
    "model.depth=${nope}": "model.depth: Interpolation key 'nope' not found",
    "model.activation={name:elu,alpha:${nope}}": "model.activation: Interpolation key 'nope' not found",
    "seed=${nope}": "seed: Interpolation key 'nope' not found",
    "optimizer.lr=${nope}": "optimizer.lr: Interpolation key 'nope' not found",
    "optimizer.lr=${optimizer.lr}": "optimizer.lr: Recursive interpolation detected",
    "optimizer.lr=${a b}": "optimizer.lr: token recognition error",
    "optimizer.lr='???'": "optimizer.lr: must be given a value",
    # nothing in a config may call Python code
    "_target_=os.system": "_target_: is refused: a config names its parts by 'name'",
    "model._target_=os.system": "model._target_: is refused: a config names its parts by 'name'",
    "model.activation._target_=os.system": "model.activation._target_: is refused",
    "model.activation={_target_:os.system}": "model.activation: is refused",
    "model.widths=[{a:{_target_:os.system}}]": "model.widths: is refused",
    "hydra.launcher._target_=os.system": "'_target_' is refused",
    # recipes
    "config=digts": "config: there is no recipe 'digts'; did you mean 'digits'? (recipes: ",
    "config=[iris,wine]": "config: must be the name of a recipe, or a file; it is ['iris', 'wine']; a sweep is "
    "written config=iris,wine -m (command line: config=[iris,wine])",
    "config=null": "config: must be the name of a recipe, or a file; it is null",
    "config=no/such.yaml": "config: there is no file 'no/such.yaml'",
    "config=": "config: names no recipe (recipes: adult, ",
    "config=/": "config: '/' is a folder without a config.yaml",
    "config=.": "config: '.' is a folder without a config.yaml",
    "config=" + "x" * 5000: "config: there is no recipe 'xxx",
}


@pytest.mark.parametrize("word", WORDS)
def test_a_mistake_on_the_command_line(word: str, mistakes: Mistakes) -> None:
    (said,) = mistakes(None if word.startswith("config=") else "seed: 0", word)
    assert WORDS[word] in said
    assert word in said or "not understood" in said


def test_no_name_is_no_recipe_where_a_config_yaml_lies_here(
    mistakes: Mistakes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text("seed: 0")
    (said,) = mistakes(None, "config=")
    assert said.startswith("config: names no recipe")


def test_a_name_that_another_begins_with_leads_to_it(mistakes: Mistakes) -> None:
    (said,) = mistakes("model: resnet", "model.width=8")
    assert "model resnet has no setting 'width'; did you mean 'model.width_multiplier'?" in said


def test_pictures_larger_than_any_that_is_decoded_are_refused(mistakes: Mistakes) -> None:
    (said,) = mistakes("data: {name: folder, path: a}", "data.size=[10000,100000]")
    assert said.startswith("data.size: 10000 x 100000 are 1,000,000,000 pixels, and data.max_pixels is 89,478,485")


def test_labels_are_separated_by_one_character(mistakes: Mistakes) -> None:
    (said,) = mistakes("data: {name: folder, path: a.csv}", "data.label_separator=;;")
    assert said.startswith("data.label_separator: ';;' is not one character")


def test_classes_are_at_least_two_and_each_named_once(mistakes: Mistakes) -> None:
    for given, wrong in {
        "[cat]": "['cat'] needs at least 2 entries",
        "[cat,dog,cat]": "'cat' is named more than once",
        "cat": "'cat' is not a whole number of at least 2 or a list of at least 2 values, each a class's name",
    }.items():
        (said,) = mistakes("data: {name: folder, path: a}", f"data.classes={given}")
        assert said.startswith(f"data.classes: {wrong}")


RECIPES = {
    # sections and keys
    "modell: {}": "modell: there is no such section or setting; did you mean 'model'? (mine.yaml, line 1)",
    "\n\nmodel: {dpth: 3}": "model mlp has no setting 'dpth'; did you mean 'model.depth'? (mine.yaml, line 3)",
    "model:\n  name: mlp\n  1: 2": "model.1: model mlp has no setting '1' (settings: depth, ",
    "optimizer.lr: 3": "there is no such section or setting; in a recipe it is written optimizer: {lr: ...}",
    "defaults: [a]": "defaults: there is no such section or setting; a recipe needs no defaults list",
    "hydra: {job: {name: x}}": "hydra: there is no such section or setting",
    "model: 3": "model: must be a section such as 'model: {name: mlp}'; it is a number (mine.yaml, line 1)",
    "model: [mlp]": "model: must be a section such as 'model: {name: mlp}'; it is a list",
    "model:": "model: must be a section such as 'model: {name: mlp}'; it is empty",
    "regularization: true": "must be a section such as 'regularization: {l1: 0.0}'; it is a truth value",
    "model: {name: }": "model: must be the name of a choice (backbone, cnn, linear, mlp, resnet); it is empty",
    "model: cnnn": "model: unknown model 'cnnn'; did you mean 'cnn'? (choices: backbone, cnn, linear, mlp, resnet)",
    "optimizer:\n  name: sdg": "optimizer: unknown optimizer 'sdg'; did you mean 'sgd'?",
    # values
    "model: {widths: [8], width: 4}": "model.width: stands beside model.widths, which gives the width of",
    "optimizer: {lr: 2026-01-31}": "optimizer.lr: '2026-01-31' is not a number above 0 (mine.yaml, line 1)",
    "optimizer: {lr: '???'}": "lr: must be given a value ('???' stands for one that is missing) (mine.yaml, line 1)",
    "loss: {class_weights: [0, 0.0]}": "loss.class_weights: every weight is 0, so there is nothing to learn",
    "optimizer: {lr: '${nope}'}": "optimizer.lr: Interpolation key 'nope' not found (mine.yaml, line 1)",
    "optimizer: {lr: !!set {a, b}}": "optimizer.lr: Value 'set' is not a supported primitive type (mine.yaml, line 1)",
    "optimizer: {lr: !!binary aGVsbG8=}": "optimizer.lr: b'hello' is not a number above 0",
    "optimizer: {lr: [0.1, 0.2]}": "optimizer.lr: [0.1, 0.2] is not a number above 0; a list in brackets is "
    "one value: what a sweep tries stands in the recipe's search: {optimizer.lr: '0.1,0.2'} (mine.yaml, line 1)",
    "model: {dropout: [0.1, 2]}": "model.dropout: entry 1: 2 is not a number of at least 0 and below 1",
    "regularization: {l2: -1}": "regularization.l2: -1 is not a number of at least 0",
    # the file
    "": "mine.yaml: is empty; a recipe has sections such as 'data:' and 'model:' (see: nntrain configs)",
    "# only a comment": "mine.yaml: is empty",
    "[1, 2]": "mine.yaml: is a list, no recipe; a recipe has sections",
    "hello": "mine.yaml: is a single value, no recipe",
    "a: [": "mine.yaml, line 1, column 5: is not valid YAML: expected the node content",
    "data:\n\tname: iris": "mine.yaml, line 2, column 1: is not valid YAML: a tab; indent by spaces",
    "a: b: c": "mine.yaml, line 1, column 5: is not valid YAML: mapping values are not allowed here",
    "seed: 1\nseed: 2": "mine.yaml, line 2: 'seed' stands twice",
    "model:\n  depth: 1\n  depth: 2": "mine.yaml, line 3: 'model.depth' stands twice",
    "? [a]\n: 1": "mine.yaml, line 1: a key must be a word",
    "seed: 1\n---\nseed: 2": "is not valid YAML: but found another document",
    b"\x00\x01\x02": "mine.yaml: is not text (character 0 is U+0000); a recipe is a YAML text file",
    b"seed: \xff": "mine.yaml: is not UTF-8 text (byte 6); a recipe is a YAML text file",
    "seed: " + "9" * 5000: "mine.yaml: is not valid YAML: Exceeds the limit",
    "[" * 5000: "mine.yaml: is not valid YAML: nested too deep",
    "#" * 1_000_001: "mine.yaml: is too large for a recipe (more than 1,000,000 bytes)",
    # traps
    "model: {_target_: os.system}": "line 1: 'model._target_' is refused: a config names its parts by 'name'",
    "model:\n  widths: [{_target_: os.system}]": "mine.yaml, line 2: 'model.widths.0._target_' is refused",
    "_target_: os.system": "mine.yaml, line 1: '_target_' is refused",
    "model: !!python/object:os.system {}": "could not determine a constructor for the tag",
    "name: " + "${device}" * 17: "mine.yaml: refers to other settings more than 16 times; refused",
    "a: &a [*a]": "mine.yaml, line 1: an alias contains itself; refused",
    "a: &a {b: {c: *a}}": "mine.yaml, line 1: an alias contains itself; refused",
    "a: &a [1,1,1,1,1,1,1,1,1,1]\n"
    + "".join(
        f"{b}: &{b} [{','.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    ): "mine.yaml: its aliases expand to more than 20,000 values; refused",
}


@pytest.mark.parametrize("text", RECIPES, ids=lambda text: repr(text[:40]))
def test_a_mistake_in_a_recipe(text: str | bytes, mistakes: Mistakes) -> None:
    (said,) = mistakes(text)
    assert RECIPES[text] in said


def test_all_mistakes_are_said_at_once(mistakes: Mistakes) -> None:
    recipe = """\
    model: {dpth: 3, width: -1}
    scheule: {}
    loss: {name: hubre, delta: 3}
    optimizer: {name: sgd, lr: -1}
    """
    said = mistakes(recipe, "model.depth=x", "optimzer=sgd", "foo.bar=1", "plain", "init.gain=${nope}", "seed=1,2")
    starts = (
        "'plain' is not understood",
        "seed=1,2: several values",
        "model.dpth: ",
        "scheule: ",
        "loss: unknown loss 'hubre'; did you mean 'huber'?",
        "optimzer: ",
        "foo.bar: ",
        "init.gain: Interpolation key 'nope'",
        "model.depth: 'x' is not a whole number",
        "model.width: -1 is not a whole number",
        "optimizer.lr: -1 is not a number above 0 (mine.yaml, line 4)",
    )
    assert len(said) == len(starts)
    for start, line in zip(starts, said, strict=True):
        assert line.startswith(start)


def test_widths_beside_width(mistakes: Mistakes) -> None:
    cases: list[tuple[str, list[str]]] = [
        ("model: {widths: [8], width: 4}", []),
        ("model: {widths: [8]}", ["model.width=4"]),
        ("model: {width: 5}", ["model.widths=[8]", "model.width=4"]),
    ]
    for text, words in cases:
        (said,) = mistakes(text, *words)
        assert said.startswith("model.width: ")
        assert "beside" in said
        assert "model.widths" in said


def test_a_wrong_choice_on_the_command_line_does_not_blame_the_recipe(mistakes: Mistakes) -> None:
    (said,) = mistakes("optimizer: {name: sgd, momentum: 0.5}", "optimizer=sgdd", "optimizer.momentum=0.1")
    assert "unknown optimizer 'sgdd'" in said


def test_the_nearest_file_is_named(cwd: Path) -> None:
    (cwd / "recipes").mkdir()
    (cwd / "recipes" / "housing.yaml").write_text("seed: 1")
    with pytest.raises(UserError, match=r"no file 'recipes/housin.yaml'; did you mean 'recipes/housing\.yaml'"):
        compose(["config=recipes/housin.yaml"])


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_a_file_that_cannot_be_read(cwd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (cwd / "mine.yaml").write_text("seed: 1")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UserError, match=r"mine.yaml: cannot be read \(Permission denied\)"):
        compose(["config=mine.yaml"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("data=vision", "data.dataset=mnits"), "unknown data set 'mnits'; did you mean 'mnist'? (choices: mnist, "),
        (("data.dataset=irs",), "unknown data set 'irs'; did you mean 'iris'? (choices: digits, iris, wine, "),
        (("data=vision", "data.dataset=iris"), "'iris' is no data set of data=vision (choices: mnist, "),
    ],
)
def test_the_data_sets_listed_are_those_of_the_source(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(UserError) as caught:
        compose(words)
    assert caught.value.problems[0].startswith(f"data.dataset: {said}")
    assert "spirals" not in str(caught.value)
