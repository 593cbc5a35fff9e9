r"""Formulas in LaTeX as plain text: `\frac{1}{\beta} \log(1 + e^{\beta x})` becomes `(1/β) log(1 + e^(β x))`.

It knows the part of LaTeX that the declarations use. A product is written with a space, a quotient with `/` and the
parentheses that it requires, a power with a superscript or `^`, and each row of a case distinction is a line.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

_PART = re.compile(r"\\(?:text|mathrm|begin|end)\{[^{}]*\}|\\[A-Za-z]+|\\.|[A-Za-z]+|\d+(?:\.\d+)?|\S")

_FUNCTIONS = frozenset(rf"\{name}" for name in "arctan arg cos cosh exp log max min sin sinh tan tanh".split())
_CALLED = frozenset("σΦU")  # letters that are functions where a parenthesis follows
_OPERATORS = {
    **{"+": " + ", "-": " - ", "/": "/", "=": " = ", "<": " < ", ">": " > ", ",": ", ", ":": ": "},
    **{r"\ge": " ≥ ", r"\le": " ≤ ", r"\ne": " ≠ ", r"\in": " ∈ ", r"\sim": " ~ ", r"\pm": " ± ", r"\approx": " ≈ "},
}
_SYMBOLS = {r"\dots": "…", r"\ldots": "…", r"\infty": "∞"}
_PREFIXES = {r"\sum": "Σ", r"\int": "∫"}
_IGNORED = frozenset({r"\,", r"\;", r"\!", r"\left", r"\right", r"\textstyle"})
_BRACKETS = {"(": ")", "[": "]", "|": "|", r"\|": r"\|"}
_LINES = {"cases", "gathered"}
_OVERLINE = "\N{COMBINING OVERLINE}"

_RAISED = dict(zip("0123456789-x", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻ˣ", strict=True))
_LOWERED = dict(zip("0123456789ijklmnprt", "₀₁₂₃₄₅₆₇₈₉ᵢⱼₖₗₘₙₚᵣₜ", strict=True))
_ASCII = {
    **{
        "≥": ">=",
        "≤": "<=",
        "≠": "!=",
        "≈": "~=",
        "∈": "in",
        "±": "+-",
        "…": "...",
        "∞": "inf",
        "‖": "||",
        "√": "sqrt",
    },
    **{"Σ": "sum", "∫": "integral", _OVERLINE: "_bar"},
}


@dataclass(frozen=True)
class _Piece:
    """A part of a formula in plain text; of a case distinction, the value and the condition of each row."""

    text: str
    kind: Literal["factor", "function", "quotient", "operator", "lines", "break"] = "factor"
    rows: tuple[tuple[list["_Piece"], str], ...] = ()


def formula_lines(tex: str) -> tuple[str, ...]:
    r"""The lines of a formula in plain text.

    Raises:
        ValueError: for LaTeX that it does not know; the message names it.
    """
    return tuple(_lines(_Reader(tex).sequence("")))


def without_markup(text: str) -> str:
    r"""A text with its formulas (`$\alpha$`) in plain text and without backticks; LaTeX that is not known stays."""

    def convert(found: re.Match[str]) -> str:
        try:
            return ", ".join(formula_lines(found[1]))
        except ValueError:
            return found[0]

    return re.sub(r"\$([^$]+)\$", convert, text).replace("`", "")


def in_ascii(text: str) -> str:
    """The text for an output without Unicode: Greek letters by name, `^2`, `_0`, `>=`."""
    for sign, table in (("^", _RAISED), ("_", _LOWERED)):
        back = {ord(there): here for here, there in table.items()}
        text = re.sub(f"[{''.join(table.values())}]+", lambda run, s=sign, b=back: s + run[0].translate(b), text)
    text = re.sub(r"√(\w+)", r"√(\1)", text)
    return "".join(one if one.isascii() else _ASCII.get(one) or _letter(one) for one in text)


def _letter(character: str) -> str:
    name = unicodedata.name(character, "")
    if name.startswith("GREEK"):
        word = name.rpartition(" ")[2].replace("LAMDA", "LAMBDA")
        return word.capitalize() if "CAPITAL" in name else word.lower()
    return unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode() or "?"


_START = _Piece("", "operator")  # before the first piece, and after the last
_SIGNS = (" + ", " - ", " ± ")  # also of one number


class _Reader:
    """Reads a formula from left to right."""

    def __init__(self, tex: str) -> None:
        self._tex = tex
        self._parts = [one for one in _PART.findall(tex) if one not in _IGNORED]

    def sequence(self, *ends: str) -> list[_Piece]:
        """The pieces up to one of these parts, which is not taken; "" is the end of the formula."""
        pieces: list[_Piece] = []
        while self._next() not in ends:
            part = self._take()
            if part in ("^", "_"):
                if not pieces or pieces[-1].kind not in ("factor", "function"):
                    raise self._unknown(f"{part!r} after nothing")
                pieces[-1] = (self._raised if part == "^" else self._lowered)(pieces[-1])
            elif part == r"\quad":
                if pieces and pieces[-1].text == _OPERATORS[","]:
                    pieces[-1] = _Piece("", "break")
            else:
                pieces.append(self._piece(part))
        return pieces

    def _next(self) -> str:
        return self._parts[0] if self._parts else ""

    def _take(self, expected: str = "") -> str:
        found = self._next()
        if not found or (expected and found != expected):
            raise self._unknown(repr(found) if found else "no end", f" where {expected!r} should be" * bool(expected))
        return self._parts.pop(0)

    def _unknown(self, what: str, where: str = "") -> ValueError:
        return ValueError(f"the formula {self._tex!r} has {what}{where}, which has no plain text")

    def _piece(self, part: str) -> _Piece:
        name, _, text = part.rstrip("}").partition("{")
        if part in _OPERATORS:
            piece = _Piece(_OPERATORS[part], "operator")
        elif part in _BRACKETS:
            piece = _Piece(self._within(part))
        elif part in _FUNCTIONS:
            piece = _Piece(part[1:], "function")
        elif part in _PREFIXES:
            piece = _Piece(_PREFIXES[part], "function")
        elif name == r"\begin" and text in _LINES:
            piece = _Piece("", "lines", tuple(self._rows(part.replace("begin", "end"))))
        elif name in (r"\text", r"\mathrm"):
            piece = _Piece(" ".join(text.split()), "function" if name == r"\mathrm" else "factor")
        elif part == r"\frac":
            above, below = self._argument(), self._argument()
            piece = _Piece(f"{_as_part(above, of_a_product=False)}/{_as_part(below)}", "quotient")
        elif part == r"\sqrt":
            inside = _written(self._argument())
            piece = _Piece(f"√{inside}" if len(inside) == 1 else f"√({inside})")
        elif part == r"\bar":
            piece = _Piece(_written(self._argument()) + _OVERLINE)
        elif part == "{":
            piece = _Piece(_written(self.sequence("}")))
            self._take("}")
        else:
            text = self._symbol(part)
            piece = _Piece(text, "function" if text in _CALLED and self._next() == "(" else "factor")
        return piece

    def _symbol(self, part: str) -> str:
        if part[:1].isalnum():
            return part
        if part in _SYMBOLS:
            return _SYMBOLS[part]
        size = "CAPITAL" if part[1:2].isupper() else "SMALL"
        try:
            return unicodedata.lookup(f"GREEK {size} LETTER {part[1:].upper().replace('LAMBDA', 'LAMDA')}")
        except KeyError:
            raise self._unknown(part) from None

    def _within(self, opening: str) -> str:
        closing = _BRACKETS[opening]
        inside = _written(self.sequence(closing))
        self._take(closing)
        sign = {r"\|": "‖"}
        return f"{sign.get(opening, opening)}{inside}{sign.get(closing, closing)}"

    def _rows(self, end: str) -> Iterable[tuple[list[_Piece], str]]:
        while self._next() != end:
            value = self.sequence("&", r"\\", end)
            condition = ""
            if self._next() == "&":
                self._take()
                condition = _written(self.sequence(r"\\", end))
            if self._next() == r"\\":
                self._take()
            yield value, condition
        self._take(end)

    def _argument(self) -> list[_Piece]:
        """What is in braces, or the next part."""
        if self._next() != "{":
            part = self._take()
            if len(part) > 1 and part.isalnum():
                raise self._unknown(f"{part!r} without braces")
            return [self._piece(part)]
        self._take("{")
        inside = self.sequence("}")
        self._take("}")
        return inside

    def _raised(self, base: _Piece) -> _Piece:
        power = _written(self._argument())
        if power == "x" or re.fullmatch(r"-?\d+", power):
            return replace(base, text=base.text + "".join(_RAISED[one] for one in power))
        return replace(base, text=f"{base.text}^{power if len(power) == 1 else f'({power})'}")

    def _lowered(self, base: _Piece) -> _Piece:
        index = _written(self._argument())
        if set(index) <= set(_LOWERED):
            return replace(base, text=base.text + "".join(_LOWERED[one] for one in index))
        if base.kind == "function":
            return replace(base, text=f"{base.text} over {index} of")
        return replace(base, text=f"{base.text}_{index if len(index) == 1 else f'({index})'}")


def _lines(pieces: list[_Piece]) -> list[str]:
    end = next((place for place, one in enumerate(pieces) if one.kind == "break"), None)
    if end is not None:
        return _lines(pieces[:end]) + _lines(pieces[end + 1 :])
    place = next((place for place, one in enumerate(pieces) if one.kind == "lines"), None)
    if place is None:
        return [_written(pieces)]
    rows, before, after = pieces[place].rows, pieces[:place], pieces[place + 1 :]
    if not any(condition for _, condition in rows):
        return [line for value, _ in rows for line in _lines(value)]
    if before or after:  # a factor of all rows
        values = [_written([*before, _Piece(_as_part(value, of_a_product=False)), *after]) for value, _ in rows]
    else:
        values = [_written(value) for value, _ in rows]
    conditions = [one if one == "otherwise" else f"if {one}" for _, one in rows]
    width = max(map(len, values))
    return [f"{value:<{width}}   {condition}" for value, condition in zip(values, conditions, strict=True)]


def _written(pieces: list[_Piece]) -> str:
    """The pieces in one line."""
    text, before = "", _START
    for piece, after in pairwise([*_applied(pieces), _START]):
        if piece.kind in ("lines", "break"):
            raise ValueError("a formula in plain text has lines only at its top level")
        if piece.kind == "operator":
            text += piece.text.strip() if before.kind == "operator" and piece.text in _SIGNS else piece.text
        else:
            alone = before.kind == after.kind == "operator" and "/" not in (before.text, after.text)
            text += " " * (before.kind != "operator" and piece.text != "…")
            text += f"({piece.text})" if piece.kind == "quotient" and not alone else piece.text
        before = piece
    return text.strip()


def _applied(pieces: list[_Piece]) -> list[_Piece]:
    """The pieces, where a function and its argument are one factor."""
    applied: list[_Piece] = []
    for piece in reversed(pieces):
        if piece.kind != "function" or not applied or applied[0].kind == "operator":
            applied.insert(0, piece)
            continue
        argument = applied.pop(0)
        inside = f"({argument.text})" if argument.kind == "quotient" else argument.text
        applied.insert(0, _Piece(f"{piece.text}{'' if inside.startswith('(') else ' '}{inside}"))
    return applied


def _as_part(pieces: list[_Piece], *, of_a_product: bool = True) -> str:
    """The pieces as a factor, a numerator (`of_a_product=False`: a product may stay one) or a denominator."""
    text = _written(pieces)
    outside = re.sub(r"\([^()]*\)", "", text)
    while outside != (shorter := re.sub(r"\([^()]*\)", "", outside)):
        outside = shorter
    is_a_part = " " not in outside and "/" not in outside
    if not of_a_product:
        is_a_part = not any(sign in outside for sign in _SIGNS) and "/" not in outside
    return text if is_a_part else f"({text})"
