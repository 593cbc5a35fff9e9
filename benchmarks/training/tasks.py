"""The five tasks: scikit-learn's bundled data, standardized and split."""

from dataclasses import dataclass

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


_LOADERS = {
    "digits": datasets.load_digits,
    "breast_cancer": datasets.load_breast_cancer,
    "wine": datasets.load_wine,
    "diabetes": datasets.load_diabetes,
    "digits_images": datasets.load_digits,
}
TASKS = tuple(_LOADERS)
#: So few examples that how they are split matters.
SMALL = ("breast_cancer", "wine", "diabetes")


def load(name: str, split: int = 0) -> Task:
    """One task; the same number splits it the same way."""
    x, y = _LOADERS[name](return_X_y=True)
    regression = name == "diabetes"
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
