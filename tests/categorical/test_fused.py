"""The Triton kernels of the guided draw, on the CPU by Triton's interpreter, and as they are compiled."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from floored_laws import *  # noqa: F403
from fused_laws import *  # noqa: F403
from interpreter import Interpreter

from dguide.categorical import Decoding
from dguide.categorical import floored as jumps
from dguide.categorical.cuda import floored_fused, fused, tiling
from dguide.categorical.floored_step import steps_at_once
from dguide.categorical.guided import implementation

INSTALLED = importlib.util.find_spec("triton") is not None
needs_triton = pytest.mark.skipif(not INSTALLED, reason="Triton is not installed: it exists for Linux only")


@pytest.fixture(scope="module")
def draw() -> Iterator[Interpreter]:
    if not INSTALLED:
        pytest.skip("Triton is not installed: it exists for Linux only")
    interpreter = Interpreter()
    yield interpreter
    interpreter.close()


@pytest.fixture
def floored(draw: Interpreter) -> Interpreter:
    return draw


@pytest.fixture
def many() -> int:
    return 110


@needs_triton
def test_cuda_is_served_by_the_kernels() -> None:
    cuda, cpu = torch.device("cuda", 0), torch.device("cpu")
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        assert implementation(cuda, dtype, Decoding(temperature=0.5)) is fused.fast
        assert jumps.implementation(cuda, dtype) is floored_fused.fast
        assert jumps.implementation(cpu, dtype) is not floored_fused.fast
        assert not steps_at_once(cuda, dtype)
        assert implementation(cpu, dtype, Decoding()) is not fused.fast
    assert implementation(cuda, torch.float32, Decoding(top_k=3)) is not fused.fast
    assert implementation(cuda, torch.float64, Decoding()) is not fused.fast


def test_without_triton_nothing_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiling, "installed", lambda: False)
    assert implementation(torch.device("cuda"), torch.float32, Decoding()) is not fused.fast
    assert jumps.implementation(torch.device("cuda"), torch.float32) is not floored_fused.fast


@needs_triton
@pytest.mark.skipif(sys.platform != "linux", reason="Triton brings ptxas for Linux only")
def test_kernels_compile_without_a_card_and_spill_nothing(tmp_path: Path) -> None:
    """Read in words of 16 bytes, keep everything in registers, and few enough of them that the card is full."""
    tests = Path(__file__).parents[1]
    paths = [str(tests), *(path for path in sys.path if path)]
    env = {**os.environ, "TRITON_CACHE_DIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(paths)}
    env.pop("TRITON_INTERPRET", None)
    command = [sys.executable, str(tests / "compile_kernels.py"), "90", "80"]
    result = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    lines = [line.split() for line in result.stdout.splitlines()]
    print(result.stdout)
    assert len(lines) == 10
    for name, registers, spilled, wide in lines:
        assert int(spilled) == 0, name
        assert int(wide) >= (0 if name.startswith("gather") else 4), name
        # 128 threads a program: 80 registers are 6 programs, 96 KiB of logits in flight a processor. `weigh` computes
        # more than it reads.
        few = {"summarise": 80, "survey": 80, "weigh": 96}
        assert int(registers) <= few.get(name.partition("-")[0], 168), name


@needs_triton
def test_kernels_name_no_constant_that_is_not_itself() -> None:
    """Triton compares the constants of a kernel with those it was compiled for, and nan is never equal to itself."""
    import triton

    from dguide.categorical.cuda import floored_kernels, kernel_parts, kernels

    every = (*vars(kernels).items(), *vars(kernel_parts).items(), *vars(floored_kernels).items())
    named = {name: each.value for name, each in every if isinstance(each, triton.language.constexpr)}
    assert {"LOG_Z", "FAR", "LEAST_TOTAL"} < set(named)
    assert [name for name, value in named.items() if value != value] == []
