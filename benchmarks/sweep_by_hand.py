"""The sweeps that a person writes: what sweeps.py compares with.

    python benchmarks/sweep_by_hand.py loop|joblib|sklearn|bare FOLDER EPOCHS RATES SEEDS      (0.001,0.01 0,1,2)
    python benchmarks/sweep_by_hand.py hydra ... hydra.sweep.dir=FOLDER +epochs=20 +lr=0.001,0.01 +seed=0,1,2 -m

loop: one job after another in one process, batches by a permuted index, fused Adam, validation after each epoch, the
best weights kept, tested and saved in a file per job. joblib: the same by two processes. hydra: the same by Hydra's own
basic launcher. sklearn: MLPClassifier, one after another, as it comes: neither validated nor saved.
bare: little more than the least that torch can take: its import, and then two processes take the steps of all jobs in
two batched programs, on random numbers; nothing is read, validated or saved.
"""

import sys
from itertools import pairwise, product
from pathlib import Path

WIDTHS, BATCH = (32, 32), 32


def read_digits():
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    x, y = load_digits(return_X_y=True)
    rest, x_test, y_rest, y_test = train_test_split(x, y, test_size=0.15, random_state=0, stratify=y)
    x, x_val, y, y_val = train_test_split(rest, y_rest, test_size=0.15 / 0.85, random_state=0, stratify=y_rest)
    mean, std = x.mean(), x.std()
    return [((part - mean) / std, labels) for part, labels in ((x, y), (x_val, y_val), (x_test, y_test))]


def train(lr, seed, epochs, path, splits=None):
    import torch
    from torch import nn
    from torch.nn import functional as F

    splits = splits or read_digits()
    (x, y), val, test = ((torch.tensor(a, dtype=torch.float32), torch.tensor(b)) for a, b in splits)
    torch.manual_seed(seed)
    layers, into = [], x.shape[1]
    for width in WIDTHS:
        layers += [nn.Linear(into, width), nn.ReLU()]
        into = width
    network = nn.Sequential(*layers, nn.Linear(into, 10))
    optimizer = torch.optim.Adam(network.parameters(), lr=lr, fused=True)

    def evaluate(inputs, targets):
        with torch.no_grad():
            outputs = network(inputs)
        return F.cross_entropy(outputs, targets).item(), (outputs.argmax(1) == targets).float().mean().item()

    best, weights = float("inf"), {}
    for _ in range(epochs):
        for index in torch.randperm(len(x)).split(BATCH):
            loss = F.cross_entropy(network(x[index]), y[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        loss, _ = evaluate(*val)
        if loss < best:
            best, weights = loss, {name: value.clone() for name, value in network.state_dict().items()}
    network.load_state_dict(weights)
    torch.save({"weights": weights, "val": best, "test": evaluate(*test)}, path)
    return best


def one_of_two(*job):
    import torch

    torch.set_num_threads(1)
    return train(*job)


def by_sklearn(lr, seed, epochs):
    import warnings

    from sklearn.neural_network import MLPClassifier

    warnings.filterwarnings("ignore", module="sklearn")
    (x, y), _, (x_test, y_test) = read_digits()
    settings = {"batch_size": BATCH, "learning_rate_init": lr, "max_iter": epochs, "n_iter_no_change": epochs}
    return MLPClassifier(WIDTHS, random_state=seed, **settings).fit(x, y).score(x_test, y_test)


def by_bare_steps(rates, epochs, processes=2):
    """rates: of all jobs. The processes are forked when torch is imported."""
    import gc
    import os

    os.environ["OMP_NUM_THREADS"] = "1"
    gc.disable()  # or the import takes half as long again, and the end a second
    import torch  # noqa: F401

    gc.freeze()

    for part in range(1, processes):
        if not os.fork():
            batched_steps(rates[part::processes], epochs)
            os._exit(0)
    batched_steps(rates[::processes], epochs)
    for _ in range(1, processes):
        os.wait()
    return rates


def batched_steps(rates, epochs, samples=1257, inputs=64, classes=10):
    """Adam on as many networks as there are rates, their parameters in one tensor [M, P]."""
    import torch
    from torch.nn import functional as F

    x, y = torch.randn(samples, inputs), torch.randint(classes, (samples,))
    sizes, members = (inputs, *WIDTHS, classes), len(rates)
    shapes = [shape for a, b in pairwise(sizes) for shape in ((members, a, b), (members, 1, b))]
    flat = torch.randn(members, sum(a * b for _, a, b in shapes)) / 10
    views, at = [], 0
    for shape in shapes:
        views.append(flat[:, at : at + shape[1] * shape[2]].view(shape).requires_grad_())
        at += shape[1] * shape[2]
    lr, mean, square, step = torch.tensor(rates)[:, None], torch.zeros_like(flat), torch.zeros_like(flat), 0
    for _ in range(epochs):
        for index in torch.stack([torch.randperm(samples) for _ in rates]).split(BATCH, 1):
            h = x[index]
            for weights, biases in zip(views[:-2:2], views[1:-2:2], strict=True):
                h = torch.baddbmm(biases, h, weights).relu()
            outputs = torch.baddbmm(views[-1], h, views[-2]).flatten(0, 1)
            loss = F.cross_entropy(outputs, y[index].flatten(), reduction="sum") / index.shape[1]
            grad = torch.cat([g.flatten(1) for g in torch.autograd.grad(loss, views)], 1)
            step += 1
            with torch.no_grad():
                mean.lerp_(grad, 0.1)
                square.mul_(0.999).addcmul_(grad, grad, value=0.001)
                scale = (square / (1 - 0.999**step)).sqrt_().add_(1e-8)
                flat.addcmul_(mean / scale, lr / (0.9**step - 1))


def by_hydra():
    import hydra

    @hydra.main(config_path=None, version_base=None)
    def job(config):
        from hydra.core.hydra_config import HydraConfig

        path = Path(HydraConfig.get().runtime.output_dir) / "model.pt"
        return train(config.lr, config.seed, config.epochs, path)

    sys.argv.pop(1)
    job()


def main(how, folder, epochs, rates, seeds):
    jobs = list(product(map(float, rates.split(",")), map(int, seeds.split(","))))
    epochs, paths = int(epochs), [Path(folder) / f"{i}.pt" for i in range(len(jobs))]
    if how == "bare":
        found = by_bare_steps([lr for lr, _ in jobs], epochs)
    elif how == "sklearn":
        found = [by_sklearn(*job, epochs) for job in jobs]
    elif how == "joblib":
        from joblib import Parallel, delayed

        found = Parallel(n_jobs=2)(
            delayed(one_of_two)(*job, epochs, path) for job, path in zip(jobs, paths, strict=True)
        )
    else:
        splits = read_digits()
        found = [train(*job, epochs, path, splits) for job, path in zip(jobs, paths, strict=True)]
    print(min(found), max(found))


if __name__ == "__main__":
    by_hydra() if sys.argv[1] == "hydra" else main(*sys.argv[1:])
