"""Parts of the fast evaluation in C++, compiled once for this machine: float32 on a CPU.

Compiled where they are first used (two seconds) into the user's cache folder, and left out where
there is no C++ compiler or TWOSPEED_NATIVE=0 says so: fast/choice.py asks `fits` and otherwise
takes the framework's operations. Sums have an order of their own, so numbers differ in the last
digits between the two ways, and between lanes of another width.
"""

import ctypes
import functools
import hashlib
import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor

from twospeed.core.errors import DataError
from twospeed.core.files import written_aside

SOURCES = Path(__file__).with_name("cpp")

FLAGS = [
    *("-std=c++17", "-O3", "-march=native", "-fopenmp", "-fPIC", "-shared"),
    *("-fno-math-errno", "-fno-trapping-math"),
    *(["-mprefer-vector-width=512"] if platform.machine() in ("x86_64", "AMD64") else []),
]
"""A loop takes vectors as wide as the explicit ones: lanes.h."""

_DIGITS = 64
"""Of the checksum behind a compiled library."""

_KINDS = {"p": ctypes.c_void_p, "l": ctypes.c_long, "i": ctypes.c_int}

SIGNATURES = {
    "standardize": "ppppppp lll ii",
    "standardize_gradient": "pppppp lll ii",
    "gated_unit": "ppppp lll i",
    "gated_unit_gradient": "ppppppp lll i",
    "convolve": "ppp llll ll ii",
    "convolve_gradient": "ppp llll ll ii",
    "mix": "ppp lll i",
    "mix_gradient": "ppppp lll i",
    "gate": "pppp lll i",
    "gate_gradient": "ppppppp lll i",
    "pool": "pppp llll ll ii",
    "draw_local_kernels": "ppp lll i",
    "operands": "pppp l i",
    "linear_unpacked": "ppp llll ll i",
    "pack": "pp llll i",
    "global_parts": "ppppppp l ii",
    "local_map": "pppppp llll ll ii",
    "add_branches": "ppp lllll i",
    "combine": "pppppp llll ii",
}
"""Arguments of the functions in cpp/: p pointer, l long, i int; the last one counts threads."""


@functools.cache
def load() -> ctypes.CDLL | None:
    """Return the compiled functions, or None where they cannot be had."""
    return None if os.environ.get("TWOSPEED_NATIVE") == "0" else build()


def build(*flags: str) -> ctypes.CDLL | None:
    """Compile the functions, unless that was done before; None where they cannot be had.

    Args:
        flags: more flags for the compiler, such as -mno-avx512f.
    """
    names = [os.environ["CXX"]] if "CXX" in os.environ else ["c++", "g++", "clang++"]
    compiler = next((found for name in names if (found := shutil.which(name))), None)
    if compiler is None:
        return None
    with suppress(OSError, subprocess.SubprocessError, DataError, AttributeError):
        loaded = ctypes.CDLL(str(_compiled(compiler, [*FLAGS, *flags])))
        for name, signature in SIGNATURES.items():
            getattr(loaded, name).argtypes = [
                _KINDS[letter] for letter in signature if letter != " "
            ]
        return loaded
    return None


def _compiled(compiler: str, flags: Sequence[str]) -> Path:
    """Compile unless this source was compiled for this processor before; return the library."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(SOURCES.iterdir())]
    facts = [*texts, compiler, *flags, platform.machine()]
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        facts += sorted({line for line in lines if line.startswith(("model name", "flags"))})
    digest = hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    path = Path(home) / "twospeed" / f"native-{digest}.so"
    if not _is_whole(path):
        with written_aside(path) as aside:
            parts = [str(path) for path in sorted(SOURCES.glob("*.cpp"))]
            command = [compiler, *flags, *parts, "-o", str(aside)]
            subprocess.run(command, check=True, capture_output=True, timeout=120)
            with aside.open("ab") as file:  # what loads a library reads no further than its end
                file.write(_checksum(aside.read_bytes()))
    return path


def _checksum(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()


def _is_whole(path: Path) -> bool:
    """Say whether a library is as it was compiled: to load one that is torn ends the process."""
    content = path.read_bytes() if path.is_file() else b""
    return len(content) > _DIGITS and _checksum(content[:-_DIGITS]) == content[-_DIGITS:]


def fits(*tensors: Tensor) -> bool:
    """Say whether these tensors can be handed to the compiled functions, and there are any."""
    return (
        all(part.dtype == torch.float32 and part.device.type == "cpu" for part in tensors)
        and not torch.compiler.is_compiling()
        and load() is not None
    )


def call(name: str, *arguments: Tensor | int | None) -> None:
    """Call a compiled function; tensors must be contiguous, but weights that come with steps."""
    values = [part.data_ptr() if isinstance(part, Tensor) else part for part in arguments]
    getattr(load(), name)(*values, torch.get_num_threads())


def number(name: str) -> int:
    """Return a constant of the library.

    Args:
        name: "lanes", numbers multiplied at a time, or "tile_rows", rows of a packed panel.
    """
    return int(getattr(load(), name)())
