"""The site as a reader sees it: home, search, copied code, colours, phone, evidence, links."""

from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest

HOME = "index.html"
GALLERY = "explorer/gallery.html"
EXPLORER = "explorer.html"
#: Words, and the beginning of the addresses of pages, one of which the search must find for them.
SEARCHES = {
    "dead": ("guide", "recipes"),
    "swap": ("replace", "recipes"),
    "best activation": ("training", "which", "choos"),
    "swish": ("catalogue/swish.html",),
    "explorer": (EXPLORER,),
}
#: Pages that must fit a phone and follow the theme: all but those of single activations, of which there are some.
SOME_ACTIVATIONS = ("relu", "swiglu", "softmax", "rational")
#: The pages of results, and how many screens of 1280 x 900 each may have.
EVIDENCE = (
    *("which", "training", "training_results", "numerics", "propagation", "memory", "speed", "compatibility", "export"),
    *("tables/propagation", "tables/speed"),  # those with the most columns
)
MOST_SCREENS = 8
WIDER_THAN_ITS_BOX = """() => [...document.querySelectorAll("article :is(.md-typeset__table, .full-table__box, pre)")]
    .filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.innerText.slice(0, 80))"""
HAS_TEX = r"/\$[^$\n]*[\\^_][^$\n]*\$/.test(document.querySelector('article').textContent)"


def pages(site):
    """The addresses of the pages that are checked one by one."""
    found = sorted(str(one.relative_to(site)) for one in site.rglob("*.html"))
    chosen = {f"catalogue/{name}.html" for name in (*SOME_ACTIVATIONS, "index", "libraries")}
    return [one for one in found if one in chosen or not one.startswith(("catalogue/", "404"))]


def test_home(page, address, pictures):
    page.goto(f"{address}/{HOME}")
    assert "keras_actx" in page.inner_text("h1")
    assert page.locator("article pre code").count() >= 1
    unloaded = "[...document.images].filter((one) => !one.complete || !one.naturalWidth).map((one) => one.src)"
    assert page.evaluate(unloaded) == []
    page.screenshot(path=pictures / f"home-{address.partition(':')[0]}.png")


def test_search_finds(page, address):
    page.goto(f"{address}/{HOME}")
    field = page.locator(".md-search__input")
    for words, expected in SEARCHES.items():
        field.fill("")
        field.press_sequentially(words)
        found = ", ".join(f"a.md-search-result__link[href^='{address}/{one}']" for one in expected)
        page.locator(found).first.wait_for(state="attached")


def test_copied_code_has_no_prompts(page, site):
    page.goto(f"{site.as_uri()}/{HOME}")
    page.evaluate("addEventListener('copy', () => { window.copied = document.activeElement.value }, true)")
    block = page.locator(".highlight", has=page.locator(".gp")).first
    assert ">>> learned = [" in block.inner_text()
    block.locator("[data-clipboard-target]").click()
    lines = page.evaluate("copied").splitlines()
    assert [line.partition(" ")[0] for line in lines] == ["learned", "[(one.name,"]


def test_evidence_is_short_and_fits_its_column(page, site):
    faults = {}
    for name in EVIDENCE:
        page.goto(f"{site.as_uri()}/{name}.html")
        screens = page.evaluate("document.documentElement.scrollHeight / innerHeight")
        wide = page.evaluate(WIDER_THAN_ITS_BOX)
        if screens > MOST_SCREENS or wide:
            faults[name] = (round(screens, 1), wide)
    assert faults == {}


def test_dark_mode(page, site, pictures):
    def brightness(element):
        colour = page.evaluate(f"getComputedStyle(document.querySelector('{element}')).backgroundColor")
        return sum(map(int, colour[colour.index("(") + 1 : -1].split(",")[:3]))

    for name in (HOME, GALLERY, EXPLORER):
        page.emulate_media(color_scheme="light")
        page.goto(f"{site.as_uri()}/{name}")
        assert brightness("body") > 600
        stroke = "getComputedStyle(document.querySelector('article svg path:last-of-type, article a')).color"
        light = page.evaluate(stroke)
        page.emulate_media(color_scheme="dark")
        page.wait_for_selector("[data-md-color-scheme=slate]")
        assert brightness("body") < 200
        assert page.evaluate(stroke) != light
        page.screenshot(path=pictures / f"dark-{name.replace('/', '-')}.png")


def test_the_button_switches_the_theme(page, site):
    page.emulate_media(color_scheme="light")
    page.goto(f"{site.as_uri()}/{EXPLORER}")
    curve = "getComputedStyle(document.querySelector('svg.f .line.a')).stroke"
    seen = set()
    for _ in range(3):  # as the system, light, dark
        seen.add((page.get_attribute("body", "data-md-color-scheme"), page.evaluate(curve)))
        page.locator("label[for^=__palette]:visible").click()
    assert len(seen) == 2
    assert {scheme for scheme, _ in seen} == {"default", "slate"}


def test_fits_a_phone(page, site, pictures):
    page.set_viewport_size({"width": 390, "height": 844})
    too_wide = {}
    for name in pages(site):
        page.goto(f"{site.as_uri()}/{name}")
        width, has_tex = page.evaluate(f"[document.documentElement.scrollWidth, {HAS_TEX}]")
        if width > 390:
            too_wide[name] = width
        assert not has_tex, f"{name}: a formula that was not converted"
        if name in (HOME, GALLERY, EXPLORER):
            page.screenshot(path=pictures / f"phone-{name.replace('/', '-')}.png", full_page=name == EXPLORER)
    assert too_wide == {}


class _Links(HTMLParser):
    """The addresses that a page refers to, and the names within it."""

    def __init__(self, text):
        super().__init__()
        self.links, self.names = set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.names |= {found[key] for key in ("id", "name") if found.get(key)}
        self.links |= {found[key] for key in ("href", "src") if found.get(key)}


def broken_links(site):
    """(page, link) of each link within the site that leads nowhere, from disk or from a folder of a server."""
    read = {one: _Links(one.read_text(encoding="utf-8")) for one in site.rglob("*.html") if one.name != "404.html"}
    for path, found in read.items():
        for link in found.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            is_state = target.name in ("explorer.html", "gallery.html")  # test_explorer.py reads it back
            missing = parts.fragment and target in read and unquote(parts.fragment) not in read[target].names
            if parts.path.startswith("/") or not target.is_file() or (missing and not is_state):
                yield str(path.relative_to(site)), link


def test_links_lead_somewhere(site):
    assert sorted(broken_links(site)) == []


def test_broken_links_are_found(tmp_path):
    (tmp_path / "a.html").write_text('<h1 id="here"><a href="b.html#there"><img src="no.png"><a href="#here">')
    (tmp_path / "b.html").write_text('<a href="a.html#here"><a href="/a.html"><a href="https://example.org/no">')
    assert sorted(broken_links(tmp_path)) == [("a.html", "b.html#there"), ("a.html", "no.png"), ("b.html", "/a.html")]


@pytest.mark.parametrize("name", [GALLERY, EXPLORER])
def test_links_made_in_the_page(page, site, name):
    page.goto(f"{site.as_uri()}/{name}")
    links = page.evaluate("[...document.querySelectorAll('article a[href]')].map((one) => one.href)")
    here = [unquote(urlsplit(one).path) for one in links if one.startswith("file:")]
    assert len(here) > 3
    assert [one for one in here if not (site.parent / one).is_file()] == []
