"""Writes the tables of ways to keep weights of docs/compatibility.md, and measures them.

    for backend in tensorflow jax torch; do KERAS_BACKEND=$backend python docs/make_compatibility.py measure; done
    python docs/make_compatibility.py

The first command runs in the environment of each backend (with orbax-checkpoint, flax on JAX and safetensors on torch,
to include these). It saves the weights of every class in every way of `tests/keeping.py`, and writes
benchmarks/results/keeping/BACKEND.json. The second command replaces the text of the page between its markers, and
docs/tables/compatibility.csv.
"""

import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "docs"), str(ROOT / "tests")]

import full_table  # noqa: E402  (beside this file)
import marked_part  # noqa: E402
from backends import TITLES  # noqa: E402

PAGE = ROOT / "docs" / "compatibility.md"
FOLDER = ROOT / "benchmarks" / "results" / "keeping"
PACKAGES = ("keras", "tensorflow", "jax", "torch", "orbax-checkpoint", "flax", "safetensors")
NAMINGS = ("explicit", "automatic, after `clear_session`", "automatic, counted on")
#: Their titles on the page.
NAMING_TITLES = ("explicit", "automatic, after `clear_session`", "automatic, numbering continued")


def main() -> None:
    """Measure on the active backend, or replace the measured part of the page."""
    if sys.argv[1:] == ["measure"]:
        measure()
    else:
        marked_part.replace(PAGE, table(), "keeping")
        full_table.write(tables())


def measure() -> None:
    """The results by naming, way and class: "kept", or the error."""
    import keeping

    found = {"versions": _versions(), "kept": {}, "processes": {}}
    for naming in NAMINGS:
        for way in keeping.WAYS:
            if keeping.installed(way):
                rows = {}
                for names in (keeping.CLASSES, keeping.KERAS):  # some of Keras's own are not supported
                    rows |= _attempt(keeping, way, naming, tuple(names))
                found["kept"].setdefault(naming, {})[way] = rows
                if keeping.BACKEND == "jax":  # too many compiled functions cause a segmentation fault
                    sys.modules["jax"].clear_caches()
                print(f"{naming}: {way}: {sum(one == 'kept' for one in rows.values())} of {len(rows)}", flush=True)
    for named in (True, False):
        with tempfile.TemporaryDirectory() as folder:
            keeping.write_for_child(Path(folder), named)
            words = "explicit names" if named else "automatic names"
            found["processes"][f"another process, {words}"] = _run("child", folder, "named" if named else "automatic")
    if keeping.BACKEND == "jax":
        two = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
        found["processes"]["`keras.distribution` layout map"] = _run("laid_out", **two)
        if importlib.util.find_spec("flax"):
            found["processes"]["Flax NNX"] = _run("nnx", KERAS_NNX_ENABLED="true")
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{keeping.BACKEND}.json"
    path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _attempt(keeping, way: str, naming: str, names: tuple[str, ...]) -> dict[str, str]:
    """All classes at once, or, if that fails, one by one."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            keeping.kept(way, names, Path(folder), naming)
    except Exception as error:
        if len(names) == 1:
            words = " ".join(str(error).split())[:160].replace(str(Path(tempfile.gettempdir())), "")
            return {names[0]: f"{type(error).__name__}: {words}"}
        return {name: words for one in names for name, words in _attempt(keeping, way, naming, (one,)).items()}
    return dict.fromkeys(names, "kept")


def _run(*arguments: str, **environment: str) -> str:
    script = str(ROOT / "tests" / "keeping.py")
    result = subprocess.run(
        [sys.executable, script, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    return "kept" if result.returncode == 0 else (result.stdout.strip() or result.stderr.strip()[-160:])


def results() -> dict[str, dict]:
    """The results by backend."""
    return {
        one: json.loads((FOLDER / f"{one}.json").read_text(encoding="utf-8"))
        for one in TITLES
        if (FOLDER / f"{one}.json").exists()
    }


def tables() -> dict[str, list[full_table.Row]]:
    """The rows of the full table, by the name of the file."""
    found = results()
    rows = [
        {"layer": _without_prefix(name), "of": "Keras" if name.startswith("keras_") else "this package"}
        | {"way": way.replace("`", ""), "kept": _cell(found, NAMINGS[0], way, (name,)).replace("*", "")}
        for name in _classes(found)
        for way in _ways(found)
    ]
    return {"compatibility.csv": rows}


def _ways(found: dict[str, dict]) -> list[str]:
    return list(dict.fromkeys(way for one in found.values() for way in one["kept"][NAMINGS[0]]))


def _classes(found: dict[str, dict]) -> list[str]:
    way = _ways(found)[0]
    return list(dict.fromkeys(name for one in found.values() for name in one["kept"][NAMINGS[0]][way]))


def _without_prefix(name: str) -> str:
    return name.removeprefix("keras_").replace("_", " ")


def table() -> str:
    """The results by way, then by way and naming."""
    found = results()
    versions = dict(item for one in found.values() for item in one["versions"].items())
    ways, classes = _ways(found), _classes(found)
    own = tuple(name for name in classes if not name.startswith("keras_"))
    theirs = tuple(name for name in classes if name.startswith("keras_"))
    lines = [
        ", ".join(f"{name} {version}" for name, version in versions.items()) + ".",
        "",
        f"Two builds of one model, with explicit names, for {len(own)} layers of this package and {len(theirs)} of "
        "Keras ([by layer](tables/compatibility.md)):",
        "",
        "| | of this package | of Keras |",
        "|---|---|---|",
    ]
    for way in ways:
        lines.append(f"| {way} | {_unless(found, way, own)} | {_unless(found, way, theirs)} |")
    lines += ["", "All layers in one model, by the names of layers. One of Keras's has PReLU inside:", ""]
    lines += ["| | " + " | ".join([*NAMING_TITLES, *(f"Keras, {one}" for one in NAMING_TITLES)]) + " |"]
    lines += ["|---|" + "---|" * 2 * len(NAMINGS)]
    for way in ways:
        cells = [_cell(found, naming, way, names) for names in (own, theirs) for naming in NAMINGS]
        lines.append(f"| {way} | " + " | ".join(cells) + " |")
    lines += ["", "All classes in one model, in separate processes:", "", "| | supported |", "|---|---|"]
    for what in dict.fromkeys(what for one in found.values() for what in one["processes"]):
        measured = {backend: one["processes"][what] for backend, one in found.items() if what in one["processes"]}
        lines.append(f"| {what} | {_words({backend: one == 'kept' for backend, one in measured.items()})} |")
    return "\n".join([*lines, ""])


def _unless(found: dict, way: str, names: tuple[str, ...]) -> str:
    """Yes, or the layers that are not supported."""
    cells = {_without_prefix(name): _cell(found, NAMINGS[0], way, (name,)) for name in names}
    return "; ".join(f"{name}: {cell}" for name, cell in cells.items() if cell != "yes") or "yes"


def _cell(found: dict, naming: str, way: str, names: tuple[str, ...]) -> str:
    return _words(
        {
            backend: all(one["kept"][naming][way][name] == "kept" for name in names)
            for backend, one in found.items()
            if way in one["kept"][naming]
        }
    )


def _words(kept: dict[str, bool]) -> str:
    """Yes, no, or the backends without support."""
    if len(set(kept.values())) < 2:
        return {True: "yes", False: "**no**"}.get(next(iter(kept.values()), None), "")
    return "**not " + ", ".join(TITLES[backend] for backend, holds in kept.items() if not holds) + "**"


if __name__ == "__main__":
    main()
