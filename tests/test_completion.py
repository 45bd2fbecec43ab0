"""Tab completion: what is offered at the cursor, and the scripts in the shells themselves."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nntrain.cli import main
from nntrain.completion import SCRIPTS, candidates
from nntrain.config import schema
from nntrain.config.options import option_names, recipe_names
from nntrain.help import VERBS


@pytest.fixture(autouse=True)
def cwd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def offered(line: str) -> list[str]:
    return candidates(f"nntrain {line}", Path.cwd())[1]


def test_the_first_word_is_a_verb() -> None:
    assert offered("") == sorted(VERBS)
    assert offered("co") == ["completion", "configs"]
    assert offered("help f") == ["fit"]
    assert offered("nonsense ") == []


def test_groups_and_settings() -> None:
    assert offered("fit opt") == ["optimizer.", "optimizer="]
    assert offered("check regu") == ["regularization."]
    assert offered("fit ep") == ["epochs="]
    assert set(offered("fit ")) >= {"config=", "resume=", "seed=", "model=", "model."}
    assert "resume=" in offered("check ")
    assert "resume=" not in offered("eval ")


def test_what_trains_a_sweep_and_its_settings() -> None:
    assert offered("fit hydra") == ["hydra/launcher=", "hydra/sweeper="]
    assert offered("fit hydra/launcher=s") == ["hydra/launcher=stacked", "hydra/launcher=submitit"]
    assert offered("fit hydra.") == ["hydra.launcher.workers="]
    assert "hydra.launcher.partition=" in offered("fit hydra/launcher=submitit hydra.launcher.p")
    assert offered("configs launcher p") == ["parallel"]


def test_words_that_are_short_for_a_models_setting() -> None:
    assert offered("fit unf") == ["unfreeze_at="]
    assert offered("fit freeze=") == ["freeze=backbone", "freeze=none"]
    assert offered("fit reuse=a") == ["reuse=all", "reuse=all_but_head"]


@pytest.mark.parametrize("group", [group for group in schema.GROUPS if len(option_names(group)) > 1])
def test_the_choices_of_a_group(group: str) -> None:
    assert offered(f"fit {group}=") == sorted(f"{group}={name}" for name in option_names(group))


def test_settings_are_those_of_the_choice_on_the_command_line_or_in_the_recipe(cwd: Path) -> None:
    (cwd / "mine.yaml").write_text("optimizer: {name: rmsprop}\ndata: table")
    assert "optimizer.momentum=" in offered("fit optimizer=sgd optimizer.")
    assert "optimizer.centered=" in offered("fit config=mine.yaml optimizer.")
    assert "optimizer.centered=" not in offered("fit config=mine.yaml optimizer=adam optimizer.")
    assert offered("fit config=mine.yaml data.targ") == ["data.target="]
    (cwd / "mine.yaml").write_text("optimizer: [")
    assert offered("fit config=mine.yaml optimizer=sgd optimizer.nest") == ["optimizer.nesterov="]


VALUES = {
    "fit deterministic=": ["deterministic=false", "deterministic=true"],
    "fit batch_size=": ["batch_size=full"],
    "fit model.shape=fu": ["model.shape=funnel"],
    "fit model.activation=leak": ["model.activation=leaky_relu"],
    "fit loss.class_weights=": ["loss.class_weights=balanced", "loss.class_weights=null"],
    "fit optimizer=adam,sg": ["optimizer=adam,sgd"],
    "fit optimizer.lr=": [],
    "fit nope=": [],
    "eval split=t": ["split=test", "split=train"],
    "eval x tt": ["tta="],
    "check show=": ["show=augment"],
    "eval checkpoint=x s": ["split="],
    "predict x inp": ["input="],
    "configs optimizer ada": ["adadelta", "adafactor", "adagrad", "adam", "adamax", "adamw"],
    "configs copy dig": ["digits"],
    "configs early": ["early_stopping"],
    "completion f": ["fish"],
    "fit --j": ["--json"],
}


@pytest.mark.parametrize("line", VALUES)
def test_values(line: str) -> None:
    assert offered(line) == VALUES[line]


def test_recipes_files_and_folders(cwd: Path) -> None:
    (cwd / "dir").mkdir()
    for name in ("mine.yaml", "notes.txt", ".hidden.yaml", "dir/deep er.yml", "a.csv"):
        (cwd / name).touch()
    assert set(offered("fit config=")) == {f"config={name}" for name in (*recipe_names(), "mine.yaml", "dir/")}
    assert offered("fit config=dir/") == ["config=dir/deep er.yml"]
    assert offered("fit 'config=dir/deep e") == ["config=dir/deep er.yml"]
    assert offered("fit config=dir/deep\\ e") == ["config=dir/deep er.yml"]
    assert offered("fit data=table data.path=a") == ["data.path=a.csv"]
    assert offered("fit resume=") == ["resume=dir/"]
    assert offered("eval a") == ["a.csv"]
    assert offered("predict m.safetensors input=no") == ["input=notes.txt"]
    assert offered("eval data.path=a") == ["data.path=a.csv"]
    assert offered(f"fit config={cwd}/mi") == [f"config={cwd}/mine.yaml"]


@pytest.mark.parametrize("shell", SCRIPTS)
def test_the_script_is_printed(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert capsys.readouterr().out == SCRIPTS[shell] + "\n"
    assert f"nntrain completion {shell}" in VERBS["completion"]


@pytest.fixture
def on_path(cwd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`nntrain` as a command, of this very code."""
    command = cwd / "bin" / "nntrain"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m nntrain.cli "$@"\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[1]))


