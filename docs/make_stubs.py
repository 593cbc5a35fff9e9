"""Writes keras_actx/activations/__init__.pyi from the declarations, for type checkers and editors.

    python docs/make_stubs.py

`keras_actx/activations/__init__.py` collects its names at run time, which type checkers cannot follow. The stub has
each name, with the parameters of its call and of `bind`. The output is deterministic, in the format of ruff.
"""

from pathlib import Path

import keras_actx as actx
from keras_actx.declaration.parameters import Parameter

STUB = Path(__file__).resolve().parents[1] / "keras_actx" / "activations" / "__init__.pyi"

_HEADER = """\
# Written by docs/make_stubs.py from the declarations; not by hand.
# The classes are for type checkers alone: every value is an `Activation`. A call takes a tensor in place of a float.
from typing import Any, Self

from keras_actx.declaration.activation import Activation
"""
_LINE_LENGTH = 120


def main() -> None:
    """Write the stub."""
    STUB.write_text(stub(), encoding="utf-8")


def stub() -> str:
    """The text of the stub: a class for each list of parameters, and every name with its class."""
    parameters = {name: getattr(actx.activations, name).declaration.parameters for name in actx.activations.__all__}
    classes = {_class_name(one): _class(one) for one in parameters.values()}
    names = [f"{name}: {_class_name(one)}" for name, one in parameters.items()]
    exported = ["__all__ = [", *(f'    "{name}",' for name in parameters), "]"]
    parts = [_HEADER, "\n".join(exported) + "\n", *(classes[name] for name in sorted(classes))]
    return "\n".join([*parts, "\n".join(names) + "\n"])


def _class_name(parameters: tuple[Parameter, ...]) -> str:
    return "_Takes" + ("And".join(map(_word, parameters)) or "Nothing")


def _word(parameter: Parameter) -> str:
    kind = "" if parameter.kind is float else parameter.kind.__name__.capitalize()
    return parameter.name.title().replace("_", "") + kind + "OrNone" * parameter.optional


def _class(parameters: tuple[Parameter, ...]) -> str:
    # One parameter may be given by position; several are given by name.
    mark = ["*"] if len(parameters) > 1 else []
    called = [*mark, *(f"{one.name}: {'Any' if one.kind is float else _type(one)} = ..." for one in parameters)]
    bound = [*mark, *(f"{one.name}: {_type(one)} = ..." for one in parameters)]
    methods = [
        *_method("__call__", ["self", "x: Any", *called], "Any"),
        *_method("bind", ["self", *bound], "Self"),
    ]
    return "\n".join([f"class {_class_name(parameters)}(Activation):", *methods]) + "\n"


def _type(parameter: Parameter) -> str:
    return parameter.kind.__name__ + " | None" * parameter.optional


def _method(name: str, arguments: list[str], returned: str) -> list[str]:
    line = f"    def {name}({', '.join(arguments)}) -> {returned}: ..."
    if len(line) <= _LINE_LENGTH:
        return [line]
    inner = f"        {', '.join(arguments)}"
    if len(inner) <= _LINE_LENGTH:
        return [f"    def {name}(", inner, f"    ) -> {returned}: ..."]
    return [f"    def {name}(", *(f"        {one}," for one in arguments), f"    ) -> {returned}: ..."]


if __name__ == "__main__":
    main()
