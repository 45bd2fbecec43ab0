"""Learning without labels, from the command's words to its files: autoencoders, pre-training, layer by layer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lab import STEPS_PER_EPOCH, Lab, outcome
from safetensors.torch import load_file

from nntrain.builders import load_data
from nntrain.config.compose import compose
from nntrain.data.bundled import BundledSource
from nntrain.data.dataset import Dataset, PixelFeatures
from nntrain.errors import UserError
from nntrain.experiment import build_experiment
from nntrain.resumed import find_run
from nntrain.verbs.check import check_words
from nntrain.verbs.evaluate import evaluate_words
from nntrain.verbs.fit import fit
from nntrain.verbs.predict import predict_words
from nntrain.verbs.pretrain import build_pretraining
from nntrain.verbs.run import Run

AUTO = ("objective=autoencoder", "model.widths=[6,2]")
PRE = ("pretrain=denoising", "pretrain.noise=gaussian", "pretrain.epochs=2", "model.widths=[6,3]", "model.dropout=0.2")
FIRST = 2 * STEPS_PER_EPOCH  # steps of pre-training


def all_of(run: Run) -> dict[str, Any]:
    """What must not depend on where a run with parts was stopped."""
    found = outcome(run)
    told = found["result"].pop("pretrain", {})
    found["pretrain"] = {key: value for key, value in told.items() if key not in ("run_dir", "seconds")}
    for path in sorted(run.dir.rglob("best.safetensors")):
        for name, tensor in load_file(path).items():
            found[f"{path.relative_to(run.dir)}.{name}"] = tensor.numpy().tobytes()
    return found


@pytest.fixture
def refused(lab: Lab) -> Callable[..., str]:
    def said(*words: str) -> str:
        with pytest.raises(UserError) as error:
            lab.fit(*words)
        assert not list(lab.folder.glob("runs/*/*")), "nothing is written"
        return "\n".join(error.value.problems)

    return said


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Forty rows of two numbers that say the same, a category, and a target that a quarter of the rows lacks."""
    draw = np.random.default_rng(0)
    lines = ["a,b,kind,y"]
    for i in range(40):
        a = draw.normal()
        lines.append(f"{a:.3f},{2 * a + 1:.3f},{'xyz'[i % 3]},{'' if i % 4 == 0 else 'pq'[i % 2]}")
    (tmp_path / "t.csv").write_text("\n".join(lines))
    return tmp_path / "t.csv"


def test_an_autoencoder_without_activations_reaches_the_error_of_principal_components(lab: Lab) -> None:
    words = (
        "objective=autoencoder",
        "model.widths=[2]",
        "model.activation=identity",
        "data=bundled",
        "data.dataset=wine",
    )
    run = lab.fit(*words, "optimizer=lbfgs", "batch_size=full", "epochs=40")
    config = lab.config(*words)
    x = load_data(config).train.inputs.double()
    spread = torch.linalg.svdvals(x - x.mean(0)) ** 2
    best = float(spread[2:].sum() / x.numel())
    assert run.result["train"]["loss"] == pytest.approx(best, rel=2e-3)
    assert run.result["train"]["r2"] == pytest.approx(1 - float(spread[2:].sum() / spread.sum()), rel=2e-3)


@pytest.mark.parametrize("objective", ["autoencoder", "denoising", "masked"])
def test_a_run_without_labels_says_how_well_it_reconstructs(lab: Lab, objective: str) -> None:
    run = lab.fit(f"objective={objective}", "model.widths=[6,2]", "epochs=3")
    assert run.result["task"] == "reconstruction"
    assert set(run.result["val"]) == {"loss", "rmse", "r2"}
    said = evaluate_words({"checkpoint": str(run.dir)})
    assert said["metrics"] == pytest.approx(run.result["test"], rel=1e-6)
    assert said["baseline"]["r2"] < 0.01


def test_predict_writes_the_codes_and_eval_takes_rows_without_a_target(lab: Lab, table: Path) -> None:
    run = lab.fit("data=table", f"data.path={table}", "data.target=y", "objective=masked", "model.widths=[4,2]")
    rows = table.with_name("new.csv")
    rows.write_text("kind,a,b\nx,0.1,1.2\nz,-1,-1\n")
    predict_words({"checkpoint": str(run.dir), "input": str(rows), "output": "codes.csv"})
    assert Path("codes.csv").read_text().splitlines()[0] == "z_0,z_1"
    assert evaluate_words({"checkpoint": str(run.dir), "data.path": str(rows)})["rows"] == 2


