"""Parts of error messages: a bounded `repr` of the given value, and the nearest valid name."""

import difflib
from collections.abc import Iterable

_LONGEST_QUOTE = 60  # limits error messages for hostile input
_LONGEST_MATCHED = 40  # difflib is quadratic
_NEAREST = 0.7  # of difflib's ratio: below it, two names are unrelated


def quote(value: object) -> str:
    """`repr(value)`, cut to a length that is safe to print."""
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 256:
        return f"an integer of {value.bit_length()} bits"  # its repr may be slow, or raise an error
    if isinstance(value, (str, bytes)):
        value = value[: _LONGEST_QUOTE + 1]
    try:
        text = repr(value)
    except Exception:  # the repr of a value may fail; the error message must still be readable
        text = f"a {type(value).__name__}"
    return text if len(text) <= _LONGEST_QUOTE else text[: _LONGEST_QUOTE - 3] + "..."


def did_you_mean(name: str, valid: Iterable[str]) -> str:
    """A sentence that names the nearest valid name, or nothing."""
    if len(name) > _LONGEST_MATCHED:
        return ""
    near = difflib.get_close_matches(name.lower(), list(valid), n=1, cutoff=_NEAREST)
    return f" Did you mean {near[0]!r}?" if near else ""
