"""Types of arguments that are one of a few strings; tables are built from them or tested against them."""

from typing import Literal

#: How kernel and bias are initialized; described in `keras_actx.initializers.Paired`.
Scheme = Literal["auto", "glorot", "published", "critical", "looks_linear"]
#: The distribution of a kernel.
Distribution = Literal["truncated_normal", "untruncated_normal", "uniform", "orthogonal"]
#: What the gain of a kernel is divided by: "fan_in_squared" means a standard deviation of gain / fan_in.
Mode = Literal["fan_in", "fan_avg", "fan_in_squared"]
#: "centred" for columns of mean 0, "looks_linear" for [[A, -A], [-A, A]].
Form = Literal["free", "centred", "looks_linear"]
#: Which taps of a convolution's kernel are initialized to nonzero values.
Taps = Literal["all", "centre"]
#: Which half of the last axis gates the other.
Gate = Literal["first", "last"]
#: The kinds of names that `keras_actx.names` lists.
NameKind = Literal["elementwise", "vector", "gated", "learnable", "parametric", "stochastic", "layer"]
#: "A" for `rational`, "B" for `pade`.
RationalVersion = Literal["A", "B"]
#: How `Maxout` groups the inputs that it compares.
Grouping = Literal["strided", "contiguous"]
#: The position of the channel axis of images.
DataFormat = Literal["channels_first", "channels_last"]
#: The normalizations of `DenseBlock` by name.
Normalization = Literal["batch", "layer", "rms"]
