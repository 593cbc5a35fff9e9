"""The generated part of a page, between two markers."""

from pathlib import Path


def replace(page: Path, text: str, name: str = "measured") -> None:
    """Put `text` between the markers of that name on a page."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    _, _, after = rest.partition(end)
    page.write_text(f"{before}{begin}\n\n{text}\n{end}{after}", encoding="utf-8")
