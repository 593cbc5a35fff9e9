"""torch's runtime compiler for GPUs, stood in for by the C++ compiler of the processor."""

import ctypes
import platform
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from keras_actx.backend.torch.cuda_source import _FUNCTIONS

COMPILER = next((one for one in ("g++", "clang++", "c++") if shutil.which(one)), None)

#: A GPU's compiler contracts a * b + c to one operation; so does that of the processor, where the latter has it.
_CONTRACTED = ["-ffp-contract=fast", *(["-march=native"] if platform.machine() == "x86_64" else [])]
#: Declared one by one: a header takes ten times as long, and would accept functions of other types.
_HEADER = (
    'extern "C" {\n'
    + "".join(
        f"{kind} {name}{suffix}({', '.join([kind] * (1 + (name in ('atan2', 'hypot', 'pow'))))});\n"
        for name in sorted({*_FUNCTIONS.values(), "pow"})
        for kind, suffix in (("float", "f"), ("double", ""))
    )
    + "}\n"
)
# Without a GPU, torch 2.10 with CUDA crashes where another thread is the first to enter this mode.
with FakeTensorMode():
    pass

_libraries: dict[str, ctypes.CDLL] = {}  # by the names of the kernels in them
_kept = tempfile.TemporaryDirectory(prefix="kernels")


def compile_all(kernels):
    """Makes one library of kernels, for all the calls that follow."""
    parts = {}
    for one in kernels:
        if one.name not in _libraries:
            parts[one.name] = one.source + "\n" + _loop(one)
    if parts:
        folder = Path(tempfile.mkdtemp(dir=_kept.name))
        (folder / "kernels.cpp").write_text(_HEADER + "\n".join(parts.values()))
        command = [COMPILER, "-std=c++17", "-O1", "-shared", "-fPIC", "-Werror=double-promotion", *_CONTRACTED]
        made = subprocess.run(
            [*command, "kernels.cpp", "-o", "kernels.so"], cwd=folder, capture_output=True, text=True, check=False
        )
        assert made.returncode == 0, made.stderr[:4000]
        library = ctypes.CDLL(str(folder / "kernels.so"))
        _libraries.update(dict.fromkeys(parts, library))


def _loop(kernel):
    """A C function that applies the kernel to arrays."""
    kind = "double" if "static_cast<double>" in kernel.source else "float"
    count, outputs = len(re.findall(r"\bT a\d+", kernel.source)), kernel.outputs
    inputs = [f"in[{at}][i]" for at in range(count - kernel.numbers)]
    numbers = [f"numbers[{at}]" for at in range(kernel.numbers)]
    results = [f"out[{at}][i]" for at in range(outputs)]
    call = f"{kernel.name}<{kind}>({', '.join([*inputs, *numbers, *(results if outputs > 1 else [])])})"
    return (
        f'extern "C" void run_{kernel.name}(long n, const {kind}** in, const double* numbers, {kind}** out) {{\n'
        f"  for (long i = 0; i < n; ++i) {'' if outputs > 1 else 'out[0][i] = '}{call};\n}}"
    )


class Standin:
    """A stand-in for `torch.cuda.jiterator`'s functions: broadcasting, one common dtype, float32 for 16 bits."""

    calls: list[str] = []  # noqa: RUF012  (the names of the kernels that ran, of all)

    def __init__(self, source, outputs, numbers):
        self.name = torch.cuda.jiterator._CodeParser(source).function_name
        self.outputs, self.numbers, self.source = outputs, numbers, source
        if self.name not in _libraries:
            compile_all([_Plain(self)])

    def __call__(self, *tensors, **numbers):
        assert len(tensors) <= 8
        assert numbers.keys() == self.numbers.keys()
        assert len({one.device for one in tensors}) == 1
        self.calls.append(self.name)
        dtype = _common(tensors)
        kind = torch.float64 if dtype == torch.float64 else torch.float32
        # As a GPU: converted to the common dtype, then to that of the computation.
        given = [one.detach().to(dtype).to(kind).contiguous() for one in torch.broadcast_tensors(*tensors)]
        results = [torch.empty_like(given[0]) for _ in range(self.outputs)]
        values = (ctypes.c_double * max(1, len(numbers)))(*numbers.values())
        run = getattr(_libraries[self.name], f"run_{self.name}")
        run(ctypes.c_long(given[0].numel()), _pointers(given), values, _pointers(results))
        results = [one.to(dtype) for one in results]
        return results[0] if self.outputs == 1 else results


class _Plain:
    """What `compile_all` reads of a kernel."""

    def __init__(self, standin):
        self.name, self.source = standin.name, standin.source
        self.outputs, self.numbers = standin.outputs, len(standin.numbers)


def _common(tensors):
    """The dtype of the tensors with axes, if there are any."""
    shaped = [one.dtype for one in tensors if one.dim()] or [one.dtype for one in tensors]
    dtype = shaped[0]
    for one in shaped[1:]:
        dtype = torch.promote_types(dtype, one)
    return dtype


def _pointers(tensors):
    return (ctypes.c_void_p * len(tensors))(*(one.data_ptr() for one in tensors))
