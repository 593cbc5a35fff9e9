"""The imports of the package have no circle, and go from the upper parts to the lower ones only.

All imports count, those within functions too, and the names of modules in strings, which are imported at the first use.
Those under `if TYPE_CHECKING:` do not, since they never run. Nor does a parent package, which Python imports before
its modules: only what a module names.
"""

import ast
import graphlib
from pathlib import Path

import pytest

import keras_actx

pytestmark = pytest.mark.same_everywhere

ROOT = Path(keras_actx.__file__).parent

#: The parts of the package from the bottom up; "" is `keras_actx/__init__.py`. A module imports from its own part and
#: from lower lines.
LAYERS = (
    ("_keras_functions", "_messages", "_missing_backend", "choices", "lazy_imports", "plain_numbers"),
    ("backend", "config", "ranges", "seeds", "versions"),
    ("declaration", "saved_configs"),
    ("activations", "constraints", "names", "pickling"),
    ("expectation",),
    ("initializers",),
    ("layers", "propagation"),
    ("plot",),
    ("models",),
    ("callbacks",),
    ("",),
    ("commands", "testing"),
    ("__main__",),
)


def import_graph(root):
    """Every module of a package, with those of the package that it imports."""
    files = {}
    for path in root.rglob("*.py"):
        parts = (root.name, *path.relative_to(root).with_suffix("").parts)
        files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return {
        name: {one for one in _imported(ast.parse(path.read_text()), files) if one != name}
        for name, path in files.items()
    }


def _imported(node, known):
    if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
        children = node.orelse
    else:
        children = ast.iter_child_nodes(node)
    for child in children:
        if isinstance(child, ast.Import):
            yield from (one.name for one in child.names if one.name in known)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "a relative import, which this test does not read"
            names = {f"{child.module}.{one.name}" for one in child.names}
            yield from names & set(known)
            if names - set(known) and child.module in known:
                yield child.module
        elif isinstance(child, ast.Constant) and isinstance(child.value, str) and "." in child.value:
            yield from {child.value} & set(known)  # the package's own name is also that of its registered objects
        else:
            yield from _imported(child, known)


def circle(graph):
    """The modules of one circle, or none."""
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return []


def upward(graph, layers):
    """The imports that do not go down, as (module, imported)."""
    height = {part: i for i, line in enumerate(layers) for part in line}

    def part(module):
        return module.partition(".")[2].partition(".")[0]

    return [
        (module, one)
        for module, imported in graph.items()
        for one in imported
        if part(module) != part(one) and not height[part(one)] < height[part(module)]
    ]


def test_no_circle():
    assert circle(import_graph(ROOT)) == []


def test_no_import_goes_up():
    assert upward(import_graph(ROOT), LAYERS) == []


def test_every_part_has_its_place():
    graph = import_graph(ROOT)
    assert len(graph) > 100
    assert sum(map(len, graph.values())) > 300
    parts = {module.partition(".")[2].partition(".")[0] for module in graph}
    assert parts == {part for line in LAYERS for part in line}


@pytest.mark.parametrize(
    "back",
    [
        "from planted.low.one import x",
        "import planted.low.one",
        "from planted.low import one",
        "def f():\n    from planted.low.one import x",
        "class C:\n    def f(self):\n        import planted.low.one",
        "import typing\nif typing.TYPE_CHECKING:\n    pass\nelse:\n    import planted.low.one",
        "LATER = {'x': 'planted.low.one'}",
    ],
)
def test_a_planted_circle_is_found(tmp_path, back):
    """The checks above can fail."""
    graph = _planted(tmp_path, back)
    assert set(circle(graph)) == {"planted.low.one", "planted.high.two"}
    assert upward(graph, [("",), ("low",), ("high",)]) == [("planted.low.one", "planted.high.two")]


def test_an_import_for_type_checkers_alone_is_none(tmp_path):
    graph = _planted(tmp_path, "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import planted.low.one")
    assert circle(graph) == []


def _planted(folder, back):
    for name, code in {"low/one": "from planted.high.two import y", "high/two": back}.items():
        path = folder / "planted" / f"{name}.py"
        path.parent.mkdir(parents=True)
        path.write_text(code)
        (path.parent / "__init__.py").touch()
    (folder / "planted" / "__init__.py").touch()
    return import_graph(folder / "planted")
