"""Pictures, with matplotlib (the extra `plot`), which is imported when one is drawn."""

from keras_actx.plot.through_depth import propagation as propagation
