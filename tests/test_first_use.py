"""What is imported at its first use: no circles, so that several threads may be first at once."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import keras
import pytest

import keras_actx as actx

ROOT = Path(actx.__file__).parent


def modules(root):
    """Every module of the package by name, with its tree."""
    found = {}
    for path in root.rglob("*.py"):
        name = ".".join((root.name, *path.relative_to(root).with_suffix("").parts)).removesuffix(".__init__")
        found[name] = ast.parse(path.read_text())
    return found


def imported_by(tree, names, within_functions):
    """The modules of `names` that a tree imports; those for type checkers alone are never imported."""
    found = set()

    def visit(node):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
                continue
            if isinstance(child, ast.Import):
                found.update(one.name for one in child.names)
            elif isinstance(child, ast.ImportFrom):
                found.update((child.module, *(f"{child.module}.{one.name}" for one in child.names)))
            if within_functions or not isinstance(child, (ast.FunctionDef, ast.Lambda)):
                visit(child)

    visit(tree)
    return found & names


def circle(graph):
    """The modules of one circle, or none."""
    done = set()

    def walk(name, path):
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return []
        for other in sorted(graph[name]):
            found = walk(other, [*path, name])
            if found:
                return found
        done.add(name)
        return []

    return next(filter(None, (walk(name, []) for name in graph)), [])


def run(code):
    """The last line that `code` prints in a new Python, as JSON; what it writes about errors fails the test."""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "Error" not in result.stderr, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def at_once():
    """What `import keras_actx` imports."""
    return set(
        run("import json, sys, keras_actx\nprint(json.dumps([one for one in sys.modules if 'keras_actx' in one]))")
    )


def late_ones(trees, at_once):
    """What is imported later; the backends that are not in use never are."""
    backend = f"keras_actx.backend.{keras.backend.backend()}."
    others = {name for name in trees if name.startswith("keras_actx.backend.") and not name.startswith(backend)}
    return {name for name in trees if name not in at_once} - others


def lock_order(root, at_once):
    """Whose lock a thread waits for while it holds which: a module's for what it imports, and for its package."""
    trees = modules(root)
    late = late_ones(trees, at_once)
    return {name: (imported_by(trees[name], late, False) | {name.rpartition(".")[0]} & late) - {name} for name in late}


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="of torch alone")
def test_kernels_of_a_gpu_are_imported_late(at_once):
    assert not [name for name in at_once if "cuda_" in name]


def test_no_circle_among_what_is_imported_late(at_once):
    graph = lock_order(ROOT, at_once)
    assert {"keras_actx.expectation", "keras_actx.initializers.pairing", "keras_actx.plot"} <= set(graph)
    assert circle(graph) == []


def test_a_package_that_imports_its_modules_is_a_circle(tmp_path, at_once):
    """The check above can fail."""
    root = tmp_path / "keras_actx"
    (root / "expectation").mkdir(parents=True)
    (root / "__init__.py").touch()
    (root / "expectation" / "__init__.py").write_text("from keras_actx.expectation.moments import moments\n")
    (root / "expectation" / "moments.py").write_text("moments = 1\n")
    assert circle(lock_order(root, at_once))


def test_late_imports_import_nothing_that_imports_them(at_once):
    """Nor within functions."""
    trees = modules(ROOT)
    late = late_ones(trees, at_once)
    graph = {name: imported_by(trees[name], late, True) - {name} for name in late}
    assert circle(graph) == []


FIRST_USES = [
    *["importlib.import_module('keras_actx.backend.torch.cuda_kernels')"] * (keras.backend.backend() == "torch"),
    "actx.moments('relu')",
    "actx.layers.DenseBlock(2, 'relu', scheme='published')",
    "actx.initializers.Paired('gelu', 'critical', first_layer=True)",
    "actx.initializers.rational_fit('tanh')",
    "actx.pairing('elu')",
    "importlib.import_module('keras_actx.expectation.functions')",
    "actx.layers.DenseStack(4, 'mish', depth=2, standardize=True)",
    "importlib.import_module('keras_actx.expectation.moment_grid')",
]


def test_many_threads_are_first():
    """With a loader so slow that every thread finds the others half-way."""
    code = f"""
import importlib, importlib.machinery, json, sys, threading, time
import keras, keras_actx as actx

class Slow(importlib.machinery.SourceFileLoader):
    def create_module(self, spec):
        time.sleep(0.1)

class Finder:
    def find_spec(self, name, path=None, target=None):
        if not name.startswith("keras_actx."):
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is not None:
            spec.loader = Slow(spec.loader.name, spec.loader.path)
        return spec

sys.meta_path.insert(0, Finder())
errors, done = [], []

def use(i, code):
    time.sleep(0.03 * i)
    try:
        eval(code)
        done.append(i)
    except BaseException as error:
        errors.append([code, type(error).__name__, str(error)])

threads = [threading.Thread(target=use, args=one) for one in enumerate({FIRST_USES!r})]
[one.start() for one in threads]
[one.join(120) for one in threads]
print(json.dumps([sorted(done), errors]))
"""
    done, errors = run(code)
    assert errors == []
    assert done == list(range(len(FIRST_USES)))
