"""torchvision's MNIST family, read from its folder layout without importing torchvision (which only downloads)."""

from __future__ import annotations

import string
from dataclasses import dataclass
from pathlib import Path

from nntrain.data import fingerprint
from nntrain.data.dataset import Dataset
from nntrain.data.idx import FILES, find_files, read_pairs
from nntrain.data.pictures import check_labels, picture_dataset
from nntrain.data.splitting import Shares
from nntrain.errors import UserError, unknown


@dataclass(frozen=True)
class Family:
    """A data set as torchvision lays it out: root/<folder>/raw/<files>. transposed: pictures lie on their side."""

    folder: str
    classes: tuple[str, ...]
    files: tuple[str, ...] = FILES
    split: str | None = None
    transposed: bool = False
    first_label: int = 0


DIGITS = tuple(string.digits)
CLOTHES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
KANA = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
MERGED = tuple(c for c in string.digits + string.ascii_uppercase + string.ascii_lowercase if c not in "cijklmopsuvwxyz")
QMNIST = (
    "qmnist-train-images-idx3-ubyte",
    "qmnist-train-labels-idx2-int",
    "qmnist-test-images-idx3-ubyte",
    "qmnist-test-labels-idx2-int",
)


def _emnist(split: str, classes: tuple[str, ...], first_label: int = 0) -> Family:
    files = tuple(
        f"emnist-{split}-{part}"
        for part in (
            "train-images-idx3-ubyte",
            "train-labels-idx1-ubyte",
            "test-images-idx3-ubyte",
            "test-labels-idx1-ubyte",
        )
    )
    return Family("EMNIST", classes, files, split, transposed=True, first_label=first_label)


FAMILY = {
    "mnist": Family("MNIST", DIGITS),
    "fashion_mnist": Family("FashionMNIST", CLOTHES),
    "kmnist": Family("KMNIST", KANA),
    "qmnist": Family("QMNIST", DIGITS, QMNIST),
    "emnist_balanced": _emnist("balanced", MERGED),
    "emnist_letters": _emnist("letters", tuple(string.ascii_lowercase), first_label=1),
    "emnist_digits": _emnist("digits", DIGITS),
}


class VisionSource:
    """uint8 pictures [N, 1, 28, 28]; the published test set is test, validation is drawn from the training set."""

    def __init__(
        self,
        *,
        dataset: str = "mnist",
        root: str = "data",
        download: bool = False,
        val: float | int = 0.15,
        split_seed: int = 0,
        stratify: bool = True,
        folds: int | None = None,
    ) -> None:
        if dataset not in FAMILY:
            raise UserError(f"data.dataset: {unknown('data set', dataset, list(FAMILY))}")
        self.dataset = dataset
        self.root = Path(root).expanduser()
        self.download = download
        self.shares = Shares(val, 0, split_seed, folds)
        self.stratify = stratify

    def load(self, *, standardize_target: bool = True, fold: int | None = None) -> Dataset:
        """Find (or download), read and split. `standardize_target` has no meaning here."""
        del standardize_target
        family = FAMILY[self.dataset]
        folders = [self.root / family.folder / "raw", self.root / family.folder, self.root]
        paths = find_files(folders, family.files)
        if paths is None and self.download:
            _download(family, self.root)
            paths = find_files(folders, family.files)
        if paths is None:
            looked = ", ".join(f"'{folder}'" for folder in folders)
            raise UserError(
                f"data.root: the files of {self.dataset} ({family.files[0]} and so on, with .gz or without) "
                f"are in none of {looked}; set data.download=true to get them, or data.root to where they are"
            )
        (pixels, labels), (test_pixels, test_labels) = read_pairs(paths)
        if family.transposed:
            pixels, test_pixels = pixels.swapaxes(2, 3), test_pixels.swapaxes(2, 3)
        count = len(family.classes)
        return picture_dataset(
            pixels,
            check_labels(labels - family.first_label, count, str(paths[1])),
            family.classes,
            self.shares,
            fingerprint.of_files(*paths),
            test=(test_pixels, check_labels(test_labels - family.first_label, count, str(paths[3]))),
            fold=fold,
            stratify=self.stratify,
        )


def _download(family: Family, root: Path) -> None:
    try:
        from torchvision import datasets
    except (ImportError, RuntimeError) as error:
        raise UserError(
            f"data.download: torchvision cannot be imported ({str(error).splitlines()[0]}); "
            "install a torch and a torchvision that belong together "
            "(both for CPU or for CUDA): pip install --force-reinstall torch torchvision"
        ) from None
    if family.folder == "QMNIST":
        calls = [{"what": "train"}, {"what": "test"}]
    else:
        calls = [{"split": family.split} if family.split else {}]
    try:
        for arguments in calls:
            getattr(datasets, family.folder)(str(root), download=True, **arguments)
    except (OSError, RuntimeError) as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"data.download: {family.folder} cannot be downloaded to '{root}': {said}") from None
