"""Measures how many units of ReLU networks are dead after training, beside their accuracy: the bound of `audit`.

Trains networks of two hidden layers on the digits of scikit-learn, from well-scaled to far too high learning rates, and
prints a line for each; writes no file:

    KERAS_BACKEND=jax python benchmarks/dead_units.py
"""

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits

import keras_actx as actx

RATES = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1)
SEEDS = (1, 2, 3)
TRAINED = 1300


def network(width):
    hidden = [layers.Dense(width, "relu", kernel_initializer="he_normal") for _ in range(2)]
    return keras.Sequential([keras.Input((64,)), *hidden, layers.Dense(10, "softmax")])


def main():
    x, y = load_digits(return_X_y=True)
    x = ((x - x.mean()) / x.std()).astype("float32")
    for width in (32, 256):
        model = network(width)
        model.compile(keras.optimizers.Adam(), "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.optimizer.build(model.trainable_variables)
        start = [keras.ops.convert_to_numpy(one) for one in model.optimizer.variables]
        for rate in RATES:
            for seed in SEEDS:
                keras.utils.set_random_seed(seed)
                model.set_weights(network(width).get_weights())
                for variable, value in zip(model.optimizer.variables, start, strict=True):
                    variable.assign(value)
                model.optimizer.learning_rate = rate
                model.fit(x[:TRAINED], y[:TRAINED], epochs=15, batch_size=64, verbose=0)
                accuracy = model.evaluate(x[TRAINED:], y[TRAINED:], verbose=0, return_dict=True)["accuracy"]
                rows = actx.audit(model, x[TRAINED:]).rows[:2]
                dead = np.array([len(row["dead"]) for row in rows]) / width
                found = ", ".join(row["verdict"] for row in rows)
                print(f"width {width}, rate {rate:g}, seed {seed}: dead {dead[0]:.0%} and {dead[1]:.0%}, ", end="")
                print(f"accuracy {accuracy:.3f}, verdicts: {found}", flush=True)


if __name__ == "__main__":
    main()
