"""How names resolve: ours, Keras's, aliases, the string form, and every way of getting it wrong."""

import time

import all_activations
import keras
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import keras_actx as actx
from keras_actx import _keras_functions
from keras_actx._keras_functions import KERAS_NAMES
from keras_actx.declaration import registry
from keras_actx.names import grammar, keras_table, layer_names, public


def test_keras_names_stay_keras_functions():
    for name in KERAS_NAMES:
        function = keras.activations.get(name)
        assert function.__module__.startswith("keras.")
        assert actx.get(name) is function
        assert keras.activations.serialize(function) == function.__name__


def test_every_name_and_alias_resolves():
    for declaration in registry.every():
        if declaration.package != "keras_actx":
            continue  # what other tests declare
        for name in (declaration.name, *declaration.aliases):
            if declaration.kind == "gated":
                assert actx.layers.GatedLinearUnit(name).activation.name == declaration.name
            else:
                assert callable(keras.activations.get(f"{declaration.package}>{name}"))
                assert callable(keras.activations.get(name))


def test_equal_strings_give_equal_values():
    one, other = actx.get("snake(alpha=2.0)"), keras.activations.get(" snake( alpha = 2 ) ")
    assert one == other
    assert hash(one) == hash(other)
    assert one != actx.get("snake")
    assert one == actx.activations.snake.bind(alpha=2)
    assert actx.get("relu2") == actx.get("squared_relu") == actx.get("relu_squared")


def test_a_learnable_name_is_a_new_layer_each_time():
    assert actx.get("prelu") is not actx.get("prelu")
    assert isinstance(actx.get("prelu(learnable=False)"), actx.Activation)
    assert [tuple(one.shape) for one in actx.get("prelu(num_parameters=3)").weights] == [(3,)]


def test_keras_own_names_take_parameters():
    x = keras.ops.convert_to_tensor([-2.0, -0.05, 0.05, 2.0])
    pairs = {
        "leaky_relu(negative_slope=0.1)": keras.activations.leaky_relu(x, negative_slope=0.1),
        "elu(alpha=0.5)": keras.activations.elu(x, alpha=0.5),
        "gelu(approximate=True)": keras.activations.gelu(x, approximate=True),
        "threshold(threshold=0.1, default_value=0.0)": keras.activations.threshold(x, 0.1, 0.0),
        "relu(max_value=1.0, negative_slope=0.5)": keras.activations.relu(x, negative_slope=0.5, max_value=1.0),
        "softmax(axis=0)": keras.activations.softmax(keras.ops.reshape(x, (2, 2)), axis=0),
        "celu(alpha=2.0)": keras.activations.celu(x, alpha=2.0),
        "squareplus(b=1.0)": keras.activations.squareplus(x, b=1.0),
        "soft_shrink(threshold=1.0)": keras.activations.soft_shrink(x, threshold=1.0),
        "hard_shrink(threshold=1.0)": keras.activations.hard_shrink(x, threshold=1.0),
    }
    for text, expected in pairs.items():
        given_ = keras.ops.reshape(x, expected.shape)
        result = keras.activations.get(text)(given_)
        assert keras.ops.max(keras.ops.abs(result - expected)) < 1e-6, text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("reluu", "'relu'"),
        ("snak", "'snake'"),
        ("Snak", "'snake'"),
        ("LeakyReLUU", "'leaky_relu'"),
        ("_snake", "ASCII letters"),
        ("swishh(beta=1.0)", "'swish'"),
        ("snake(alpah=2.0)", "'alpha'"),
        ("relu(2.0)", "negative_slope=..., max_value=..., threshold=..."),
        ("mish(2.0)", "no parameters"),
        ("snake(2.0, 3.0)", "one parameter, alpha"),
        ("snake(2.0, alpha=2.0)", "twice"),
        ("relu(threshold=1.0, 2.0)", "key=value"),
        ("snake(0)", "(0, inf)"),
        ("snake(alpha)", "key=value"),
        ("snake(alpha=2.0, alpha=3.0)", "twice"),
        ("snake(alpha=0)", "(0, inf)"),
        ("snake(alpha=-1.0)", "(0, inf)"),
        ("snake(alpha=nan)", "decimal number"),
        ("snake(alpha=inf)", "decimal number"),
        ("snake(alpha=1e999)", "not finite"),
        ("snake(alpha=True)", "(0, inf)"),
        ("snake(alpha=None)", "(0, inf)"),
        ("snake(alpha=0x10)", "decimal number"),
        ("snake(alpha=1_0)", "decimal number"),
        ("snake(alpha=2.0,)", "key=value"),
        ("snake(alpha=2.0", "must end with"),
        ("snake(alpha='a')", "decimal number"),
        ("ｓnake", "ASCII"),
        ("gelu(approximate=1)", "True or False"),
        ("softmax(axis=0.5)", "whole number"),
        ("relu(learnable=1)", "True or False"),
        ("mish(learnable=True)", "no numeric parameter"),
        ("prelu(num_parameters=0)", "num_parameters"),
        ("snake(num_parameters=4)", "learnable=True"),
        ("nobody>snake", "Import the module"),
        ("", "cannot read"),
        ("x" * 10_000, "at most 4000"),
        ("snake(" + "(" * 3900, "must end with"),
    ],
)
def test_bad_strings_say_what_is_wrong(text, says):
    start = time.perf_counter()
    with pytest.raises(ValueError, match="Could not interpret activation function identifier") as caught:
        keras.layers.Dense(4, activation=text)
    assert time.perf_counter() - start < 1.0  # a hang, not a bar: the machines are shared
    assert says in str(caught.value)
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("LeakyReLU", "leaky_relu"),
        ("LeakyReLU(negative_slope=0.01)", "leaky_relu(negative_slope=0.01)"),
        ("leakyrelu", "leaky_relu"),
        ("Hardswish", "keras_actx>hard_silu"),
        ("HardSwish", "keras_actx>hard_silu"),
        ("LogSigmoid", "keras_actx>log_sigmoid"),
        ("soft_sign", "keras_actx>softsign"),
        ("RELU", "keras_actx>relu"),
        ("hardtanh", "keras_actx>hard_tanh"),
        ("Squared_ReLU", "relu_squared"),
        ("keras_actx>SoftCap(cap=50)", "softcap(cap=50.0)"),
    ],
)
def test_other_spellings(text, value):
    name, _, settings = value.partition("(")
    expected = actx.get(f"keras_actx>{name.removeprefix('keras_actx>')}" + f"({settings}" * bool(settings))
    for found in (actx.get(text), keras.activations.get(text), keras.layers.Dense(2, activation=text).activation):
        assert found == expected
    # What is saved is the declared name, as if that had been written.
    assert keras.activations.serialize(actx.get(text)) == keras.activations.serialize(expected)
    assert actx.serialize(expected)["config"]["name"] == expected.declaration.name


