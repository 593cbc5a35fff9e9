# Written by docs/make_stubs.py from the declarations; not by hand.
# The classes are for type checkers alone: every value is an `Activation`. A call takes a tensor in place of a float.
from typing import Any, Self

from keras_actx.declaration.activation import Activation

__all__ = [
    "acon_a",
    "acon_b",
    "acon_c",
    "ahaf",
    "aplu",
    "arctan",
    "arelu",
    "aria2",
    "atan",
    "bent_identity",
    "bilinear",
    "binary_step",
    "bipolar",
    "celu",
    "clamp",
    "clip",
    "cll",
    "cloglog",
    "colu",
    "complementary_log_log",
    "cos",
    "cosine",
    "e_swish",
    "elish",
    "elu",
    "entmax15",
    "erf",
    "erf_act",
    "exponential",
    "flatten_t_swish",
    "flexible_relu",
    "fts",
    "gaussian",
    "gcu",
    "geglu",
    "geglu_tanh",
    "gelu",
    "gelu_10",
    "gelu_accurate",
    "gelu_approximate",
    "gelu_clipped",
    "gelu_fast",
    "gelu_new",
    "gelu_python",
    "gelu_python_tanh",
    "gelu_pytorch_tanh",
    "gelu_tanh",
    "glu",
    "gtu",
    "gumbel_softmax",
    "hard_elish",
    "hard_mish",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "hat",
    "heaviside",
    "hsigmoid",
    "hswish",
    "identity",
    "isrlu",
    "isru",
    "kwta",
    "laplace",
    "leaky_relu",
    "lecun_tanh",
    "linear",
    "lisht",
    "log_cosh",
    "log_sigmoid",
    "log_softmax",
    "logcosh",
    "logish",
    "memswish",
    "mexican_hat",
    "miglu",
    "mish",
    "mish_glu",
    "morlet",
    "mpelu",
    "nlrelu",
    "pade",
    "pau",
    "pelu",
    "penalized_tanh",
    "phish",
    "prelu",
    "pserf",
    "quick_gelu",
    "rational",
    "reglu",
    "relu",
    "relu2",
    "relu6",
    "relu_squared",
    "ricker",
    "rrelu",
    "seglu",
    "selu",
    "serf",
    "serlu",
    "shifted_softplus",
    "siglu",
    "sigmoid",
    "sign",
    "silu",
    "sinc",
    "sine",
    "sine_relu",
    "siren",
    "smelu",
    "smish",
    "smu",
    "smu_1",
    "snake",
    "snake_beta",
    "soft_clipping",
    "soft_exponential",
    "soft_shrink",
    "softcap",
    "softmax",
    "softmax2d",
    "softmin",
    "softplus",
    "softsign",
    "solu",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "sqnl",
    "sqrt_softplus",
    "sqrtsoftplus",
    "squared_relu",
    "squareplus",
    "squash",
    "srelu",
    "star_relu",
    "step",
    "swiglu",
    "swiglu_clamped",
    "swiglu_oai",
    "swish",
    "tanh",
    "tanh_shrink",
    "tanhexp",
    "telu",
    "tent",
    "threshold",
    "thresholded_linear_unit",
    "tlu",
    "xielu",
]

class _TakesA(Activation):
    def __call__(self, x: Any, a: Any = ...) -> Any: ...
    def bind(self, a: float = ...) -> Self: ...

class _TakesAAndB(Activation):
    def __call__(self, x: Any, *, a: Any = ..., b: Any = ...) -> Any: ...
    def bind(self, *, a: float = ..., b: float = ...) -> Self: ...

class _TakesAlpha(Activation):
    def __call__(self, x: Any, alpha: Any = ...) -> Any: ...
    def bind(self, alpha: float = ...) -> Self: ...

class _TakesAlphaAndBeta(Activation):
    def __call__(self, x: Any, *, alpha: Any = ..., beta: Any = ...) -> Any: ...
    def bind(self, *, alpha: float = ..., beta: float = ...) -> Self: ...

class _TakesAlphaAndMu(Activation):
    def __call__(self, x: Any, *, alpha: Any = ..., mu: Any = ...) -> Any: ...
    def bind(self, *, alpha: float = ..., mu: float = ...) -> Self: ...

class _TakesAlphaPAndAlphaNAndBeta(Activation):
    def __call__(self, x: Any, *, alpha_p: Any = ..., alpha_n: Any = ..., beta: Any = ...) -> Any: ...
    def bind(self, *, alpha_p: float = ..., alpha_n: float = ..., beta: float = ...) -> Self: ...

