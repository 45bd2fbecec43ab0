"""One epoch of the same training by nntrain and its peers: each function builds a net and returns `epoch() -> seconds`.

All do the same work on the same data: N / batch steps of Adam at lr 0.001 on the cross-entropy of shuffled batches, in
float32, no validation and no checkpoint. What a framework does before its first and after its last step of an epoch is
not timed where it lets us look inside (Lightning, Keras); ours is all that the Trainer does in an epoch of training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LR = 1e-3
Epoch = Callable[[], float]


@dataclass(frozen=True)
class Job:
    """widths: of the hidden layers. pixels: uint8 [N, 1, 28, 28]. x: the same, standardised, float32 [N, 784].

    y: int64 [N]. folder: with the IDX files, from which nntrain reads for itself.
    """

    widths: tuple[int, ...]
    batch: int
    pixels: Tensor
    x: Tensor
    y: Tensor
    folder: Path

    def network(self) -> nn.Sequential:
        """784 - widths - 10 with ReLU."""
        layers: list[nn.Module] = []
        into = self.x.shape[1]
        for width in self.widths:
            layers += [nn.Linear(into, width), nn.ReLU()]
            into = width
        return nn.Sequential(*layers, nn.Linear(into, 10))


class Silent:
    """A display and a keeper that do nothing, in place of the console and the run folder."""

    done = 0

    def epoch_begin(self, epoch: int, steps: int) -> None: ...
    def epoch_end(self, row: dict[str, float], best: bool) -> None: ...
    def model(self, weights: dict[str, Tensor], loop: Any) -> None: ...
    def state(self, state: Any, loop: Any, losses: Tensor) -> None: ...
    def row(self, row: dict[str, float]) -> None: ...


def nntrain(job: Job) -> Epoch:
    """The Trainer that `nntrain fit` runs, on the experiment that its config builds."""
    from nntrain.config.compose import compose
    from nntrain.data.dataset import Split
    from nntrain.experiment import build_experiment
    from nntrain.training.state import LoopState
    from nntrain.training.trainer import Stop, Trainer, weighted_mean

    recipe = Path(__file__).parent / "mnist.yaml"
    words = [f"config='{recipe}'", f"data.path='{job.folder}'", "device=cpu", f"batch_size={job.batch}"]
    experiment = build_experiment(compose([*words, f"model.widths={list(job.widths)}"]).config)
    train, silent = Split(job.pixels, job.y), Silent()
    built = experiment.program, experiment.state, LoopState(), train, experiment.dataset.val, experiment.course
    trainer = Trainer(*built, silent, silent, Stop())

    def epoch() -> float:
        began = trainer.saved_at = perf_counter()
        _, samples = trainer.steps(began)
        weighted_mean(trainer.losses, samples)
        seconds = perf_counter() - began
        trainer.loop.epoch, trainer.loop.position, trainer.losses = trainer.loop.epoch + 1, 0, []
        return seconds

    return epoch


def by_hand(job: Job) -> Epoch:
    """The fastest loop with a module, indexing and a fused optimizer; data float32 in memory, four times ours."""
    network = job.network()
    optimizer = torch.optim.Adam(network.parameters(), lr=LR, fused=True)

    def epoch() -> float:
        began = perf_counter()
        for index in torch.randperm(len(job.x)).split(job.batch):
            loss = F.cross_entropy(network(job.x.index_select(0, index)), job.y.index_select(0, index))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return perf_counter() - began

    return epoch


def by_hand_uint8(job: Job) -> Epoch:
    """The same on pictures as they lie in the file, standardised per batch: our memory."""
    network = job.network()
    optimizer = torch.optim.Adam(network.parameters(), lr=LR, fused=True)
    pixels = job.pixels.flatten(1)
    mean, scale = 33.3, 1 / 78.6

    def epoch() -> float:
        began = perf_counter()
        for index in torch.randperm(len(pixels)).split(job.batch):
            x = pixels.index_select(0, index).float().sub_(mean).mul_(scale)
            loss = F.cross_entropy(network(x), job.y.index_select(0, index))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return perf_counter() - began

    return epoch


def by_hand_bare(job: Job) -> Epoch:
    """The same with all that torch's modules and optimizer classes cost stripped off: functions and the bare kernel."""
    layers = [layer for layer in job.network() if isinstance(layer, nn.Linear)]
    params = [p for layer in layers for p in (layer.weight, layer.bias)]
    plain = [p.detach() for p in params]
    first, second = ([torch.zeros_like(p) for p in plain] for _ in range(2))
    step = torch.zeros(())
    settings: dict[str, Any] = {"lr": LR, "beta1": 0.9, "beta2": 0.999, "weight_decay": 0.0, "eps": 1e-8}
    settings |= {"amsgrad": False, "maximize": False, "grad_scale": None, "found_inf": None}

    def epoch() -> float:
        began = perf_counter()
        for index in torch.randperm(len(job.x)).split(job.batch):
            x = job.x.index_select(0, index)
            for i in range(0, len(params) - 2, 2):
                x = F.linear(x, params[i], params[i + 1]).relu_()
            loss = F.cross_entropy(F.linear(x, params[-2], params[-1]), job.y.index_select(0, index))
            grads = list(torch.autograd.grad(loss, params))
            step.add_(1)
            torch._fused_adam_(plain, grads, first, second, [], [step] * len(plain), **settings)
        return perf_counter() - began

    return epoch


