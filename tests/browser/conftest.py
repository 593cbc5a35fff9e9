"""The built site in headless Chromium. A page that logs an error, or asks another host, fails its test."""

import functools
import http.server
import os
import threading
from pathlib import Path

import pytest
from browser import built, chromium
from playwright.sync_api import sync_playwright

PICTURES = Path(os.environ.get("KERAS_ACTX_PICTURES", built.ROOT / ".pytest_cache" / "pictures"))


@pytest.fixture(scope="session")
def site():
    """The folder of the built site."""
    return built.site()


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
def browser():
    with sync_playwright() as playwright:
        launched = chromium.launched(playwright)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def pictures():
    """The folder of the screenshots."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    return PICTURES


def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line(f"screenshots: {PICTURES}")


@pytest.fixture
def page(browser):
    """A page of 1280 x 900. At the end of the test, it must have logged no error and asked no other host."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(10_000)
    errors = watched(page)
    yield page
    context.close()
    assert errors == []


def watched(page):
    """The errors and warnings of a page, and what it asks of other hosts: a list that grows."""
    errors = []
    page.on("console", lambda one: errors.append(one.text) if one.type in ("error", "warning") else None)
    page.on("pageerror", lambda one: errors.append(str(one)))
    page.on("requestfailed", lambda one: errors.append(f"{one.url}: {one.failure}") if _failed(one) else None)
    page.on("request", lambda one: errors.append(f"asked {one.url}") if not _is_local(one.url) else None)
    return errors


def _failed(request):
    return "ERR_ABORTED" not in request.failure  # the test went to another page


def _is_local(url):
    return url.startswith(("file:", "http://127.0.0.1:", "data:", "blob:"))