class _TakesApproximateBool(Activation):
    def __call__(self, x: Any, approximate: bool = ...) -> Any: ...
    def bind(self, approximate: bool = ...) -> Self: ...

class _TakesAxisInt(Activation):
    def __call__(self, x: Any, axis: int = ...) -> Any: ...
    def bind(self, axis: int = ...) -> Self: ...

class _TakesB(Activation):
    def __call__(self, x: Any, b: Any = ...) -> Any: ...
    def bind(self, b: float = ...) -> Self: ...

class _TakesBeta(Activation):
    def __call__(self, x: Any, beta: Any = ...) -> Any: ...
    def bind(self, beta: float = ...) -> Self: ...

class _TakesCap(Activation):
    def __call__(self, x: Any, cap: Any = ...) -> Any: ...
    def bind(self, cap: float = ...) -> Self: ...

class _TakesDelta(Activation):
    def __call__(self, x: Any, delta: Any = ...) -> Any: ...
    def bind(self, delta: float = ...) -> Self: ...

class _TakesEpsilon(Activation):
    def __call__(self, x: Any, epsilon: Any = ...) -> Any: ...
    def bind(self, epsilon: float = ...) -> Self: ...

class _TakesGammaAndBeta(Activation):
    def __call__(self, x: Any, *, gamma: Any = ..., beta: Any = ...) -> Any: ...
    def bind(self, *, gamma: float = ..., beta: float = ...) -> Self: ...

class _TakesGammaAndDelta(Activation):
    def __call__(self, x: Any, *, gamma: Any = ..., delta: Any = ...) -> Any: ...
    def bind(self, *, gamma: float = ..., delta: float = ...) -> Self: ...

class _TakesKIntAndAxisInt(Activation):
    def __call__(self, x: Any, *, k: int = ..., axis: int = ...) -> Any: ...
    def bind(self, *, k: int = ..., axis: int = ...) -> Self: ...

class _TakesLimitAndAlpha(Activation):
    def __call__(self, x: Any, *, limit: Any = ..., alpha: Any = ...) -> Any: ...
    def bind(self, *, limit: float = ..., alpha: float = ...) -> Self: ...

class _TakesLowerAndUpper(Activation):
    def __call__(self, x: Any, *, lower: Any = ..., upper: Any = ...) -> Any: ...
    def bind(self, *, lower: float = ..., upper: float = ...) -> Self: ...

class _TakesMaxValue(Activation):
    def __call__(self, x: Any, max_value: Any = ...) -> Any: ...
    def bind(self, max_value: float = ...) -> Self: ...

class _TakesMinValueAndMaxValue(Activation):
    def __call__(self, x: Any, *, min_value: Any = ..., max_value: Any = ...) -> Any: ...
    def bind(self, *, min_value: float = ..., max_value: float = ...) -> Self: ...

class _TakesMuAndSigma(Activation):
    def __call__(self, x: Any, *, mu: Any = ..., sigma: Any = ...) -> Any: ...
    def bind(self, *, mu: float = ..., sigma: float = ...) -> Self: ...

class _TakesNegativeSlope(Activation):
    def __call__(self, x: Any, negative_slope: Any = ...) -> Any: ...
    def bind(self, negative_slope: float = ...) -> Self: ...

class _TakesNegativeSlopeAndMaxValueOrNoneAndThreshold(Activation):
    def __call__(self, x: Any, *, negative_slope: Any = ..., max_value: Any = ..., threshold: Any = ...) -> Any: ...
    def bind(self, *, negative_slope: float = ..., max_value: float | None = ..., threshold: float = ...) -> Self: ...

class _TakesNothing(Activation):
    def __call__(self, x: Any) -> Any: ...
    def bind(self) -> Self: ...

class _TakesOffsetAndAxisInt(Activation):
    def __call__(self, x: Any, *, offset: Any = ..., axis: int = ...) -> Any: ...
    def bind(self, *, offset: float = ..., axis: int = ...) -> Self: ...

class _TakesP0AndP1AndP2AndP3AndP4AndP5AndQ1AndQ2AndQ3AndQ4(Activation):
    def __call__(
        self,
        x: Any,
        *,
        p0: Any = ...,
        p1: Any = ...,
        p2: Any = ...,
        p3: Any = ...,
        p4: Any = ...,
        p5: Any = ...,
        q1: Any = ...,
        q2: Any = ...,
        q3: Any = ...,
        q4: Any = ...,
    ) -> Any: ...
    def bind(
        self,
        *,
        p0: float = ...,
        p1: float = ...,
        p2: float = ...,
        p3: float = ...,
        p4: float = ...,
        p5: float = ...,
        q1: float = ...,
        q2: float = ...,
        q3: float = ...,
        q4: float = ...,
    ) -> Self: ...

