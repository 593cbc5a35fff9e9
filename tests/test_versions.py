"""What pyproject.toml promises about versions is what was run, by benchmarks/versions.py."""

import json
import re
import tomllib

import pytest
import scripts

versions = scripts.load("benchmarks/versions.py")
PROJECT = tomllib.loads((versions.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
_PROJECT = PROJECT["project"]
PROMISED = [
    *_PROJECT["dependencies"],
    *(_PROJECT["optional-dependencies"][one][0] for one in ("tensorflow", "jax", "torch")),
]


def _numbers(version):
    return tuple(map(int, re.findall(r"\d+", version.split("+")[0])))


@pytest.mark.skipif(not versions.RESULTS.exists(), reason="nothing was recorded: tox run -f versions -- --record")
class TestPromises:
    @pytest.mark.parametrize("requirement", PROMISED)
    def test_the_oldest_and_the_newest_were_run_and_passed(self, requirement):
        name, oldest = re.fullmatch(r"([a-z]+)>=([\d.]+)(?:,<[\d.]+)?", requirement).groups()
        rows = [row for row in json.loads(versions.RESULTS.read_text(encoding="utf-8")).values() if name in row]
        run = {_numbers(row[name]) for row in rows if row["status"] == 0 and not row["failed"]}
        length = len(_numbers(oldest))
        assert any(one[:length] == _numbers(oldest) for one in run), f"{requirement}: passed were {sorted(run)}"
        assert max(run) > min(run)

    def test_pythons(self):
        rows = json.loads(versions.RESULTS.read_text(encoding="utf-8")).values()
        passed = {".".join(row["python"].split(".")[:2]) for row in rows if not row["failed"]}
        named = re.findall(r"Python :: (3\.\d+)", " ".join(_PROJECT["classifiers"]))
        assert set(named) <= passed


def test_the_suite_names_files_that_exist():
    for backend in ("tensorflow", "jax", "torch"):
        files = [one for one in versions.suite(backend) if one.startswith("tests/")]
        assert all((versions.ROOT / one).is_file() for one in files)


def test_results_are_counted(tmp_path):
    report = tmp_path / "report.xml"
    cases = "".join(
        f"<testcase classname='a' name='{number}'>{outcome}</testcase>"
        for number, outcome in enumerate(["", "<failure/>", "<error/>", "<skipped/>"])
    )
    report.write_text(f"<testsuites>{cases}</testsuites>", encoding="utf-8")
    assert versions.counts(report) == {"passed": 1, "skipped": 1, "failed": ["a::1", "a::2"]}
