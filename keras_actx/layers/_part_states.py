"""Changes to the parts of a block after its creation: quantization, LoRA, freezing, another dtype policy."""

from collections.abc import Mapping
from typing import Any, cast

import keras

from keras_actx.layers._arguments import is_number, is_size, keras_object, refuse_unless

_KEYS = ("dtype", "trainable", "lora_rank", "lora_alpha", "quantization_config")


def of_kernel(policy: Any) -> Any:
    """The initial policy of the dense part of a block: the default of a map, until the path of the part is known."""
    return policy.default_policy if isinstance(policy, keras.dtype_policies.DTypePolicyMap) else policy


def unquantized(policy: Any) -> Any:
    """The same for the parts without a kernel."""
    policy = of_kernel(policy)
    if policy.quantization_mode is None:
        return policy
    compute, variable = policy.compute_dtype, policy.variable_dtype
    return keras.dtype_policies.DTypePolicy(compute if compute == variable else f"mixed_{compute}")


def same_policy(one: Any, other: Any) -> bool:
    """Whether two policies are equal; Keras's comparison fails for maps."""
    maps = isinstance(one, keras.dtype_policies.DTypePolicyMap), isinstance(other, keras.dtype_policies.DTypePolicyMap)
    return one is other or (not any(maps) and one == other)


def apply_map(policy: Any, path: str | None, parts: Mapping[str, keras.layers.Layer], given: Any) -> None:
    """Assign the policies of a map to the parts that have its default, by their paths."""
    default = unquantized(policy)
    for name, part in parts.items():
        of_default = any(same_policy(part.dtype_policy, one) for one in (default, policy.default_policy))
        if name not in given and of_default:
            chosen = policy[f"{path}/{part.name}"]
            # A copy: `DTypePolicyMap.get_config` removes the names of its policies.
            chosen = type(chosen).from_config(chosen.get_config())
            part.dtype_policy = chosen if name == "dense" else unquantized(chosen)


def is_as_made(part: keras.layers.Layer, policy: Any, trainable: bool) -> bool:
    """Whether a part has the policy and the trainability of its block, and neither LoRA nor quantization."""
    done = getattr(part, "lora_rank", None), getattr(part, "quantization_config", None)
    return same_policy(part.dtype_policy, policy) and part.trainable == trainable and done == (None, None)


def state_of(part: keras.layers.Layer) -> dict[str, Any]:
    """The state of a part for a config, as expected by `restore`."""
    state = {"dtype": keras.dtype_policies.serialize(part.dtype_policy), "trainable": part.trainable}
    if getattr(part, "lora_rank", None):
        state |= {"lora_rank": part.lora_rank, "lora_alpha": getattr(part, "lora_alpha", None)}
    if getattr(part, "quantization_config", None) is not None:
        state["quantization_config"] = keras.saving.serialize_keras_object(part.quantization_config)
    return state


def restore(owner: str, parts: Mapping[str, keras.layers.Layer], states: Any) -> None:
    """Restore the states of a config on unbuilt parts. Raises `ValueError` for an invalid config."""
    refuse_unless(isinstance(states, Mapping), owner, "parts", states, "a dict by the name of the part")
    for name, state in states.items():
        part, allowed = cast(Any, parts.get(name)), f"a dict of {', '.join(_KEYS)} for one of {', '.join(parts)}"
        known = name in parts and isinstance(state, Mapping) and set(state) <= set(_KEYS)
        refuse_unless(known, owner, f"parts[{str(name)[:20]!r}]", state, allowed)
        if "dtype" in state:
            policy = keras.dtype_policies.get(state["dtype"])
            fits = name == "dense" or getattr(policy, "quantization_mode", None) is None
            is_policy = isinstance(policy, keras.dtype_policies.DTypePolicy)
            refuse_unless(is_policy and fits, owner, f"parts: dtype of {name}", state["dtype"], "a dtype policy")
            part.dtype_policy = policy
        trainable = state.get("trainable", part.trainable)
        refuse_unless(isinstance(trainable, bool), owner, f"parts: trainable of {name}", trainable, "True or False")
        if trainable != part.trainable:
            part.trainable = trainable
        if name == "dense":
            _restore_dense(owner, part, state)


def _restore_dense(owner: str, dense: Any, state: Mapping[str, Any]) -> None:
    rank, alpha = state.get("lora_rank"), state.get("lora_alpha")
    refuse_unless(rank is None or is_size(rank), owner, "parts: lora_rank", rank, "a whole number above 0")
    refuse_unless(alpha is None or is_number(alpha), owner, "parts: lora_alpha", alpha, "a number")
    if rank is not None:
        dense.lora_rank = rank  # `Dense.build` creates the weights
        dense.lora_alpha = rank if alpha is None else alpha
    given = state.get("quantization_config")
    if given is not None:
        made = keras_object(owner, "quantization_config", given, keras.saving.deserialize_keras_object)
        kind = getattr(keras.quantizers, "QuantizationConfig", None)  # missing in older versions
        fits = kind is not None and isinstance(made, kind)
        refuse_unless(fits, owner, "parts: quantization_config", given, "the config of a Keras QuantizationConfig")
        dense.quantization_config = made
