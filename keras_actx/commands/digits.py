"""The demo's data: handwritten digits that come with scikit-learn."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Digits:
    """Images of 8 by 8 pixels as rows of 64 numbers of mean 0 and variance 1, with the digits they show."""

    train_x: np.ndarray
    train_y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray


def digits(seed: int) -> Digits:
    """1797 real images (UCI optical recognition of handwritten digits), a quarter of them kept for the test.

    A seed gives the same split in every run; the scale comes from the training images alone.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    x, y = load_digits(return_X_y=True)
    train_x, test_x, train_y, test_y = train_test_split(
        x.astype("float32"), y.astype("int32"), test_size=0.25, stratify=y, random_state=seed
    )
    mean, deviation = train_x.mean(), train_x.std()  # pyright: ignore[reportAttributeAccessIssue]  (arrays, as they went in)
    return Digits((train_x - mean) / deviation, train_y, (test_x - mean) / deviation, test_y)  # pyright: ignore[reportArgumentType]  (arrays, as they went in)