def shell(name: str, code: str) -> list[str]:
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not here")
    ran = subprocess.run([name, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stderr == ""
    return ran.stdout.splitlines()


LINES = {  # what readline is to put in place of the part after the last `=`
    "nntrain fit config=dig": ["digits"],
    "nntrain fit optimizer=sgd optimizer.mom": ["optimizer.momentum="],
    "nntrain ch": ["check"],
    "nntrain fit config=it": [r"it\'s\ mine.yaml"],
    "nntrain fit nope=": [],
}


@pytest.mark.usefixtures("on_path")
@pytest.mark.parametrize("line", LINES)
def test_in_bash(line: str, cwd: Path) -> None:
    (cwd / "it's mine.yaml").touch()
    code = f"""
    source <(nntrain completion bash)
    complete -p nntrain >/dev/null
    COMP_LINE={line!r}; COMP_POINT=${{#COMP_LINE}}; COMP_WORDS=($COMP_LINE); COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
    _nntrain nntrain
    (( ${{#COMPREPLY[@]}} )) && printf '%s\\n' "${{COMPREPLY[@]}}" || true"""
    assert shell("bash", code) == LINES[line]


@pytest.mark.usefixtures("on_path")
def test_in_fish(cwd: Path) -> None:
    (cwd / "it's mine.yaml").touch()
    script = "nntrain completion fish | source; "
    assert shell("fish", script + "complete -C 'nntrain fit config=dig'") == ["config=digits"]
    assert shell("fish", script + "complete -C 'nntrain fit optimizer=sgd optimizer.mom'") == ["optimizer.momentum="]
    assert shell("fish", script + "complete -C 'nntrain fit config=it'") == ["config=it's mine.yaml"]


@pytest.mark.usefixtures("on_path")
def test_in_zsh(cwd: Path) -> None:
    """The function alone, `compadd` standing in for the line editor, which wants a terminal."""
    (cwd / "it's mine.yaml").touch()
    code = """
    compdef() { }; compadd() { while [[ $1 != -- ]]; do shift; done; shift; (( $# )) && print -l -- "$@"; true }
    eval "$(nntrain completion zsh)"
    try() { words=(nntrain fit "$1" "$2"); CURRENT=$#words; PREFIX=$2; _nntrain }
    try seed=1 config=dig; try optimizer=sgd optimizer.mom; try seed=1 config=it"""
    assert shell("zsh", code) == ["config=digits", "optimizer.momentum=", "config=it's mine.yaml"]
