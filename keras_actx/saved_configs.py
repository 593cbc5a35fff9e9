"""Configs and pickles of older versions: what they name differently, or allowed, in today's form.

Only loading uses this module; constructors accept today's names alone.
"""

from typing import Any

from keras_actx.seeds import LARGEST_SEED

#: Arguments and fields that were renamed.
_NAMES = {"axes": "axis", "mirrored": "looks_linear"}
#: Values that were renamed, by argument or field.
_VALUES = {
    "scheme": {"mirrored": "looks_linear", "textbook": "published"},
    "form": {"mirrored": "looks_linear"},
}


def in_todays_form(saved: dict[str, Any]) -> dict[str, Any]:
    """A saved config, or the state of a pickled object, with the names and seeds of this version.

    Seeds were whole numbers of any size; they are mapped to the valid range.
    """
    config = {_NAMES.get(name, name): value for name, value in saved.items()}
    for name, renamed in _VALUES.items():
        value = config.get(name)
        if isinstance(value, str):
            config[name] = renamed.get(value, value)
    seed = config.get("seed")
    if type(seed) is int and not 0 <= seed <= LARGEST_SEED:
        config["seed"] = seed % (LARGEST_SEED + 1)
    return config
