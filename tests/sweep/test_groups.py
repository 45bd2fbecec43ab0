"""Which jobs train as one program, and how the workers share them."""

from __future__ import annotations

from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from nntrain.components import OWN_GROUPS
from nntrain.config.options import option_names, read_option
from nntrain.config.stackable import FIXED_NUMBERS, alone_because
from nntrain.config.variants import Composer
from nntrain.optim.table import OPTIMIZERS
from nntrain.stack.sizes import MOST
from nntrain.sweep.groups import Group, partition, plan_words, shared, units
from nntrain.sweep.job import Job


@cache
def config_of(*words: str) -> dict[str, Any]:
    return Composer(Path.cwd()).compose(["config=digits", *words]).config


def job(*words: str, number: int = 0) -> Job:
    return Job(number, words, {}, Path(str(number)), config_of(*words))


def groups_of(*lists: str) -> list[list[int]]:
    """The jobs of each group, of jobs that are given by their words."""
    jobs = [job(*words.split(), number=i) for i, words in enumerate(lists)]
    return [[member.number for member in group.jobs] for group in partition(jobs)]


MAY_DIFFER = [
    *(
        "seed=1",
        "name=other",
        "quiet=true",
        "epochs=3",
        "time_limit=5",
        "data.split_seed=4",
        "checkpoint.every_seconds=3",
    ),
    *("init=he_normal", "init=normal init.std=0.2", "schedule=step", "schedule.warmup_epochs=3", "early_stopping=none"),
    *("early_stopping.patience=3", "early_stopping.monitor=accuracy", "model.dropout=0", "model.input_dropout=0.1"),
    *(
        "model.dropout=[0.1,0.2]",
        "optimizer.lr=1",
        "optimizer.betas=[0.8,0.9]",
        "optimizer.eps=1",
        "optimizer.weight_decay=0",
    ),
    *("regularization.l1=0.1", "regularization.l2=0.1", "regularization.max_norm=3", "regularization.grad_clip_norm=1"),
    *("regularization.grad_clip_value=1", "regularization.label_smoothing=0.1", "regularization.input_noise=0.1"),
]
MUST_AGREE = [
    *(
        "model.depth=1",
        "model.width=8",
        "model.activation=tanh",
        "model.norm=batch",
        "model.residual=true",
        "model=linear",
    ),
    *(
        "batch_size=64",
        "gradient_accumulation=2",
        "precision=bf16",
        "deterministic=true",
        "data.dataset=iris",
        "data.val=0.2",
    ),
    *("optimizer=sgd", "optimizer.amsgrad=true", "optimizer.decoupled_weight_decay=false", "loss=focal", "device=cpu"),
    *("regularization.ema=0.9", "regularization.swa_start_epochs=3", "checkpoint.resumable=false"),
]


@pytest.mark.parametrize("words", MAY_DIFFER)
def test_members_may_differ_in(words: str) -> None:
    assert groups_of("", words) == [[0, 1]]


@pytest.mark.parametrize("words", MUST_AGREE)
def test_members_agree_in(words: str) -> None:
    assert groups_of("", words) == [[0], [1]]


@pytest.mark.parametrize("name", ["sgd", "rmsprop", "muon"])
def test_members_may_be_without_momentum(name: str) -> None:
    assert groups_of(f"optimizer={name} optimizer.momentum=0", f"optimizer={name} optimizer.momentum=0.5") == [[0, 1]]


def test_losses_within_a_kind_go_together() -> None:
    assert groups_of("loss=focal", "loss=focal loss.gamma=1", "loss=hinge") == [[0, 1], [2]]