def test_rows_without_a_target_train_where_none_is_learnt(lab: Lab, table: Path) -> None:
    words = ("data=table", f"data.path={table}", "data.target=y", "model.widths=[4,2]")
    labelled = build_experiment(lab.config(*words, "batch_size=8")).dataset
    pure = build_experiment(lab.config(*words, "objective=autoencoder", "batch_size=8")).dataset
    assert labelled.unlabelled is not None
    assert len(labelled.unlabelled) == 10
    assert (
        "10 of 40 rows of t.csv have no target and are left out, but where pretrain learns from them" in labelled.notes
    )
    assert torch.equal(pure.train.inputs, torch.cat((labelled.train.inputs, labelled.unlabelled)))
    assert torch.equal(pure.val.inputs, labelled.val.inputs)
    assert (
        f"10 rows without a label are among the {len(pure.train)} training rows: nothing but inputs is learnt here"
        in (pure.notes)
    )


def test_rows_of_the_test_split_without_a_target_are_not_learnt_from(lab: Lab, table: Path) -> None:
    lines = table.read_text().splitlines()
    parts = ["part", *("test" if i % 8 == 0 else "val" if i % 5 == 0 else "train" for i in range(40))]
    table.write_text("\n".join(f"{line},{part}" for line, part in zip(lines, parts, strict=True)))
    words = ("data=table", f"data.path={table}", "data.target=y", "data.split_column=part")
    dataset = load_data(lab.config(*words))
    assert dataset.unlabelled is not None
    assert len(dataset.unlabelled) == sum(i % 4 == 0 and parts[i + 1] == "train" for i in range(40))


def test_a_table_needs_no_target_where_none_is_learnt(lab: Lab, table: Path) -> None:
    words = ("data=table", f"data.path={table}", "model.widths=[4,2]")
    run = lab.fit(*words, "objective=autoencoder", "batch_size=8")
    assert run.result["val"]["loss"] > 0
    with pytest.raises(UserError, match=r"data.target: name the column to predict \(columns of t.csv: a, b, kind, y\)"):
        lab.fit(*words)


def test_the_encoder_of_a_run_is_reused_by_another(lab: Lab) -> None:
    first = lab.fit(*AUTO)
    words = ("model.widths=[6,2]", f"model.init_from={first.dir}", "reuse=encoder")
    network = build_experiment(lab.config(*words)).program.network
    source = load_file(first.best)
    for name in ("body.hidden.0.weight", "body.hidden.1.bias"):
        assert torch.equal(network.state_dict()[name], source[name])
    assert network.body.head.weight.shape == (3, 2)  # type: ignore[union-attr]


def test_pretraining_does_both_in_one_run(lab: Lab) -> None:
    run = lab.fit(*PRE)
    first = run.dir / "pretrain"
    assert {"config.yaml", "environment.json", "metrics.csv", "best.safetensors", "result.json", "log.txt"} <= {
        path.name for path in first.iterdir()
    }
    told = json.loads((first / "result.json").read_text())
    assert told["test"] is None
    assert run.result["pretrain"]["val"] == told["val"]
    assert run.result["task"] == "classification"
    said = lab.said.getvalue()
    assert said.index("tiny, pre-training") < said.index("hidden.0  6 x 2")
    assert said.count("next ─") <= 1


def test_the_second_phase_begins_with_the_encoder_of_the_first(lab: Lab) -> None:
    run = lab.fit(*PRE, "optimizer=sgd", "optimizer.lr=1e-30", "pretrain.lr=0.1", "epochs=1")
    left, begun = load_file(run.dir / "pretrain" / "best.safetensors"), load_file(run.best)
    assert all(torch.equal(left[name], begun[name]) for name in begun if ".hidden." in name)


def test_pretraining_repeats_by_its_own_config(lab: Lab) -> None:
    first = lab.fit(*PRE).dir / "pretrain"
    config = compose([f"config={first / 'config.yaml'}"]).config
    again = lab._run(lambda session: fit(config, session), None, None)
    kept, made = load_file(first / "best.safetensors"), load_file(again.best)
    assert all(torch.equal(kept[name], made[name]) for name in kept)


