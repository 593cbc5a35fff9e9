"""The string form `name(key=value, ...)`, parsed by a small scanner of bounded cost, without `eval` or `ast`."""

import math
import re
from dataclasses import dataclass

from keras_actx._messages import quote

#: In characters, checked before the string is parsed. Sufficient for fifty parameters with all their digits and names
#: of 40 characters.
LONGEST = 4000

_NAME = r"(?:[A-Za-z][A-Za-z0-9_.\-]{0,39}>)?[A-Za-z][A-Za-z0-9_]{0,39}"
_CALL = re.compile(rf"\s*({_NAME})\s*(?:\((.*)\)\s*)?", re.ASCII | re.DOTALL)
_SETTING = re.compile(r"\s*(?:([A-Za-z_][A-Za-z0-9_]{0,39})\s*=\s*)?([^\s=,()]{1,48})\s*", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][+-]?\d{1,3})?", re.ASCII)
_WORDS = {"True": True, "False": False, "None": None}


@dataclass(frozen=True)
class ParsedName:
    """A parsed string, before any look-up."""

    name: str
    settings: tuple[tuple[str, float | int | bool | None], ...]
    values: tuple[float | int | bool | None, ...] = ()  # given without a key, before those with one


def read(text: str) -> ParsedName:
    """Read `name` or `name(key=value, ...)`; a value is `True`, `False`, `None` or a decimal number.

    Values without a key may come first, `leaky_relu(0.1)`; they are assigned to parameters later.

    Raises:
        ValueError: if the text has another form, repeats a key, or holds a number that is not finite.
    """
    if len(text) > LONGEST:
        raise ValueError(f"activation {quote(text)} has {len(text)} characters; at most {LONGEST} are allowed")
    call = _CALL.fullmatch(text)
    if call is None and re.fullmatch(rf"\s*{_NAME}\s*\(.*", text, re.ASCII | re.DOTALL):
        raise _malformed(text, "it must end with ')'")
    if call is None:
        raise _malformed(text, "the name must be ASCII letters, digits and '_', optionally as 'package>name'")
    name, inside = call.groups()
    settings: dict[str, float | int | bool | None] = {}
    values: list[float | int | bool | None] = []
    for piece in inside.split(",") if inside is not None and inside.strip() else ():
        setting = _SETTING.fullmatch(piece)
        if setting is None:
            raise _malformed(text, f"{quote(piece.strip())} is not of the form key=value")
        key, value = setting.groups()
        if key is None:
            if settings or not (_NUMBER.fullmatch(value) or value in _WORDS):
                raise _malformed(text, f"{quote(value)} is not of the form key=value")
            values.append(_value(text, "", value))
            continue
        if key in settings:
            raise _malformed(text, f"{key!r} is given twice")
        settings[key] = _value(text, key, value)
    return ParsedName(name, tuple(settings.items()), tuple(values))


def _value(text: str, key: str, value: str) -> float | int | bool | None:
    if value in _WORDS:
        return _WORDS[value]
    said = f"{key}={value}" if key else value
    if not _NUMBER.fullmatch(value):
        raise _malformed(text, f"{said} is not True, False, None or a decimal number")
    number = float(value)
    if not math.isfinite(number):
        raise _malformed(text, f"{said} is not finite")
    return int(value) if re.fullmatch(r"[+-]?\d+", value) else number


def _malformed(text: str, reason: str) -> ValueError:
    return ValueError(f"cannot read activation {quote(text)}: {reason}. Write 'name' or 'name(key=value, ...)'.")
