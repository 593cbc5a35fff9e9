"""The picture of the home page: the curves of all activations, each a link to its page."""

from site_pages.curves import ACCENT, Curve

_COLUMNS, _WIDTH, _HEIGHT, _GAP = 17, 34, 24, 8


def picture(curves: dict[str, Curve]) -> str:
    """The picture, as SVG with paths relative to the folder of the home page; family by family."""
    rows = -(-len(curves) // _COLUMNS)
    tiles = []
    for at, (name, curve) in enumerate(curves.items()):
        down, across = divmod(at, _COLUMNS)
        place = f"translate({across * (_WIDTH + _GAP)} {down * (_HEIGHT + _GAP)})"
        tiles.append(
            f'<a href="catalogue/{name}.html" transform="{place}"><title>{name}</title>'
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" stroke="none" pointer-events="all"/>'
            f"{curve.polylines(_WIDTH, _HEIGHT)}</a>"
        )
    width, height = _COLUMNS * (_WIDTH + _GAP) - _GAP + 4, rows * (_HEIGHT + _GAP) - _GAP + 4
    style = f"fill: none; stroke: {ACCENT}; stroke-width: 1.5; stroke-linejoin: round"
    drawn = "\n".join(tiles)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-2 -2 {width} {height}" width="{width}" height="{height}" '
        f'style="{style}">\n{drawn}\n</svg>\n'
    )
