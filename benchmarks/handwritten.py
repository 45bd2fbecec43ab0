"""The script that a person writes for MNIST: what whole_process.py and memory.py compare with.

    python benchmarks/handwritten.py FOLDER_WITH_IDX_FILES [loader | slices] [plain | recipe]

Three epochs, validation on 5,000 pictures after each, the best weights kept in a file, those evaluated on the test set.
loader: batches by torch's DataLoader, optimizer as it comes. slices: by a permuted index, fused optimizer.
plain: the job of mnist.yaml beside this file. recipe: that of the recipe `mnist`: wider, dropout, AdamW, one cycle.
"""

import gzip
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

EPOCHS, VALIDATION = 3, 5000
JOBS = {
    "plain": {"widths": (256, 128), "batch": 128, "dropout": 0.0, "input_dropout": 0.0, "lr": 1e-3, "one_cycle": False},
    "recipe": {"widths": (512, 512), "batch": 256, "dropout": 0.3, "input_dropout": 0.1, "lr": 3e-3, "one_cycle": True},
}


def read(folder, split):
    with gzip.open(folder / f"{split}-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 784)
    with gzip.open(folder / f"{split}-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    return torch.tensor(pixels, dtype=torch.float32) / 255, torch.tensor(labels, dtype=torch.int64)


def make_network(job):
    layers = [nn.Dropout(job["input_dropout"])] if job["input_dropout"] else []
    into = 784
    for width in job["widths"]:
        layers += [nn.Linear(into, width), nn.ReLU()]
        layers += [nn.Dropout(job["dropout"])] if job["dropout"] else []
        into = width
    return nn.Sequential(*layers, nn.Linear(into, 10))


def evaluate(network, x, y):
    network.eval()
    with torch.no_grad():
        outputs = torch.cat([network(part) for part in x.split(2048)])
    network.train()
    return F.cross_entropy(outputs, y).item(), (outputs.argmax(1) == y).float().mean().item()


def batches_of(x, y, size, how):
    if how == "loader":
        return DataLoader(TensorDataset(x, y), size, shuffle=True)
    return ((x[index], y[index]) for index in torch.randperm(len(x)).split(size))


def main(folder, how="loader", name="plain"):
    job = JOBS[name]
    torch.manual_seed(0)
    x, y = read(folder, "train")
    mean, std = x.mean(), x.std()
    x = (x - mean) / std
    order = torch.randperm(len(x))
    val, train = order[:VALIDATION], order[VALIDATION:]
    x_val, y_val, x, y = x[val], y[val], x[train], y[train]
    network = make_network(job)
    kind = torch.optim.AdamW if job["one_cycle"] else torch.optim.Adam
    optimizer = kind(network.parameters(), lr=job["lr"], fused=how == "slices")
    steps = EPOCHS * -(-len(x) // job["batch"])
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, job["lr"], steps) if job["one_cycle"] else None
    best = 0.0
    with tempfile.TemporaryDirectory() as kept:
        checkpoint = Path(kept) / "best.pt"
        for epoch in range(EPOCHS):
            total = 0.0
            for inputs, targets in batches_of(x, y, job["batch"], how):
                loss = F.cross_entropy(network(inputs), targets)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                if schedule is not None:
                    schedule.step()
                total += loss.item() * len(targets)
            val_loss, accuracy = evaluate(network, x_val, y_val)
            print(f"{epoch + 1}: {total / len(x):.4f} {val_loss:.4f} {accuracy:.4f}")
            if accuracy > best:
                best = accuracy
                torch.save(network.state_dict(), checkpoint)
        network.load_state_dict(torch.load(checkpoint))
    x_test, y_test = read(folder, "t10k")
    print("test", *evaluate(network, (x_test - mean) / std, y_test))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
