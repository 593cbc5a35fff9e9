"""The arguments that are one of a few strings, as types. Their tables are made from these, or tested against them."""

from typing import Literal

#: How kernel and bias start; described in `keras_actx.initializers.Paired`.
Scheme = Literal["auto", "glorot", "textbook", "critical", "mirrored"]
#: What a kernel is drawn from.
Distribution = Literal["truncated_normal", "untruncated_normal", "uniform", "orthogonal"]
#: What the gain of a kernel is divided by: "fan_in_squared" stands for a deviation of gain / fan_in.
Mode = Literal["fan_in", "fan_avg", "fan_in_squared"]
#: "centred" for columns of mean 0, "mirrored" for [[A, -A], [-A, A]].
Form = Literal["free", "centred", "mirrored"]
#: What is drawn of a convolution's kernel.
Taps = Literal["all", "centre"]
#: Which half of the last axis gates the other.
Gate = Literal["first", "last"]
#: What `keras_actx.names` lists.
NameKind = Literal["elementwise", "vector", "gated", "learnable", "parametric", "stochastic", "layer"]
#: "A" for `rational`, "B" for `pade`.
RationalVersion = Literal["A", "B"]
#: Which inputs of `Maxout` are compared.
Grouping = Literal["strided", "contiguous"]
#: Where the channels of images are.
DataFormat = Literal["channels_first", "channels_last"]
#: The normalizations of `DenseBlock` by name.
Normalization = Literal["batch", "layer", "rms"]
