"""Compile the kernels of the guided draw for a card that need not be there: what they take of it."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from dguide.categorical.cuda import floored_kernels as floored
from dguide.categorical.cuda import kernels, tiling

TYPES = {
    "cond_index": "*i64",
    "ref_index": "*i64",
    "cond_stride": "i32",
    "ref_stride": "i32",
    "weight": "*fp64",
    "parts": "*fp64",
    "uniforms": "*fp64",
    "token": "*i64",
    "served": "*i1",
    "found": "*fp64",
    "present": "*i64",
    "known": "*fp64",
    "top": "*fp64",
    "scales": "*fp64",
    "grounds": "*fp64",
    "vocab": "i32",
    "rows": "i32",
    "scale": "fp32",
}
VOCAB = 126_464


def compiled(kernel: Any, capability: int, dtype: str, more: bool) -> Any:
    """The kernel for vocabularies of 126,464 with reference, and with all statistics if `more`."""
    tiles = -(-VOCAB // tiling.TILE)
    constants = {
        "SLOTS": kernels.SLOTS if more else kernels.FEW_SLOTS,
        "TILE": tiling.TILE,
        "TILES": tiles,
        "PADDED": 1 << (tiles - 1).bit_length(),
        "GROUP": 4 if dtype == "fp32" else 8,
        "HAS_REF": True,
        "GREEDY": False,
        "TEMPERED": False,
        "PARTITION": more,
        "BARE": False,
        "DRAWS": True,
        "SPREAD": False,
    }
    keep = "*i32" if dtype == "fp32" else "*i16"
    types = {**TYPES, "cond": f"*{dtype}", "ref": f"*{dtype}", "keep": keep, "whole": keep}
    names = kernel.arg_names
    aligned = [i for i, name in enumerate(names) if types.get(name, "")[:1] == "*" or name.endswith("_stride")]
    source = ASTSource(
        kernel,
        {name: types.get(name, "constexpr") for name in names},
        {(i,): constants[name] for i, name in enumerate(names) if name in constants},
        {(i,): [["tt.divisibility", 16]] for i in aligned},
    )
    target = GPUTarget("cuda", capability, 32)
    return triton.compile(source, target=target, options={"num_warps": tiling.TILE // 512})


def report(name: str, kernel: Any) -> None:
    """One line: name, registers, bytes of the stack, loads of 16 bytes."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(kernel.asm["cubin"])
        file.flush()
        tool = Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump"
        usage = subprocess.run([tool, "--dump-resource-usage", file.name], capture_output=True, text=True, check=True)
    found = re.search(r"REG:(\d+) STACK:(\d+)", usage.stdout)
    assert found, usage.stdout
    print(name, *found.groups(), len(re.findall(r"ld\.global\S*\.v4\.b32", kernel.asm["ptx"])))


if __name__ == "__main__":
    newest, older = map(int, sys.argv[1:])
    every = (kernels.summarise, kernels.choose, floored.survey, floored.gather, floored.weigh, floored.land)
    for kernel in every:
        report(f"{kernel.fn.__name__}-bf16-{newest}", compiled(kernel, newest, "bf16", False))
    for kernel in (kernels.summarise, kernels.choose):
        report(f"{kernel.fn.__name__}-fp32-{newest}", compiled(kernel, newest, "fp32", False))
    report(f"summarise-bf16-{older}", compiled(kernels.summarise, older, "bf16", False))
    report(f"summarise-bf16-partition-{newest}", compiled(kernels.summarise, newest, "bf16", True))
