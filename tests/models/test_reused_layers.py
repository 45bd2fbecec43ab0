"""Which layers take weights of another network, by name, shape and column; and at what rates they train."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor, nn

from nntrain.errors import UserError
from nntrain.models.columns import Columns, columns_of
from nntrain.models.inputs import TableInput
from nntrain.models.mlp import MLP
from nntrain.models.network import Network
from nntrain.models.transfer import Source, _its_model, layers_of, rates, reused, selected, take


def network(*widths: int, inputs: int = 4, outputs: int = 3, **settings: Any) -> Network:
    return Network(nn.Identity(), MLP(inputs, outputs, widths=widths, **settings))


def source(net: Network) -> Source:
    return Source("runs/other", net.state_dict())


def names(net: Network, selection: Any) -> list[str]:
    return [layer.name for layer in selected(layers_of(net), selection, "model.freeze")]


SELECTIONS: list[tuple[Any, list[str]]] = [
    ("none", []),
    ("all", ["hidden.0", "hidden.1", "hidden.2", "head"]),
    ("all_but_head", ["hidden.0", "hidden.1", "hidden.2"]),
    ("backbone", ["hidden.0", "hidden.1", "hidden.2"]),
    ("encoder", ["hidden.0", "hidden.1", "hidden.2"]),
    ({"first": 2}, ["hidden.0", "hidden.1"]),
    (["hidden"], ["hidden.0", "hidden.1", "hidden.2"]),
    (["*.1", "head"], ["hidden.1", "head"]),
]


@pytest.mark.parametrize(("selection", "expected"), SELECTIONS)
def test_layers_are_selected_by_a_word_a_number_or_patterns(selection: Any, expected: list[str]) -> None:
    assert names(network(5, 5, 5), selection) == expected


def test_a_layer_that_is_not_there_is_an_error_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"model.freeze: unknown layer 'hiden.1'; did you mean 'hidden.1'\?"):
        names(network(5, 5), ["hiden.1"])
    with pytest.raises(UserError, match=r"first: 9 is more than the network has layers: 3 .hidden.0, hidden.1, head."):
        names(network(5, 5), {"first": 9})


def test_all_but_the_head_is_taken_and_the_head_stays_new() -> None:
    there, here = network(6, 5, norm="batch"), network(6, 5, outputs=2, norm="batch")
    there.body.hidden[0].norm.running_mean.fill_(3.0)
    found = reused(here, source(there), "all_but_head", None)
    head = here.body.head.weight.clone()
    take(here, found.values)
    for name, value in here.state_dict().items():
        assert torch.equal(value, there.state_dict()[name]) or name.startswith("body.head.")
    assert torch.equal(here.body.head.weight, head)
    assert found.said == {"hidden.0": "taken", "hidden.1": "taken", "head": "new, random (there 3 x 5)"}


def test_the_first_layers_are_taken_of_a_network_that_goes_on_otherwise() -> None:
    there, here = network(6, 5), network(6, 7, 7)
    found = reused(here, source(there), {"first": 1}, None)
    assert set(found.values) == {"body.hidden.0.weight", "body.hidden.0.bias"}
    assert found.taken == ("hidden.0",)


def test_a_layer_left_out_is_shown_beside_that_of_the_source_where_its_shape_differs() -> None:
    said = reused(network(6, 5, 5), source(network(6, 5, 5, outputs=4)), {"first": 1}, None).said
    assert said["hidden.1"] == "new, random"
    assert said["head"].startswith("new, random (there ")


def test_what_differs_is_an_error_with_a_table() -> None:
    there, here = network(6, 5, norm="batch"), network(6, 9)
    with pytest.raises(UserError) as refused:
        reused(here, source(there), "all_but_head", None)
    head, *lines = str(refused.value).splitlines()
    assert head.startswith("model.init_from: runs/other is not the network that this recipe describes")
    assert lines[0].split() == ["tensor", "here", "there"]
    rows = {line.split()[0]: " ".join(line.split()[1:]) for line in lines[1:]}
    assert rows["hidden.1.weight"] == "9 x 6 5 x 6"
    assert rows["hidden.0.bias"] == "6 -"
    assert rows["hidden.0.norm.weight"] == "- 6"


def test_layers_that_are_alike_are_named_as_what_can_be_taken() -> None:
    with pytest.raises(UserError, match=r"the layers that are alike: reuse=\[hidden.0\]"):
        reused(network(6, 9), source(network(6, 5)), "all_but_head", None)


def test_a_deeper_source_is_another_network_unless_its_layers_are_named() -> None:
    there = source(network(6, 5, 4))
    with pytest.raises(UserError, match=r"hidden.2.weight +- +4 x 5"):
        reused(network(6, 5), there, "all_but_head", None)
    assert reused(network(6, 5), there, {"first": 2}, None).taken == ("hidden.0", "hidden.1")


def test_the_head_is_taken_only_where_it_is_asked_for() -> None:
    there = network(6)
    here = network(6)
    take(here, reused(here, source(there), "all", None).values)
    assert all(torch.equal(a, b) for a, b in zip(here.parameters(), there.parameters(), strict=True))
    with pytest.raises(UserError, match=r"head.weight +2 x 6 +3 x 6"):
        reused(network(6, outputs=2), source(there), "all", None)


class Plain(nn.Module):
    """Somebody's own body, which names no layers."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3, 2)
        self.below = nn.Sequential(nn.Linear(4, 3), nn.Tanh())
        self.scale = nn.Parameter(torch.ones(3))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.scale * self.below(x))


