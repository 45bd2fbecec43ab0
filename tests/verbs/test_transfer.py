"""Runs that begin with the weights of another: what they take, what stands still, and that they resume exactly."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lab import STEPS_PER_EPOCH, Lab, outcome

import nntrain
from nntrain import source_weights
from nntrain.cli import main
from nntrain.errors import UserError
from nntrain.experiment import build_experiment
from nntrain.training.checkpoint import load_model, save_model
from nntrain.verbs import training
from nntrain.verbs.check import check_words
from nntrain.verbs.evaluate import evaluate_words
from nntrain.verbs.run import Run

NET = ["model.widths=[8,6]", "model.norm=batch"]
OTHER = ["data.classes=4", "seed=5"]


@pytest.fixture
def source(lab: Lab) -> Run:
    return lab.fit(*NET)


def words(source: Run, *more: str) -> list[str]:
    return [*NET, *OTHER, f"model.init_from={source.dir}", *more]


def weights(run: Run) -> dict[str, torch.Tensor]:
    return load_model(run.best)[0]


def test_a_frozen_backbone_is_that_of_the_source_and_the_head_is_new(lab: Lab, source: Run) -> None:
    run = lab.fit(*words(source, "freeze=backbone"))
    there, here = weights(source), weights(run)
    assert all(torch.equal(here[name], there[name]) for name in there if not name.startswith("body.head"))
    assert here["body.head.weight"].shape == (4, 6)
    said = lab.said.getvalue()
    assert "layer     shape  weights                    trains" in said
    assert "hidden.0  8 x 2  taken                      no, frozen" in said
    assert "head      4 x 6  new, random (there 3 x 6)  yes" in said
    assert "only the head trains: features of 120 samples computed once, in " in said
    assert json.loads((run.dir / "environment.json").read_text())["beginning"]["source"].startswith("runs/")


def test_without_freeze_all_layers_train_from_there(lab: Lab, source: Run) -> None:
    run = lab.fit(*words(source))
    assert not torch.equal(weights(run)["body.hidden.0.weight"], weights(source)["body.hidden.0.weight"])
    assert "features of" not in lab.said.getvalue()
    one = build_experiment(lab.config(*words(source))).program.network.state_dict()
    assert torch.equal(one["body.hidden.0.weight"], weights(source)["body.hidden.0.weight"])


CACHED = {
    "adam": [],
    "dropout": ["model.dropout=0.4"],
    "averaged": ["regularization.ema=0.9", "optimizer=sgd", "regularization.l2=0.01"],
    "bf16": ["precision=bf16"],
}


@pytest.mark.parametrize("more", CACHED.values(), ids=CACHED)
def test_features_computed_once_give_the_same_as_features_computed_in_every_step(
    lab: Lab, source: Run, more: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    once = lab.fit(*words(source, "freeze=backbone", *more))
    monkeypatch.setattr(training, "CACHES_FEATURES", False)
    always = lab.fit(*words(source, "freeze=backbone", *more))
    timed = ("seconds", "samples_per_second")
    for one, other in zip(once.metrics, always.metrics, strict=True):
        assert {k: v for k, v in one.items() if k not in timed} == pytest.approx(
            {k: v for k, v in other.items() if k not in timed}, abs=1e-5
        )
    for name, value in weights(once).items():
        torch.testing.assert_close(value, weights(always)[name], atol=1e-5, rtol=0)
    assert once.result["test"] == pytest.approx(always.result["test"], abs=1e-5)
    assert evaluate_words({"checkpoint": str(once.dir)}, io.StringIO())["metrics"] == pytest.approx(
        once.result["test"], abs=1e-5
    )


NOT_CACHED = [
    ["regularization.input_noise=0.1"],
    ["model.input_dropout=0.1"],
    ["augment=table", "augment.noise=0.1"],
    ["unfreeze_at={epochs:2}"],
    ["model.freeze=[hidden.0]"],
]


@pytest.mark.parametrize("more", NOT_CACHED, ids=" ".join)
def test_features_that_change_are_not_computed_once(lab: Lab, source: Run, more: list[str]) -> None:
    assert build_experiment(lab.config(*words(source, "freeze=backbone"))).fixed_features
    assert not build_experiment(lab.config(*words(source, "freeze=backbone", *more))).fixed_features


def test_a_head_that_trains_behind_noise_is_said_to(lab: Lab, source: Run) -> None:
    lab.fit(*words(source, "freeze=backbone", "regularization.input_noise=0.1"))
    said = " ".join(lab.said.getvalue().split())
    assert "only the head trains, but all before it runs in every step: augmentation or noise changes inputs" in said


def test_features_that_do_not_fit_are_computed_in_every_step(
    lab: Lab, source: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "free_bytes", lambda device: 1000)
    run = lab.fit(*words(source, "freeze=backbone"))
    assert run.result["epochs_run"] == 4
    said = " ".join(lab.said.getvalue().split())
    assert "the features of 120 samples would take 2.8 KiB: computed in every step instead" in said


@pytest.mark.parametrize("enough", [True, False])
def test_whether_features_are_computed_once_is_what_it_was_when_a_run_goes_on(
    lab: Lab, source: Run, monkeypatch: pytest.MonkeyPatch, enough: bool
) -> None:
    def memory(much: bool) -> None:
        monkeypatch.setattr(training, "free_bytes", lambda device: 10**9 if much else 1000)

    memory(enough)
    whole = lab.fit(*words(source, "freeze=backbone"))
    run = lab.fit(*words(source, "freeze=backbone"), stop_at=2)
    memory(not enough)
    lab.said.truncate(0)
    assert outcome(lab.resume(run.dir)) == outcome(whole)
    assert ("computed once" in lab.said.getvalue()) == enough
    assert ("computed in every step" in " ".join(lab.said.getvalue().split())) != enough


THAWED = {
    "gradual": ["unfreeze_at={epochs:1,every:1}"],
    "at once": ["unfreeze_at={epochs:2}", "optimizer=sgd", "optimizer.momentum=0.9"],
    "averaged": ["unfreeze_at={epochs:1,every:1}", "regularization.ema=0.9", "model.dropout=0.3"],
    "swa": ["unfreeze_at={epochs:2}", "regularization.swa_start_percent=30"],
    "frozen": ["epochs=4"],
    "rates": ["unfreeze_at={epochs:1}", "model.lr_decay=0.5"],
    "fp16": ["unfreeze_at={epochs:1}", "precision=fp16"],
}
STOPS = (1, STEPS_PER_EPOCH, STEPS_PER_EPOCH + 1, 2 * STEPS_PER_EPOCH, 2 * STEPS_PER_EPOCH + 3)


@pytest.mark.parametrize("more", THAWED.values(), ids=THAWED)
def test_stopped_before_at_and_after_unfreezing_it_ends_the_same_and_needs_the_source_no_more(
    lab: Lab, source: Run, more: list[str]
) -> None:
    begun = words(source, "freeze=backbone", *more)
    whole = lab.fit(*begun)
    run = lab.fit(*begun, stop_at=STOPS[0])
    shutil.rmtree(source.dir)
    for step in STOPS[1:]:
        run = lab.resume(run.dir, stop_at=step)
    assert outcome(lab.resume(run.dir)) == outcome(whole)


def test_killed_between_epochs_it_goes_on_with_the_layers_of_then(lab: Lab, source: Run) -> None:
    begun = words(source, "freeze=backbone", "unfreeze_at={epochs:1,every:1}", "checkpoint.every_seconds=0")
    whole = lab.fit(*begun)
    killed = lab.fit(*begun, kill_at=2 * STEPS_PER_EPOCH)
    assert outcome(lab.resume(killed.dir)) == outcome(whole)


def test_unfreezing_is_said_and_moves_the_weights(lab: Lab, source: Run) -> None:
    run = lab.fit(
        *words(source, "freeze=backbone", "unfreeze_at={epochs:1,every:1}", "early_stopping.restore_best=false")
    )
    said = lab.said.getvalue()
    assert "hidden.0  8 x 2  taken                      from epoch 3" in said
    assert "epoch 2: hidden.1 begins to train" in said
    assert "epoch 3: hidden.0 begins to train" in said
    assert not torch.equal(weights(run)["body.hidden.0.weight"], weights(source)["body.hidden.0.weight"])


def test_folds_resume_without_the_source(lab: Lab, source: Run) -> None:
    begun = words(source, "data.folds=2", "epochs=2")
    whole = lab.fit(*begun)
    stopped = lab.fit(*begun, stop_at=2)
    assert lab.resume(stopped.dir).result["val"] == whole.result["val"]


def test_a_finished_model_is_opened_without_its_source(lab: Lab, source: Run) -> None:
    run = lab.fit(*words(source, "reuse={first:1}", "freeze={first:1}", "unfreeze_at={epochs:5000000}"))
    shutil.rmtree(source.dir)
    assert evaluate_words({"checkpoint": str(run.dir)}, io.StringIO())["metrics"] == run.result["test"]


def test_check_shows_what_is_taken(lab: Lab, source: Run) -> None:
    shown = io.StringIO()
    report = check_words(["config=tiny.yaml", *words(source, "freeze={first:1}", "model.lr_decay=0.5")], shown)
    assert [tuple(row.values()) for row in report["beginning"]] == [
        ("hidden.0", "8 x 2", "taken", "no, frozen"),
        ("hidden.1", "6 x 8", "taken", "yes, lr x 0.5"),
        ("head", "4 x 6", "new, random (there 3 x 6)", "yes"),
    ]
    assert "hidden.1  6 x 8  taken" in shown.getvalue()


def test_check_shows_what_only_the_source_has(lab: Lab, source: Run) -> None:
    built = build_experiment(lab.config("model.widths=[8]", "model.norm=batch", *words(source)[2:], "reuse={first:1}"))
    rows = [tuple(row.values()) for row in built.beginning.table]
    assert rows[1:] == [
        ("head", "4 x 8", "new, random (there 3 x 6)", "yes"),
        ("hidden.1", "6 x 8", "only in the source, not taken", ""),
    ]


MISTAKES: dict[str, tuple[list[str], str]] = {
    "another network": (["model.widths=[8,7]"], r"hidden.1.weight +7 x 8 +6 x 8"),
    "another kind": (["model=linear", "model.init_from={source}"], r"hidden.0.weight +- +8 x 2"),
    "no such layer": (["reuse=[hidden.7]"], r"model.reuse: unknown layer 'hidden.7'; did you mean 'hidden.1'\?"),
    "all frozen": (["freeze=[hidden,head]"], "model.freeze: every layer is frozen, so there is nothing to train"),
    "nothing frozen": (["unfreeze_at={epochs:1}"], "model.unfreeze_at: nothing is frozen that could be unfrozen"),
    "nadam": (
        ["optimizer=nadam", "freeze=backbone", "unfreeze_at={epochs:1}"],
        "model.unfreeze_at: the state of optimizer nadam belongs to all parameters at once",
    ),
    "lbfgs": (
        ["optimizer=lbfgs", "batch_size=full", "freeze=backbone", "unfreeze_at={epochs:1}"],
        "model.unfreeze_at: the state of optimizer lbfgs belongs to all parameters at once",
    ),
    "rates of lbfgs": (
        ["optimizer=lbfgs", "batch_size=full", "model.lr_decay=0.5"],
        "model.lr_decay: optimizer lbfgs has one learning rate for all layers",
    ),
    "rates of asgd": (
        ["optimizer=asgd", "model.lr_multipliers={head:2}"],
        "model.lr_multipliers: optimizer asgd has one learning rate for all layers",
    ),
    "no such folder": (["model.init_from=runs/nothing"], "model.init_from: there is no file '.*nothing'"),
    "no such name": (["model.init_from=nothing"], "there is no file or folder 'nothing'; published weights"),
    "another file": (["model.init_from=tiny.yaml"], "model.init_from: .*tiny.yaml is truncated or not a safetensors"),
    "a state": (["model.init_from={source}/last/state.safetensors"], "it holds nntrain training state"),
}


@pytest.mark.parametrize(("more", "said"), MISTAKES.values(), ids=MISTAKES)
def test_what_is_wrong_is_said(lab: Lab, source: Run, more: list[str], said: str) -> None:
    given = [word.replace("{source}", str(source.dir)) for word in more]
    own = [] if "model=linear" in given else words(source)
    with pytest.raises(UserError, match=said):
        build_experiment(lab.config(*own, *given))


def test_a_network_of_one_layer_has_no_backbone(lab: Lab) -> None:
    with pytest.raises(UserError, match="backbone is all but the head, and this network has only a head"):
        build_experiment(lab.config("model=linear", "freeze=backbone"))


def test_what_has_no_effect_is_noted(lab: Lab) -> None:
    notes = build_experiment(lab.config("reuse={first:1}", "freeze={first:1}")).notes
    assert "model.reuse has no effect without model.init_from" in notes
    assert "model.freeze without model.init_from: the frozen layers keep their random weights" in notes
    notes = build_experiment(lab.config("freeze={first:1}", "unfreeze_at={epochs:4}")).notes
    assert "model.unfreeze_at: hidden.0 would begin to train after the last epoch (4)" in notes


def test_a_head_for_other_classes_is_noted(lab: Lab, source: Run) -> None:
    said, few = "whose classes are not those of this data", [i % 7 for i in range(90)]
    same = lab.config(*NET, "seed=5", f"model.init_from={source.dir}", "reuse=all")
    assert not any(said in note for note in build_experiment(same).notes)
    other = table(lab.folder / "rows.csv", {"a": few, "b": few[::-1], "y": ["u", "v", "w"] * 30})
    there = lab.fit(*NET, "data=table", f"data.path={other}", "data.target=y")
    columns = {"a": few, "b": few[::-1], "y": ["x", "y", "z"] * 30}
    here = ["data=table", f"data.path={table(lab.folder / 'more.csv', columns)}", "data.target=y"]
    notes = build_experiment(lab.config(*NET, *here, f"model.init_from={there.dir}", "reuse=all")).notes
    assert any(note.startswith("the head is that of runs/") and said in note for note in notes)


def test_frozen_layers_that_were_not_taken_are_noted(lab: Lab, source: Run) -> None:
    notes = build_experiment(lab.config(*words(source, "reuse={first:1}", "freeze=backbone"))).notes
    assert "model.freeze: hidden.1 did not come from the source, and stay random" in notes


def test_a_source_that_names_code_is_read_and_never_run(lab: Lab, source: Run, tmp_path: Path) -> None:
    (tmp_path / "evil.py").write_text("raise SystemExit('ran')")
    tensors, about = load_model(source.best)
    about["config"]["model"] = {"name": "evil:Net"}
    save_model(tmp_path / "theirs.safetensors", tensors, about)
    built = build_experiment(lab.config(*words(source)[:-1], f"model.init_from={tmp_path / 'theirs.safetensors'}"))
    assert built.beginning.table[0]["weights"] == "taken"


def test_a_damaged_source_is_said(lab: Lab, source: Run, tmp_path: Path) -> None:
    tensors, about = load_model(source.best)
    del about["preprocessing"]
    save_model(tmp_path / "bad.safetensors", tensors, about)
    with pytest.raises(
        UserError, match=r"model.init_from: bad.safetensors is damaged: .* \(KeyError: 'preprocessing'\)"
    ):
        build_experiment(lab.config(*words(source)[:-1], f"model.init_from={tmp_path / 'bad.safetensors'}"))


def test_a_source_without_the_embeddings_that_it_speaks_of_is_damaged(lab: Lab, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    columns = {"town": draw.choice(list("abcdefgh"), 90), "y": draw.choice(["no", "yes"], 90)}
    words = ["data=table", f"data.path={table(tmp_path / 'a.csv', columns)}", "data.target=y", "data.one_hot_max=2"]
    there = lab.fit(*words, "epochs=1")
    tensors, about = load_model(there.best)
    sound = tensors.pop("input.embeddings.0.weight")
    for damaged, said in (
        (tensors, "it has none"),
        ({**tensors, "input.embeddings.0.weight": sound[:3]}, "it has 3 x"),
    ):
        save_model(tmp_path / "bad.safetensors", damaged, about)
        match = f"model.init_from: bad.safetensors is damaged: .* embedding of column town is to be 9 x .*{said}"
        with pytest.raises(UserError, match=match):
            build_experiment(lab.config(*words, f"model.init_from={tmp_path / 'bad.safetensors'}"))


def table(path: Path, columns: dict[str, Any]) -> str:
    rows = [list(columns), *zip(*columns.values(), strict=True)]
    path.write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
    return str(path)


def test_another_table_lends_the_columns_that_both_have(lab: Lab, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    age, town, target = draw.normal(size=90).round(3), draw.choice(["oslo", "rome", "wien"], 90), draw.normal(size=90)
    first = table(tmp_path / "a.csv", {"age": age, "town": town, "y": target.round(3)})
    second = table(tmp_path / "b.csv", {"town": draw.choice(["rome", "paris"], 90), "age": age, "pay": age, "y": age})
    there = nntrain.fit("tiny", f"data={'table'}", f"data.path={first}", "data.target=y", quiet=True)
    here = ["config=tiny.yaml", "data=table", f"data.path={second}", "data.target=y", f"model.init_from={there.dir}"]
    report = check_words([*here, "freeze=backbone"], io.StringIO())
    said = report["beginning"][0]["weights"]
    assert said == "taken by column: 2 of 3; new: pay; new categories: town=paris"
    assert "numeric columns are standardised by their own statistics, not by those of the source" in report["notes"]


def test_pictures_are_standardised_as_for_the_source(lab: Lab, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    for name, high in (("dark", 90), ("light", 250)):
        size = 8 if name == "dark" else 12  # which convolutions do not mind
        pixels = draw.integers(high, size=(60, size, size, 3), dtype=np.uint8)
        np.savez(tmp_path / f"{name}.npz", x=pixels, y=draw.integers(2, size=60))
    net = ["model=cnn", "model.depth=1", "model.width=4", "data=arrays", "epochs=1"]
    dark = lab.fit(*net, f"data.path={tmp_path / 'dark.npz'}")
    begun = [*net, f"data.path={tmp_path / 'light.npz'}", f"model.init_from={dark.dir}"]
    light = lab.fit(*begun, "epochs=2")
    there, here = load_model(dark.best)[1]["features"], load_model(light.best)[1]["features"]
    assert here["mean"] == there["mean"]
    said = " ".join(lab.said.getvalue().split())
    assert "pictures are standardised by the mean and standard deviation of runs/" in said
    own = build_experiment(lab.config(*begun, "reuse=[head]")).dataset.features
    assert own.mean != tuple(there["mean"])  # the layer that saw pictures is new
    stopped = lab.fit(*begun, "epochs=2", stop_at=2)
    shutil.rmtree(dark.dir)
    assert outcome(lab.resume(stopped.dir)) == outcome(light)


def test_pictures_of_another_range_of_greys_keep_their_own_statistics(lab: Lab, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    for name, greys in (("digits", 17), ("scans", 256)):
        pixels = draw.integers(greys, size=(60, 8, 8), dtype=np.uint8)
        np.savez(tmp_path / f"{name}.npz", x=pixels, y=draw.integers(2, size=60))
    net = ["data=arrays", "epochs=1"]
    digits = lab.fit(*net, f"data.path={tmp_path / 'digits.npz'}")
    begun = [*net, f"data.path={tmp_path / 'scans.npz'}", f"model.init_from={digits.dir}"]
    built, fresh = build_experiment(lab.config(*begun)), build_experiment(lab.config(*begun[:-1]))
    assert built.dataset.features == fresh.dataset.features
    said = "pictures are standardised by their own mean and standard deviation: their greys run to 255, those of runs/"
    assert any(note.startswith(said) and note.endswith(" to 16") for note in built.notes)


OWN = """
from torch import nn

