"""Builds the site if it is older than its sources; run as a script before tests that run in parallel."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "site"
_GENERATED = ("api", "catalogue", "explorer")


def site():
    """The folder of the site, built from the files that are there now."""
    built = SITE / "sitemap.xml"
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


if __name__ == "__main__":
    print(site())