@pytest.mark.parametrize("step", [3, FIRST, FIRST + 1])
@pytest.mark.parametrize("words", [(), ("pretrain.layerwise=true", "pretrain.epochs=6")], ids=["whole", "layerwise"])
def test_stopped_in_either_phase_it_ends_the_same(lab: Lab, words: tuple[str, ...], step: int) -> None:
    whole = all_of(lab.fit(*PRE, *words))
    run, stops = lab.fit(*PRE, *words, stop_at=step), 0
    while not run.result:
        run, stops = lab.resume(run.dir, stop_at=step), stops + 1
        assert stops < 10
    assert all_of(run) == whole


def test_stopped_before_the_first_save_of_the_second_phase_it_goes_on(lab: Lab) -> None:
    whole = all_of(lab.fit(*PRE, "epochs=3"))
    killed = lab.fit(*PRE, "epochs=3", "checkpoint.every_seconds=1000", kill_at=FIRST)  # in the second phase
    assert (killed.dir / "pretrain" / "result.json").is_file()
    assert not (killed.dir / "last").exists()
    went_on = all_of(lab.resume(killed.dir))
    assert went_on["rows"] == whole["rows"]


def test_a_finished_run_is_not_pretrained_again(lab: Lab) -> None:
    run = lab.fit(*PRE)
    again = lab.resume(run.dir, kill_at=0)
    assert again.result == run.result


def test_a_part_does_not_go_on_by_itself(lab: Lab) -> None:
    run = lab.fit(*PRE)
    with pytest.raises(UserError, match=r"pretrain is the pre-training of a run; go on with all of it: nntrain fit"):
        find_run(run.dir / "pretrain")


def test_layer_by_layer_the_lower_layers_stand_still(lab: Lab) -> None:
    run = lab.fit("objective=denoising", "objective.layerwise=true", "model.widths=[6,4,2]", "epochs=5")
    first, second, third = (load_file(run.dir / f"layer_{i}" / "best.safetensors") for i in (1, 2, 3))
    moved = {
        name.rsplit(".", 1)[0]: not torch.equal(value, second[name])
        for name, value in first.items()
        if "weight" in name
    }
    assert {name for name, changed in moved.items() if changed} == {"body.hidden.1", "body.head.layers.1"}
    assert torch.equal(second["body.hidden.1.weight"], third["body.hidden.1.weight"])
    assert [len((run.dir / part / "metrics.csv").read_text().splitlines()) - 1 for part in ("layer_1", ".")] == [1, 2]
    assert not torch.equal(load_file(run.best)["body.hidden.0.weight"], third["body.hidden.0.weight"])