def test_other_spellings_of_what_is_not_a_value():
    assert actx.get("PRELU").activation.name == "prelu"
    assert actx.layers.GatedLinearUnit("SwiGLU").activation.name == "swiglu"
    assert actx.describe("LogSoftmax").name == "log_softmax"
    for name in ("Maxout", "MAX_OUT", "keras_actx>MaxOut"):
        with pytest.raises(ValueError, match=r"keras_actx\.layers\.Maxout"):
            actx.get(name)


def test_exact_names_are_not_respelled(monkeypatch):
    def refuse(name):
        raise AssertionError(name)

    monkeypatch.setattr(layer_names, "_respelled", refuse)
    for declaration in registry.every():
        if declaration.package == "keras_actx":
            assert all(actx.describe(name) is declaration for name in (declaration.name, *declaration.aliases))
    with pytest.raises(AssertionError, match="Snake"):
        actx.get("Snake")


def test_another_package_keeps_its_spelling():
    @actx.register_activation(package="spelling")
    def soft_cap(x):
        return x

    assert actx.get("soft_cap") == actx.get("spelling>soft_cap") == soft_cap
    assert actx.get("SoftCap") == actx.activations.softcap  # ours: theirs is found by its exact name only
    for name in ("spelling>SoftCap", "spelling>softcap", "Spelling>soft_cap"):
        with pytest.raises(ValueError, match="unknown activation"):
            actx.get(name)


def test_a_spelling_of_two_names_is_refused(monkeypatch):
    monkeypatch.setattr(registry, "_by_letters", {"snake": ("snake", "sine"), "siren": ("siren", "sine")})
    with pytest.raises(ValueError, match="'Snake' could mean 'keras_actx>snake' or 'keras_actx>sine'"):
        actx.get("Snake")
    assert actx.get("snake") == actx.activations.snake
    assert actx.get("Siren") == actx.activations.sine  # two names of one activation


def test_only_ascii_has_another_spelling():
    with pytest.raises(ValueError, match="unknown activation"):
        actx.describe("sna\N{KELVIN SIGN}e")


def test_a_declaration_that_is_replaced_takes_its_spellings_along():
    before = registry.spelled_like("HARD_SWISH")
    assert before == ("hard_swish",)
    registry.add(actx.describe("hard_silu"))
    assert registry.spelled_like("HARD_SWISH") == before


@pytest.mark.parametrize("name", all_activations.names(kind="gated"))
def test_names_that_change_the_shape_are_refused(name):
    if name in KERAS_NAMES:
        name = f"keras_actx>{name}"
    for make in (keras.activations.get, actx.get, keras.layers.Activation):
        with pytest.raises(ValueError, match="GatedLinearUnit") as caught:
            make(name)
        assert "DenseBlock" in str(caught.value)