def test_augmentations_of_one_name_go_together_but_for_what_mixes_and_what_is_made_once() -> None:
    noise = ("", "augment.noise=0.2", "augment.feature_dropout=0.1", "augment.mix_p=0.5 seed=1")
    mixed = ("augment.mixup=0.2", "augment.mixup=0.4 augment.noise=0")
    more = ("augment.expand=2", "augment.expand=3")
    words = [f"augment=table {own}" for own in (*noise, *mixed, *more)]
    assert groups_of(*words, "augment=none") == [[0, 1, 2, 3], [4, 5], [6], [7], [8]]
    turned = ("augment.rotate=20", "augment.rotate=[-5,5]", "augment.fill=edge")
    assert groups_of(*(f"augment=mnist {own}" for own in turned), "augment=pictures") == [[0, 1], [2], [3]]


def test_averages_of_weights_go_together_whatever_their_decay() -> None:
    assert groups_of("regularization.ema=0.9", "regularization.ema=0.5", "") == [[0, 1], [2]]


def test_the_numbers_that_an_optimizer_fixes_are_those_of_its_class() -> None:
    assert {name for cls in OPTIMIZERS.values() for name in cls.fixed} == FIXED_NUMBERS
    assert {name for name, cls in OPTIMIZERS.items() if cls.fixed} == {"muon"}


@pytest.mark.parametrize("name", [name for name in option_names("optimizer") if name != "lbfgs"])
def test_every_number_of_every_optimizer_may_differ_unless_it_is_fixed(name: str) -> None:
    base = job(f"optimizer={name}").config
    for key, _, _ in read_option("optimizer", name).settings:
        value = base["optimizer"][key]
        if key != "eps1" and (isinstance(value, bool) or not isinstance(value, int | float)):
            continue
        other = {**base, "optimizer": {**base["optimizer"], key: (value or 0) + 1}}
        assert (shared(base) == shared(other)) == (name != "muon" or key not in FIXED_NUMBERS), key


ALONE = {
    "model=backbone": "model backbone has layers that cannot be stacked",
    "optimizer=lbfgs batch_size=full": "optimizer lbfgs",
    "precision=fp16": "precision fp16",
    "data.folds=3": "it has folds of its own to stack, where that is faster",
    "ensemble=3": "it has members of its own to stack, where that is faster",
    "pretrain=denoising": "it is pre-trained",
    "objective=autoencoder": "objective autoencoder",
    "model.init_from=mine.safetensors": "it starts from another network",
    "model.lr_decay=0.5": "its layers have learning rates of their own",
    "model.lr_multipliers={hidden.0:0.1}": "its layers have learning rates of their own",
}


@pytest.mark.parametrize("words", ALONE)
def test_what_trains_by_itself_says_why(words: str) -> None:
    assert alone_because(job(*words.split()).config) == ALONE[words]
    assert [group.reason for group in partition([job(*words.split()), job(*words.split(), "seed=1", number=1)])] == [
        ALONE[words]
    ] * 2


@pytest.mark.parametrize("group", OWN_GROUPS)
def test_a_class_of_ones_own_trains_by_itself(group: str) -> None:
    config = job().config
    own = {**config, group: {**config[group], "name": "mine:Own"}}
    assert alone_because(own) == f"{group} mine:Own is a class of one's own"


def reasons_of(*lists: str) -> list[str | None]:
    return [group.reason for group in partition([job(*words.split(), number=i) for i, words in enumerate(lists)])]


def test_a_job_that_is_like_no_other_says_in_what() -> None:
    assert reasons_of("", "model.width=9", "seed=1") == [None, "no other job has its model.width"]
    assert reasons_of("optimizer=adam", "optimizer=sgd", "optimizer=lion") == ["no other job has its optimizer"] * 3
    grid = ("optimizer=adam", "optimizer=sgd", "optimizer=adam model.width=9", "optimizer=sgd model.width=9")
    assert reasons_of(*grid) == ["no other job has its model.width and optimizer"] * 4
    grid = [f"precision={p} batch_size={size}" for p in ("fp32", "bf16") for size in (32, 64)]
    assert reasons_of(*grid) == ["no other job has its batch_size and precision"] * 4
    only, other = "there is no other job that could go with it", "model backbone has layers that cannot be stacked"
    assert reasons_of("", "model=backbone") == [only, other]


