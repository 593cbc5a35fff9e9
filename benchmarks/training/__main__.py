"""Trains networks from every start that is compared, as docs/training.md says, and keeps every score.

    KERAS_BACKEND=jax python benchmarks/training [--part 1/2]

Goes through the cells in a fixed random order. The rows of a cell are added to benchmarks/results/training/TASK.jsonl
when it is done; cells that are on record with the same start numbers are skipped. With --pack, new rows are moved into
benchmarks/results/training.jsonl.gz, which is what is committed. docs/make_training.py writes the page.
"""

import argparse
import os
import time

# One thread: networks this small lose by more, and another part may use the other core.
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("KERAS_BACKEND", "jax")

import nets
import numpy as np
import records
import start_weights
import tasks

ACTIVATIONS = (
    *("relu", "leaky_relu", "elu", "selu", "gelu", "silu", "mish", "hard_silu", "serf", "telu"),
    *("softplus", "squareplus", "tanh", "sigmoid", "softsign", "hard_tanh"),
    *("sine(w0=1.0)", "snake", "gaussian", "relu_squared"),
)
DEPTHS = (3, 10, 30, 50, 100)
RATES = {"adam": (0.0002, 0.001, 0.005), "sgd": (0.002, 0.01, 0.05)}
TUNING_SEED, SEEDS = 100, (0, 1, 2, 3, 4)
OTHER_SPLITS = (1, 2, 3, 4)


def main() -> None:
    """Train what is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", default="1/1", help="1/2 and 2/2 share the work between two processes")
    parser.add_argument("--tasks", nargs="*", default=tasks.TASKS, choices=tasks.TASKS)
    parser.add_argument(
        "--seconds", type=float, default=float("inf"), help="stop after the cell at which they are over"
    )
    parser.add_argument("--pack", action="store_true", help="train nothing; move new rows into the compressed file")
    options = parser.parse_args()
    if options.pack:
        records.pack()
        return
    part, parts = map(int, options.part.split("/"))
    todo = [one for one in cells() if one[0] in options.tasks][part - 1 :: parts]
    known = records.read()  # other parts write other cells
    started = time.monotonic()
    for done, cell in enumerate(todo, start=1):
        seconds = time.monotonic() - started
        if seconds > options.seconds:
            break
        rows = missing(cell, known)
        print(
            f"{done}/{len(todo)} {' '.join(map(str, cell))}: {len(rows)} starts to train, {seconds:.0f} s", flush=True
        )
        if rows:
            records.append(cell[0], run(cell, rows))


Cell = tuple[str, int, str, int]  # task, depth, activation, split


def cells() -> list[Cell]:
    """All cells of the study, in the order in which they are trained."""
    chosen = [
        (task, depth, activation, 0)
        for t, task in enumerate(tasks.TASKS)
        for d, depth in enumerate(DEPTHS)
        for a, activation in enumerate(ACTIVATIONS)
        if t == 0 or (a + t + d) % (6 if task in tasks.LATER else 3) == 0
        if depth <= 30 or task not in tasks.SHALLOW
    ]
    again = [(*cell[:3], split) for cell in chosen for split in OTHER_SPLITS if _is_small_and_shallow(cell)]
    return [chosen[i] for i in np.random.default_rng(0).permutation(len(chosen))] + again


def _is_small_and_shallow(cell: Cell) -> bool:
    return cell[0] in tasks.SMALL and cell[1] <= 10


def missing(cell: Cell, known: list[dict]) -> list[str]:
    """The starts of a cell without a result, among the rows that are known, for today's numbers."""
    task, depth, activation, _ = cell
    of_cell = [row for row in known if records.key(row)[:4] == cell]
    there = {(row["start"], row["numbers"]) for row in of_cell}
    starts = start_weights.STARTS if task in tasks.WITH_LATER_STARTS else start_weights.FIRST_STARTS
    wanted = [one for one in starts if start_weights.exists(one, activation)]
    return [one for one in wanted if (one, start_weights.described(one, activation, depth)) not in there]


def run(cell: Cell, wanted: list[str]) -> list[dict]:
    """The scores of the starts wanted, with both optimizers."""
    name, depth, activation, split = cell
    task = tasks.load(name, split)
    train = nets.trainer(task, activation)

    def draw(start: str, seed: int) -> start_weights.Network:
        shapes = nets.kernel_shapes(task)
        network = start_weights.network(start, activation, depth, *shapes, task.outputs, seed)
        return nets.scaled_by_data(network, task, activation, seed) if start == "lsuv" else network

    def trained(
        network: start_weights.Network, seed: int, optimizer: str, rate: float
    ) -> tuple[float, float, float, float]:
        rng = np.random.default_rng([seed, depth])
        batches = rng.integers(0, len(task.train[0]), (nets.STEPS, nets.BATCH), dtype="int32")
        weights = {"first": network.first, "hidden": network.hidden, "output": network.output}
        numbers = (np.float32(one) for one in (network.scale, network.shift))
        losses, validation, test = train(weights, *numbers, batches, np.float32(rate), optimizer == "adam")
        at_validation = float(nets.loss(validation, task.validation[1]))
        scores = (nets.score(out, part[1], task) for out, part in ((validation, task.validation), (test, task.test)))
        return (*scores, at_validation, float(np.asarray(losses)[-15:].mean()))

    rows = []
    for start in wanted:
        drawn = {seed: draw(start, seed) for seed in (TUNING_SEED, *SEEDS)}
        for optimizer, rates in RATES.items():
            tuning = [trained(drawn[TUNING_SEED], TUNING_SEED, optimizer, rate) for rate in rates]
            best = max(range(len(rates)), key=lambda i: (tuning[i][0], -_or_inf(tuning[i][2])))
            runs = [trained(drawn[seed], seed, optimizer, rates[best]) for seed in SEEDS]
            rows.append(
                {
                    "depth": depth,
                    "activation": activation,
                    "split": split,
                    "start": start,
                    "numbers": start_weights.described(start, activation, depth),
                    "optimizer": optimizer,
                    "rate": rates[best],
                    "tuning": [round(one[0], 4) for one in tuning],
                    "test": [round(one[1], 4) for one in runs],
                    "loss": [float(f"{one[3]:.4g}") for one in runs],
                }
            )
    return rows


def _or_inf(number: float) -> float:
    return number if np.isfinite(number) else float("inf")


if __name__ == "__main__":
    main()
