"""Lazy imports: names of a package that are imported at their first use."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def lazy_imports(package: dict[str, Any], modules: Mapping[str, str]) -> tuple[Callable, Callable]:
    """The `__getattr__` and `__dir__` of a package.

    A package that imports its own modules holds its import lock while it waits for theirs. A thread that imports one of
    them directly acquires the locks in the opposite order, which can deadlock. Packages that are imported lazily
    therefore import none of their modules.

    Args:
        package: its `globals()`. With `__all__` in it, `dir` shows these names alone, without the internal modules.
        modules: for each name, the module that defines it, or the module itself.
    """

    def attribute(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package['__name__']!r} has no attribute {name!r}")
        module = importlib.import_module(modules[name])
        return getattr(module, name, module)

    def names() -> list[str]:
        return sorted(package.get("__all__") or {*package, *modules})

    return attribute, names
