"""Backbones: every classification model of torchvision, its head, its sizes, its start, its counts."""

from __future__ import annotations

import warnings
from collections import OrderedDict

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torchvision import models

from nntrain.config.keys import BACKBONES
from nntrain.config.schema import model as schema
from nntrain.errors import UserError
from nntrain.models.backbone import Backbone, failing
from nntrain.models.initializers import INITIALIZERS, initialize
from nntrain.models.network import Network
from nntrain.models.norms import PictureBatchNorm
from nntrain.models.summary import layer_table
from nntrain.models.table import MODELS
from nntrain.models.weights import backbone_names
from nntrain.seeding import derive

# One of each family; the rest is built in the same way, and tested where time is no matter.
QUICK = (
    *("alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "googlenet", "inception_v3", "maxvit_t"),
    *("mnasnet0_5", "mobilenet_v2", "mobilenet_v3_small", "regnet_y_400mf", "resnet18", "shufflenet_v2_x0_5"),
    *("squeezenet1_1", "swin_t", "swin_v2_t", "vgg11", "vit_b_32"),
)
NAMES = [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in backbone_names() if name not in QUICK)]
AUXILIARY = {"inception_v3": 3_326_696}  # parameters of a published head that we leave out
BIASES = {"maxvit_t": 1000}  # its own last layer has none
HEAD_AFTER_THE_MEAN = ("squeezenet1_0", "squeezenet1_1")  # theirs before it, which is more work


def without_values(inputs, outputs, name):
    """A model without memory for its weights, which nobody draws: half of the time."""
    with torch.device("meta"), pytest.MonkeyPatch.context() as patch:
        for draw in ("kaiming_normal_", "kaiming_uniform_", "normal_", "trunc_normal_", "uniform_", "constant_"):
            patch.setattr(nn.init, draw, lambda tensor, *rest, **settings: tensor)
        return Backbone(inputs, outputs, name)


@pytest.fixture(scope="module", params=NAMES)
def published(request):
    """A model as it was published, and what is said of it."""
    first = next(iter(models.get_model_weights(request.param)))
    return without_values((3, *first.transforms().crop_size * 2), 1000, request.param), first.meta


def test_the_layer_table_of_every_model_counts_what_torchvision_publishes(published, monkeypatch):
    model, meta = published
    name = model.architecture
    if name not in QUICK:  # half of the time goes into norms, which leave shapes as they are and multiply no matrices
        for norm in ("batch_norm", "layer_norm"):
            monkeypatch.setattr(F, norm, lambda x, *rest, **settings: x)
    rows = layer_table(model, torch.zeros(1, *model.inputs, device="meta"))
    count = meta["num_params"] - AUXILIARY.get(name, 0) + BIASES.get(name, 0)
    assert sum(row.parameters for row in rows) == count
    if name not in HEAD_AFTER_THE_MEAN:
        assert sum(row.multiply_adds for row in rows) / 1e9 == pytest.approx(meta["_ops"], abs=6e-4)


def test_every_model_names_its_layers_from_input_to_head(published):
    model, _ = published
    layers = model.layers
    assert layers[-1] == "head"
    for parameter, _ in model.named_parameters():
        assert sum(parameter == layer or parameter.startswith(f"{layer}.") for layer in layers) == 1


@pytest.mark.parametrize("name", NAMES)
def test_every_model_takes_grey_pictures_and_other_classes(name):
    model = without_values((1, 224, 224), 7, name)
    assert next(m for m in model.modules() if isinstance(m, nn.Conv2d)).in_channels == 1
    assert model.head.out_features == 7


def test_every_name_is_known_for_an_architecture_where_a_model_is_chosen():
    assert all(BACKBONES.match(name) for name in backbone_names())
    assert not any(BACKBONES.match(name) for name in MODELS)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("name", ["shufflenet_v2_x0_5", "squeezenet1_1", "mobilenet_v3_small"])
def test_small_models_train_on_pictures_of_any_colour(name, channels):
    model = Backbone((channels, 40, 33), 5, name)
    x = torch.randn(3, channels, 40, 33).contiguous(memory_format=torch.channels_last)
    outputs = model(x)
    assert outputs.shape == (3, 5)
    outputs.square().sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    model.eval()
    torch.testing.assert_close(model.head(model.features(x)), model(x))


def test_the_trunk_computes_what_torchvisions_model_does():
    theirs = models.resnet18(weights=None, num_classes=10)
    ours = Backbone((3, 40, 40), 10, "resnet18")
    state = ours.from_published(theirs.state_dict())
    assert set(state) == set(ours.state_dict())
    ours.load_state_dict(state)
    x = torch.randn(4, 3, 40, 40)
    torch.testing.assert_close(ours(x), theirs(x))  # batch statistics
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))  # running ones


def test_a_last_batch_of_one_small_picture_trains():
    model = Backbone((3, 32, 32), 2, "resnet18")  # its last stage sees one place
    assert model(torch.randn(1, 3, 32, 32)).shape == (1, 2)
    assert all(isinstance(m, PictureBatchNorm) for m in model.modules() if isinstance(m, nn.BatchNorm2d))


