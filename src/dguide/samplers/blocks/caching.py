"""Networks that keep what they computed for the blocks before the present one.

In a block-causal network a position reads its own block, in both directions, and the blocks before it, which are final.
So what the network computes for those does not change any more. `Caching` stands between a run and such a network: it
hands the tokens of the present block over, and says which blocks are final. It has a row for each row of the conditions
of a run: those of the conditional, and behind them those of the reference. So each of them is computed once.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

from ...denoiser import BlockCausal, Condition, Denoiser, Prefix
from ...errors import bad
from ..run import Run

__all__ = ["Caching", "block_size_of", "cached", "leads"]


def block_size_of(network: object) -> int | None:
    """The size of the blocks of a block-causal network; None of any other."""
    size: int | None = getattr(network, "block_size", None)
    return size


def leads(run: Run) -> Tensor | None:
    """`BlockCausal.lead` of the samples of a run, [B]; None for a network that is not block-causal.

    Raises:
        ValueError: If the blocks of the reference lie elsewhere.
    """
    if block_size_of(run.denoiser) is None:
        return None
    count = len(run.index)
    network = cast(BlockCausal, run.denoiser)
    missing = [name for name in ("lead", "prefix") if not callable(getattr(network, name, None))]
    if missing:
        got, expected = f"block_size without {' and '.join(missing)}", "all names of dguide.denoiser.BlockCausal"
        raise bad("denoiser", got, expected, "One that reads every block has no attribute block_size, or None.")
    lead = other = network.lead(run.condition, count).to(run.index.device)
    if callable(run.reference):
        if block_size_of(run.reference) == network.block_size:
            other = cast(BlockCausal, run.reference).lead(run.condition, count).to(lead)
    elif run.reference is not None:
        other = network.lead(run.reference, count).to(lead)
    if not torch.equal(lead, other):
        row = int((lead != other).nonzero()[0])
        got = f"a prompt that ends {int(other[row])} tokens into a block, for sample {int(run.rows[row])}"
        expected = f"{int(lead[row])}, as in the condition: both predict the same block"
        raise bad("reference", got, expected, "Make it by denoiser.prompts(..., like=condition).")
    return lead


class Caching:
    """A block-causal network of which only the present block is computed.

    A run tells it conditions (what the network is told, number of the row). The positions that are asked for must lie
    in the present block, and all those before it must be final.
    """

    def __init__(self, network: Denoiser, prefix: Prefix, lead: Tensor, size: int) -> None:
        self.network, self.prefix, self.lead, self.size = network, prefix, lead, size
        self.number = 0

    def __call__(self, tokens: Tensor, time: Tensor, condition: Condition) -> Tensor:
        """Logits [R, L, V] of whole sequences, without the cache."""
        return self.network(tokens, time, condition[0])

    def logits_at(self, tokens: Tensor, time: Tensor, condition: Condition, rows: Tensor) -> Tensor:
        """Logits [N, V] of the positions `rows` [N] of `tokens` [R, L], numbered in row-major order."""
        numbers = condition[1].long()
        row, position = rows // tokens.shape[1], rows % tokens.shape[1]
        logits = self.prefix(self._columns(tokens, numbers, self.number + 1), time, numbers)
        return logits[row, position + self.lead[numbers[row]] - self.number * self.size]

    def advance(self, tokens: Tensor, number: int) -> None:
        """Let the blocks before the one of that `number` be final, in `tokens` [B, L]."""
        if number == self.number:
            return
        all_rows = torch.arange(len(self.lead), device=tokens.device)
        copies = tokens.repeat(len(self.lead) // len(tokens), 1)
        with torch.no_grad():
            self.prefix.append(self._columns(copies, all_rows, number))
        self.number = number

    def _columns(self, tokens: Tensor, numbers: Tensor, end: int) -> Tensor:
        """The tokens from the present block to the one of number `end`; any where no position is."""
        column = torch.arange(self.number * self.size, end * self.size, device=tokens.device)
        position = column - self.lead[numbers].unsqueeze(1)
        return tokens.gather(1, position.clamp(0, tokens.shape[1] - 1))


class _Told:
    """A network without a cache in a run whose conditions are numbered."""

    def __init__(self, network: Denoiser) -> None:
        self.network = network
        at = getattr(network, "logits_at", None)
        if at is not None:
            self.logits_at = lambda tokens, time, condition, rows: at(tokens, time, condition[0], rows)

    def __call__(self, tokens: Tensor, time: Tensor, condition: Condition) -> Tensor:
        return self.network(tokens, time, condition[0])


def cached(run: Run, lead: Tensor, size: int) -> tuple[dict[str, Any], list[Caching]]:
    """What changes in a run whose networks keep the blocks before the present one, and those that do."""
    two = callable(run.reference)
    conditions = run.conditions
    count = len(lead) * (1 if two or run.reference is None else 2)
    found: list[Caching] = []

    def of(network: Denoiser) -> Denoiser:
        prefix = None
        if block_size_of(network) == size:
            prefix = cast(BlockCausal, network).prefix(conditions, count, run.length)
        if prefix is None:
            return _Told(network)
        found.append(Caching(network, prefix, lead.repeat(count // len(lead)), size))
        return found[-1]

    changes: dict[str, Any] = {"denoiser": of(run.denoiser)}
    if two:
        changes["reference"] = of(run.reference)
    if not found:
        return {}, []
    # int32, so that they are not taken for labels
    changes["conditions"] = (conditions, torch.arange(count, dtype=torch.int32, device=lead.device))
    return changes, found
