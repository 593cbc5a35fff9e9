"""What the tests themselves rest on: a browser is found or its lack is loud, and errors of a page are seen."""

from types import SimpleNamespace

import pytest
from browser import chromium
from browser.conftest import watched


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """A machine without a browser, on which nothing can be installed; the commands that were tried."""
    tried = []
    monkeypatch.setattr(chromium.shutil, "which", lambda name: f"/bin/{name}" if name == "apt-get" else None)
    monkeypatch.setattr(chromium.os, "geteuid", lambda: 0)
    monkeypatch.setattr(chromium, "_run", lambda command: tried.append(" ".join(command[-3:])))
    missing = SimpleNamespace(executable_path=str(tmp_path / "chrome"))
    return SimpleNamespace(chromium=missing), tried


def test_without_a_browser(nowhere, monkeypatch):
    playwright, tried = nowhere
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="NO BROWSER"):
        chromium.launched(playwright)
    assert tried == ["apt-get update", "-y --no-install-recommends chromium", "playwright install chromium"]
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="NO BROWSER"):
        chromium.launched(playwright)


def test_errors_of_a_page_are_seen(browser):
    context = browser.new_context()
    context.route("https://**", lambda route: route.abort())
    page = context.new_page()
    errors = watched(page)
    page.goto("data:text/html,<script>console.warn('warned'); nothing()</script><img src='https://example.org/a.png'>")
    context.close()
    seen = " ".join(errors)
    assert "warned" in seen
    assert "nothing is not defined" in seen
    assert "asked https://example.org/a.png" in seen
