"""Does the answer for a sequence depend on its batch, on padding, or on what is kept of earlier blocks?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor

from ...denoiser import BlockCausal, Condition, Prefix, take
from ...devices import users_default
from ...errors import InputError
from ...samplers.blocks.caching import Caching, block_size_of
from .probe import Probe, apart
from .record import Line

__all__ = ["batch", "kept", "padding"]

BATCH, PADDING, KEPT = "the same in any batch", "padding is not read", "kept blocks"
_ALONE = 3
"""Sequences that are asked for alone."""
_TOLERATED = {torch.float16: 0.1, torch.bfloat16: 0.5, torch.float32: 1e-3, torch.float64: 1e-9}
"""How far log-probabilities may differ by rounding, by the precision of the answer."""


def _apart(first: Tensor, second: Tensor) -> float:
    """The largest difference of log-probabilities."""
    laws = [torch.log_softmax(each.double(), -1) for each in (first, second)]
    return apart(*laws)


def batch(probe: Probe) -> Line:
    """How far the answer for a sequence alone is from that in the batch."""
    limit, gap = _TOLERATED[probe.dtype], 0.0
    for row in range(min(_ALONE, len(probe.noisy))):
        alone = slice(row, row + 1)
        logits = probe.ask(probe.noisy[alone], probe.time[alone], take(probe.condition, alone))
        gap = max(gap, _apart(logits, probe.logits[alone]))
    seen = f"a sequence alone and in a batch of {len(probe.noisy)}: up to {gap:.2g} apart in log-probability"
    expected = f"rounding, at most {limit:g}"
    if gap > limit:
        remedy = "rows must not see each other: look for batch statistics, or a batch dimension that is mixed up."
        return Line(BATCH, "wrong", seen, expected, remedy)
    return Line(BATCH, "right", seen, expected)


def padding(probe: Probe) -> Line:
    """How far the answer depends on what stands in padding, and on how much padding there is."""
    found = _masked(probe.condition)
    expected = "the same answer whatever stands in padding, and without it"
    if found is None:
        return Line(PADDING, "does not apply", "the condition has no tokens with a mask")
    tokens, mask = found
    empty = ~probe.condition[mask].bool()
    if not bool(empty.any()):
        return Line(PADDING, "not decidable", "there is no padding: give prompts of different lengths", expected)
    row = int(empty.sum(1).argmax())
    alone = slice(row, row + 1)
    told = take(probe.condition, alone)
    limit = _TOLERATED[probe.dtype]
    other = torch.where(empty[alone], _another(told[tokens]), told[tokens])
    changed = _apart(_ask(probe, alone, {**told, tokens: other}), probe.logits[alone])
    columns = (~empty[row]).nonzero().squeeze(1)
    cut = {
        name: each[:, columns] if isinstance(each, Tensor) and each.shape == told[mask].shape else each
        for name, each in told.items()
    }
    shorter = _apart(_ask(probe, alone, cut), probe.logits[alone])
    seen = f"with other tokens in padding {changed:.2g} apart in log-probability, without padding {shorter:.2g}"
    if changed > limit:
        return Line(PADDING, "wrong", seen, expected, f"an attention mask: {mask!r} of the condition must reach it.")
    if shorter > limit:
        return Line(PADDING, "wrong", seen, expected, "positions: they must count what is real only.")
    return Line(PADDING, "right", seen, expected)


def kept(probe: Probe) -> Line:
    """How far the answer from what the model keeps of earlier blocks is from that for the whole sequence."""
    few = slice(_ALONE)
    tokens, condition = probe.noisy[few], take(probe.condition, few)
    count, length = tokens.shape
    size = block_size_of(probe.denoiser)
    if size is None:
        return Line(KEPT, "does not apply", "the model is not block-causal")
    network = cast(BlockCausal, probe.denoiser)
    expected = "the same answer with a cache as without"
    try:
        prefix = network.prefix(condition, count, length)
    except InputError as error:
        return Line(KEPT, "not decidable", str(error), expected)
    if prefix is None:
        return Line(KEPT, "does not apply", "the model keeps nothing")
    gap = _apart(_block_by_block(probe, prefix), probe.logits[few])
    limit = _TOLERATED[probe.dtype]
    seen = f"{length} tokens in blocks of {size}, with a cache and without: up to {gap:.2g} apart in log-probability"
    if gap > limit:
        return Line(KEPT, "wrong", seen, expected, "cache, attention and positions of the convention; or cache='none'.")
    return Line(KEPT, "right", seen, expected)


def _block_by_block(probe: Probe, prefix: Prefix) -> Tensor:
    """The answer for the first sequences from what is kept, block by block, [n, L, V]."""
    few, network = slice(_ALONE), cast(BlockCausal, probe.denoiser)
    tokens, time = probe.noisy[few], probe.time[few].to(torch.get_default_dtype())
    condition, numbers = take(probe.condition, few), torch.arange(len(tokens), device=tokens.device)
    size = block_size_of(network)
    assert size is not None
    lead = network.lead(condition, len(tokens)).to(tokens.device)
    caching = Caching(network, prefix, lead, size)
    block = (torch.arange(tokens.shape[1], device=tokens.device) + lead.unsqueeze(1)) // size
    found = torch.empty_like(probe.logits[few])
    for number in range(int(block.max()) + 1):
        where = block == number
        with torch.no_grad(), users_default():
            caching.advance(tokens, number)
            answer = caching.logits_at(tokens, time, (condition, numbers), where.flatten().nonzero().squeeze(1))
        found[where] = answer.to(found.dtype)
        probe.counter.calls += 1
    return found


def _ask(probe: Probe, rows: slice, condition: Condition) -> Tensor:
    return probe.ask(probe.noisy[rows], probe.time[rows], condition)


def _masked(condition: Any) -> tuple[str, str] | None:
    """The names of tokens [B, P] and of their mask [B, P], in a dict; None if there are none."""
    if not isinstance(condition, Mapping):
        return None
    tensors = {name: each for name, each in condition.items() if isinstance(each, Tensor) and each.ndim == 2}
    for mask, there in tensors.items():
        others = (name for name, each in tensors.items() if name != mask and each.shape == there.shape)
        for name in others:
            if tensors[name].dtype == torch.int64 and bool(((there == 0) | (there == 1)).all()):
                return name, mask
    return None


def _another(tokens: Tensor) -> Tensor:
    """Other tokens of the same shape, all of them among those that occur."""
    known: Tensor
    known, place = tokens.unique(return_inverse=True)
    return known[(place + 1) % len(known)]
