"""One process, one backend: `KERAS_BACKEND` says which. Everything here runs before Keras is imported."""

import os
import zlib

os.environ.setdefault("JAX_ENABLE_X64", "1")  # so that the numeric tests can see float64 on JAX
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import pytest
from memory_switch import memory_efficient
from sweeps import WHOLE

import keras_actx  # noqa: F401  (its names must be there for every test)
from keras_actx.names import resolve

BACKEND = keras.backend.backend()


@pytest.fixture(autouse=True)
def _fresh_state():
    """Each test starts from the same seed, in the default dtype policy, and with no string read before."""
    keras.utils.set_random_seed(7)
    resolve._named.cache_clear()
    yield
    keras.config.set_dtype_policy("float32")


@pytest.fixture(params=[True, False], ids=["on", "off"])
def efficient(request):
    """Both states of the memory switch."""
    with memory_efficient(request.param):
        yield request.param


@pytest.fixture
def calls(monkeypatch):
    """On torch, the names of the kernels for a GPU that run, on the CPU."""
    from gpu_calls import calls_on_the_cpu

    yield from calls_on_the_cpu(monkeypatch)


_PLACE = {"tensorflow": 0, "jax": 1}.get(BACKEND, 2)
#: Compiling and tracing take most of the time of their tests.
_TIMES = {"jax": 7, "tensorflow": 2}.get(BACKEND, 1)


def _turn(item):
    """0 if it is the turn of this case here, a larger number if not yet, None if never.

    Of a test marked `sweep(n)`, torch runs one case in n, TensorFlow one in 2 n, JAX one in 7 n, and each others; none
    if n is 0. One marked `same_everywhere` is for torch, whose processes start soonest.
    """
    if BACKEND != "torch" and item.get_closest_marker("same_everywhere") is not None:
        return None
    mark = item.get_closest_marker("sweep")
    if mark is None:
        return 0
    every = mark.args[0] * _TIMES
    # By the name: in the order of the cases, every third may be of one kind.
    return (zlib.crc32(item.nodeid.rpartition("::")[2].encode()) - _PLACE) % every if every else None


def _chosen(items):
    """Of each test the cases whose turn it is; if it is the turn of none, the next."""
    turns = {item: _turn(item) for item in items}
    first = {}
    for item, turn in turns.items():
        if turn is not None:
            test = item.nodeid.partition("[")[0]
            first[test] = min(turn, first.get(test, turn))
    return {item for item, turn in turns.items() if turn is not None and turn == first[item.nodeid.partition("[")[0]]}


#: What is compiled in these is a function, of Keras's operations; the others compile models.
_COMPILED = ("-compiled_agrees]", "test_compiled_with", "test_compiled_values", "test_every_way_of_calling[True")


def pytest_collection_modifyitems(config, items):
    if BACKEND == "torch":
        from keras_actx.testing.backend.torch import takes_whole_graphs

        broken = pytest.mark.skip(reason="Keras's own functions break the graph of torch.compile")
        for one in items if not takes_whole_graphs() else ():
            if any(name in one.nodeid for name in _COMPILED):
                one.add_marker(broken)
    if WHOLE or any("[" in one for one in config.args):  # a case asked for by name runs
        return
    chosen = _chosen(items)
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = [item for item in items if item in chosen]


def pytest_report_header():
    """What is left to the full sweep."""
    if WHOLE:
        return "sweeps: whole"
    return (
        "numerics: all 65,536 numbers of float16 and bfloat16; reduced: 4,096 points of float32 and float64, 1,024 for "
        "derivatives, parameters other than the defaults in float32 only; in full: python benchmarks/numerics.py\n"
        "sweeps: reduced to one case in n (TensorFlow: 2 n, JAX: 7 n), at least one of each, others on each backend "
        "(`git grep 'mark.sweep'` tells the tests and their n); in full: KERAS_ACTX_TESTS=all tox run\n"
        "command line, and refusals that look at no number: on torch alone\n"
        "weights kept: reduced to seven classes of 24; in full by the same command\n"
        "exports: reduced to one activation in thirteen; in full: tox run -f export\n"
        "properties: 60 examples, on JAX 8"
    )
