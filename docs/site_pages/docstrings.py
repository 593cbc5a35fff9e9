"""An extension of griffe, which reads the docstrings for mkdocstrings: the conventions of this package."""

import re
import sys
from pathlib import Path
from typing import Any

import griffe

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from site_pages.formulas import display_math, inline_math
from site_pages.links import linked

#: Several parameters with one description: `momentum, epsilon: of the batch normalization`.
_SEVERAL = re.compile(r"^(?P<indent> {4})(?P<names>\w+(?:, \w+)+): (?P<text>.*(?:\n {8}.*)*)", re.MULTILINE)

_DISPLAYED = re.compile(r"\s*\$\$(.+?)\$\$\s*", re.DOTALL)


class Docstrings(griffe.Extension):
    """Examples as a section, parameters one by one, names as links, and formulas as MathML."""

    def on_object(self, *, obj: griffe.Object, loader: griffe.GriffeLoader, **kwargs: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = converted(obj.docstring.value)


def converted(text: str) -> str:
    """A docstring in the form that mkdocstrings expects."""
    before, example, after = text.partition("\nExample:\n\n")
    before = _SEVERAL.sub(
        lambda found: "\n".join(f"{found['indent']}{name}: {found['text']}" for name in found["names"].split(", ")),
        before,
    )
    before = re.sub(r"^(?:Input|Output) shape:|(?<=\. )Output shape:", r"**\g<0>**", before, flags=re.MULTILINE)
    before = _DISPLAYED.sub(lambda found: f"\n\n{display_math(' '.join(found[1].split()))}\n\n", before)
    # A link where the name has an entry.
    before = re.sub(r"`(keras_actx\.[\w.]+)`", r'<autoref identifier="\1" optional><code>\1</code></autoref>', before)
    if example:
        after = "\nExamples:\n" + "\n".join(f"    {line}" if line else "" for line in after.splitlines())
    return linked(inline_math(before)) + after