def loader(job: Job) -> Iterable[tuple[Tensor, Tensor]]:
    dataset = torch.utils.data.TensorDataset(job.x, job.y)
    return torch.utils.data.DataLoader(dataset, job.batch, shuffle=True)


def data_loader(job: Job) -> Epoch:
    """The loop of every tutorial: DataLoader and torch.optim.Adam as they come."""
    network, batches = job.network(), loader(job)
    optimizer = torch.optim.Adam(network.parameters(), lr=LR)

    def epoch() -> float:
        began = perf_counter()
        for x, y in batches:
            loss = F.cross_entropy(network(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return perf_counter() - began

    return epoch


def lightning(job: Job) -> Epoch:
    """Without logger, checkpoint, progress bar and summary; timed from its epoch's start to its end."""
    import logging

    import lightning as L

    for name in ("pytorch", "fabric"):
        logging.getLogger(f"lightning.{name}").setLevel(logging.ERROR)

    class Module(L.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = job.network()
            self.seconds = 0.0

        def training_step(self, batch: list[Tensor]) -> Tensor:
            return F.cross_entropy(self.network(batch[0]), batch[1])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), lr=LR)

        def on_train_epoch_start(self) -> None:
            self.began = perf_counter()

        def on_train_epoch_end(self) -> None:
            self.seconds = perf_counter() - self.began

    module, batches = Module(), loader(job)
    off = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}

    def epoch() -> float:
        L.Trainer(max_epochs=1, accelerator="cpu", **off).fit(module, batches)
        return module.seconds

    return epoch


def keras(job: Job) -> Epoch:
    """On torch; timed from its epoch's start to its end."""
    import os

    os.environ["KERAS_BACKEND"] = "torch"
    import keras as K

    dense = [K.layers.Dense(width, "relu") for width in job.widths]
    model = K.Sequential([K.Input((job.x.shape[1],)), *dense, K.layers.Dense(10)])
    loss = K.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(K.optimizers.Adam(LR), loss)
    x, y = job.x.numpy(), job.y.numpy()

    class Clock(K.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.began = perf_counter()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.seconds = perf_counter() - self.began

    clock = Clock()

    def epoch() -> float:
        model.fit(x, y, batch_size=job.batch, epochs=1, verbose=0, callbacks=[clock])
        return clock.seconds

    return epoch


def skorch(job: Job) -> Epoch:
    """Without its inner validation split and its printing; one `partial_fit` is one epoch."""
    from skorch import NeuralNetClassifier

    net = NeuralNetClassifier(
        job.network(),
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=LR,
        batch_size=job.batch,
        max_epochs=1,
        iterator_train__shuffle=True,
        train_split=None,
        callbacks__print_log=None,
        callbacks__valid_acc=None,
        verbose=0,
    ).initialize()
    x, y = job.x.numpy(), job.y.numpy()

    def epoch() -> float:
        began = perf_counter()
        net.partial_fit(x, y)
        return perf_counter() - began

    return epoch


def sklearn(job: Job) -> Epoch:
    """MLPClassifier; one `partial_fit` is one epoch."""
    from sklearn.neural_network import MLPClassifier

    net = MLPClassifier(job.widths, batch_size=job.batch, learning_rate_init=LR, random_state=0)
    x, y = job.x.numpy(), job.y.numpy()
    classes = range(10)

    def epoch() -> float:
        began = perf_counter()
        net.partial_fit(x, y, classes=classes)
        return perf_counter() - began

    return epoch


PEERS: dict[str, Callable[[Job], Epoch]] = {
    "nntrain": nntrain,
    "by hand: indexing, fused Adam": by_hand,
    "by hand: uint8, fused Adam": by_hand_uint8,
    "by hand: no module, no optimizer (no bar)": by_hand_bare,
    "by hand: DataLoader": data_loader,
    "Lightning": lightning,
    "Keras on torch": keras,
    "skorch": skorch,
    "scikit-learn MLPClassifier": sklearn,
}
PACKAGE = {"Lightning": "lightning", "Keras on torch": "keras", "skorch": "skorch"}


def installed(peer: str) -> bool:
    """Whether the package that the peer needs is there."""
    return peer not in PACKAGE or find_spec(PACKAGE[peer]) is not None
