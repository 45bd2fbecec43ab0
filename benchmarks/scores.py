"""Test scores of the shipped recipes, beside a linear model and scikit-learn's MLP with its defaults.

    python benchmarks/scores.py                    all recipes whose data is there
    python benchmarks/scores.py digits housing     some of them, to results/scores_digits_housing.json

The bundled sets: twenty splits (data.split_seed), a training seed each. nntrain trains on the training part and chooses
the epoch on validation; scikit-learn's models are given both parts, more data than nntrain's. Differences are paired
by split. The others: three training seeds on the recipe's own split.
Data that is not bundled is looked for in ../shared/data or in the folder that NNTRAIN_DATA names; else it is left out.
"""

from __future__ import annotations

import contextlib
import io
import os
import statistics
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from common import arguments, report, set_threads
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import nntrain
from nntrain.builders import load_data
from nntrain.config.compose import compose

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("NNTRAIN_DATA", ROOT.parent / "shared" / "data"))
SPLITS = 20
BUNDLED = ("digits", "iris", "wine", "breast_cancer", "diabetes")
ADULT, MNIST, CIFAR = DATA / "adult", f"data.root='{DATA / 'mnist'}'", DATA / "cifar10" / "cifar10-jpeg.tar.gz"
SETTINGS: dict[str, tuple[str, ...]] = {
    "spirals": (),
    "mnist": (MNIST,),
    "housing": (f"data.path='{DATA / 'housing' / 'housing.csv'}'",),
    "adult": (f"data.path='{ADULT / 'adult-train.csv'}'", f"data.test_path='{ADULT / 'adult-test.csv'}'"),
    "mnist_cnn": (MNIST,),
    "cifar10": (f"data.path='{CIFAR}'",),
    "dog_or_cat": (f"data.path='{CIFAR}'",),
    "mnist_autoencoder": (MNIST,),
}
FOLDERS = {
    "mnist_cnn": "mnist",
    "mnist_autoencoder": "mnist",
    "dog_or_cat": "cifar10",
}  # whose name is not the recipe's


def metric(recipe: str) -> str:
    return {"diabetes": "rmse", "housing": "rmse", "mnist_autoencoder": "r2"}.get(recipe, "accuracy")


def run(recipe: str, *settings: str) -> dict[str, Any]:
    """The result of one training."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        return dict(nntrain.fit(recipe, f"run_dir='{folder}/run'", *settings, quiet=True).result)


def peers(recipe: str, split_seed: int) -> tuple[float, float]:
    """Test score of the linear model and of scikit-learn's MLP on the same split."""
    config = compose([f"config={recipe}", f"data.split_seed={split_seed}"]).config
    data = load_data(config, standardize_target=False)
    assert data.test is not None
    parts = [data.train, data.val]
    x = np.concatenate([part.inputs.numpy().reshape(len(part), -1) for part in parts]).astype(float)
    y = np.concatenate([part.targets.numpy() for part in parts])
    x_test, y_test = data.test.inputs.numpy().reshape(len(data.test), -1).astype(float), data.test.targets.numpy()
    if data.task.is_classification:
        models: list[Any] = [LogisticRegression(max_iter=5000), MLPClassifier(random_state=split_seed)]
        scores = [make_pipeline(StandardScaler(), model).fit(x, y).score(x_test, y_test) for model in models]
        return float(scores[0]), float(scores[1])
    models = [RidgeCV(np.logspace(-3, 4, 30)), MLPRegressor(random_state=split_seed)]
    found = [make_pipeline(StandardScaler(), model).fit(x, y[:, 0]).predict(x_test) for model in models]
    errors = [float(np.sqrt(np.mean((values - y_test[:, 0]) ** 2))) for values in found]
    return errors[0], errors[1]


def compare(recipe: str) -> dict[str, Any]:
    """nntrain beside its peers on every split; a positive difference is in nntrain's favour."""
    results, others = [], []
    for seed in range(SPLITS):
        results.append(run(recipe, f"seed={seed}", f"data.split_seed={seed}"))
        others.append(peers(recipe, seed))
    name, sign = metric(recipe), -1.0 if metric(recipe) == "rmse" else 1.0
    ours = [result["test"][name] for result in results]
    row = summary(recipe, ours, [result["seconds"] for result in results])
    for i, peer in enumerate(("linear", "sklearn_mlp")):
        theirs = [scores[i] for scores in others]
        differences = [sign * (a - b) for a, b in zip(ours, theirs, strict=True)]
        row[peer] = statistics.mean(theirs)
        row[f"{peer}_difference"] = statistics.mean(differences)
        row[f"{peer}_standard_error"] = statistics.stdev(differences) / len(differences) ** 0.5
    return row


def repeat(recipe: str) -> dict[str, Any]:
    """Three training seeds."""
    results = [run(recipe, f"seed={seed}", *SETTINGS[recipe]) for seed in range(3)]
    scores = [result["test"][metric(recipe)] for result in results]
    return summary(recipe, scores, [result["seconds"] for result in results])


def summary(recipe: str, scores: list[float], seconds: list[float]) -> dict[str, Any]:
    return {
        "recipe": recipe,
        "metric": metric(recipe),
        "n": len(scores),
        "mean": statistics.mean(scores),
        "std": statistics.stdev(scores),
        "seconds": statistics.median(seconds),
    }


def main() -> None:
    parser = arguments(__doc__, rounds=1)
    parser.add_argument("recipes", nargs="*", default=[*BUNDLED, *SETTINGS])
    options = parser.parse_args()
    set_threads(options.threads)
    warnings.filterwarnings("ignore", module="sklearn")
    rows: list[dict[str, Any]] = []
    for recipe in options.recipes:
        if SETTINGS.get(recipe) and not (DATA / FOLDERS.get(recipe, recipe)).is_dir():
            print(f"{recipe}: there is no data in {DATA}; left out")
            continue
        rows.append(compare(recipe) if recipe in BUNDLED else repeat(recipe))
        print(rows[-1], flush=True)
    chosen = options.recipes != parser.get_default("recipes")
    report("_".join(["scores", *options.recipes] if chosen else ["scores"]), rows, options, {})


if __name__ == "__main__":
    main()