class _TakesP1AndP2AndBeta(Activation):
    def __call__(self, x: Any, *, p1: Any = ..., p2: Any = ..., beta: Any = ...) -> Any: ...
    def bind(self, *, p1: float = ..., p2: float = ..., beta: float = ...) -> Self: ...

class _TakesPAndBeta(Activation):
    def __call__(self, x: Any, *, p: Any = ..., beta: Any = ...) -> Any: ...
    def bind(self, *, p: float = ..., beta: float = ...) -> Self: ...

class _TakesScaleAndBias(Activation):
    def __call__(self, x: Any, *, scale: Any = ..., bias: Any = ...) -> Any: ...
    def bind(self, *, scale: float = ..., bias: float = ...) -> Self: ...

class _TakesSigma(Activation):
    def __call__(self, x: Any, sigma: Any = ...) -> Any: ...
    def bind(self, sigma: float = ...) -> Self: ...

class _TakesSlopeAndShift(Activation):
    def __call__(self, x: Any, *, slope: Any = ..., shift: Any = ...) -> Any: ...
    def bind(self, *, slope: float = ..., shift: float = ...) -> Self: ...

class _TakesTLeftAndALeftAndTRightAndARight(Activation):
    def __call__(
        self, x: Any, *, t_left: Any = ..., a_left: Any = ..., t_right: Any = ..., a_right: Any = ...
    ) -> Any: ...
    def bind(self, *, t_left: float = ..., a_left: float = ..., t_right: float = ..., a_right: float = ...) -> Self: ...

class _TakesTauAndAlpha(Activation):
    def __call__(self, x: Any, *, tau: Any = ..., alpha: Any = ...) -> Any: ...
    def bind(self, *, tau: float = ..., alpha: float = ...) -> Self: ...

class _TakesTauAndHardBoolAndAxisInt(Activation):
    def __call__(self, x: Any, *, tau: Any = ..., hard: bool = ..., axis: int = ...) -> Any: ...
    def bind(self, *, tau: float = ..., hard: bool = ..., axis: int = ...) -> Self: ...

class _TakesThreshold(Activation):
    def __call__(self, x: Any, threshold: Any = ...) -> Any: ...
    def bind(self, threshold: float = ...) -> Self: ...

class _TakesThresholdAndDefaultValue(Activation):
    def __call__(self, x: Any, *, threshold: Any = ..., default_value: Any = ...) -> Any: ...
    def bind(self, *, threshold: float = ..., default_value: float = ...) -> Self: ...

class _TakesW0(Activation):
    def __call__(self, x: Any, w0: Any = ...) -> Any: ...
    def bind(self, w0: float = ...) -> Self: ...

