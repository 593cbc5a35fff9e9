"""The built site in headless Chromium. A page that logs an error, or asks another host, fails its test."""

import functools
import http.server
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from browser import chromium
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "site"
_GENERATED = ("catalogue", "explorer")


@pytest.fixture(scope="session")
def site():
    """The folder of the built site; built here if it is older than its sources."""
    built = SITE / "sitemap.xml"  # the last file that is written
    if not built.exists() or built.stat().st_mtime < max(one.stat().st_mtime for one in _sources()):
        for command in (["docs/make.py"], ["-m", "mkdocs", "build", "--strict", "-f", "docs/mkdocs.yml"]):
            subprocess.run([sys.executable, *command], cwd=ROOT, check=True)
    return SITE


def _sources():
    for folder in ("docs", "keras_actx"):
        for one in (ROOT / folder).rglob("*"):
            within = one.relative_to(ROOT / folder).parts
            if one.is_file() and within[0] not in _GENERATED and "__pycache__" not in within:
                yield one


@pytest.fixture(scope="session")
def server(site):
    """The address of a local server of the site."""
    handler = functools.partial(_Quiet, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(params=["disk", "server"])
def address(request, site):
    """The address of the site without the last slash: from disk, and from a server."""
    return site.as_uri() if request.param == "disk" else request.getfixturevalue("server")


@pytest.fixture(scope="session")
def _browser():
    with sync_playwright() as playwright:
        browser = chromium.launched(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """The folder of the screenshots; its path is printed at the end."""
    folder = Path(os.environ.get("KERAS_ACTX_PICTURES") or tmp_path_factory.mktemp("pictures"))
    folder.mkdir(parents=True, exist_ok=True)
    yield folder
    print(f"\nscreenshots: {folder}", file=sys.__stderr__)


@pytest.fixture
def page(_browser):
    """A page of 1280 x 900. At the end of the test, it must have logged no error and asked no other host."""
    context = _browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(10_000)
    errors = []
    page.on("console", lambda one: errors.append(one.text) if one.type in ("error", "warning") else None)
    page.on("pageerror", lambda one: errors.append(str(one)))
    page.on("requestfailed", lambda one: errors.append(f"{one.url}: {one.failure}"))
    page.on("request", lambda one: errors.append(f"asked {one.url}") if not _is_local(one.url) else None)
    yield page
    context.close()
    assert errors == []


def _is_local(url):
    return url.startswith(("file:", "http://127.0.0.1:", "data:", "blob:"))