def test_no_other_job_has_what_a_reason_names() -> None:
    axes = ["model.width=8,9,10", "batch_size=32,64", "precision=fp32,bf16", "optimizer=adam,sgd"]
    values = [[f"{key}={value}" for value in listed.split(",")] for key, listed in (axis.split("=") for axis in axes)]
    for left_out in range(5):  # of which some have no neighbour in one setting or the other
        grid = [words for i, words in enumerate(product(*values)) if (i * 7) % 5 != left_out]
        for words, reason in zip(grid, reasons_of(*map(" ".join, grid)), strict=True):
            named = str(reason).removeprefix("no other job has its ").replace(",", " and").split(" and ")
            own = {word for word in words if word.partition("=")[0] in named}
            assert len(own) == len(named)
            assert [other for other in grid if own <= set(other)] == [words]


def group(size: int, reason: str | None = None, *words: str) -> Group:
    return Group(tuple(job(*words, number=i) for i in range(size)), reason)


def sizes(*groups: int, workers: int, most: int = MOST) -> list[int]:
    one = job()
    return [len(unit) for unit in units([Group((one,) * size) for size in groups], workers, most)]


def test_groups_are_cut_so_that_no_worker_is_idle() -> None:
    assert sizes(32, workers=2) == [16, 16]
    assert sizes(16, 16, 16, workers=2) == [16, 16, 8, 8]
    assert sizes(32, workers=16) == [4] * 8
    assert sizes(256, workers=2) == [64] * 4
    assert sizes(256, workers=1, most=1024) == [256]
    assert sizes(100, workers=1) == [50, 50]
    assert sizes(7, workers=2) == [7]  # too few to share
    assert sizes(1, 20, 1, workers=2) == [10, 10, 1, 1]


def test_every_job_is_in_one_unit() -> None:
    jobs = [job(number=i) for i in range(37)]
    parts = units([Group(tuple(jobs))], 4)
    assert sorted(member.number for part in parts for member in part) == list(range(37))


def test_the_plan_in_words() -> None:
    wide, other = (job("model.width=9"),) * 16, job("optimizer=lbfgs", "batch_size=full")
    assert plan_words([Group((job(),) * 16), Group(wide)]) == [
        "32 jobs: 2 groups of 16 stacked, as far as a short trial finds that faster",
        "the groups differ in model.width",
    ]
    assert plan_words([Group(wide), Group((other,), "optimizer lbfgs"), Group((job(),), "precision fp16")]) == [
        "18 jobs: 1 group of 16 stacked, as far as a short trial finds that faster; 2 each by itself",
        "each by itself: optimizer lbfgs (1 job); precision fp16 (1 job)",
    ]


def test_nothing_is_tried_where_a_sweep_is_to_repeat_bit_for_bit() -> None:
    assert plan_words([Group((job("deterministic=true"),) * 3)]) == ["3 jobs: 1 group of 3 stacked"]


def test_a_plan_says_nothing_twice() -> None:
    alone = Group((job(),), "precision fp16")
    assert plan_words([alone] * 3) == ["3 jobs, each by itself: precision fp16"]
    assert plan_words([alone]) == ["1 job"]
    assert plan_words([Group((job(),) * 2), alone]) == [
        "3 jobs: 1 group of 2 stacked, as far as a short trial finds that faster; 1 by itself",
        "by itself: precision fp16",
    ]


def test_groups_that_differ_in_a_choice_are_not_told_by_its_settings() -> None:
    adam, sgd = Group((job(),) * 3), Group((job("optimizer=sgd"),) * 2)
    assert plan_words([adam, sgd]) == [
        "5 jobs: 1 group of 3, 1 group of 2 stacked, as far as a short trial finds that faster",
        "the groups differ in optimizer",
    ]
