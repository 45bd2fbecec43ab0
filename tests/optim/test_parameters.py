"""The layout that all updates work on."""

from __future__ import annotations

import torch
from torch import nn

from nntrain.optim.parameters import Parameters


def test_parameters_keep_their_values_and_live_in_one_vector_weights_first() -> None:
    net = nn.Sequential(nn.Linear(3, 5), nn.LayerNorm(5), nn.Linear(5, 2))
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    params = Parameters(net.named_parameters())
    assert params.names == ("0.weight", "2.weight", "0.bias", "1.weight", "1.bias", "2.bias")
    assert params.weights == 2
    assert params.count == sum(p.numel() for p in net.parameters())
    for name, p in net.named_parameters():
        assert torch.equal(p, before[name])
    params.flat.zero_()
    assert not any(p.any() for p in net.parameters())


def test_the_leading_part_is_what_decays() -> None:
    params = Parameters(nn.Linear(3, 5).named_parameters())
    params.flat[: params.decayed] = 1
    weight, bias = params.data
    assert weight.eq(1).all()
    assert not bias.eq(1).any()


def test_every_view_starts_on_a_boundary_of_64_bytes() -> None:
    params = Parameters(nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 2)).named_parameters())
    start = params.flat.data_ptr()
    assert all((view.data_ptr() - start) % 64 == 0 for view in params.views)


def test_frozen_parameters_stay_out() -> None:
    net = nn.Linear(3, 5)
    net.bias.requires_grad_(False)
    assert Parameters(net.named_parameters()).names == ("weight",)


def test_gather_and_split_undo_each_other() -> None:
    params = Parameters(nn.Linear(3, 5).named_parameters())
    tensors = [torch.randn(5, 3), torch.randn(5)]
    for given, found in zip(tensors, params.split(params.gather(tensors)), strict=True):
        assert torch.equal(given, found)


def test_vectors_of_many_networks_split_into_views_with_a_leading_axis() -> None:
    params = Parameters(nn.Sequential(nn.Linear(3, 5), nn.LayerNorm(5)).named_parameters())
    many = torch.arange(4.0 * len(params.flat)).view(4, -1)
    for views, shape in zip(zip(params.split(many), params.split(many[2]), strict=True), params.shapes, strict=True):
        assert views[0].shape == (4, *shape)
        assert torch.equal(views[0][2], views[1])
    params.split(many)[-1].zero_()
    assert not params.split(many[3])[-1].any()
