"""Finds a Chromium, or installs one; run as a script before tests that run in parallel."""

import os
import shutil
import subprocess
import sys

import pytest
from playwright.sync_api import sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
#: No sandbox, for root in a container; no GPU; and nothing that asks other hosts.
ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync "
    "--no-first-run --disable-dev-shm-usage"
).split()


def launched(playwright):
    """A headless Chromium; without any, the tests are skipped or, where the variable CI is set, fail."""
    path = find(playwright)
    if path is None:
        why = "NO BROWSER: no Chromium on the path, and neither apt-get nor Playwright could install one"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    return playwright.chromium.launch(executable_path=path, args=ARGUMENTS)


def find(playwright):
    """The path of a Chromium: of the machine, else of Debian's packages, else Playwright's own; None without any."""
    own = playwright.chromium.executable_path
    found = _on_path() or (own if os.path.exists(own) else None) or _installed_by_apt()
    if found is None:
        _run([sys.executable, "-m", "playwright", "install", "chromium"])
    return found or (own if os.path.exists(own) else None)


def _on_path():
    return next(filter(None, map(shutil.which, _NAMES)), None)


def _installed_by_apt():
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        return None
    _run(["apt-get", "update"])
    _run(["apt-get", "install", "-y", "--no-install-recommends", "chromium"])
    return _on_path()


def _run(command):
    print(f"Chromium for the tests: {' '.join(command)}", file=sys.stderr)
    done = subprocess.run(
        command,
        env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        print(done.stdout, file=sys.stderr)


if __name__ == "__main__":
    with sync_playwright() as playwright:
        print(find(playwright))