class Net(nn.Module):
    def __init__(self, inputs, outputs, width=7):
        super().__init__()
        self.head = nn.Linear(width, outputs)
        self.low = nn.Sequential(nn.Linear(inputs, width), nn.BatchNorm1d(width), nn.ReLU())

    def forward(self, x):
        return self.head(self.low(x))
"""


def test_reconstruction_errors_are_in_grey_levels_also_where_the_source_standardises(lab: Lab, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    for name, span in (("wide", 256), ("narrow", 90)):
        pixels = draw.integers(span, size=(60, 8, 8), dtype=np.uint8)
        np.savez(tmp_path / f"{name}.npz", x=pixels, y=draw.integers(2, size=60))
    net = ["data=arrays", "model.widths=[4]", "objective=autoencoder", "epochs=1"]
    wide = lab.fit(*net, f"data.path={tmp_path / 'wide.npz'}")
    narrow = lab.fit(*net, f"data.path={tmp_path / 'narrow.npz'}", f"model.init_from={wide.dir}", "reuse=encoder")
    about = load_model(narrow.best)[1]
    assert about["layout"]["unit"] == about["features"]["std"]


def test_somebodys_own_class_takes_and_freezes_by_the_names_of_its_members(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "their_nets.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    there = lab.fit("model=their_nets:Net")
    here = lab.fit("model=their_nets:Net", *OTHER, f"model.init_from={there.dir}", "freeze=[low]")
    was, now = weights(there), weights(here)
    assert all(torch.equal(now[name], was[name]) for name in was if name.startswith("body.low"))
    assert nntrain.load(here.dir, trust=True).task.kind == "classification"
    with pytest.raises(UserError, match=r"low.0.weight +5 x 2 +7 x 2"):
        build_experiment(lab.config("model=their_nets:Net", "model.width=5", f"model.init_from={there.dir}"))


def test_an_autoencoders_encoder_is_taken_and_its_decoder_is_not(lab: Lab) -> None:
    there = lab.fit(*NET, "objective=autoencoder", "early_stopping.monitor=loss")
    built = build_experiment(lab.config(*NET, f"model.init_from={there.dir}", "reuse=encoder"))
    assert [row["weights"] for row in built.beginning.table] == ["taken", "taken", "new, random (there 8 x 6)"]
    assert not any("numeric columns are standardised" in note for note in built.notes)


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> dict[str, torch.Tensor]:
    """Weights as torchvision would publish them, of a network drawn at random."""
    from torchvision import models

    state = models.get_model("resnet18", weights=None).state_dict()
    known = {"name": "ResNet18_Weights.X", "mean": (124.0, 116.0, 104.0), "std": (58.0, 57.0, 57.5), "categories": []}
    monkeypatch.setattr(source_weights, "published", lambda name, architecture: (state, known))
    return dict(state)


@pytest.mark.parametrize(("channels", "mean"), [(3, (124.0, 116.0, 104.0)), (1, (344 / 3,))])
def test_published_weights_bring_their_own_mean_and_spread(
    lab: Lab, tmp_path: Path, published: dict[str, torch.Tensor], channels: int, mean: tuple[float, ...]
) -> None:
    draw = np.random.default_rng(0)
    pixels = draw.integers(256, size=(40, 32, 32, channels), dtype=np.uint8)
    np.savez(tmp_path / "pictures.npz", x=pixels, y=draw.integers(2, size=40))
    net = ["data=arrays", f"data.path={tmp_path / 'pictures.npz'}", "model=backbone"]
    built = build_experiment(lab.config(*net, "model.init_from=resnet18", "freeze=backbone"))
    network = built.program.network
    assert torch.equal(network.body.get_parameter("trunk.layer4.1.conv2.weight"), published["layer4.1.conv2.weight"])
    assert built.dataset.features.mean == pytest.approx(mean)
    assert "pictures are standardised by the mean and standard deviation of ResNet18_Weights.X" in built.notes
    assert built.fixed_features
    assert built.beginning.table[-1]["weights"] == "new, random (there 1000 x 512)"


def test_the_table_of_what_differs_stands_below_the_message(
    lab: Lab, source: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", "config=tiny.yaml", *words(source), "model.widths=[8,7]", "model.norm=none"]) == 2
    first, *table = capsys.readouterr().err.splitlines()
    assert first.startswith("nntrain: model.init_from: runs/")
    assert first.endswith("is not the network that this recipe describes; what differs:")
    assert table[0].split() == ["tensor", "here", "there"]
    assert "  hidden.1.weight                    7 x 8  6 x 8" in table
    assert table[-1] == "  its model: mlp, widths [8, 6], norm batch"


def test_the_size_of_another_kind_of_model_is_said(lab: Lab, source: Run) -> None:
    with pytest.raises(UserError) as caught:
        build_experiment(lab.config(f"model.init_from={source.dir}", "model=linear", "reuse=all"))
    assert caught.value.table[-1].strip() == "its model: mlp, widths [8, 6]"
