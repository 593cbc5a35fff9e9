"""Formulas in TeX as MathML, which browsers display without a script."""

import html
import re

import latex2mathml.converter

#: Commands that latex2mathml 3.81 does not convert, or converts to another character.
NOT_IN_LATEX2MATHML = {r"\arg": r"\mathrm{arg}\,", r"\sim": "\u223c"}


#: The brace of cases, which browsers stretch only in some fonts: docs/style.css draws it instead.
_BRACE = '<mo stretchy="true" fence="true" form="prefix">&#x0007B;</mo><mtable>'


def display_math(tex: str) -> str:
    """A formula on its own line, as MathML."""
    return f'<div class="formula">{_mathml(tex, "block")}</div>'


def inline_math(text: str) -> str:
    """The text with its `$...$` as MathML, escaped for Markdown."""

    def convert(match: re.Match) -> str:
        xml = _mathml(match.group(1), "inline")
        for character in "\\*_`[]|":
            xml = xml.replace(character, f"&#{ord(character)};")
        return f'<span class="formula">{xml}</span>'

    pieces = re.split(r"(`[^`]*`)", text)
    return "".join(one if one.startswith("`") else re.sub(r"\$([^$]+)\$", convert, one) for one in pieces)


def _mathml(tex: str, display: str) -> str:
    known = tex
    for command, instead in NOT_IN_LATEX2MATHML.items():
        known = known.replace(command, instead)
    xml = latex2mathml.converter.convert(known, display=display).replace(_BRACE, '<mtable class="cases">')
    return xml.replace("<math ", f'<math alttext="{html.escape(tex)}" ', 1)
