r"""At which pace a float32 Gumbel draw with the mask in it unmasks a uniform law, and at which pace dguide does.

The draw over tokens and mask takes the mask with probability (T - 1) / T when T steps are left, so the pace, T times
the share of positions that leave, should be 1. In float32 the uniforms near 1 are multiples of 2^-24 apart, so that no
noise of a token is smaller than about 2^-24: with V tokens of probability 1 / (V T) each, leaving then takes a noise of
the mask above V T 2^-24, however lucky the tokens are.

The tokens are drawn as in `baselines.gumbel`, uniform by uniform. Because all have the same weight only the luckiest
matters, and given it the chance to leave is that of the mask's own uniform, counted exactly over its 2^24 values: far
fewer draws are needed than if departures were counted. Beside it are plain counts, where they are not too rare, and the
same chance summed over the law of the luckiest of V uniforms from those 2^24 values, without a draw. A law with all its
probability on one token is summed too: it has nobody's luck to lose, so its pace should be right.
"""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor

import dguide

from . import baselines, common
from .common import LANGUAGE, Enough, Shape

VOCAB = 126_464
LEFT = (64, 256, 1000)
DRAWS = 60_000
PLAIN_DRAWS = 3_000
LEAVERS = 1_000
GRID = 1 << 24


def noise(uniforms: Tensor) -> Tensor:
    """What `baselines.gumbel_draw` makes of its uniforms, in float32."""
    return 1e-10 - (uniforms + 1e-10).log()


def luckiest(vocab: int, draws: int) -> Tensor:
    """The smallest noise of `vocab` tokens, which is that of the largest uniform, `draws` times."""
    largest = torch.empty(draws)
    uniforms = torch.empty(max(1, (1 << 21) // vocab), vocab)  # one buffer: small results between large ones stay apart
    for part in largest.split(len(uniforms)):
        part.copy_(uniforms.uniform_().amax(-1)[: len(part)])
    return noise(largest)


def chance(smallest: Tensor, vocab: int, left: int, grid: Tensor) -> Tensor:
    """Probability to leave given the smallest noise of the tokens; `grid` is every noise of the mask, increasing."""
    token = torch.tensor(1 / vocab, dtype=torch.float32) * (1 - (left - 1) / left) / smallest
    mask = torch.tensor((left - 1) / left, dtype=torch.float32) / grid  # decreasing
    beaten = GRID - torch.searchsorted(mask.flip(0), token)  # masks whose score is at least the token's
    return 1 - beaten / GRID


def float32(vocab: int, draws: int) -> dict[int, dict[str, float]]:
    """Pace of the float32 draw by the steps left: measured, with its standard error, and summed."""
    smallest = luckiest(vocab, draws)
    grid = noise(torch.arange(GRID, dtype=torch.float32) / GRID).flip(0)
    # Probability that the largest uniform is the k-th from above, as far down as that can be.
    below = (1 - torch.arange(1 << 18, dtype=torch.float64) / GRID) ** vocab
    law = -below.diff()
    found = {}
    for left in LEFT:
        pace = left * chance(smallest, vocab, left, grid).double()
        summed = left * float(law @ chance(grid[: len(law)], vocab, left, grid).double())
        peaked = left * float(chance(grid[:: GRID >> 18], 1, left, grid).double().mean())
        error = float(pace.std() / math.sqrt(draws))
        found[left] = {"pace": float(pace.mean()), "error": error, "summed": summed, "peaked": peaked}
    return found


def counted(vocab: int, left: int, draws: int) -> dict[str, float]:
    """The same by counting departures of the baseline's own step: a check of `chance` where they are frequent."""
    mask, batch = vocab - 1, 8
    logits = torch.zeros(1, batch, vocab)
    stage, left_over = baselines.Stage(0, left), 0
    masked = torch.full((1, batch), mask)
    for _ in range(draws // batch):
        left_over += int((baselines.gumbel(masked, stage, logits, logits, 0.0, mask) == mask).sum())
    share = 1 - left_over / (draws // batch * batch)
    return {"pace": left * share, "error": left * math.sqrt(share * (1 - share) / draws)}


class Uninformed:
    """A network that predicts the uniform law without taking memory."""

    time_dependent = False

    def __init__(self, vocab: int) -> None:
        self.row = torch.zeros(1, 1, vocab)

    def __call__(self, tokens: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        return self.row.expand(*tokens.shape, -1)

    def null(self, condition: Tensor) -> Tensor:
        return condition


def ours(left: int, leavers: int) -> dict[str, float]:
    """Pace of `dguide.Ancestral` with `left` steps left: the share that leaves in the first of them."""
    length = 1024
    shape = Shape("two tokens", math.ceil(leavers * left / length), length, 2, 2, left)
    seen: list[float] = []

    def look(run: Any, state: Any) -> None:
        seen.append(float((state.tokens != shape.mask).double().mean()))
        raise Enough

    with suppress(Enough):
        common.sampled(Uninformed(2), shape, dguide.Ancestral(steps=left), weight=0.0, callback=look)
    count = shape.batch * length
    return {"pace": left * seen[0], "error": left * math.sqrt(seen[0] * (1 - seen[0]) / count)}


def same_positions(vocab: int) -> bool:
    """Whether a run with `vocab` tokens unmasks the very positions, step by step, that one with 2 tokens does."""
    masks = []
    for v in (2, vocab):
        shape = Shape("", 1, LANGUAGE.length, v, v, LANGUAGE.steps)
        path = common.sampled(Uninformed(v), shape, dguide.Ancestral(steps=shape.steps), 0.0, trajectory=True)
        assert path.trajectory is not None
        masks.append(path.trajectory.tokens == shape.mask)
    return bool((masks[0] == masks[1]).all())


def main() -> None:
    options = common.options(__doc__, 1, "pace", "minutes")
    began = common.machine()
    torch.manual_seed(0)
    vocab, scale = (1_000, 100) if options.quick else (VOCAB, 1)
    found = float32(vocab, options.repeats * DRAWS // scale)
    plain = {left: counted(vocab, left, PLAIN_DRAWS // scale) for left in LEFT[:1]}
    own = {left: ours(left, LEAVERS // scale) for left in LEFT}
    same = same_positions(vocab)
    print(f"Pace of unmasking a uniform law over {vocab:,} tokens (1 is right; standard errors):")
    for left in LEFT:
        count = f"; counted {plain[left]['pace']:.2f} +- {plain[left]['error']:.2f}" if left in plain else ""
        print(
            f"  {left:5d} steps left: float32 Gumbel {found[left]['pace']:.4f} +- {found[left]['error']:.4f}{count} "
            f"(summed {found[left]['summed']:.4f}; all on one token {found[left]['peaked']:.4f}); "
            f"dguide {own[left]['pace']:.3f} +- {own[left]['error']:.3f}"
        )
    print(f"  dguide measured with 2 tokens; with {vocab:,} it unmasks the same positions: {same}")
    results = {"vocab": vocab, "float32": found, "counted": plain, "dguide": own, "same positions": same}
    print(f"\n{common.write('pace', began, results, options.out)}")


if __name__ == "__main__":
    main()
