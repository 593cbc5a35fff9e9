"""Writes the generated pages of the site: the catalogue, from the declarations, and the API reference.

From the repository root, with the `docs` extra installed:

    python docs/make.py && mkdocs build --strict -f docs/mkdocs.yml

All of docs/catalogue and docs/api is generated. The output is deterministic.
"""

import json
import sys
from pathlib import Path

import keras_actx as actx

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER))

import make_libraries  # noqa: E402  (beside this file)
from site_pages import activation_page, api_pages, curves, home_picture, index_page, layer_page  # noqa: E402
from site_pages.related import Relations  # noqa: E402


def main(folder: Path = FOLDER) -> None:
    """Write the folders `catalogue` and `api`, replacing the existing ones."""
    catalogue, api = _emptied(folder / "catalogue"), _emptied(folder / "api")
    relations = Relations()
    drawn = {}
    for name in relations.order:
        declaration = relations.declarations[name]
        drawn[name] = curves.Curve(declaration)
        curves.save(drawn[name].figure(), catalogue / f"{name}.svg")
        (catalogue / f"{name}.md").write_text(activation_page.page(declaration, relations), encoding="utf-8")
    for name in layer_page.names():
        curves.save(layer_page.figure(name), catalogue / f"{name}.svg")
        (catalogue / f"{name}.md").write_text(layer_page.page(name), encoding="utf-8")
    (catalogue / "index.md").write_text(index_page.index(relations, drawn), encoding="utf-8")
    (catalogue / "all.svg").write_text(home_picture.picture(drawn), encoding="utf-8")  # shown on the home page
    curves.save(actx.plot.propagation("gelu"), catalogue / "propagation.svg")  # shown in the guide
    make_libraries.main(catalogue)
    for name, text in api_pages.pages().items():
        (api / name).write_text(text, encoding="utf-8")
    # For the navigation, which docs/site_pages/hooks.py completes.
    families = {family.title: family.names for family in relations.families}
    (catalogue / "families.json").write_text(json.dumps({**families, "Layers with names": layer_page.names()}))


def _emptied(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    return folder


if __name__ == "__main__":
    import make_explorer  # which draws with the modules above

    main()
    make_explorer.main(make_explorer.FOLDER)
