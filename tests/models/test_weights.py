"""Published weights: names, the folder they are kept in, the file to get where there is no network."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from torchvision import models

from nntrain.errors import UserError
from nntrain.models import weights
from nntrain.models.weights import find_weights, published

NAME = "squeezenet1_1"


def saved() -> bytes:
    state = models.squeezenet1_1(weights=None).state_dict()
    file = io.BytesIO()
    torch.save(state, file)
    return file.getvalue()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """torch.hub's folder of weights, which is not there yet."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    return tmp_path / "checkpoints"


@pytest.fixture
def content(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A file of weights, whose hash torchvision's entry now ends in."""
    content = saved()
    digest = hashlib.sha256(content).hexdigest()[:8]
    entry = models.SqueezeNet1_1_Weights.IMAGENET1K_V1.value
    monkeypatch.setattr(entry, "url", f"https://download.pytorch.org/models/squeezenet1_1-{digest}.pth")
    return content


def file_of(folder: Path) -> Path:
    return folder / models.SqueezeNet1_1_Weights.IMAGENET1K_V1.url.rpartition("/")[2]


@pytest.mark.parametrize(
    ("name", "architecture", "found"),
    [
        ("resnet18", None, ("resnet18", models.ResNet18_Weights.IMAGENET1K_V1)),
        ("ResNet18_Weights.DEFAULT", None, ("resnet18", models.ResNet18_Weights.IMAGENET1K_V1)),
        ("ResNet50_Weights.IMAGENET1K_V1", "resnet50", ("resnet50", models.ResNet50_Weights.IMAGENET1K_V1)),
        ("resnet50", None, ("resnet50", models.ResNet50_Weights.IMAGENET1K_V2)),
        ("DEFAULT", "resnet50", ("resnet50", models.ResNet50_Weights.IMAGENET1K_V2)),
        ("IMAGENET1K_V1", "resnet50", ("resnet50", models.ResNet50_Weights.IMAGENET1K_V1)),
    ],
)
def test_the_names_of_weights(name, architecture, found):
    assert find_weights(name, architecture) == found


@pytest.mark.parametrize(
    ("name", "architecture", "said"),
    [
        ("resnt18", None, r"model.init_from: unknown published weights 'resnt18' \(nearest: resnet18,"),
        ("ResNet19_Weights.DEFAULT", None, r"unknown published weights 'ResNet19_Weights' \(nearest: "),
        ("IMAGENET1K_V3", "resnet18", "unknown weights of resnet18 'IMAGENET1K_V3'; did you mean 'IMAGENET1K_V1'"),
        ("IMAGENET1K_V1", None, r"in full, such as ResNet18_Weights.DEFAULT"),
        (
            "ResNet50_Weights.DEFAULT",
            "resnet18",
            "ResNet50_Weights.DEFAULT are weights of resnet50, and the model is a resnet18; "
            "set model.architecture=resnet50",
        ),
    ],
)
def test_names_that_are_none_are_said(name, architecture, said):
    with pytest.raises(UserError, match=said):
        find_weights(name, architecture)


def test_a_file_that_is_there_is_read_without_a_network(folder, content, monkeypatch):
    monkeypatch.setattr(torch.hub, "download_url_to_file", lambda *args, **kwargs: pytest.fail("fetched"))
    folder.mkdir()
    file_of(folder).write_bytes(content)
    state, meta = published(NAME)
    assert list(state) == list(models.squeezenet1_1(weights=None).state_dict())
    assert meta["name"] == "SqueezeNet1_1_Weights.IMAGENET1K_V1"
    assert (meta["model"], meta["path"]) == (NAME, str(file_of(folder)))
    assert meta["mean"] == pytest.approx((123.675, 116.28, 103.53))
    assert len(meta["categories"]) == 1000


def test_a_missing_file_is_fetched_once_and_kept(folder, content, monkeypatch):
    asked: list[str] = []

    def fetch(url: str, path: str, digest: str, progress: bool) -> None:
        asked.append(url)
        assert hashlib.sha256(content).hexdigest().startswith(digest)
        Path(path).write_bytes(content)

    monkeypatch.setattr(torch.hub, "download_url_to_file", fetch)
    first, _ = published(NAME)
    again, _ = published(NAME)
    assert asked == [models.SqueezeNet1_1_Weights.IMAGENET1K_V1.url]
    assert all(torch.equal(value, again[key]) for key, value in first.items())


def test_without_a_network_the_file_to_get_is_named(folder, monkeypatch):
    def refuse(*args: object, **kwargs: object) -> None:
        raise URLError("Name or service not known")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    with pytest.raises(UserError) as caught:
        published(NAME)
    assert str(caught.value) == (
        "model.init_from: the weights are not on this machine and cannot be fetched (Name or service "
        "not known); get https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth where there is a network, and "
        f"put it at {folder / 'squeezenet1_1-b8a52dc0.pth'} ($TORCH_HOME moves that folder)"
    )


def test_a_damaged_file_is_said_and_never_opened(folder, content, monkeypatch):
    monkeypatch.setattr(weights.torch, "load", lambda *args, **kwargs: pytest.fail("opened"))
    folder.mkdir()
    file_of(folder).write_bytes(content[:-1])
    with pytest.raises(
        UserError, match=r"squeezenet1_1-\w{8}.pth is damaged, or another file: its SHA-256 begins with"
    ):
        published(NAME)


def test_every_published_file_carries_the_beginning_of_its_hash_in_its_name():
    for name in weights.backbone_names():
        for entry in models.get_model_weights(name):
            digest = Path(entry.url).stem.rpartition("-")[2]
            assert len(digest) >= 8, entry
            int(digest, 16)
