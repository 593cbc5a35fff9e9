"""A Python in which some modules are not installed, for tests in child processes."""

_CODE = """
from importlib.machinery import PathFinder

def find_spec(cls, name, path=None, target=None, found=PathFinder.find_spec):
    return None if name.split(".")[0] in {modules!r} else found(name, path, target)

PathFinder.find_spec = classmethod(find_spec)
"""


def hiding(*modules: str) -> str:
    """Code that makes Python not find these modules from there on."""
    return _CODE.format(modules=modules)