def test_somebodys_own_members_are_its_layers_the_head_last() -> None:
    net = Network(nn.Identity(), Plain())
    assert names(net, "all") == ["scale", "below", "head"]
    net.hold(["body.scale", "body.below"])
    assert [name for name, p in net.named_parameters() if p.requires_grad] == ["body.head.weight", "body.head.bias"]
    assert net.frozen == ("body.below",)


def test_what_a_class_keeps_from_training_stays_as_it_is() -> None:
    net = Network(nn.Identity(), Plain())
    net.body.scale.requires_grad_(False)
    net.hold(["body.below", "body.scale"])
    net.hold([])
    assert [name for name, p in net.named_parameters() if not p.requires_grad] == ["body.scale"]


# ---- tables


def preprocessing(numeric: dict[str, bool], categorical: dict[str, list[str]], one_hot_max: int = 3) -> dict[str, Any]:
    return {
        "kind": "table",
        "numeric": [{"name": name, "indicator": indicator} for name, indicator in numeric.items()],
        "categorical": [{"name": name, "categories": values} for name, values in categorical.items()],
        "one_hot_max": one_hot_max,
        "embedding_dim": 2,
    }


def table(state: dict[str, Any], width: int = 5) -> tuple[Network, Columns]:
    numeric = sum(1 + one["indicator"] for one in state["numeric"])
    counts = [1 + len(one["categories"]) for one in state["categorical"]]
    first = TableInput(numeric, counts, state["one_hot_max"], state["embedding_dim"])
    columns = columns_of(state)
    assert columns is not None
    assert len(columns.reads) == first.features
    return Network(first, MLP(first.features, 2, widths=[width])), columns


THERE = preprocessing({"age": False, "pay": True}, {"sex": ["f", "m"], "town": ["a", "b", "c", "d"]})
HERE = preprocessing({"pay": False, "size": False, "age": True}, {"town": ["b", "d", "e", "f"], "sex": ["m", "x"]})


def moved() -> tuple[Network, Network, dict[str, str]]:
    (there, columns), (here, own) = table(THERE), table(HERE)
    found = reused(here, Source("other", there.state_dict(), columns), "all_but_head", own)
    take(here, found.values)
    return there, here, found.said


def test_columns_and_categories_known_to_both_take_their_weights() -> None:
    there, here, _ = moved()
    was, now = there.body.hidden[0].weight, here.body.hidden[0].weight
    # there: age, pay, pay missing, sex (unknown, f, m), town (2 numbers)
    # here: pay, size, age, age missing, sex (unknown, m, x), town (2 numbers)
    for mine, theirs in {0: 1, 2: 0, 4: 3, 5: 5, 7: 6, 8: 7}.items():
        assert torch.equal(now[:, mine], was[:, theirs])
    rows, then = here.input.embeddings[0].weight, there.input.embeddings[0].weight
    assert torch.equal(rows[[0, 1, 2]], then[[0, 2, 4]])  # unknown, b, d
    assert torch.equal(here.body.hidden[0].bias, there.body.hidden[0].bias)


def test_a_row_that_both_know_gives_the_same_features() -> None:
    there, here, _ = moved()
    with torch.no_grad():
        for net, new in ((there, [0, 1, 2]), (here, [1, 3])):  # of the columns that only one has, nothing
            net.body.hidden[0].weight[:, {3: [2], 2: [1, 3]}[len(new)]] = 0
        one = there.body.features(there.input(torch.tensor([[0.3, -1.2, 0.0, 2.0, 4.0]])))  # sex m, town d
        two = here.body.features(here.input(torch.tensor([[-1.2, 9.0, 0.3, 1.0, 2.0, 1.0]])))
    assert torch.allclose(one, two, atol=1e-6)


