"""The command line, as a user runs it: in a process of its own."""

import csv
import importlib.util
import inspect
import os
import re
import subprocess
import sys

import all_activations
import keras
import numpy as np
import pytest
from hidden import hiding

import keras_actx as actx
from keras_actx.commands.demo.networks import Network
from keras_actx.commands.demo.training import Trained, verdict
from keras_actx.commands.formula import formula_lines, in_ascii, without_markup
from keras_actx.commands.main import main
from keras_actx.commands.plot_text import plot
from keras_actx.names.public import KINDS
from keras_actx.names.resolve import resolve_declared

BACKENDS = [name for name in ("tensorflow", "jax", "torch") if importlib.util.find_spec(name) is not None]


def python(*arguments, cwd, **environment):
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )


def command(*arguments, cwd, **environment):
    return python("-m", "keras_actx", *arguments, cwd=cwd, **environment)


def rows_of(text):
    """The rows of `list` in a pipe, by name."""
    return {row["name"]: row for row in csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)}


@pytest.mark.same_everywhere
class TestList:
    def test_in_a_pipe_a_name_is_a_row(self, tmp_path):
        done = command("list", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert not set("\x1b\\${}") & set(done.stdout)
        assert {line.count("\t") for line in done.stdout.splitlines()} == {5}
        found = rows_of(done.stdout)
        assert list(found) == sorted({*all_activations.names(), *actx.names("layer")})
        assert len(done.stdout.splitlines()) == 1 + len(found)
        for name in all_activations.names():
            row, declaration = found[name], actx.describe(name)
            assert row["also"] == (", ".join(declaration.aliases) or "-")
            assert row["kind"].split(", ")[0] == declaration.kind
            written, plain = resolve_declared(row["write"]), resolve_declared(name)
            assert (written.subject, written.learnable) == (plain.subject, plain.learnable)
        assert found["mish"]["gain"] == f"{actx.gain('mish'):.4f}"
        assert found["softmax"]["gain"] == "-"
        assert "±π/2" in found["arctan"]["description"]
        (line,) = [one for one in done.stdout.splitlines() if "hard_swish" in one]  # as grep
        assert line.startswith("hard_silu\t")

    @pytest.mark.parametrize("kind", KINDS)
    def test_every_kind_lists(self, kind, capsys):
        assert main(["list", "--kind", kind]) == 0
        found = rows_of(capsys.readouterr().out)
        assert list(found) == sorted(actx.names(kind))
        assert found

    def test_layers_are_listed_with_what_to_write(self, capsys):
        assert main(["list", "--kind", "layer"]) == 0
        found = rows_of(capsys.readouterr().out)
        for row in found.values():
            assert row["write"].startswith("keras_actx.layers.")
            assert row["description"].endswith(".")
        assert found["maxout"]["write"] == "keras_actx.layers.Maxout(num_units)"
        assert "maxmin" in found["group_sort"]["also"].split(", ")

    @pytest.mark.parametrize(
        ("wanted", "names"),
        [
            ("hardswish", {"hard_silu"}),  # an alias, in another spelling
            ("MAXOUT", {"maxout"}),
            ("gpt-oss", {"swiglu_clamped"}),  # in the description alone
            ("glu", {"glu", "geglu", "swiglu", "swiglu_clamped"}),
        ],
    )
    def test_a_text_selects(self, wanted, names, capsys):
        assert main(["list", wanted]) == 0
        found = set(rows_of(capsys.readouterr().out))
        assert names <= found
        assert len(names) > 1 or found == names
        assert "relu" not in found

    def test_a_text_and_a_kind_select_both(self, capsys):
        assert main(["list", "soft", "--kind", "vector"]) == 0
        found = set(rows_of(capsys.readouterr().out))
        assert {"softmax", "softmin"} <= found <= set(actx.names("vector"))

    def test_a_text_that_nothing_has_is_a_sentence_and_exit_2(self, capsys):
        assert main(["list", "swsh"]) == 2
        shown = capsys.readouterr()
        assert "no activation has 'swsh'" in shown.err
        assert "Did you mean 'swish'?" in shown.err
        assert shown.out == ""

    @pytest.mark.parametrize("columns", [80, 40])
    def test_in_a_terminal_it_fits_its_width(self, columns, capsys, monkeypatch):
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("TERM", "xterm")
        assert main(["list", "hard_swish"]) == 0  # a name that no other test declares
        lines = re.sub("\x1b[^m]*m", "", capsys.readouterr().out).splitlines()
        assert max(map(len, lines)) <= columns
        assert "…" not in "".join(lines)
        text = " ".join(" ".join(lines).split()).replace(", gain", "")
        for expected in (
            "hard_silu elementwise 1.7367",
            "Also: hard_swish, hswish",
            "1 activation.",
        ):
            assert expected in text


@pytest.mark.same_everywhere
class TestFormulas:
    """LaTeX in plain text."""

    @pytest.mark.parametrize("name", all_activations.names())
    def test_of_every_activation(self, name):
        declaration = actx.describe(name)
        lines = formula_lines(declaration.tex)  # raises an error for a command that it does not know
        for text in (*lines, without_markup(inspect.getdoc(declaration.formula) or "")):
            assert not set("\\$`") & set(text)
        for line in lines:
            assert not set("{}&") & set(line)
            assert in_ascii(line).isascii()
            assert "?" not in in_ascii(line)

    @pytest.mark.parametrize(
        ("tex", "lines"),
        [
            (r"x + \frac{\sin^2(\alpha x)}{\alpha}", ["x + sin²(α x)/α"]),
            (r"\frac{\sqrt{x^2 + 1} - 1}{2} + x", ["(√(x² + 1) - 1)/2 + x"]),
            (r"\frac{x}{2} \min(2, \max(0, x + 2))", ["(x/2) min(2, max(0, x + 2))"]),
            (r"\frac{1}{\beta} \log \frac{1 + e^{\beta x}}{2}", ["(1/β) log((1 + e^(β x))/2)"]),
            (r"\frac{a}{b c}", ["a/(b c)"]),
            (r"\frac{\frac{a}{b}}{\frac{c}{d}}", ["(a/b)/(c/d)"]),
            (r"-\frac{a}{b}", ["-a/b"]),
            (r"a / \frac{b}{c}", ["a/(b/c)"]),
            (r"\pm \pi / 2", ["±π/2"]),
            (r"e^{-x_i} + p_1^2 + \|x\|^2 + \omega_0 x", ["e^(-xᵢ) + p₁² + ‖x‖² + ω₀ x"]),
            (
                r"\lambda \begin{cases} x & x > 0 \\ e^x - 1 & x \le 0 \end{cases}",
                ["λ x          if x > 0", "λ (eˣ - 1)   if x ≤ 0"],
            ),
            (
                r"\begin{cases} 1 & |x| < a \\ 0 & \text{otherwise} \end{cases}, \quad a \sim U(0, 1)",
                ["1   if |x| < a", "0   otherwise", "a ~ U(0, 1)"],
            ),
        ],
    )
    def test_keeps_the_meaning(self, tex, lines):
        assert list(formula_lines(tex)) == lines

    @pytest.mark.parametrize(
        "tex",
        [r"\mathfrak{x}", r"\frac{x}", "{x", "x}", "(x", "^2", r"\begin{matrix} x \end{matrix}"],
    )
    def test_an_unknown_one_is_an_error_and_stays_in_a_text(self, tex):
        with pytest.raises(ValueError, match="plain text"):
            formula_lines(tex)
        assert without_markup(f"It is ${tex}$.") == f"It is ${tex}$."

    def test_of_a_user_is_shown_as_it_is(self, capsys):
        @actx.register_activation(package="test_commands", tex=r"\mathfrak{f}(x)")
        def of_a_user(x):
            """A formula with other LaTeX."""
            return x

        assert main(["show", "of_a_user"]) == 0
        assert r"\mathfrak{f}(x)" in capsys.readouterr().out


@pytest.mark.same_everywhere
class TestShow:
    def test_parameters_in_the_name(self, capsys):
        assert main(["show", "snake(alpha=2.0)"]) == 0
        shown = capsys.readouterr().out
        for expected in (
            "snake(alpha=2.0)",
            "x + sin²(α x)/α",
            "alpha = 2.0 (default 1.0): a number in (0, inf)",
            f"{actx.gain('snake(alpha=2.0)'):.4f}",
            "Ziyin",
            "f'(x)",
        ):
            assert expected in shown
        assert any("\u2800" < character <= "\u28ff" for character in shown)

    def test_gated_shows_the_gate_and_the_layer_to_use(self, capsys):
        assert main(["show", "swiglu"]) == 0
        shown = capsys.readouterr().out
        assert "v g σ(g)\n  where σ(x) = 1/(1 + e^(-x)), the sigmoid\n  where v is the value" in shown
        assert "x is the gate; the value is 1" in shown
        assert 'DenseBlock(64, activation="swiglu")' in shown

    def test_the_use_it_names_is_the_activation_it_was_asked_for(self, capsys):
        main(["show", "swish(beta=1.5, learnable=True, num_parameters=8)"])
        assert 'activation="swish(beta=1.5, learnable=True, num_parameters=8)"' in capsys.readouterr().out

    def test_many_defaults_are_not_repeated(self, capsys):
        main(["show", "pade"])
        main(["show", "pade(p1=0.5)"])
        shown = capsys.readouterr().out
        assert 'Dense(64, activation="pade")' in shown
        assert 'Dense(64, activation="pade(p1=0.5)")' in shown

    def test_a_layer(self, capsys):
        assert main(["show", "full_sort"]) == 0
        shown = capsys.readouterr().out
        for expected in ("group_sort\nSorts", "raises an error", "maxmin", "Use\n  keras_actx.layers.GroupSort()"):
            assert expected in shown

    def test_a_narrow_terminal_has_both_plots(self, capsys, monkeypatch):
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("COLUMNS", "40")
        monkeypatch.setenv("TERM", "xterm")
        assert main(["show", "mish"]) == 0
        lines = re.sub("\x1b[^m]*m", "", capsys.readouterr().out).splitlines()
        assert max(map(len, lines)) <= 40
        assert [line.split() for line in lines if re.fullmatch(" *-4 +4 *", line)] == [["-4", "4"]] * 2

    @pytest.mark.sweep(4)
    @pytest.mark.parametrize("name", all_activations.names())
    def test_every_activation(self, name, capsys):
        assert main(["show", name]) == 0
        shown = capsys.readouterr().out
        assert not re.search(r"\bnan\b", shown)
        assert not set("\\$") & set(shown)

    def test_output_without_unicode(self, tmp_path):
        done = command("show", "threshold", cwd=tmp_path, PYTHONIOENCODING="ascii")
        assert done.returncode == 0, done.stderr
        assert done.stdout.isascii()
        assert "x   if x > theta" in done.stdout
        assert "*" in done.stdout

    @pytest.mark.parametrize(
        ("name", "said"),
        [("snak", "Did you mean 'snake'?"), ("snake(alpha=-1.0)", "a number in (0, inf)"), ("snake(", "cannot read")],
    )
    def test_what_does_not_exist_is_a_sentence_and_exit_2(self, name, said, capsys):
        assert main(["show", name]) == 2
        shown = capsys.readouterr()
        assert said in shown.err
        assert shown.out == ""


@pytest.mark.same_everywhere
class TestBrokenPipe:
    """A reader that leaves early, such as `head -1`, is no error."""

    def test_show_ends_quietly(self, tmp_path):
        command = [sys.executable, "-m", "keras_actx", "show", "mish"]
        with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout.readline() == b"mish\n"
            process.stdout.close()
            assert process.stderr.read() == b""
        assert process.returncode == 0

    def test_list_ends_with_status_0(self, monkeypatch, capsys):
        there, here = os.pipe()
        os.close(there)
        with open(here, "w", encoding="utf-8") as stdout:
            monkeypatch.setattr(sys, "stdout", stdout)
            assert main(["list", "swish"]) == 0
        assert capsys.readouterr().err == ""


class TestDemo:
    def test_end_to_end(self, tmp_path):
        """In one test: it takes half a minute."""
        seeds = "2" if keras.backend.backend() == "torch" else "1"
        done = command("demo", "--epochs", "2", "--seeds", seeds, "--out", "results", cwd=tmp_path)
        results = tmp_path / "results"
        assert done.returncode == 0, done.stdout + done.stderr
        written = {"demo.png", "blocks.keras", "names.keras", "digits-test.npz"}
        assert {one.name for one in results.iterdir()} == written | {f"predictions-{one}.npz" for one in BACKENDS}
        picture = (results / "demo.png").read_bytes()
        assert picture.startswith(b"\x89PNG\r\n\x1a\n")
        assert picture.endswith(b"IEND\xaeB`\x82")
        for backend in BACKENDS:
            for model in ("blocks.keras", "names.keras"):
                (line,) = (one for one in done.stdout.splitlines() if one.split()[:2] == [model, backend])
                assert line.split()[-1] == "agrees"
            with np.load(results / f"predictions-{backend}.npz") as arrays:
                assert set(arrays) == {"blocks", "names"}
                for one in arrays.values():
                    np.testing.assert_allclose(one.sum(-1), 1, atol=1e-5)
        assert done.stdout.count(": compiling, then 2 epochs ...\n") == 4
        for backend in BACKENDS:
            assert f"  {backend}: a new process imports Keras, loads the models and predicts ...\n" in done.stdout
        rows = re.findall(r"(\d+\.\d) % +(\d+\.\d) \.\. (\d+\.\d) %", done.stdout)
        assert len(rows) == 4
        assert all(0 <= float(low) <= float(mean) <= float(high) <= 100 for mean, low, high in rows)

    @pytest.mark.same_everywhere
    @pytest.mark.parametrize(("module", "project"), [("sklearn", "scikit-learn"), ("matplotlib", "matplotlib")])
    def test_a_missing_extra_is_named(self, module, project, tmp_path):
        code = (
            f"import sys; sys.modules[{module!r}] = None; from keras_actx.commands.main import main; sys.exit(main())"
        )
        done = python("-c", code, "demo", cwd=tmp_path)
        assert done.returncode == 2
        assert f"{project} not found" in done.stderr
        assert "pip install 'keras-actx[demo]'" in done.stderr
        assert "Traceback" not in done.stderr
        assert not any(tmp_path.iterdir())

    def test_a_folder_that_cannot_be_is_refused_before_training(self, tmp_path, capsys):
        (tmp_path / "file").touch()
        assert main(["demo", "--out", str(tmp_path / "file")]) == 2
        assert "--out" in capsys.readouterr().err

    def test_a_backend_that_cannot_train_is_refused(self, tmp_path, capsys, monkeypatch):
        monkeypatch.setattr("keras.backend.backend", lambda: "numpy")
        assert main(["demo", "--out", str(tmp_path)]) == 2
        assert "cannot train" in capsys.readouterr().err


class TestDisagreement:
    def test_other_numbers_and_a_failed_reload_both_exit_1(self, tmp_path, capsys, monkeypatch):
        from keras_actx.commands.demo import agreement, run

        answers = iter(["", "ValueError: no such layer"])

        def reload(backend, data, out, files):
            np.savez(out, **{file.stem: np.full((450, 10), 0.5) for file in files})
            return next(answers)

        monkeypatch.setattr(agreement, "installed_backends", lambda: ("jax",))
        monkeypatch.setattr(agreement, "_reload", reload)
        monkeypatch.setattr(run, "draw", lambda trained, path: None)

        def untrained(build, splits, epochs, console):
            (data,) = splits.values()
            guessed = np.full((len(data.test_y), 10), 0.1)
            return Trained(build(0), [{"loss": [2.3]}], [0.1], guessed)

        monkeypatch.setattr(run, "train", untrained)
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("COLUMNS", "80")
        monkeypatch.setenv("TERM", "dumb")
        for said in ("DISAGREES", "no such layer"):
            assert main(["demo", "--epochs", "1", "--seeds", "1", "--out", str(tmp_path)]) == 1
            shown = re.sub("\x1b[^mKAlh]*[mKAlh]", "", capsys.readouterr().out)
            assert said in shown
            assert "Dense with he_normal" in shown
            assert "…" not in shown  # a table that is too wide
            assert max(map(len, re.split("[\r\n]", shown))) <= 80


class TestArguments:
    @pytest.mark.parametrize(
        "arguments",
        [[], ["plot"], ["list", "--kind", "odd"], ["demo", "--epochs", "0"], ["demo", "--seed", "-1"], ["show"]],
    )
    def test_a_wrong_one_exits_2(self, arguments, capsys):
        with pytest.raises(SystemExit) as exited:
            main(arguments)
        assert exited.value.code == 2
        assert "keras-actx" in capsys.readouterr().err


class TestBackend:
    """The one that Keras is set to may not be installed."""

    HERE = keras.backend.backend()
    OTHER = "torch" if HERE != "torch" else "jax"

    @staticmethod
    def without(*backends, folder):
        """The environment of processes in which these are not installed."""
        (folder / "sitecustomize.py").write_text(hiding(*backends), encoding="utf-8")
        return {"PYTHONPATH": os.pathsep.join([str(folder), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])}

    @pytest.mark.parametrize("start", [["-m", "keras_actx"], ["keras-actx"]], ids=" ".join)
    def test_an_installed_one_is_taken_and_named_in_one_line(self, start, tmp_path):
        others = [one for one in ("tensorflow", "jax", "torch") if one != self.HERE]
        hidden = self.without(*others, folder=tmp_path)
        if start == ["keras-actx"]:  # the script that pip writes
            script = tmp_path / "keras-actx"
            script.write_text("import sys\nfrom keras_actx.commands.main import main\nsys.exit(main())\n")
            start = [str(script)]
        done = python(*start, "list", "--kind", "gated", cwd=tmp_path, KERAS_BACKEND=self.OTHER, **hidden)
        assert done.returncode == 0, done.stderr
        assert "swiglu" in done.stdout
        # Beside what TensorFlow logs of itself.
        (line,) = [one for one in done.stderr.splitlines() if one.startswith("keras-actx")]
        assert line.startswith(f"keras-actx: Keras is set to the {self.OTHER} backend, which is not installed; using ")
        assert f"KERAS_BACKEND={self.HERE}" in line

    def test_the_one_of_the_configuration_file_may_be_missing_too(self, tmp_path):
        hidden = self.without(self.OTHER, folder=tmp_path)
        (tmp_path / "keras.json").write_text(f'{{"backend": "{self.OTHER}"}}')
        done = command("list", "--kind", "gated", cwd=tmp_path, KERAS_BACKEND="", KERAS_HOME=str(tmp_path), **hidden)
        assert done.returncode == 0, done.stderr
        assert "which is not installed; using" in done.stderr

    @pytest.mark.same_everywhere
    def test_without_any_it_is_a_sentence_and_exit_2(self, tmp_path):
        done = command("list", cwd=tmp_path, **self.without("tensorflow", "jax", "torch", folder=tmp_path))
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1
        assert "Install one: pip install tensorflow, jax or torch" in done.stderr

    def test_no_other_program_is_given_a_backend_silently(self, tmp_path):
        hidden = self.without(self.OTHER, folder=tmp_path)
        done = python("-c", "import keras_actx", "keras_actx", cwd=tmp_path, KERAS_BACKEND=self.OTHER, **hidden)
        assert done.returncode == 1
        assert done.stderr.count("Traceback") == 1
        assert done.stderr.splitlines()[-1].startswith("ImportError: keras_actx: Keras is set to the")


@pytest.mark.same_everywhere
def test_the_package_alone_imports_nothing_of_the_commands(tmp_path):
    # Keras itself imports matplotlib, scikit-learn and rich where they are installed.
    code = "import sys, keras; before = set(sys.modules); import keras_actx; print(*sorted(set(sys.modules) - before))"
    done = python("-c", code, cwd=tmp_path)
    assert "keras_actx" in done.stdout.split(), done.stderr
    strangers = ("matplotlib", "sklearn", "rich", "keras_actx.commands")
    assert not [one for one in done.stdout.split() if one.startswith(strangers)]


@pytest.mark.parametrize(
    ("here", "there", "said"),
    [
        ((0.9, 0.8), (0.5, 0.6), "A is ahead of B for each of 2 seeds, by 30.0 points on average (+20.0 to +40.0)."),
        ((0.5, 0.6), (0.9, 0.8), "A is behind B for each of 2 seeds, by 30.0 points on average (-40.0 to -20.0)."),
        ((0.9, 0.5), (0.5, 0.6), "A against B: +15.0 points on average (-10.0 to +40.0), ahead for 1 of 2 seeds."),
        ((0.5, 0.5), (0.5, 0.5), "A against B: +0.0 points on average (+0.0 to +0.0), ahead for 0 of 2 seeds."),
        ((0.9,), (0.5,), "A against B: +40.0 points, for one seed, which is inconclusive."),
    ],
)
def test_verdict(here, there, said):
    former, latter = (
        Trained(Network(title, title, (), None), [], list(scores), np.zeros(0))
        for title, scores in (("A", here), ("B", there))
    )
    assert verdict(former, latter) == said


@pytest.mark.parametrize("ascii_only", [False, True])
def test_plot_of_a_rising_line_runs_from_corner_to_corner(ascii_only):
    x = np.linspace(-1, 1, 100)
    title, *rows, labels = plot(x, x, title="f", width=10, height=5, ascii_only=ascii_only)
    blank = " " if ascii_only else "\u2800"
    assert title.strip() == "f"
    assert labels.split() == ["-1", "1"]
    assert len(rows) == 5
    assert rows[0][-1] != blank
    assert rows[-1][-10] != blank
    assert rows[0][-10] == rows[-1][-1] == blank
