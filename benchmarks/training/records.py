"""The scores on record: one compressed file, and what was trained since, a file for each task."""

import gzip
import json
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "results" / "training"
PACKED = FOLDER.with_suffix(".jsonl.gz")


def read() -> list[dict]:
    """All rows, in a fixed order; of two for the same network, the later."""
    lines = gzip.decompress(PACKED.read_bytes()).decode().splitlines() if PACKED.exists() else []
    rows = [json.loads(line) for line in lines]
    for path in sorted(FOLDER.glob("*.jsonl")):
        rows += [json.loads(line) | {"task": path.stem} for line in path.read_text(encoding="utf-8").splitlines()]
    found = {key(row): row for row in rows}
    return [found[one] for one in sorted(found)]


def key(row: dict) -> tuple:
    """What there is one row for."""
    return row["task"], row["depth"], row["activation"], row.get("split", 0), row["start"], row["optimizer"]


def append(task: str, rows: list[dict]) -> None:
    """Add rows; other processes may do the same."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / f"{task}.jsonl").open("a", encoding="utf-8") as file:
        file.write("".join(json.dumps(row) + "\n" for row in rows))


def pack() -> None:
    """Move what was trained since into the compressed file; equal rows give equal bytes."""
    rows = read()
    PACKED.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode(), mtime=0))
    for path in FOLDER.glob("*.jsonl"):
        path.unlink()
