"""Start weights that fit an activation: decided by the schemes of `pairing.py`, drawn in `paired.py`."""

from keras_actx.initializers.paired import Paired as Paired
from keras_actx.initializers.pairing import Pairing as Pairing
from keras_actx.initializers.rational_start import rational_fit as rational_fit