@settings(deadline=None, max_examples=300)
@given(st.one_of(st.text(max_size=60), st.from_regex(r"[a-z_>]{1,12}\([a-z=0-9., eE+-]{0,30}\)?", fullmatch=True)))
def test_any_text_is_refused_or_resolves(text):
    try:
        assert callable(keras.activations.get(text))
    except ValueError as error:
        assert len(str(error)) < 700


@settings(deadline=None, max_examples=100)
@given(st.floats(min_value=1e-30, max_value=1e30), st.sampled_from(["snake", "celu", "gaussian", "softcap", "smelu"]))
def test_the_printed_form_reads_back(value, name):
    (key,) = actx.describe(name).defaults
    activation = getattr(actx.activations, name).bind(**{key: value})
    assert actx.get(str(activation)) == activation


def test_names_by_kind():
    assert set(actx.names(kind="gated")) >= {"glu", "swiglu", "geglu", "reglu", "bilinear"}
    assert {"prelu", "pelu", "acon_c", "xielu", "star_relu"} <= set(actx.names(kind="learnable"))
    assert set(actx.names(kind="learnable")) < set(actx.names(kind="parametric"))
    assert {"rrelu", "gumbel_softmax"} <= set(actx.names(kind="stochastic"))
    assert list(actx.names()) == sorted(actx.names())
    with pytest.raises(ValueError, match="elementwise"):
        actx.names(kind="learning")


def test_describe():
    snake = actx.describe("snake")
    assert snake.defaults == {"alpha": 1.0}
    assert snake.tex
    assert "arXiv:2006.08195" in snake.cites[0]
    assert actx.describe("telu").name == "tanhexp"
    with pytest.raises(ValueError, match="snake"):
        actx.describe("snkae")


def test_the_hook_is_installed_once_and_warns_if_keras_breaks_it(monkeypatch):
    assert keras_table.install(public.from_string, public.get_for)
    module = __import__("importlib").import_module("keras.src.activations")
    table = module.ALL_OBJECTS_DICT
    monkeypatch.delattr(module, "ALL_OBJECTS_DICT")
    with pytest.warns(UserWarning, match=r"activation=keras_actx\.get"):
        assert not keras_table.install(public.from_string, public.get_for)
    monkeypatch.setattr(module, "ALL_OBJECTS_DICT", dict(table), raising=False)
    monkeypatch.setattr(_keras_functions, "keras_get", lambda name: None)
    with pytest.warns(UserWarning, match="did not reach the table"):
        assert not keras_table.install(public.from_string, public.get_for)
    assert type(module.ALL_OBJECTS_DICT) is dict
    assert callable(actx.get("snake"))  # everything else works on


def test_a_name_that_keras_takes_over_is_keras_and_warns(monkeypatch):
    module = __import__("importlib").import_module("keras.src.activations")

    def snake(x):
        return x

    monkeypatch.setattr(module, "ALL_OBJECTS_DICT", {**module.ALL_OBJECTS_DICT, "snake": snake})
    monkeypatch.setattr(_keras_functions, "_functions", {})
    with pytest.warns(UserWarning, match="keras_actx>snake"):
        assert keras_table.install(public.from_string, public.get_for)
    assert keras.activations.get("snake") is snake
    assert keras.activations.get("keras_actx>snake") == actx.activations.snake
    saved = keras.activations.serialize(actx.activations.snake)
    assert keras.activations.get(saved) == actx.activations.snake


def test_none_dicts_and_callables():
    assert actx.get(None) is keras.activations.linear
    value = actx.activations.snake.bind(alpha=3.0)
    assert actx.get(value) is value
    assert actx.deserialize(actx.serialize(value)) == value
    with pytest.raises(ValueError, match="Could not interpret"):
        actx.get(3)


def test_a_string_is_read_once(monkeypatch):
    """Until something is declared, which may be what the string means now."""
    reads = []
    real = grammar.read
    monkeypatch.setattr(grammar, "read", lambda text: reads.append(text) or real(text))
    first = actx.get("snake(alpha=2.375)")
    assert all(actx.get("snake(alpha=2.375)") is first for _ in range(5))
    assert len(reads) == 1

    @actx.register_activation(package="test_read_once")
    def newly_declared(x):
        return x

    assert actx.get("snake(alpha=2.375)") == first
    assert len(reads) == 2


def test_a_string_means_what_is_declared_last():
    for _ in range(2):

        @actx.register_activation(package="test_read_once")
        def declared_again(x):
            return x

        assert actx.get("declared_again").declaration is declared_again.declaration


def test_a_learnable_string_gives_a_new_layer_each_time():
    assert actx.get("swish(learnable=True)") is not actx.get("swish(learnable=True)")
