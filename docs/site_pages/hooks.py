"""Hooks of MkDocs: the families in the navigation, and plots that follow the light or dark palette."""

import html
import json
import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

_IMAGE = re.compile(r'<img alt="(?P<alt>[^"]*)" src="(?P<src>[^":]+\.svg)"[^>]*/?>')
_PARAGRAPH = re.compile(r"<p>(.*?)</p>", re.DOTALL)
_DESCRIPTION = 200  # characters
#: The colours of plots that depend on the palette; docs/style.css defines the variables.
_COLORS = {
    "#000000": "currentColor",
    "#ffffff": "var(--md-default-bg-color)",
    "#b0bec5": "var(--plot-grid)",
    "#00897b": "var(--plot-accent)",
}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the pages of activations and layers to the catalogue, by family."""
    families = json.loads((Path(config.docs_dir) / "catalogue" / "families.json").read_text(encoding="utf-8"))
    catalogue = next(entry["Catalogue"] for entry in config.nav if "Catalogue" in entry)
    for title, names in families.items():
        catalogue.append({title: [f"catalogue/{name}.md" for name in names]})
    return config


def on_page_content(text: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put each SVG into the page instead of an image, which could not follow the palette; and describe the page."""
    first = next((one for one in map(_words, _PARAGRAPH.findall(text)) if len(one) > 20), None)
    if first is not None:
        page.meta.setdefault("description", first)

    def inline(image: re.Match) -> str:
        file = files.get_file_from_path(posixpath.normpath(posixpath.join(posixpath.dirname(page.url), image["src"])))
        if file is None or file.abs_src_path is None:
            return image[0]
        return themed(Path(file.abs_src_path).read_text(encoding="utf-8"), html.unescape(image["alt"]))

    return _IMAGE.sub(inline, text)


def _words(paragraph: str) -> str:
    """The text of a paragraph as an attribute, cut after a sentence or a word."""
    said = " ".join(html.unescape(re.sub(r"<[^>]+>", "", paragraph)).split())
    if len(said) > _DESCRIPTION:
        start = said[:_DESCRIPTION]
        end = start.rfind(". ") + 1
        said = start[:end] if end else start.rpartition(" ")[0] + " ..."
    return html.escape(said, quote=True)


def themed(svg: str, alt: str) -> str:
    """An SVG as a part of a page, with the colours of its palette."""
    start = svg.index("<svg")
    head, _, body = svg[start:].partition(">")
    body = re.sub(r"<metadata>.*?</metadata>|<style[^>]*>.*?</style>|<!--.*?-->", "", body, flags=re.DOTALL)
    for color, instead in _COLORS.items():
        head, body = head.replace(color, instead), body.replace(color, instead)
    label = html.escape(alt, quote=True)
    role = "group" if "<a " in body else "img"  # links in an image would not be announced
    return f'{head} class="plot" role="{role}" aria-label="{label}">{body.strip()}'
