"""Carries the weights of a model to a copy of it that has other activations."""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import keras

from keras_actx._messages import quote
from keras_actx.layers._applied import subject_of_layer
from keras_actx.models.uses import children_of, is_graph


class Carrier:
    """Walks through two models at once.

    Args:
        replaced: whether a layer of the old model applies an activation that is replaced.
        renewed: the ids of layers of the old model whose weights start again, with all layers in them.

    `pairs` are the layers that were met, old and new.
    """

    def __init__(self, replaced: Callable[[Any], bool], renewed: Iterable[int] = ()) -> None:
        self._replaced, self._renewed = replaced, frozenset(renewed)
        self._met: dict[int, Any] = {}
        self._carried: set[int] = set()
        self.pairs: list[tuple[Any, Any]] = []

    def carry(self, old: Any, new: Any) -> None:
        """Assign the weights and the flags `trainable`.

        Raises:
            ValueError: if there are weights that the copy has no layer for.
        """
        self._walk(old, new, renewed=False)
        if any(id(weight) not in self._carried for weight in old.weights):
            lost = next(weight for weight in old.weights if id(weight) not in self._carried)
            raise ValueError(
                f"replace_activations: the copy of {quote(old.name)} from its config has no layer for the weight "
                f"{quote(getattr(lost, 'path', lost.name))}; a layer must create its sublayers from its config"
            )

    def _walk(self, old: Any, new: Any, renewed: bool) -> None:
        if id(old) in self._met:
            if self._met[id(old)] is not new:
                raise ValueError(
                    f"replace_activations: {quote(old.name)} is shared by different models or layers in the model, "
                    "which a config does not say, so that the copy would have separate weights"
                )
            return
        self._met[id(old)] = new
        self.pairs.append((old, new))
        if new.trainable != old.trainable:
            new.trainable = old.trainable
        if self._replaced(old):
            return
        renewed = renewed or id(old) in self._renewed
        children, others = children_of(old), children_of(new)
        for child in filter(self._replaced, children.values()):  # also one that the copy has no layer for
            self._carried.update(map(id, child.weights))
        for key in set(others) - set(children):
            others[key].trainable = new.trainable
        for one, other in _paired(children, others, by_name=is_graph(old)):
            self._walk(one, other, renewed)
        weights = own_weights(old)
        if not renewed:
            assign(weights, own_weights(new))
            _finish(old, new)
        self._carried.update(map(id, weights))


def _paired(old: dict[Any, Any], new: dict[Any, Any], by_name: bool) -> Iterable[tuple[Any, Any]]:
    """The layers of the same name or attribute; of a graph that code creates, with other names, in their order."""
    if by_name and not set(old) <= set(new) and len(old) == len(new):
        return list(zip(old.values(), new.values(), strict=True))
    return [(one, new[key]) for key, one in old.items() if key in new]


def own_weights(layer: Any) -> list[Any]:
    """The weights of a layer, without those of its sublayers."""
    of_children = {id(weight) for child in children_of(layer).values() for weight in child.weights}
    return [weight for weight in layer.weights if id(weight) not in of_children]


def assign(old: list[Any], new: list[Any]) -> None:
    """Assign the values of the weights of a layer: in their order, or if the shapes differ, those of the same name."""
    pairs = list(zip(old, new, strict=False))
    if len(old) != len(new) or not all(map(_same_shape, old, new)):
        by_name = dict(_counted(new))
        pairs = [(weight, by_name[key]) for key, weight in _counted(old) if key in by_name]
    for weight, other in pairs:
        if _same_shape(weight, other):
            # A copy: JAX may give the memory of an array away in training.
            other.assign(keras.ops.convert_to_numpy(weight))


def _same_shape(one: Any, other: Any) -> bool:
    return tuple(one.shape) == tuple(other.shape)


def _counted(weights: list[Any]) -> Iterable[tuple[tuple[str, int], Any]]:
    """The weights by name, and a number for those of the same name."""
    counts: Counter[str] = Counter()
    for weight in weights:
        yield (weight.name, counts[weight.name]), weight
        counts[weight.name] += 1


def _finish(old: Any, new: Any) -> None:
    """What a layer has besides weights: a vocabulary, or what it computes from its weights."""
    if hasattr(old, "save_assets") and hasattr(new, "load_assets"):
        with tempfile.TemporaryDirectory() as folder:
            old.save_assets(folder)
            new.load_assets(folder)
    elif isinstance(new, keras.layers.Normalization):
        new.finalize_state()


def is_replaced(keys: Iterable[Any], layer: Any) -> bool:
    """Whether a layer applies one of the activations, and nothing else."""
    subject = subject_of_layer(layer)
    return subject is not None and any(key.matches(subject) for key in keys)