VALUES = st.lists(st.sampled_from("rstuvwxyz"), min_size=1, unique=True)
TABLES = st.tuples(
    st.dictionaries(st.sampled_from("abcd"), st.booleans(), min_size=1),
    st.dictionaries(st.sampled_from("efgh"), VALUES, max_size=4),
)


@given(TABLES, TABLES)
def test_of_any_two_tables_what_both_read_is_taken_and_nothing_else(
    one: tuple[dict[str, bool], dict[str, list[str]]], two: tuple[dict[str, bool], dict[str, list[str]]]
) -> None:
    assume(set(one[0]) & set(two[0]))
    (there, columns), (here, own) = table(preprocessing(*one)), table(preprocessing(*two))
    before = here.body.hidden[0].weight.detach().clone()
    take(here, reused(here, Source("other", there.state_dict(), columns), "all_but_head", own).values)
    for i, read in enumerate(own.reads):
        known = read in columns.reads
        expected = there.body.hidden[0].weight[:, columns.reads.index(read)] if known else before[:, i]
        assert torch.equal(here.body.hidden[0].weight[:, i], expected)


def test_new_columns_keep_their_random_weights_and_all_is_said() -> None:
    _, here, said = moved()
    assert said["hidden.0"] == ("taken by column: 4 of 5; new: size; new categories: sex=x, town=e, town=f")
    assert here.body.hidden[0].weight.shape == (5, 9)


def test_tables_without_a_column_in_common_are_an_error() -> None:
    (there, columns), (here, own) = table(preprocessing({"a": False}, {})), table(preprocessing({"b": False}, {}))
    with pytest.raises(UserError, match="have no column in common"):
        reused(here, Source("other", there.state_dict(), columns), "all_but_head", own)


def test_the_same_columns_take_all_weights() -> None:
    (there, columns), (here, own) = table(THERE), table(THERE)
    take(here, reused(here, Source("other", there.state_dict(), columns), "all", own).values)
    assert all(torch.equal(a, b) for a, b in zip(here.parameters(), there.parameters(), strict=True))


# ---- rates


def test_a_layer_learns_at_a_fraction_of_the_rate_of_the_next() -> None:
    found = rates(network(5, 5), 0.5, {})
    assert {name.removeprefix("body."): rate for name, rate in found.items() if "bias" not in name} == {
        "hidden.0.weight": 0.25,
        "hidden.1.weight": 0.5,
        "head.weight": 1.0,
    }


def test_what_is_named_learns_at_its_own_rate() -> None:
    found = rates(network(5, 5), 0.5, {"hidden": 0.1, "hidden.1": 2})
    assert (found["body.hidden.0.weight"], found["body.hidden.1.bias"], found["body.head.bias"]) == (0.1, 2.0, 1.0)
    assert rates(network(5, 5), 1.0, {}) == {}
    with pytest.raises(UserError, match=r"unknown layer .hed.; did you mean .head.\?"):
        rates(network(5), 1.0, {"hed": 2})


# ---- features that do not change


def test_features_are_fixed_where_all_before_the_head_stands_still_and_draws_nothing() -> None:
    net = network(5, 5, dropout=0.5)
    assert not net.fixed_features
    net.hold(["body.hidden.0", "body.hidden.1"])
    assert net.fixed_features
    net = network(5, input_dropout=0.1)
    net.hold(["body.hidden.0"])
    assert not net.fixed_features


def test_a_head_without_layers_before_it_takes_inputs_and_no_features() -> None:
    assert not network().fixed_features


SIZES = {
    "of a width": ({"name": "cnn", "depth": 2, "width": 8, "freeze": "none"}, "cnn, depth 2, width 8"),
    "of no width": ({"name": "cnn", "depth": 3, "width": 16}, ""),
    "of another kind": (
        {"name": "mlp", "depth": 2, "width": 8, "widths": None, "norm": "none"},
        "mlp, depth 2, width 8",
    ),
    "of listed widths": ({"name": "mlp", "depth": 2, "width": 8, "widths": [7]}, "mlp, widths [7]"),
    "unknown": ({}, ""),
}


@pytest.mark.parametrize(("there", "said"), SIZES.values(), ids=SIZES)
def test_the_settings_of_the_source_that_differ(there, said):
    assert _its_model(there, {"name": "cnn", "depth": 3, "width": 16}) == said


def test_a_source_without_listed_widths_has_a_depth():
    there = {"name": "mlp", "depth": 2, "width": 8, "shape": "constant", "widths": None}
    assert _its_model(there, {**there, "widths": [8, 7]}) == "mlp, depth 2, width 8, shape constant"
