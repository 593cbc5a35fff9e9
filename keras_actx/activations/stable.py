"""Pieces of formulas in the form that keeps its digits and its gradient on every backend."""

from keras import ops


def softplus(x):
    """log(1 + e^x). Through `log_sigmoid`, since torch's own softplus drops e^-x above 20 and `logaddexp` has no
    gradient at 0 on TensorFlow."""
    return -ops.log_sigmoid(-x)


def expm1_of_negative(x):
    """e^x - 1 for x <= 0, and 0 above: safe to differentiate where the caller's `where` takes another branch."""
    return ops.expm1(ops.where(x > 0, ops.zeros_like(x), x))


def between(x, low, high):
    """x clipped to [low, high] with derivative 0 at both ends (backends disagree about the ends of their own clip)."""
    return ops.where(x <= low, low * ops.ones_like(x), ops.where(x >= high, high * ops.ones_like(x), x))


def at_most(x, bound):
    """x, and `bound` above it. Not `ops.minimum`, which returns float32 for a float64 tensor and a Python number."""
    return ops.where(x > bound, bound * ops.ones_like(x), x)


def where_selected(condition, x, otherwise=0.0):
    """x where the condition holds, a harmless number elsewhere: the inner half of a double `where`, which keeps the
    branch that is not taken from sending NaN into the gradient."""
    return ops.where(condition, x, otherwise * ops.ones_like(x))
