"""Finds a Chromium for the tests, or installs one."""

import os
import shutil
import subprocess
import sys

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
#: No sandbox, for root in a container; no GPU; and nothing that asks other hosts.
ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync "
    "--no-first-run --disable-dev-shm-usage"
).split()


def launched(playwright):
    """A headless Chromium: of the machine, of Debian's packages, or Playwright's own.

    Without any, the tests are skipped; where the variable CI is set, they fail.
    """
    path = _on_path() or _installed_by_apt()
    if path is None and not os.path.exists(playwright.chromium.executable_path):
        _run([sys.executable, "-m", "playwright", "install", "chromium"])
        if not os.path.exists(playwright.chromium.executable_path):
            _give_up("NO BROWSER: no Chromium on the path, and neither apt-get nor Playwright could install one")
    return playwright.chromium.launch(executable_path=path, args=ARGUMENTS)


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


def _give_up(why):
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)
