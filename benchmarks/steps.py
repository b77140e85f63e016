"""What the samplers cost beside the network: time per call, as a multiple of reading both logits tensors once.

The network is a stub that returns ready logits, and reading them is their sum. All times are medians of interleaved
repetitions in one process, so that their ratios mean something on a busy machine too. Where tensors are small, the
ratio is that of the fixed cost of some hundred tensor operations to a sum that stays in the cache; where they are
large, that of the passes over them in float64.
"""

from __future__ import annotations

import statistics

import torch

import dguide
from studies.common import parser

from .common import Shape, Stub, timed

SHAPES = ((64, 64, 19), (4, 256, 1024))
STEPS = 16
SAMPLERS = {
    "Ancestral": dguide.Ancestral(STEPS),
    "Euler": dguide.Euler(STEPS),
    "TauLeaping": dguide.TauLeaping(STEPS),
    "FirstHitting": dguide.FirstHitting(),
}
MECHANISMS = {"Normalized": dguide.Normalized, "Unlocking": dguide.Unlocking, "Simple": dguide.Simple}


def measure(batch: int, length: int, vocab: int, repeats: int) -> None:
    stub = Stub(Shape("", batch, length, vocab, vocab, STEPS))
    process, labels = dguide.Masked(vocab), torch.zeros(batch, dtype=torch.int64)

    def run(sampler: str, mechanism: str) -> dguide.Samples:
        guidance = MECHANISMS[mechanism](weight=1.0)
        return dguide.sample(
            stub, process=process, length=length, condition=labels, guidance=guidance, sampler=SAMPLERS[sampler]
        )

    pairs = [(s, m) for s in SAMPLERS for m in MECHANISMS if (s, m) != ("FirstHitting", "Simple")]
    calls = {pair: run(*pair).calls.conditional for pair in pairs}  # also warms up
    reads: list[float] = []
    times: dict[tuple[str, str], list[float]] = {pair: [] for pair in pairs}
    for _ in range(repeats):
        for pair in pairs:
            reads += [timed(stub.logits.sum) for _ in range(5)]
            times[pair].append(timed(lambda pair=pair: run(*pair)))  # type: ignore[misc]
    read = statistics.median(reads)
    print(f"\nB = {batch}, L = {length}, V = {vocab}: reading both logits tensors takes {1e6 * read:.0f} us = 1")
    print(f"{'sampler':14s}{'mechanism':12s}{'calls':>6s}{'per call':>10s}")
    for pair in pairs:
        ratio = statistics.median(times[pair]) / calls[pair] / read
        print(f"{pair[0]:14s}{pair[1]:12s}{calls[pair]:6d}{ratio:10.1f}")


def main() -> None:
    command = parser(__doc__, "nothing", "a minute")
    command.add_argument("--repeats", type=int, default=5, help="repetitions behind each median (default: 5)")
    command.add_argument("--threads", type=int, default=torch.get_num_threads(), help="threads of PyTorch")
    options = command.parse_args()
    torch.set_num_threads(options.threads)
    print(f"Samplers with a stub network, masked process, {STEPS} steps where there is a grid, w = 1, "
          f"{options.threads} threads.")  # fmt: skip
    for shape in SHAPES:
        measure(*shape, options.repeats)


if __name__ == "__main__":
    main()