acon_a: _TakesBeta
acon_b: _TakesPAndBeta
acon_c: _TakesP1AndP2AndBeta
ahaf: _TakesGammaAndBeta
aplu: _TakesAAndB
arctan: _TakesNothing
arelu: _TakesAlphaAndBeta
aria2: _TakesAlphaAndBeta
atan: _TakesNothing
bent_identity: _TakesNothing
bilinear: _TakesNothing
binary_step: _TakesNothing
bipolar: _TakesNothing
celu: _TakesAlpha
clamp: _TakesMinValueAndMaxValue
clip: _TakesMinValueAndMaxValue
cll: _TakesNothing
cloglog: _TakesNothing
colu: _TakesNothing
complementary_log_log: _TakesNothing
cos: _TakesNothing
cosine: _TakesNothing
e_swish: _TakesBeta
elish: _TakesNothing
elu: _TakesAlpha
entmax15: _TakesAxisInt
erf: _TakesNothing
erf_act: _TakesAAndB
exponential: _TakesNothing
flatten_t_swish: _TakesThreshold
flexible_relu: _TakesB
fts: _TakesThreshold
gaussian: _TakesA
gcu: _TakesNothing
geglu: _TakesNothing
geglu_tanh: _TakesNothing
gelu: _TakesApproximateBool
gelu_10: _TakesMaxValue
gelu_accurate: _TakesNothing
gelu_approximate: _TakesNothing
gelu_clipped: _TakesMaxValue
gelu_fast: _TakesNothing
gelu_new: _TakesNothing
gelu_python: _TakesApproximateBool
gelu_python_tanh: _TakesNothing
gelu_pytorch_tanh: _TakesNothing
gelu_tanh: _TakesNothing
glu: _TakesNothing
gtu: _TakesNothing
gumbel_softmax: _TakesTauAndHardBoolAndAxisInt
hard_elish: _TakesNothing
hard_mish: _TakesNothing
hard_shrink: _TakesThreshold
hard_sigmoid: _TakesSlopeAndShift
hard_silu: _TakesNothing
hard_swish: _TakesNothing
hard_tanh: _TakesMinValueAndMaxValue
hat: _TakesA
heaviside: _TakesNothing
hsigmoid: _TakesSlopeAndShift
hswish: _TakesNothing
identity: _TakesNothing
isrlu: _TakesAlpha
isru: _TakesAlpha
kwta: _TakesKIntAndAxisInt
laplace: _TakesMuAndSigma
leaky_relu: _TakesNegativeSlope
lecun_tanh: _TakesNothing
linear: _TakesNothing
lisht: _TakesNothing
log_cosh: _TakesNothing
log_sigmoid: _TakesNothing
log_softmax: _TakesAxisInt
logcosh: _TakesNothing
logish: _TakesAAndB
memswish: _TakesNothing
mexican_hat: _TakesSigma
miglu: _TakesNothing
mish: _TakesNothing
mish_glu: _TakesNothing
morlet: _TakesW0
mpelu: _TakesAlphaAndBeta
nlrelu: _TakesBeta
pade: _TakesP0AndP1AndP2AndP3AndP4AndP5AndQ1AndQ2AndQ3AndQ4
pau: _TakesP0AndP1AndP2AndP3AndP4AndP5AndQ1AndQ2AndQ3AndQ4
pelu: _TakesAAndB
penalized_tanh: _TakesAlpha
phish: _TakesNothing
prelu: _TakesNegativeSlope
pserf: _TakesGammaAndDelta
quick_gelu: _TakesNothing
rational: _TakesP0AndP1AndP2AndP3AndP4AndP5AndQ1AndQ2AndQ3AndQ4
reglu: _TakesNothing
relu: _TakesNegativeSlopeAndMaxValueOrNoneAndThreshold
relu2: _TakesNothing
relu6: _TakesNothing
relu_squared: _TakesNothing
ricker: _TakesSigma
rrelu: _TakesLowerAndUpper
seglu: _TakesNothing
selu: _TakesNothing
serf: _TakesNothing
serlu: _TakesNothing
shifted_softplus: _TakesNothing
siglu: _TakesNothing
sigmoid: _TakesNothing
sign: _TakesNothing
silu: _TakesNothing
sinc: _TakesNothing
sine: _TakesW0
sine_relu: _TakesEpsilon
siren: _TakesW0
smelu: _TakesBeta
smish: _TakesAAndB
smu: _TakesAlphaAndMu
smu_1: _TakesAlphaAndMu
snake: _TakesAlpha
snake_beta: _TakesAlphaAndBeta
soft_clipping: _TakesAlpha
soft_exponential: _TakesAlpha
soft_shrink: _TakesThreshold
softcap: _TakesCap
softmax: _TakesAxisInt
softmax2d: _TakesAxisInt
softmin: _TakesAxisInt
softplus: _TakesBeta
softsign: _TakesNothing
solu: _TakesAxisInt
sparse_plus: _TakesNothing
sparse_sigmoid: _TakesNothing
sparsemax: _TakesAxisInt
sqnl: _TakesNothing
sqrt_softplus: _TakesNothing
sqrtsoftplus: _TakesNothing
squared_relu: _TakesNothing
squareplus: _TakesB
squash: _TakesOffsetAndAxisInt
srelu: _TakesTLeftAndALeftAndTRightAndARight
star_relu: _TakesScaleAndBias
step: _TakesNothing
swiglu: _TakesNothing
swiglu_clamped: _TakesLimitAndAlpha
swiglu_oai: _TakesLimitAndAlpha
swish: _TakesBeta
tanh: _TakesNothing
tanh_shrink: _TakesNothing
tanhexp: _TakesNothing
telu: _TakesNothing
tent: _TakesDelta
threshold: _TakesThresholdAndDefaultValue
thresholded_linear_unit: _TakesTauAndAlpha
tlu: _TakesTauAndAlpha
xielu: _TakesAlphaPAndAlphaNAndBeta
