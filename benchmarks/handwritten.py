"""The script that a person writes for the job of mnist.yaml: what whole_process.py and memory.py compare with.

    python benchmarks/handwritten.py FOLDER_WITH_IDX_FILES [loader | slices]

MNIST by 784-256-128-10, Adam, batches of 128, 3 epochs, validation on 5,000 pictures after each, the best weights kept
in a file, those evaluated on the test pictures. loader: batches by torch's DataLoader. slices: by slicing a permuted
index, and fused Adam.
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

BATCH, EPOCHS, VALIDATION = 128, 3, 5000


def read(folder, split):
    with gzip.open(folder / f"{split}-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 784)
    with gzip.open(folder / f"{split}-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    return torch.tensor(pixels, dtype=torch.float32) / 255, torch.tensor(labels, dtype=torch.int64)


def evaluate(network, x, y):
    network.eval()
    with torch.no_grad():
        outputs = torch.cat([network(part) for part in x.split(2048)])
    network.train()
    return F.cross_entropy(outputs, y).item(), (outputs.argmax(1) == y).float().mean().item()


def batches_of(x, y, how):
    if how == "loader":
        return DataLoader(TensorDataset(x, y), BATCH, shuffle=True)
    return ((x[index], y[index]) for index in torch.randperm(len(x)).split(BATCH))


def main(folder, how):
    torch.manual_seed(0)
    x, y = read(folder, "train")
    mean, std = x.mean(), x.std()
    x = (x - mean) / std
    order = torch.randperm(len(x))
    val, train = order[:VALIDATION], order[VALIDATION:]
    x_val, y_val, x, y = x[val], y[val], x[train], y[train]
    network = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=how == "slices")
    best = float("inf")
    with tempfile.TemporaryDirectory() as kept:
        checkpoint = Path(kept) / "best.pt"
        for epoch in range(EPOCHS):
            total = 0.0
            for inputs, targets in batches_of(x, y, how):
                loss = F.cross_entropy(network(inputs), targets)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total += loss.item() * len(targets)
            val_loss, val_accuracy = evaluate(network, x_val, y_val)
            print(f"{epoch + 1}: {total / len(x):.4f} {val_loss:.4f} {val_accuracy:.4f}")
            if val_loss < best:
                best = val_loss
                torch.save(network.state_dict(), checkpoint)
        network.load_state_dict(torch.load(checkpoint))
    x_test, y_test = read(folder, "t10k")
    print("test", *evaluate(network, (x_test - mean) / std, y_test))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "loader")
