"""What a guided draw costs, as a multiple of reading the same rows of both predictions once.

Reading is the sum of both tensors. `compiled` is the draw in C, `vectorised` the one in PyTorch, for a machine without
a compiler. Medians of repetitions that take turns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from dguide.categorical import Decoding, DrawRequest, LogitRows, compiled, vectorised

from . import common

SHAPES = ((128, 126_464), (20, 16_385), (64, 19))
DTYPES = (torch.float32, torch.bfloat16)
ASKED = {"token": (False, False), "with log Z": (True, False), "with spread": (False, True), "with both": (True, True)}


def works(count: int, vocab: int, dtype: torch.dtype) -> dict[str, Callable[[], object]]:
    """Reading, and every way of drawing; each is repeated so often that it takes a while."""
    generator = torch.Generator().manual_seed(0)
    c, u = (3 * torch.randn(2, count, vocab, generator=generator)).to(dtype)
    index = torch.randperm(count, generator=generator)
    weight = torch.full((count,), 2.0, dtype=torch.float64)
    uniforms = torch.rand(count, generator=generator, dtype=torch.float64)
    asked: tuple[Any, ...] = (LogitRows(c, index), LogitRows(u, index), weight, uniforms, Decoding())
    none = torch.zeros(0, dtype=torch.int64)
    found: dict[str, Callable[[], object]] = {"read": lambda: c.sum() + u.sum()}
    for module in (compiled, vectorised):
        for name, flags in ASKED.items():
            draw = module.fast
            what = DrawRequest(*asked, none, *flags)
            found[f"{module.__name__.rpartition('.')[2]}, {name}"] = lambda draw=draw, what=what: draw(what)
    often = min(50, max(1, 500_000 // (count * vocab)))
    return {name: lambda work=work: [work() for _ in range(often)] for name, work in found.items()}


def measure(count: int, vocab: int, dtype: torch.dtype, repeats: int) -> dict[str, Any]:
    seconds = common.medians(common.interleaved(works(count, vocab, dtype), repeats))
    reads = {name: taken / seconds["read"] for name, taken in seconds.items() if name != "read"}
    return {"rows": count, "vocab": vocab, "dtype": str(dtype).removeprefix("torch."), "reads": reads}


def main() -> None:
    options = common.options(__doc__, 15, "draws", "ten seconds")
    if compiled.library() is None:
        raise SystemExit("there is no compiled library here")
    began, cases = common.machine(), []
    for count, vocab in SHAPES[2:] if options.quick else SHAPES:
        for dtype in DTYPES:
            found = measure(count, vocab, dtype, options.repeats)
            cases.append(found)
            print(f"\n{found['rows']} rows of {found['vocab']:,} in {found['dtype']}: reading both = 1")
            for name, reads in found["reads"].items():
                print(f"  {name:26s}{reads:8.2f}")
    print(f"\n{common.write('draws', began, cases, options.out)}")


if __name__ == "__main__":
    main()
