"""Input layers: standardised pixels, one-hot vectors and embeddings."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from nntrain.models.inputs import PixelInput, TableInput, embedding_width


@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_are_standardised_per_channel(channels):
    mean, std = [33.3, 10.0, 20.0][:channels], [78.5, 1.0, 2.0][:channels]
    x = torch.randint(0, 256, (4, channels, 5, 5), dtype=torch.uint8)
    y = PixelInput(mean, std)(x)
    m, s = (torch.tensor(v).view(1, -1, 1, 1) for v in (mean, std))
    assert y.dtype is torch.float32
    torch.testing.assert_close(y, (x.double() - m).div(s).float(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("mean", [[7.0], [7.0, 7.0]])
def test_a_channel_without_spread_is_centred(mean):
    x = torch.full((1, len(mean), 2, 2), 7, dtype=torch.uint8)
    assert torch.equal(PixelInput(mean, [0.0] * len(mean))(x), torch.zeros(1, len(mean), 2, 2))


def test_pixel_input_stores_nothing():
    assert not PixelInput([1.0, 2.0], [3.0, 4.0]).state_dict()


def test_numbers_pass_through_untouched():
    layer = TableInput(3)
    x = torch.randn(5, 3)
    assert layer(x) is x
    assert layer.features == 3


def test_small_categories_become_one_hot_and_large_ones_embeddings():
    layer = TableInput(2, (3, 40, 4), one_hot_max=10, embedding_dim=5)
    x = torch.tensor([[0.5, -1.0, 2, 39, 0], [1.5, 2.0, 0, 0, 3]])
    y = layer(x)
    one_hot = torch.cat((F.one_hot(x[:, 2].long(), 3), F.one_hot(x[:, 4].long(), 4)), 1).float()
    assert layer.features == y.shape[1] == 2 + 3 + 4 + 5
    assert torch.equal(y[:, :2], x[:, :2])
    assert torch.equal(y[:, 2:9], one_hot)
    assert torch.equal(y[:, 9:], layer.embeddings[0].weight[[39, 0]])


def test_categories_alone():
    layer = TableInput(0, (3,))
    assert torch.equal(layer(torch.tensor([[1.0]])), torch.tensor([[0.0, 1.0, 0.0]]))


def test_width_of_embeddings_grows_with_the_categories_up_to_50():
    assert [embedding_width(n) for n in (2, 20, 100, 10_000)] == [2, 9, 21, 50]
    assert TableInput(1, (100,)).features == 1 + 21
