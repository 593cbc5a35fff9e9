"""Gaussian expectations of an activation: the numbers that pairing is computed from."""

from keras_actx.expectation.moments import Moments as Moments
from keras_actx.expectation.moments import gain as gain
from keras_actx.expectation.moments import moments as moments
