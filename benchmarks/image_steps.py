"""Step time of a small ResNet on 32 x 32 colour pictures, beside loops written by hand and frameworks, in one process.

    python benchmarks/image_steps.py

Bars: at most 1.05 times a loop written by hand, channels-last, with the same network and a fused optimizer; with crops
and flips faster than torchvision's transforms in a DataLoader of two workers, and than Lightning on top of that; the
`cifar` augmentation takes at most 15 % of the step without it. In float32 and in bfloat16 (autocast).
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

from common import arguments, interleaved, ratio, report, set_threads

if TYPE_CHECKING:
    from torch import Tensor, nn

Epoch = Callable[[], float]
LR, MOMENTUM, WEIGHT_DECAY = 0.1, 0.9, 5e-4
MEAN, STD = 128.0, 74.0  # of pixels drawn evenly from 0 to 255
PLAIN, AUGMENTED = "nntrain", "nntrain, augment=cifar"


@dataclass(frozen=True)
class Job:
    """pixels: uint8 [N, 3, 32, 32]. y: int64 [N], ten classes. path: an .npz of both."""

    pixels: Tensor
    y: Tensor
    path: Path
    depth: int
    batch: int
    precision: str

    def network(self) -> nn.Module:
        import torch

        from nntrain.models.resnet import ResNet

        return ResNet((3, 32, 32), 10, self.depth).to(memory_format=torch.channels_last)

    def autocast(self) -> AbstractContextManager[Any]:
        import torch

        return torch.autocast("cpu", torch.bfloat16) if self.precision == "bf16" else nullcontext()

    def optimizer(self, network: nn.Module) -> Any:
        import torch

        settings = {"lr": LR, "momentum": MOMENTUM, "weight_decay": WEIGHT_DECAY}
        return torch.optim.SGD(network.parameters(), **settings, fused=True)


def ours(job: Job, *words: str) -> Epoch:
    """The Trainer that `nntrain fit` runs, on the experiment that its config builds."""
    from peers import Silent

    from nntrain.config.compose import compose
    from nntrain.experiment import build_experiment
    from nntrain.training.state import LoopState
    from nntrain.training.trainer import Stop, Trainer, weighted_mean

    settings = [f"optimizer.lr={LR}", f"optimizer.momentum={MOMENTUM}", f"optimizer.weight_decay={WEIGHT_DECAY}"]
    data = ["data=arrays", f"data.path='{job.path}'", "data.val=2", "data.test=0", "epochs=1000", "device=cpu"]
    model = ["model=resnet", f"model.depth={job.depth}", f"batch_size={job.batch}", f"precision={job.precision}"]
    config = compose(["config=digits", *data, *model, "optimizer=sgd", *settings, *words]).config
    experiment, silent = build_experiment(config), Silent()
    built = experiment.program, experiment.state, LoopState(), experiment.dataset.train, experiment.dataset.val
    trainer = Trainer(*built, experiment.course, silent, silent, Stop(), augment=experiment.augment)

    def epoch() -> float:
        began = trainer.saved_at = perf_counter()
        _, samples = trainer.steps(began)
        weighted_mean(trainer.losses, samples)
        seconds = perf_counter() - began
        trainer.loop.epoch, trainer.loop.position, trainer.losses = trainer.loop.epoch + 1, 0, []
        return seconds

    return epoch


def training(job: Job, network: nn.Module, batches: Callable[[], Iterator[tuple[Tensor, Tensor]]]) -> Epoch:
    """The loop of every tutorial, channels-last and with a fused optimizer."""
    import torch
    from torch.nn import functional as F

    optimizer = job.optimizer(network)
    network.train()

    def epoch() -> float:
        began = perf_counter()
        for x, y in batches():
            with job.autocast():
                loss = F.cross_entropy(network(x.contiguous(memory_format=torch.channels_last)), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return perf_counter() - began

    return epoch


def indexed(job: Job) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of pictures in memory, by index, standardised as floats."""
    import torch

    for index in torch.randperm(len(job.pixels)).split(job.batch):
        yield job.pixels[index].float().sub_(MEAN).div_(STD), job.y[index]


def by_hand(job: Job) -> Epoch:
    return training(job, job.network(), lambda: indexed(job))


def by_hand_usual(job: Job) -> Epoch:
    """The same loop with a network as it is usually written: the shortcut a slice, the mean by adaptive pooling."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    class Block(nn.Module):
        def __init__(self, inputs: int, width: int) -> None:
            super().__init__()
            self.stride = width // inputs
            self.conv1 = nn.Conv2d(inputs, width, 3, self.stride, 1, bias=False)
            self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
            self.bn1, self.bn2 = nn.BatchNorm2d(width), nn.BatchNorm2d(width)

        def forward(self, x: Tensor) -> Tensor:
            y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
            if self.stride > 1:
                x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, y.shape[1] - x.shape[1]))
            return F.relu(x + y)

    layers: list[nn.Module] = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    into = 16
    for width in (16, 32, 64):
        for _ in range((job.depth - 2) // 6):
            layers.append(Block(into, width))
            into = width
    network = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(into, 10))
    return training(job, network.to(memory_format=torch.channels_last), lambda: indexed(job))


class Pictures:
    """A data set as torchvision's are: a PIL picture at a time, through its transforms."""

    def __init__(self, job: Job) -> None:
        from torchvision import transforms

        self.pixels = job.pixels.permute(0, 2, 3, 1).contiguous().numpy()
        self.y = job.y.tolist()
        spread = ((MEAN / 255,) * 3, (STD / 255,) * 3)
        moves = [transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip()]
        self.transform = transforms.Compose([*moves, transforms.ToTensor(), transforms.Normalize(*spread)])

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, i: int) -> tuple[Tensor, int]:
        from PIL import Image

        return self.transform(Image.fromarray(self.pixels[i])), self.y[i]


