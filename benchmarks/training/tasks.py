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


def load(name: str) -> Task:
    """One task; the split is always the same."""
    x, y = _LOADERS[name](return_X_y=True)
    regression = name == "diabetes"
    rest, test = _split(np.arange(len(x)), y, 0.2, regression)
    train, validation = _split(rest, y, 0.25, regression)
    deviation = x[train].std(axis=0)
    x = (x - x[train].mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
    if regression:
        y = (y - y[train].mean()) / y[train].std()
    x, y = x.astype("float32"), y.astype("float32" if regression else "int32")
    if name == "digits_images":
        x = x.reshape(-1, 8, 8, 1)
    parts = [(x[part], y[part]) for part in (train, validation, test)]
    return Task(name, *parts, outputs=1 if regression else int(y.max()) + 1)


def _split(indices: np.ndarray, y: np.ndarray, share: float, regression: bool) -> tuple[np.ndarray, np.ndarray]:
    stratify = None if regression else y[indices]
    return tuple(train_test_split(indices, test_size=share, random_state=0, stratify=stratify))