@pytest.mark.parametrize(
    ("name", "size", "said"),
    [
        (
            "squeezenet1_1",
            (12, 8),
            r"model: backbone squeezenet1_1 cannot take pictures of 12x8 \(height x width\): layer features.5 would "
            "have nothing left; at least 17x17 needed",
        ),
        ("vgg11", (16, 16), "layer features.20 would have nothing left; at least 32x32 needed"),
        ("googlenet", (8, 8), "layer maxpool3 would have nothing left; at least 15x15 needed"),
        (
            "vit_b_32",
            (40, 40),
            r"model: backbone vit_b_32 takes square pictures whose side is a multiple of 32 pixels, and the data has "
            r"40x40 \(height x width\)",
        ),
        ("vit_b_16", (32, 48), "takes square pictures whose side is a multiple of 16 pixels"),
        ("maxvit_t", (32, 32), "backbone maxvit_t takes pictures whose sides are multiples of 224 pixels"),
    ],
)
def test_pictures_that_do_not_fit_are_said_with_the_layer_and_the_least_size(name, size, said):
    with pytest.raises(UserError, match=said), torch.device("meta"):
        Backbone((3, *size), 10, name)


def test_a_layer_inside_others_is_named_from_the_outermost():
    inner = nn.Sequential(OrderedDict(norm=nn.BatchNorm2d(3), pool=nn.AvgPool2d(2)))
    trunk = nn.Sequential(OrderedDict(features=nn.Sequential(OrderedDict(transition3=inner))))
    assert failing(trunk, (3, 1, 1)) == "features.transition3.pool"
    assert failing(trunk, (3, 2, 2)) is None


def test_whether_pictures_fit_is_found_without_memory_for_them():
    trunk = Backbone((3, 40, 40), 10, "resnet18").trunk  # its weights are on the CPU
    assert failing(trunk, (3, 10_000_000, 200)) is None  # 24 GB of pixels
    assert trunk.conv1.weight.device.type == "cpu"


def test_the_least_size_that_is_named_is_one_that_fits():
    with torch.device("meta"):
        assert Backbone((3, 17, 17), 10, "squeezenet1_1").head.out_features == 10


def test_a_misspelt_name_leads_to_the_nearest():
    said = (
        f"unknown backbone 'resnt18' (nearest: resnet18, resnet152, resnet101, resnet50, resnet34; {len(NAMES)} in all)"
    )
    assert schema.FIELDS["architecture"].complaint("resnt18") == said
    assert schema.FIELDS["architecture"].complaint("resnet18") is None
    assert "18 is not a classification model of torchvision" in schema.FIELDS["architecture"].complaint(18)
    with pytest.raises(UserError, match=r"model.architecture: unknown backbone 'resnt18' \(nearest: resnet18"):
        Backbone((3, 32, 32), 10, "resnt18")


def test_auto_starts_as_torchvision_does_from_the_runs_seed():
    network = Network(nn.Identity(), Backbone((3, 32, 32), 10, "shufflenet_v2_x0_5"))
    initialize(network, INITIALIZERS["auto"](), seed=3)
    with torch.random.fork_rng():
        torch.manual_seed(derive(3, "init"))
        theirs = models.shufflenet_v2_x0_5(weights=None)
    for name, value in theirs.named_parameters():
        if not name.startswith("fc."):
            assert torch.equal(network.body.trunk.get_parameter(name), value), name
    first = network.body.head.weight.detach().clone()
    initialize(network, INITIALIZERS["auto"](), seed=4)
    assert not torch.equal(network.body.head.weight, first)


def test_another_init_draws_layers_and_leaves_what_it_has_no_rule_for():
    model = Backbone((3, 32, 32), 10, "swin_t")
    initialize(model, INITIALIZERS["constant"](value=0.25), seed=0)
    assert model.trunk.features[0][0].weight.unique().tolist() == [0.25]
    table = model.trunk.features[1][0].attn.relative_position_bias_table
    first = table.detach().clone()
    assert 0.015 < first.std() < 0.025  # torchvision's normal of 0.02
    initialize(model, INITIALIZERS["constant"](value=0.25), seed=1)
    assert not torch.equal(table, first)


def test_published_weights_fit_grey_pictures_and_other_sizes_of_a_vit():
    theirs = models.vit_b_32(weights=None, image_size=64)
    nn.init.normal_(theirs.heads.head.weight)
    with torch.device("meta"):
        ours = Backbone((1, 96, 96), 1000, "vit_b_32")
    state = ours.from_published(theirs.state_dict())
    assert {key: value.shape for key, value in state.items()} == {k: v.shape for k, v in ours.state_dict().items()}
    ours.load_state_dict(state, assign=True)
    grey = torch.randn(2, 1, 32, 32)
    theirs_of_grey = theirs.conv_proj(grey.expand(-1, 3, -1, -1))
    torch.testing.assert_close(ours.trunk.conv_proj(grey), theirs_of_grey, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["inception_v3", "squeezenet1_1"])
def test_published_weights_come_without_auxiliary_heads_and_with_a_linear_head(name):
    with warnings.catch_warnings(), torch.device("meta"):
        warnings.simplefilter("ignore")  # on how torchvision will initialise some day
        theirs = models.get_model(name, weights=None)
        ours = Backbone((3, 224, 224), 1000, name)
    state = ours.from_published(theirs.state_dict())
    assert {key: value.shape for key, value in state.items()} == {k: v.shape for k, v in ours.state_dict().items()}