def workers(job: Job) -> Any:
    import torch

    return torch.utils.data.DataLoader(Pictures(job), job.batch, shuffle=True, num_workers=2, persistent_workers=True)


def data_loader(job: Job) -> Epoch:
    loader = workers(job)
    return training(job, job.network(), lambda: iter(loader))


def lightning(job: Job) -> Epoch:
    """Without logger, checkpoint, progress bar and summary; timed from its epoch's start to its end."""
    import logging

    import lightning as L
    import torch
    from torch.nn import functional as F

    for name in ("pytorch", "fabric"):
        logging.getLogger(f"lightning.{name}").setLevel(logging.ERROR)

    class Module(L.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = job.network()
            self.seconds = 0.0

        def training_step(self, batch: list[Tensor]) -> Tensor:
            return F.cross_entropy(self.network(batch[0].contiguous(memory_format=torch.channels_last)), batch[1])

        def configure_optimizers(self) -> Any:
            return job.optimizer(self)

        def on_train_epoch_start(self) -> None:
            self.began = perf_counter()

        def on_train_epoch_end(self) -> None:
            self.seconds = perf_counter() - self.began

    module, loader = Module(), workers(job)
    off = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
    precision = "bf16-mixed" if job.precision == "bf16" else "32-true"

    def epoch() -> float:
        L.Trainer(max_epochs=1, accelerator="cpu", precision=precision, **off).fit(module, loader)
        return module.seconds

    return epoch


# name -> (what builds it, which of ours does the same work, the most times its time that ours may take)
CONTESTANTS: dict[str, tuple[Callable[[Job], Epoch], str, float | None]] = {
    PLAIN: (lambda job: ours(job), PLAIN, None),
    AUGMENTED: (lambda job: ours(job, "augment=cifar"), AUGMENTED, None),
    "by hand: the same network, channels-last": (by_hand, PLAIN, 1.05),
    "by hand: as usually written, channels-last": (by_hand_usual, PLAIN, 1.05),
    "by hand: torchvision transforms, DataLoader, 2 workers": (data_loader, AUGMENTED, 1.0),
    "Lightning: torchvision transforms, DataLoader, 2 workers": (lightning, AUGMENTED, 1.0),
}
MOST_FOR_AUGMENTATION = 1.15


def main() -> None:
    parser = arguments(__doc__, rounds=9)
    parser.add_argument("--samples", type=int, default=2048, help="per epoch (2048)")
    parser.add_argument("--batch", type=int, default=128, help="(128)")
    parser.add_argument("--depth", type=int, default=20, help="of the ResNet (20)")
    parser.add_argument("--precisions", nargs="*", default=["fp32", "bf16"], choices=["fp32", "bf16"])
    parser.add_argument("--only", nargs="*", default=None, help="peers whose name contains one of these")
    options = parser.parse_args()
    set_threads(options.threads)

    import numpy as np
    import torch

    warnings.filterwarnings("ignore", module="lightning")
    wanted = [name for name in CONTESTANTS if options.only is None or any(part in name for part in options.only)]
    names = list(dict.fromkeys((PLAIN, AUGMENTED, *wanted)))
    if find_spec("lightning") is None:
        print("not installed, left out: Lightning", file=sys.stderr)
        names = [name for name in names if not name.startswith("Lightning")]
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        draw = np.random.default_rng(0)
        pixels = draw.integers(256, size=(options.samples + 2, 32, 32, 3), dtype=np.uint8)
        y = np.arange(options.samples + 2) % 10
        path = Path(folder) / "pictures.npz"
        np.savez(path, x=pixels, y=y)
        x = torch.from_numpy(pixels[2:]).permute(0, 3, 1, 2).contiguous()
        for precision in options.precisions:
            job = Job(x, torch.from_numpy(y[2:]), path, options.depth, options.batch, precision)
            steps = -(-options.samples // options.batch)
            built = {name: CONTESTANTS[name][0](job) for name in names}
            found = interleaved(built, options.rounds, rest=0.3)
            rows += [row(precision, name, found, steps) for name in names]
    report("image_steps", rows, options, {"torch's threads": torch.get_num_threads(), "samples": options.samples})


def row(precision: str, name: str, found: dict[str, list[float]], steps: int) -> dict[str, object]:
    _, alike, most = CONTESTANTS[name]
    line: dict[str, object] = {"precision": precision, "contestant": name}
    line |= {"ms per step": median(found[name]) / steps * 1e3}
    if name == AUGMENTED:
        times = ratio(found[AUGMENTED], found[PLAIN])
        return line | {
            "compared": "itself by nntrain",
            "times": times,
            "bar": MOST_FOR_AUGMENTATION,
            "": times <= MOST_FOR_AUGMENTATION,
        }
    if most is None:
        return line
    times = ratio(found[alike], found[name])
    return line | {"compared": f"{alike} by it", "times": times, "bar": most, "": times <= most}


if __name__ == "__main__":
    main()
