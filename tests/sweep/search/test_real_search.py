"""A search that trains: what it leaves behind, alone and in a stack, and what pruning does to a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nntrain.cli import main
from nntrain.config.compose import compose
from nntrain.sweep.job import Job
from nntrain.sweep.outcome import Outcome
from nntrain.sweep.workers.work import train_unit

RECIPE = "data: {name: bundled, dataset: iris}\nmodel: {name: mlp, widths: [4]}\nepochs: 4\nbatch_size: 64\n"
SEARCH = """\
search:
  space: {optimizer.lr: "tag(log, interval(1e-4, 1))", model.dropout: "interval(0, 0.5)"}
  sampler: {name: tpe, n_startup_trials: 2}
  pruner: {name: successive_halving, reduction_factor: 2}
  n_trials: 5
"""


@pytest.fixture(autouse=True)
def cwd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(RECIPE + SEARCH)
    return tmp_path


def test_a_search_leaves_a_run_per_trial_the_best_model_its_trials_and_pictures(
    cwd: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("optuna")
    assert main(["fit", "config=mine.yaml", "run_dir=out", "-m", "hydra/launcher=basic"]) == 0
    out = cwd / "out"
    assert {"search.sqlite3", "sweep.json", "best.safetensors", *map(str, range(5))} <= {p.name for p in out.iterdir()}
    drawn = {path.name for path in (out / "plots").iterdir()}
    assert {"search_history.png", "search_slices.png"} <= drawn  # too few trials to tell importance
    found = [json.loads((out / str(i) / "result.json").read_text()) for i in range(5)]
    pruned = [i for i, result in enumerate(found) if result["stop_reason"].startswith("pruned after epoch")]
    assert pruned
    for i in pruned:
        assert found[i]["epochs_run"] < 4
        assert (out / str(i) / "best.safetensors").is_file()
        assert (out / str(i) / "metrics.csv").read_text().count("\n") == found[i]["epochs_run"] + 1
    assert "search:" not in (out / "0" / "config.yaml").read_text()
    said = capsys.readouterr().out
    assert said.startswith("5 trials by tpe, pruned by successive_halving, one after another\n")
    assert f"5 jobs, 0 failed, {len(pruned)} pruned, in " in said
    assert "it takes 20 trials to tell, and 5 can be compared" in " ".join(said.split())
    before = (out / "sweep.json").read_text()
    assert main(["fit", "resume=out", "hydra/launcher=basic", "quiet=true"]) == 0
    assert (out / "sweep.json").read_text() == before


def test_a_plain_fit_runs_the_recipes_own_values_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "config=mine.yaml", "epochs=1", "run_dir=out"]) == 0
    said = capsys.readouterr().out
    assert "the search of the recipe is left alone: this is one run; nntrain fit ... -m searches" in " ".join(
        said.split()
    )
    assert "lr 0.001" in said


@pytest.mark.parametrize("count", [1, 3])
def test_a_pruned_job_leaves_the_others_to_go_on(count: int, cwd: Path) -> None:
    def job(i: int) -> Job:
        words = ("config=mine.yaml", f"seed={i}")
        folder = cwd / "out" / str(i)
        return Job(i, words, {"seed": str(i)}, folder, {**compose(words).config, "run_dir": str(folder)})

    asked: list[tuple[int, int]] = []

    def judges(job: Job) -> object:
        def judge(epoch: int, value: float) -> str | None:
            asked.append((job.number, epoch))
            return "pruned by a test" if (job.number, epoch) == (0, 2) else None

        return judge

    ended: list[Outcome] = []
    assert train_unit([job(i) for i in range(count)], ["a test"], ended.append, judges) == 0  # type: ignore[arg-type]
    outcomes = {outcome.number: outcome for outcome in ended}
    assert [outcomes[i].pruned for i in range(count)] == [True, *[False] * (count - 1)]
    assert [outcomes[i].result["epochs_run"] for i in range(count)] == [2, *[4] * (count - 1)]
    assert sorted(asked) == sorted([(0, 1), (0, 2), *((i, epoch) for i in range(1, count) for epoch in range(1, 5))])
    assert outcomes[0].result["stop_reason"] == "pruned by a test"
    assert (cwd / "out" / "0" / "best.safetensors").is_file()


def test_check_shows_what_is_drawn_from_and_says_that_there_is_a_search(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "config=mine.yaml", "search.seed=3", "-m", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["space"]["model.dropout"] == "interval(0, 0.5)"
    assert found["settings"]["seed"] == "3"
    assert main(["check", "config=mine.yaml", "model.input_dropout=interval(0.4,0.2)", "-m"]) == 2
    assert "model.input_dropout: interval(0.4,0.2): the first end must be below the second" in capsys.readouterr().err
    assert main(["check", "config=mine.yaml"]) == 0
    assert "the recipe has a search, which fit runs with -m" in " ".join(capsys.readouterr().out.split())
