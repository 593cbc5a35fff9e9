"""Links in the text of pages."""

import re


def linked(text: str) -> str:
    """The text with its arXiv ids as links."""
    return re.sub(r"arXiv:(\d{4}\.\d{4,5})", r"[arXiv:\1](https://arxiv.org/abs/\1)", text)
