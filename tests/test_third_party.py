"""`pair`, `audit` and `replace_activations` on models of keras-hub: functional models of layers of its own."""

import os

import keras
import numpy as np
import pytest

import keras_actx as actx

# Without the text functions of TensorFlow, which the package asks for and these models do not need.
keras_hub = pytest.importorskip("keras_hub") if "KERAS_ACTX_INSTALLED" not in os.environ else __import__("keras_hub")


def bert():
    return keras_hub.models.BertBackbone(
        vocabulary_size=50, num_layers=2, num_heads=2, hidden_dim=16, intermediate_dim=32, max_sequence_length=12
    )


def resnet():
    return keras_hub.models.ResNetBackbone(
        [64], [3], [64, 64], [1, 1], [1, 2], block_type="basic_block", use_pre_activation=True, image_shape=(16, 16, 3)
    )


def tokens():
    ids = np.arange(24).reshape(2, 12)
    return {"token_ids": ids, "segment_ids": 0 * ids, "padding_mask": 1 + 0 * ids}


def values(model):
    return {weight.path: keras.ops.convert_to_numpy(weight) for weight in model.weights}


def changed(model, before):
    return {path for path, value in values(model).items() if not np.array_equal(value, before[path])}


def test_pair_a_transformer():
    model = bert()
    before = values(model)
    report = actx.pair(model, seed=1)
    rows = {row["layer"]: row for row in report.rows}
    first = "transformer_layer_0/feedforward_intermediate_dense"
    assert rows[first]["activation"] == "gelu_approximate"
    assert rows[first]["why"] == "forward gain"
    assert {name for name, row in rows.items() if row["drawn"]} == {
        "pooled_dense",
        *(f"transformer_layer_{i}/feedforward_intermediate_dense" for i in range(2)),
    }
    assert len(changed(model, before)) == 3
    kernel = model.get_layer("transformer_layer_0")._feedforward_intermediate_dense.kernel
    deviation = float(keras.ops.convert_to_numpy(kernel).std())
    assert deviation == pytest.approx(actx.gain("gelu") / 4, rel=0.15)


def test_pair_a_transformer_with_data():
    model = bert()
    rows = {row["layer"]: row for row in actx.pair(model, tokens(), seed=1).rows}
    for i in range(2):
        assert "scaled by data" in rows[f"transformer_layer_{i}/feedforward_output_dense"]["why"]


def test_pair_a_convolutional_network():
    model = resnet()
    before = values(model)
    report = actx.pair(model, seed=1)
    assert all(row["drawn"] for row in report.rows)
    assert {path for path in changed(model, before) if path.endswith("kernel")} == {
        path for path in before if path.endswith("kernel")
    }
    assert {row["activation"] for row in report.rows} == {"relu", "linear"}


def test_audit():
    for model, x in ((bert(), tokens()), (resnet(), np.ones((4, 16, 16, 3), "float32"))):
        before = values(model)
        without, found = actx.audit(model), actx.audit(model, x)
        assert {row["layer"] for row in without.rows} <= {row["layer"] for row in found.rows}
        assert any(row["measured"] is not None for row in found.rows)
        assert not changed(model, before)


def test_replace():
    backbone, x = resnet(), np.ones((1, 16, 16, 3), "float32")
    with pytest.raises(ValueError, match=r"give keras.Model\(model.inputs, model.outputs\)"):
        actx.replace_activations(backbone, {"relu": "snake"})
    model = keras.Model(backbone.inputs, backbone.outputs)
    new = actx.replace_activations(model, {"relu": "snake"})
    for one, other in zip(model.weights, new.weights, strict=True):
        np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, (one, other)))
    back = actx.replace_activations(new, {"snake": "relu"})
    first, second, third = (
        np.concatenate([np.ravel(keras.ops.convert_to_numpy(y)) for y in keras.tree.flatten(one(x))])
        for one in (model, new, back)
    )
    assert not np.array_equal(first, second)
    np.testing.assert_allclose(first, third, rtol=1e-5, atol=1e-6)


def test_what_is_in_code_is_refused():
    with pytest.raises(ValueError, match="'tanh' of 'pooled_dense' is not in the config"):
        actx.replace_activations(bert(), {"tanh": "snake"})
