"""The command line: a verb, then `key=value` words. Imports no torch; each verb imports what it needs."""

from __future__ import annotations

import atexit
import gc
import os
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, TextIO

from nntrain.errors import UserError, did_you_mean, nearest, say
from nntrain.garbage import collect_seldom

OK, BUG, USER = 0, 1, 2
FLAGS = {"-m": "multirun", "--multirun": "multirun", "--json": "json", "-h": "help", "--help": "help"}
VERBS_ELSEWHERE = {"train": "fit", "run": "fit", "test": "eval", "score": "eval", "infer": "predict", "init": "configs"}
TOO_LARGE = "there is not enough memory; lower the model's width, data.size or batch_size"
REPORT = "This is a fault of nntrain, not yours. Please report it with the traceback above and the command."


def _end_quickly() -> None:
    """Keep Python from a last search for garbage among all of torch's objects, which takes long. Where triton is loaded
    (by torchvision's models) it takes place: triton complains at length of objects that are left."""
    if "triton" not in sys.modules:
        gc.freeze()


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit status: 0 done, 1 a bug of ours, 2 a mistake of the user's, 128 + the number of
    the signal that interrupted it."""
    if argv is None:  # the process is the command
        atexit.register(_end_quickly)
    words = list(sys.argv[1:] if argv is None else argv)
    thresholds = collect_seldom()
    try:
        return _run(words)
    except UserError as error:
        for line in (*(f"nntrain: {problem}" for problem in error.problems), *error.table):
            printable = "".join(c if c.isprintable() else " " for c in line)  # a key may hold a terminal's commands
            say(printable)
        if len(error.problems) > 1:
            say(f"nntrain: {len(error.problems)} mistakes; nothing was run")
        return USER
    except KeyboardInterrupt as interrupted:
        say(f"nntrain: {str(interrupted) or 'interrupted'}")
        return int(getattr(interrupted, "status", 130))
    except (BrokenPipeError, SystemExit):  # the reader of our output has gone (`| head`); rich says it by SystemExit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except Exception as error:
        if out_of_memory(error):
            said = " ".join(str(error).split()) or "no more memory"
            say(f"nntrain: {TOO_LARGE}: {said}")
            return USER
        import traceback

        traceback.print_exc()
        say(REPORT)
        return BUG
    finally:
        gc.set_threshold(*thresholds)
        if argv is None:  # a Ctrl-C while Python shuts down would print a traceback
            signal.signal(signal.SIGINT, signal.SIG_IGN)


def out_of_memory(error: Exception) -> bool:
    """Whether an error of Python, numpy or torch says that there was not enough memory, on the CPU or on a device."""
    said = str(error)
    on_cpu = "DefaultCPUAllocator" in said and "allocate" in said
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and (on_cpu or type(error).__name__ == "OutOfMemoryError")
    )


def _run(words: list[str]) -> int:
    from nntrain.help import GENERAL, VERBS

    flags = {FLAGS[word] for word in words if word in FLAGS}
    rest = [word for word in words if word not in FLAGS]
    if rest and rest[0] == "--version":
        from importlib.metadata import version

        print(f"nntrain {version('nntrain')}")
        return OK
    if rest[:1] == ["help"]:
        flags, rest = flags | {"help"}, rest[1:]
    if wrong := [word for word in rest if word.startswith("-")]:
        raise UserError(*map(_unknown_flag, wrong))
    if not rest:
        print(GENERAL)
        return OK
    verb, arguments = rest[0], rest[1:]
    if verb not in VERBS:
        raise UserError(_unknown_verb(verb, list(VERBS)))
    if "help" in flags:
        print(VERBS[verb])
        return OK
    if "multirun" in flags and verb not in ("fit", "check"):
        raise UserError(f"-m: only fit can sweep, and check show what it would do, not {verb}")
    actions: dict[str, Callable[[list[str], set[str]], int]] = {
        "fit": _fit,
        "eval": _eval,
        "predict": _predict,
        "check": _check,
        "configs": _configs,
        "cache": _cache,
        "completion": _completion,
    }
    return actions[verb](arguments, flags)


def _unknown_verb(verb: str, verbs: list[str]) -> str:
    if "=" in verb:
        return f"'{verb}' is a setting; a command comes first: nntrain fit {verb}"
    guess = VERBS_ELSEWHERE.get(verb.lower()) or nearest(verb, verbs)
    return f"there is no command '{verb}'{did_you_mean(guess)} (commands: {', '.join(verbs)}; see: nntrain --help)"


def _unknown_flag(flag: str) -> str:
    if "=" in flag:
        return f"{flag}: settings are written without dashes: {flag.lstrip('-')}"
    from nntrain.config import schema

    guess = nearest(flag, FLAGS)
    key = flag.lstrip("-").replace("-", "_")
    if guess is None and key in {"config", "resume", "input", "output", *schema.GROUPS, *schema.fields("top")}:
        guess = f"{key}=..."
    listed = ", ".join(FLAGS)
    return f"{flag}: there is no such option{did_you_mean(guess)} (options: {listed}; settings are written key=value)"


def _fit(words: list[str], flags: set[str]) -> int:
    began = perf_counter()
    command = ["nntrain", *sys.argv[1:]]
    from nntrain.resumed import is_sweep, resumed

    folder = resumed(words)
    if folder is not None and "multirun" in flags:
        raise UserError("resume: cannot go with -m: it goes on with a run or a sweep as it was started; leave out -m")
    sweep = folder.resolve() if folder is not None and is_sweep(folder) else None
    if "multirun" in flags or sweep is not None or _grows(words):
        result, status = _fit_sweep(words, flags, sweep, command, began)
    else:
        from nntrain.launch import launch

        run, status = launch(words, command, stream=_display(flags))
        result = {"run_dir": run.dir, "stopped": run.stopped} if status else run.result
        if status:
            say(f"nntrain: {run.stopped}")
    _answer(result, flags)
    return status


def _fit_sweep(
    words: list[str], flags: set[str], sweep: Path | None, command: list[str], began: float
) -> tuple[dict[str, Any], int]:
    """Train a sweep, or go on with the one in the folder `sweep`; its result and the exit status."""
    from nntrain.resumed import WORD
    from nntrain.signals import handling
    from nntrain.sweep.interrupted import interrupt
    from nntrain.sweep.workers.crew import early_workers

    with handling(interrupt), early_workers(words) as workers:  # they import torch while the words are read here
        from nntrain.sweep.multirun import multirun, resume_sweep

        if sweep is None:
            return multirun(words, command, _display(flags), workers, began)
        changes = [word for word in words if not word.startswith(WORD)]
        return resume_sweep(sweep, changes, command, _display(flags), workers, began)


def _grows(words: list[str]) -> bool:
    """Whether the words, or else their recipe, choose to grow the network, which makes a sweep without -m."""
    from nntrain.config.grow import grows
    from nntrain.config.words import read_words

    return grows(read_words(words, Path.cwd()), Path.cwd())


def _eval(words: list[str], flags: set[str]) -> int:
    from nntrain.verbs.evaluate import evaluate_words

    result = evaluate_words(_arguments(words, "checkpoint"), _display(flags))
    return _answer(result, flags)


def _predict(words: list[str], flags: set[str]) -> int:
    from nntrain.verbs.predict import predict_words

    return _answer(predict_words(_arguments(words, "checkpoint"), _display(flags)), flags)


def _check(words: list[str], flags: set[str]) -> int:
    from nntrain.resumed import resumed

    if (folder := resumed(words)) is not None:
        return _check_resumed(folder, words, flags)
    if "multirun" in flags or _grows(words):
        from nntrain.sweep.preview import preview

        return _answer(preview(words, _display(flags)), flags)
    from nntrain.verbs.check import check_words

    return _answer(check_words(words, _display(flags)), flags)


def _check_resumed(folder: Path, words: list[str], flags: set[str]) -> int:
    """How the sweep in a folder stands. UserError for a run, with what goes on with it and what shows its settings."""
    from nntrain.folder import shown
    from nntrain.resumed import WORD, find_run, is_sweep

    if is_sweep(folder):
        from nntrain.sweep.standing import show_standing

        changes = [word for word in words if not word.startswith(WORD)]
        return _answer(show_standing(folder.resolve(), changes, _display(flags)), flags)
    settings = f"nntrain check config={shlex.quote(shown(find_run(folder)))}"
    goes_on = f"nntrain fit resume={shlex.quote(shown(folder))}"
    raise UserError(
        f"resume: check shows what is yet to be started, or how a sweep stands; go on with the run: {goes_on}; what it "
        f"does: {settings}"
    )


def _configs(words: list[str], flags: set[str]) -> int:
    from nntrain.verbs.configs import configs_words

    return _answer(configs_words(words, _display(flags)), flags)


def _cache(words: list[str], flags: set[str]) -> int:
    from nntrain.verbs.cache import cache_words

    return _answer(cache_words(words, _display(flags)), flags)


def _completion(words: list[str], flags: set[str]) -> int:
    from nntrain.completion import completion_words

    return completion_words(words)


def _display(flags: set[str]) -> TextIO:
    """The stream of the human display: standard error under --json, where standard output holds the JSON line alone."""
    return sys.stderr if "json" in flags else sys.stdout


def _answer(result: dict[str, Any], flags: set[str]) -> int:
    if "json" in flags:
        from nntrain.record.files import json_text

        print(json_text(result, indent=None))
    return OK


def _arguments(words: list[str], bare: str) -> dict[str, str]:
    """`key=value` words as a mapping; the first word without `=` is the value of `bare`."""
    found: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            key, value = bare, word
            if bare in found:
                raise UserError(f"'{word}' is one too many: the model is {found[bare]}; the rest is written key=value")
        if key in found:
            raise UserError(f"{key} is given twice: {found[key]} and {value}")
        found[key] = value
    return found


if __name__ == "__main__":
    sys.exit(main())
