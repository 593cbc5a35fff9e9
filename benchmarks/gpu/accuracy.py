"""Errors on a GPU in units of the bars of docs/numerics.md, relative to the formula in float64."""

from typing import Any

import keras
import torch

#: In units in the last place for values of 16 bits, otherwise of eps (|f| + |x f'|), for derivatives one order higher.
BARS = {"value": 4.0, "derivative": 8.0, "sixteen": 1.0}
SIXTEEN = {"float16": torch.float16, "bfloat16": torch.bfloat16}
#: The value of a gated activation, as a function of its gate.
_VALUE = 1.5


def errors(activation: Any, device: torch.device) -> dict[str, float]:
    """The largest errors of values and derivatives in float32 and of values in 16 bits; 1 is the bar."""
    function = _along_gate(activation)
    x = _away_from_kinks(_grid(), activation)
    f, first, second = _exact(function, x)
    y, slope = (one.double().cpu() for one in _by_kernel(function, x.to(device)))
    eps, wide_eps = torch.finfo(x.dtype).eps, torch.finfo(f.dtype).eps
    bent = (x * first).abs() + (x.double().square() * second).abs()
    reliable = wide_eps * bent <= 0.1 * eps * f.abs().clamp(min=1.0)  # not of a sine far out
    units = {"value": f.abs() + (x * first).abs(), "derivative": first.abs() + (x * second).abs()}
    wrong = {"value": y - f, "derivative": slope - first}
    found = {
        what: _worst(wrong[what].where(reliable, 0.0), eps * units[what], x, true, x.dtype) / BARS[what]
        for what, true in (("value", f), ("derivative", first))
    }
    for name, dtype in SIXTEEN.items():
        x = torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16).view(dtype)
        x = x[x.isfinite()]
        f = _exact(function, x)[0]
        with torch.no_grad():
            y = function(x.to(device)).double().cpu()
        found[name] = _worst(y - f, _spacing(f, dtype), x, f, dtype) / BARS["sixteen"]
    return found


def _along_gate(activation: Any) -> Any:
    if activation.declaration.kind != "gated":
        return activation
    return lambda x: activation(torch.stack([torch.full_like(x, _VALUE), x], -1)).squeeze(-1)


def _grid() -> torch.Tensor:
    """Dense where activations bend, logarithmic elsewhere."""
    parts = [torch.linspace(-half, half, 2048, dtype=torch.float64) for half in (4.0, 12.0, 120.0)]
    size = torch.logspace(-37, 38, 1024, dtype=torch.float64)
    return torch.cat([*parts, size, -size, torch.zeros(1, dtype=torch.float64)]).float()


def _away_from_kinks(x: torch.Tensor, activation: Any) -> torch.Tensor:
    """Without the neighbours of kinks, which are rounded."""
    for kink in activation.declaration.kinks_at(dict(activation.params)):
        x = x[((x - kink).abs() > 4e-7 * max(abs(kink), 1e-30)) | (x == 0)]
    return x


def _exact(function: Any, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Values and two derivatives of the formula in float64, on the CPU."""
    with keras.device("cpu"):  # where it puts constants
        wide = x.double().requires_grad_()
        found = [function(wide)]
        for _ in range(2):
            last = found[-1]
            slope = torch.zeros_like(wide)
            if last.requires_grad:
                (slope,) = torch.autograd.grad(last.sum(), wide, create_graph=True, materialize_grads=True)
            found.append(slope)
    return tuple(one.detach().nan_to_num(0.0) if at else one.detach() for at, one in enumerate(found))


def _by_kernel(function: Any, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    x = x.clone().requires_grad_()
    y = function(x)
    slope = torch.autograd.grad(y.sum(), x)[0] if y.requires_grad else torch.zeros_like(x)
    return y.detach(), slope


def _spacing(f: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """The spacing of the numbers of a dtype there."""
    limits = torch.finfo(dtype)
    exponent = torch.frexp(f.abs().clamp(min=limits.tiny)).exponent - 1
    return torch.ldexp(torch.full_like(f, limits.eps), exponent)


def _worst(error: torch.Tensor, unit: torch.Tensor, x: torch.Tensor, true: torch.Tensor, dtype: torch.dtype) -> float:
    """The largest error in units, in excess of underflow, where the true result is finite."""
    limits = torch.finfo(dtype)
    underflow = 0.0 if dtype == torch.float16 else limits.tiny * x.double().abs().clamp(min=1.0)
    excess = (error.abs() - underflow).clamp(min=0.0)  # NaN stays
    units = (excess / unit).where((excess != 0) & (true.abs() < limits.max * (1 - 4 * limits.eps)), 0.0)
    return float(units.nan_to_num(float("inf")).max())
