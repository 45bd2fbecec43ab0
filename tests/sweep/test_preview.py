"""`nntrain check -m`: what a sweep would do, without doing it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nntrain.cli import main
from nntrain.sweep import check

RECIPE = "data: {name: bundled, dataset: iris}\nmodel: {name: mlp, widths: [4]}\n"


@pytest.fixture(autouse=True)
def cwd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(RECIPE)
    return tmp_path


def preview(*words: str) -> int:
    return main(["check", "config=mine", *words, "-m"])


def test_the_jobs_with_their_groups_and_the_plan(cwd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert preview("optimizer=adam,lbfgs", "batch_size=full", "seed=range(3)", "model.widths=[4],[5]") == 0
    lines = capsys.readouterr().out.splitlines()
    assert "  0  optimizer=adam seed=0 model.widths=[4]   1" in [line.rstrip() for line in lines]
    assert any(line.endswith(" by itself: optimizer lbfgs") for line in lines)
    assert lines[-3:] == [
        "12 jobs: 2 groups of 3 stacked, as far as a short trial finds that faster; 6 each by itself",
        "the groups differ in model.widths",
        "each by itself: optimizer lbfgs",
    ]
    assert [path.name for path in cwd.iterdir()] == ["mine.yaml"]


def test_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert preview("optimizer.lr=0.1,0.2,0.10", "precision=fp32,fp16", "--json") == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert (
        found["plan"][0] == "4 jobs: 1 group of 2 stacked, as far as a short trial finds that faster; 2 each by itself"
    )
    assert found["notes"] == ["2 jobs are identical to others, and not run twice: job 4 is job 0, job 5 is job 1"]
    assert [(job["job"], job["group"], job["alone_because"]) for job in found["jobs"]] == [
        (0, 1, None),
        (1, None, "precision fp16"),
        (2, 1, None),
        (3, None, "precision fp16"),
    ]
    assert found["jobs"][3]["varied"] == {"optimizer.lr": "0.2", "precision": "fp16"}
    assert "plan" in err


def test_what_is_tried_instead_of_the_recipes_search_is_said(cwd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (cwd / "mine.yaml").write_text(f'{RECIPE}search: {{optimizer.lr: "interval(0.1, 1)", seed: "range(3)"}}\n')
    assert preview("seed=1,2") == 0
    said = "seed: 1,2 (command line) instead of range(3) (mine.yaml, line 3)"
    assert said in capsys.readouterr().out.splitlines()
    assert preview("optimizer.lr=0.1,0.2", "--json") == 0
    assert json.loads(capsys.readouterr().out)["notes"][1] == (
        "search: nothing is left to be drawn, so every combination is tried"
    )


def test_that_jobs_are_many_is_said_before_any_is_composed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(check, "MANY", 5)
    assert preview("seed=range(5)") == 0
    assert "composed" not in capsys.readouterr().out
    assert preview("seed=range(3)", "model.widths=[4],[5]") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert shown.startswith(
        "6 jobs: each of them is composed and checked before the first trains; to draw some of them: "
        "hydra/sweeper=optuna search.n_trials=100 jobs "
    )
    assert preview("seed=range(6)", "search.n_trials=5") == 0
    assert "composed" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("launcher", "said"), [("basic", "3 jobs, one after another"), ("parallel", "3 jobs, 2 at a time")]
)
def test_another_launcher_stacks_nothing(launcher: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["hydra.launcher.workers=2"] * (launcher == "parallel")
    assert preview("seed=1,2,3", f"hydra/launcher={launcher}", *words) == 0
    assert capsys.readouterr().out.splitlines()[-1] == said


@pytest.mark.parametrize("launcher", ["submitit", "ray"])
def test_on_other_machines_jobs_stack_too_unless_they_are_told_not_to(
    launcher: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["seed=1,2", f"hydra/launcher={launcher}"]
    assert preview(*words) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "2 jobs: 1 group of 2 stacked, as far as a short trial finds that faster",
        f"they train by hydra/launcher={launcher}",
    ]
    assert preview(*words, "hydra.launcher.stacked=false") == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"2 jobs, hydra/launcher={launcher}"


def test_a_name_in_a_launcher_s_settings_may_be_a_number() -> None:
    assert preview("seed=1,2", "hydra/launcher=submitit", "hydra.launcher.account=1234") == 0


def test_a_search_says_what_it_draws_from(capsys: pytest.CaptureFixture[str]) -> None:
    assert preview("optimizer.lr=interval(0.1,1)", "optimizer=adam,sgd", "--json") == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert (found["sweeper"], found["jobs"]) == ("optuna", None)
    assert found["space"] == {"optimizer.lr": "interval(0.1,1)", "optimizer": "adam,sgd"}
    assert "drawn by hydra/sweeper=optuna while it runs, from" in err


def test_a_growing_says_what_it_tries_and_when_it_ends(cwd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (cwd / "mine.yaml").write_text(RECIPE.replace(", widths: [4]", ""))
    assert main(["check", "config=mine", "grow=depth", "grow.to=4", "grow.patience=1", "grow.min_delta=0.01"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert said.startswith("tried from small to large, as long as validation improves ─")
    assert "model.depth choice(1,2,3,4) seed choice(0,1,2)" in said
    assert "ends after 1 size without a better mean on validation by more than 0.01, or with the last" in said
    assert said.endswith("first batch 2 sizes x 3 seeds = 6 jobs")


def test_many_jobs_are_not_all_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert preview("seed=range(300)") == 0
    out = capsys.readouterr().out
    assert "and 260 more" in out
    assert "300 jobs: 1 group of 300 stacked" in out


def test_mistakes_are_those_of_the_sweep(capsys: pytest.CaptureFixture[str]) -> None:
    assert preview("optimizer.lr=-1,0.1,-2") == 2
    assert "nntrain: 2 mistakes; nothing was run" in capsys.readouterr().err


@pytest.mark.parametrize("swept", ["seed=1,2", "optimizer.lr=interval(0.1,1)"])
def test_a_folder_that_fit_refuses_is_refused(swept: str, cwd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for file in ("run/config.yaml", "full/mine.txt"):
        (cwd / file).parent.mkdir()
        (cwd / file).touch()
    before = sorted(cwd.rglob("*"))
    for folder, said in (("run", "already holds a run; choose another"), ("full", "is not empty; choose another")):
        for verb in ("check", "fit"):
            assert main([verb, "config=mine", swept, f"run_dir={folder}", "-m"]) == 2
            assert capsys.readouterr().err.startswith(f"nntrain: run_dir: {folder} {said}")
    assert sorted(cwd.rglob("*")) == before


FOLDERS = {
    "run_dir: full": "full is not empty; choose another folder for the sweep",
    "run_dir: out/${seed}": "a sweep has one folder, and its recipes name out/${seed}; write run_dir=...",
}


@pytest.mark.parametrize("said", FOLDERS)
def test_the_folder_of_a_recipe_is_that_of_its_sweep(said: str, cwd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (cwd / "full").mkdir()
    (cwd / "full/mine.txt").touch()
    (cwd / "mine.yaml").write_text(f"{RECIPE}{said}\n")
    for verb in ("check", "fit"):
        assert main([verb, "config=mine", "seed=1,2", "-m"]) == 2
        assert capsys.readouterr().err == f"nntrain: run_dir: {FOLDERS[said]}\n"
    assert preview("seed=1,2", "run_dir=out") == 0
    (cwd / "other.yaml").write_text(f"{RECIPE}run_dir: other\n")
    assert main(["check", "config=mine,other", "-m"]) == 2
    both = f"a sweep has one folder, and its recipes name {said.removeprefix('run_dir: ')} and other; write run_dir=..."
    assert capsys.readouterr().err == f"nntrain: run_dir: {both}\n"


def test_a_search_says_how_much_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert preview("optimizer.lr=interval(0.1,1)", "hydra.launcher.workers=2", "search.n_trials=24", "--json") == 0
    plan = json.loads(capsys.readouterr().out)["plan"]
    assert plan == {
        "n_trials": "24",
        "sampler": "tpe (auto)",
        "pruner": "none",
        "at once": "4 trials, in up to 2 programs at a time",
        "trained": "stacked, as far as a short trial finds that faster",
    }
    many = ("hydra.launcher.workers=2", "search.n_trials=1000", "search.pruner=hyperband")
    for sampler, trials in (("tpe", 16), ("{name: nsga2, population_size: 20}", 20), ("random", 128)):
        assert preview("optimizer.lr=interval(0.1,1)", *many, f"search.sampler={sampler}", "--json") == 0
        plan = json.loads(capsys.readouterr().out)["plan"]
        assert plan["at once"] == f"{trials} trials, in up to 2 programs at a time"
    few = ("hydra/launcher=basic", "search.n_trials=8", "--json")
    assert preview("optimizer.lr=interval(0.1,1)", *few) == 0
    note = json.loads(capsys.readouterr().out)["plan"]["note"]
    assert note.startswith("all trials are drawn at random: tpe learns from the first 10 (n_startup_trials)")
    assert preview("optimizer.lr=interval(0.1,1)", "hydra/launcher=basic", "search.pruner=median") == 0
    said = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["pruner", "median"] in said
    assert ["at", "once", "1", "trial"] in said


TRIED = ", as far as a short trial finds that faster"
TRAINED = {
    "precision=fp16": "each by itself: precision fp16",
    "deterministic=true": "stacked",
    "model.widths=[4],[5] batch_size=choice(8,9)": f"stacked where they agree in model.widths and batch_size{TRIED}",
    "optimizer=lbfgs,adam batch_size=full": f"stacked{TRIED}; each by itself: optimizer lbfgs",
    "optimizer=sgd,adam": f"stacked where they agree in optimizer{TRIED}",
    "hydra/launcher=submitit": f"stacked{TRIED}",
    "hydra/launcher=ray hydra.launcher.stacked=False": None,
    "hydra/launcher=parallel": None,
}


@pytest.mark.parametrize("words", TRAINED)
def test_a_search_says_how_its_trials_train(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert preview("optimizer.lr=interval(0.1,1)", "seed=choice(1,2)", *words.split(), "--json") == 0
    assert json.loads(capsys.readouterr().out)["plan"].get("trained") == TRAINED[words]


def test_what_is_drawn_and_cannot_stack_trains_as_many_at_a_time_as_there_are_workers(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["precision=fp16", "search.batch=10", "hydra.launcher.workers=2"]
    assert preview("optimizer.lr=interval(0.1,1)", *words, "--json") == 0
    plan = json.loads(capsys.readouterr().out)["plan"]
    assert plan["at once"] == "10 trials, in up to 2 programs at a time"


def test_a_growing_says_what_it_begins_with(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "config=iris", "grow=depth", "grow.seeds=3", "grow.patience=1", "-m"]) == 0
    assert "2 sizes x 3 seeds = 6 jobs" in capsys.readouterr().out