def test_folds_pretrain_each_on_their_own_training_rows(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    load, loaded = BundledSource.load, list[int | None]()

    def counted(self: BundledSource, *, standardize_target: bool = True, fold: int | None = None) -> Dataset:
        loaded.append(fold)
        return load(self, standardize_target=standardize_target, fold=fold)

    monkeypatch.setattr(BundledSource, "load", counted)
    run = lab.fit(*PRE, "data=bundled", "data.dataset=iris", "data.folds=2", "epochs=1")
    assert run.result["folds"] == 2
    assert (run.dir / "fold_1" / "pretrain" / "result.json").is_file()
    assert loaded == [0, 1]  # each once


def test_check_shows_both(lab: Lab) -> None:
    found = check_words(["config=tiny.yaml", *PRE])
    assert [row["name"] for row in found["layers"]][-1] == "body.head"
    assert [row["name"] for row in found["pretrain"]["layers"]][-1] == "body.head.layers.1"


def test_pictures_are_drawn_with_what_was_made_of_them(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    from nntrain.record import reconstruction_plots
    from nntrain.verbs.reconstructions import draw_reconstructions

    drawn: dict[str, Any] = {}
    monkeypatch.setattr(reconstruction_plots, "reconstructions", lambda rows, *rest: drawn.update(rows))
    words = ("data=bundled", "data.dataset=digits", "objective=denoising", "model.widths=[8]")
    experiment = build_experiment(lab.config(*words))
    assert isinstance(experiment.dataset.features, PixelFeatures)
    draw_reconstructions(experiment, experiment.dataset.val, None, "val", lab.folder)  # type: ignore[arg-type]
    assert list(drawn) == ["original", "given", "reconstructed"]
    assert {pictures.shape for pictures in drawn.values()} == {(12, 1, 8, 8)}
    assert drawn["original"].max() == 255


MISTAKES: dict[tuple[str, ...], str] = {
    ("objective=autoencoder", "model=linear"): "objective: the layers of model linear cannot be mirrored by a decoder; "
    "use mlp or cnn",
    (
        "objective=autoencoder",
        "model.widths=null",
        "model.depth=0",
    ): "objective: without hidden layers there is no code to learn; set model.depth to at least 1",
    ("objective=denoising", "objective.layerwise=true", "model.widths=null", "model.depth=0"): "objective: without "
    "hidden layers there is no code to learn; set model.depth to at least 1",
    ("pretrain=masked", "model=linear"): "pretrain: the layers of model linear cannot be mirrored by a decoder; "
    "use mlp or cnn",
    (
        "objective=masked",
        "objective.patch=9",
        "data=bundled",
        "data.dataset=digits",
    ): "objective.patch: 9 is larger than the pictures, 8 by 8 pixels; choose at most 4",
    ("pretrain=masked", "pretrain.patch=9", "data=bundled", "data.dataset=digits"): "pretrain.patch: 9 is larger than "
    "the pictures, 8 by 8 pixels; choose at most 4",
    (
        "pretrain=masked",
        "model.init_from=somewhere",
    ): "pretrain: masked stands beside model.init_from: both say what the network begins with; leave one out",
    ("pretrain=masked", "objective=autoencoder"): "pretrain: masked comes before targets are learnt, and objective "
    "autoencoder learns none; leave one out",
    ("objective=autoencoder", "early_stopping.monitor=accuracy"): "early_stopping.monitor: accuracy is not a metric of "
    "reconstruction (metrics: loss, rmse, r2)",
    (
        "objective=autoencoder",
        "loss.class_weights=balanced",
    ): "loss: class_weights compares with targets, and objective autoencoder has none; leave loss out",
    ("objective=autoencoder", "loss=focal"): "loss: focal compares with targets, and objective autoencoder has none; "
    "leave loss out",
    (
        "objective=autoencoder",
        "regularization.label_smoothing=0.1",
    ): "regularization.label_smoothing has no meaning with objective autoencoder; set it to 0",
    (
        "objective=autoencoder",
        "objective.layerwise=true",
        "epochs=1",
    ): "epochs: 1 cannot be divided: layerwise trains 1 layer and then the whole; give at least 2",
    ("pretrain=autoencoder", "pretrain.layerwise=true", "pretrain.epochs=1"): "pretrain: epochs: 1 cannot be divided: "
    "layerwise trains 1 layer and then the whole; give at least 2",
    (
        "pretrain=autoencoder",
        "pretrain.batch_size=1000",
    ): "pretrain: batch_size: 1000 is larger than the training split "
    "(84 samples); choose at most 84, or batch_size=full",
}


@pytest.mark.parametrize("words", MISTAKES, ids=" ".join)
def test_what_cannot_be_is_said_before_anything_is_written(words: tuple[str, ...], refused: Callable[..., str]) -> None:
    assert refused(*words) == MISTAKES[words]


CONFLICTS = {
    "objective=denoising objective.amount=1.5": "objective.amount: 1.5 of the values: masking takes a share below 1",
    "pretrain=denoising pretrain.noise=salt pretrain.layerwise=true": "pretrain.layerwise: with salt: hidden units "
    "have no least and greatest value; use masking or gaussian",
    "objective=masked objective.share=1": "objective.share: 1 is not a number above 0 and below 1",
}


@pytest.mark.parametrize("words", CONFLICTS)
def test_settings_that_exclude_each_other_are_said(words: str, lab: Lab) -> None:
    del lab
    with pytest.raises(UserError) as error:
        compose(["config=tiny.yaml", *words.split()])
    assert CONFLICTS[words] in str(error.value)


def test_the_time_limit_is_that_of_all_parts_together(lab: Lab) -> None:
    run = lab.fit(*PRE, "time_limit=1e-6", "epochs=2")
    assert run.result["stop_reason"].startswith("time limit")
    assert run.result["epochs_run"] == 1


def test_pictures_that_lost_their_labels_pretrain(lab: Lab, shared_data: Path) -> None:
    words = ("data=idx", f"data.path={shared_data / 'mnist'}", "data.labels=100", "data.val=100", *PRE)
    dataset = load_data(lab.config(*words))
    assert dataset.unlabelled is not None
    assert (len(dataset.train), len(dataset.unlabelled)) == (100, 59_800)
    first = build_pretraining(lab.config(*words), dataset)
    assert len(first.dataset.train) == 59_900
    assert first.dataset.test is None
