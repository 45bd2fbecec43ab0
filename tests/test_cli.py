"""The command line: verbs, flags, help, exit status; what a person sees when something is wrong."""

from __future__ import annotations

import gc
import json
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from nntrain import cli, help
from nntrain.config import schema
from nntrain.config.compose import compose
from nntrain.sweep.check import check_sweep
from nntrain.sweep.grow.section import sweep_line


@pytest.fixture(autouse=True)
def cwd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Exit status, standard output, standard error."""
    status = cli.main(list(words))
    out, err = capsys.readouterr()
    return status, out, err


MISTAKES = {
    "fitt": "nntrain: there is no command 'fitt'; did you mean 'fit'? (commands: fit, eval, predict, check, configs, "
    "cache, completion; see: nntrain --help)",
    "xyz": "nntrain: there is no command 'xyz' (commands: ",
    "config=digits": "nntrain: 'config=digits' is a setting; a command comes first: nntrain fit config=digits",
    "help fitt": "nntrain: there is no command 'fitt'; did you mean 'fit'?",
    "train config=x": "nntrain: there is no command 'train'; did you mean 'fit'?",
    "fit --epochs 3": "nntrain: --epochs: there is no such option; did you mean 'epochs=...'?",
    "fit --batch-size 3": "nntrain: --batch-size: there is no such option; did you mean 'batch_size=...'?",
    "eval checkpoint=a checkpoint=b": "nntrain: checkpoint is given twice: a and b",
    "predict a --input b": "nntrain: --input: there is no such option; did you mean 'input=...'?",
    "fit --config x": "nntrain: --config: there is no such option; did you mean 'config=...'?",
    "fit --cfg": "nntrain: --cfg: there is no such option (options: -m, --multirun, --json, -h, --help; settings are "
    "written key=value)",
    "fit --jsn": "nntrain: --jsn: there is no such option; did you mean '--json'?",
    "--jsn": "nntrain: --jsn: there is no such option; did you mean '--json'?",
    "fit --optimizer.lr=3": "nntrain: --optimizer.lr=3: settings are written without dashes: optimizer.lr=3",
    "eval -m x": "nntrain: -m: only fit can sweep, and check show what it would do, not eval",
    "check -m": "nntrain: -m: nothing varies; give a setting several values",
    "fit -m": "nntrain: -m: nothing varies; give a setting several values",
    "fit resume=x -m": "nntrain: resume: cannot go with -m: it goes on with a run or a sweep as it was started",
    "eval a b": "nntrain: 'b' is one too many: the model is a; the rest is written key=value",
    "configs optimiser": "nntrain: configs: unknown group or recipe 'optimiser'; did you mean 'optimizer'?",
    "configs optimizer sgdd": "nntrain: configs: unknown optimizer 'sgdd'; did you mean 'sgd'?",
    "configs copy": "nntrain: configs copy: which recipe, and to which file? nntrain configs copy digits mine.yaml",
    "configs copy digts a.yaml": "nntrain: configs copy: unknown recipe 'digts'; did you mean 'digits'?",
    "completion": "nntrain: completion: which shell? nntrain completion bash | zsh | fish",
    "completion bsh": "nntrain: completion: unknown shell 'bsh'; did you mean 'bash'?",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_one_line_on_standard_error_and_exit_status_2(
    line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = said(capsys, *line.split())
    assert status == 2
    assert out == ""
    assert err.startswith(MISTAKES[line])
    assert err.count("\n") == 1


def test_nothing_is_written_after_a_mistake(cwd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = said(capsys, "fit", "optimizer.lrr=1", "model.depth=-1", "--json")
    assert (status, out) == (2, "")
    assert err.splitlines()[-1] == "nntrain: 2 mistakes; nothing was run"
    assert list(cwd.iterdir()) == []


def test_a_message_cannot_steer_the_terminal(cwd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (cwd / "mine.yaml").write_text('"\\e[2J\\n": 1')
    status, _, err = said(capsys, "fit", "config=mine.yaml")
    assert status == 2
    assert err.startswith("nntrain:  [2J : there is no such section or setting")
    assert err.count("\n") == 1


def test_a_fault_of_ours_is_a_traceback_and_where_to_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(words: list[str], flags: set[str]) -> int:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(cli, "_configs", broken)
    status, _, err = said(capsys, "configs")
    assert status == 1
    assert "Traceback" in err
    assert err.endswith(cli.REPORT + "\n")


def numpy_asks_for_much() -> None:
    np.empty(2**60, dtype=np.uint8)


def torch_asks_for_much() -> None:
    torch.empty(2**60, dtype=torch.uint8)


def a_device_is_full() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB")


@pytest.mark.parametrize("ask", [numpy_asks_for_much, torch_asks_for_much, a_device_is_full])
def test_more_memory_than_there_is_takes_a_line(
    ask: Callable[[], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def large(words: list[str], flags: set[str]) -> int:
        ask()
        return 0

    monkeypatch.setattr(cli, "_configs", large)
    status, _, err = said(capsys, "configs")
    assert status == 2
    assert err.startswith(f"nntrain: {cli.TOO_LARGE}: ")
    assert err.count("\n") == 1


def test_an_interrupt_before_there_is_a_state_to_save(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(words: list[str], flags: set[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_configs", interrupted)
    assert said(capsys, "configs") == (130, "", "nntrain: interrupted\n")


@pytest.mark.parametrize("line", ["", "--help", "-h", "help", "--json --help"])
def test_general_help(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, *line.split()) == (0, help.GENERAL + "\n", "")


@pytest.mark.parametrize("verb", help.VERBS)
def test_help_of_a_verb(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    for line in (f"{verb} --help", f"help {verb}", f"{verb} -h"):
        assert said(capsys, *line.split()) == (0, help.VERBS[verb] + "\n", "")
    assert f"\n  {verb} " in help.GENERAL


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = said(capsys, "--version")
    assert status == 0
    assert re.fullmatch(r"nntrain \d+\.\d+\.\d+\S*\n", out)


PAGES = {"general": help.GENERAL, **help.VERBS}
EXAMPLES = sorted(
    {
        re.split(r" {2,}", line.strip())[0]
        for page in PAGES.values()
        for line in page.splitlines()
        if line.startswith("  nntrain ")
    }
)


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_of_the_help_work(example: str, cwd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (cwd / "mine.yaml").write_text("seed: 1")
    _, verb, *words = shlex.split(example)
    assert verb in help.VERBS
    if verb == "configs":
        (cwd / "mine.yaml").unlink()
        assert said(capsys, verb, *words)[0] == 0
    elif verb in ("fit", "check") and not any(word.startswith("resume=") for word in words):
        if "-m" in words:
            words.remove("-m")
            assert check_sweep(sweep_line(words, cwd), cwd)
        else:
            compose([word for word in words if word != "show=augment"])  # which is none of the config's


def test_the_help_names_every_group_setting_and_flag() -> None:
    for name in (*schema.GROUPS, *schema.fields("top")):
        assert re.search(rf"\b{name}\b", help.VERBS["fit"]), name
    assert all(len(line) <= 112 for page in PAGES.values() for line in page.splitlines())


def test_configs_lists_shows_and_copies(cwd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = said(capsys, "configs", "--json")
    assert status == 0
    listed = json.loads(out.splitlines()[-1])
    assert set(listed) == {"recipes", *schema.GROUPS, schema.SEARCH, *schema.HYDRA}
    assert "sgd" in listed["optimizer"]
    _, out, _ = said(capsys, "configs")
    assert all(name in out for names in listed.values() for name in names)
    assert "…" not in out
    _, out, _ = said(capsys, "configs", "optimizer", "sgd")
    assert "momentum: 0.9" in out
    assert "…" not in out
    assert "rmsprop" not in out
    _, out, _ = said(capsys, "configs", "model", "mlp")
    assert "rectifiers  relu, relu6, leaky_relu (negative_slope: 0.01)" in out  # what "see below" points to
    _, out, _ = said(capsys, "configs", "launcher", "submitit")
    assert "partition: null " in out
    assert out.endswith("\nwritten hydra/launcher=NAME and hydra.launcher.SETTING=VALUE, beside -m\n")
    assert said(capsys, "configs", "hydra/launcher", "submitit")[1] == out
    _, out, _ = said(capsys, "configs", "recipes")
    assert all(name in out for name in listed["recipes"])
    assert said(capsys, "configs", "digits")[1].startswith("# ")
    assert "batch_size: 32" in said(capsys, "configs", "top")[1]
    assert said(capsys, "configs", "copy", "digits", "mine")[0] == 0
    assert compose(["config=mine.yaml"]).config["data"]["dataset"] == "digits"
    status, _, err = said(capsys, "configs", "copy", "digits", "mine.yaml")
    assert (status, err) == (2, "nntrain: configs copy: mine.yaml is already there; choose another name\n")


def test_presets_of_augment_are_shown_by_what_they_change(cwd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = said(capsys, "configs", "augment")[1]
    cifar = out.partition("\ncifar ")[2].partition("\n\n")[0]
    assert "  settings as those of pictures, but for:" in cifar
    assert re.findall(r"^  (\w+): (\S+)", cifar, re.MULTILINE) == [
        ("fill", "reflect"),
        ("crop_padding", "4"),
        ("flip", "0.5"),
    ]
    assert out.count("  hue_p: ") == 1
    assert "  hue_p: 1.0 " in said(capsys, "configs", "augment", "cifar")[1]


def test_check_leaves_out_the_changes_to_pictures_that_are_off(cwd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = said(capsys, "check", "config=digits", "augment=cifar", "augment.hue=0", "model.depth=1")[1]
    rows = [line.split() for line in out.splitlines() if line.startswith("augment.")]
    assert [row[0] for row in rows] == [
        *("augment.name", "augment.fill", "augment.crop_padding", "augment.flip", "augment.hue", "augment.")
    ]
    assert rows[-1][1:] == ["...", "40", "settings", "as", "in", "pictures", "augment/pictures.yaml"]
    out = said(capsys, "check", "config=digits", "augment=cifar", "model.depth=1", "--json")[1]
    assert json.loads(out)["origins"]["augment.hue_p"] == "augment/cifar.yaml"


def test_check_shows_everything_and_writes_nothing(cwd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = said(capsys, "check", "config=iris", "model.depth=1", "optimizer=sgd", "--json")
    assert status == 0
    found = json.loads(out.splitlines()[-1])
    assert len(out.splitlines()) == 1
    assert found["origins"]["model.depth"] == "model.depth=1"
    assert found["origins"]["optimizer.momentum"] == "optimizer/sgd.yaml"
    assert found["config"]["data"]["dataset"] == "iris"
    assert found["parameters"] > 0
    assert set(found["memory_bytes"]) >= {"data", "parameters", "gradients", "optimizer state"}
    assert "optimizer=sgd" in err
    assert list(cwd.iterdir()) == []


def test_a_closed_pipe_is_no_fault(cwd: Path) -> None:
    command = f"{shlex.quote(sys.executable)} -m nntrain.cli configs optimizer | head -n 1; echo ${{PIPESTATUS[0]}}"
    ran = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert ran.stderr == ""
    assert ran.stdout.splitlines()[-1] == "0"


def test_a_fit_whose_reader_has_gone_is_finished_all_the_same(cwd: Path) -> None:
    fit = f"{shlex.quote(sys.executable)} -m nntrain.cli fit config=iris epochs=3 run_dir=run"
    ran = subprocess.run(
        ["bash", "-c", f"{fit} | head -n 1; echo ${{PIPESTATUS[0]}}"], capture_output=True, text=True, check=True
    )
    assert ran.stderr == ""
    assert ran.stdout.splitlines()[-1] == "0"
    assert json.loads((cwd / "run" / "result.json").read_text())["epochs_run"] == 3


def test_the_garbage_collector_is_left_as_it_was() -> None:
    before = gc.get_threshold()
    cli.main(["fitt"])
    assert gc.get_threshold() == before


def test_the_command_ends_without_a_search_for_garbage_and_without_ctrl_c(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    at_exit: list[Callable[[], None]] = []
    monkeypatch.setattr("atexit.register", at_exit.append)
    assert cli.main(["--version"]) == cli.OK
    assert at_exit == []  # a caller's process is the caller's
    monkeypatch.setattr("sys.argv", ["nntrain", "--version"])
    before = signal.getsignal(signal.SIGINT)
    try:
        assert cli.main() == cli.OK
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN  # which would break the end, with a traceback
    finally:
        signal.signal(signal.SIGINT, before)
    (end,) = at_exit
    frozen: list[bool] = []
    monkeypatch.setattr("gc.freeze", lambda: frozen.append(True))
    monkeypatch.delitem(sys.modules, "triton", raising=False)
    end()
    assert frozen == [True]
    monkeypatch.setitem(sys.modules, "triton", ModuleType("triton"))  # which says what is not freed in the end
    end()
    assert frozen == [True]
