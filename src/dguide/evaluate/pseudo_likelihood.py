r"""How well each token of a sequence is predicted from all others: the pseudo-likelihood."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from ..denoiser import shown, take, to_device
from ..devices import on_cpu, users_default
from ..errors import bad, in_tensor, positive
from ..process import Process
from ..samplers import Condition, Denoiser
from ..samplers.first_call import check_answer, check_logits, check_parts, check_repeatable, out_of_range

__all__ = ["pseudo_likelihood"]

_NAME = "logits of the denoiser"


@on_cpu
@torch.no_grad()
def pseudo_likelihood(
    denoiser: Denoiser,
    process: Process,
    tokens: Tensor,
    condition: Condition = None,
    *,
    positions: Tensor | None = None,
    batch_size: int = 64,
    device: str | torch.device = "cpu",
) -> Tensor:
    r"""The log-probability of tokens given all others of their sequence, one masked at a time,

    $$\log p(x^i \mid x^1, \ldots, x^{i-1}, x^{i+1}, \ldots, x^L, c).$$

    A row of a network call is needed for each position. exp of minus the mean over positions is the pseudo-perplexity.
    It is no likelihood of the sequence, since the network sees all others at each position. A network that depends on
    the time is told the time at which one of L tokens is masked.

    Source: Salazar et al., "Masked language model scoring", arXiv 1910.14659, equations 1 and 2.

    Args:
        denoiser: Gives logits [B, L, V] from tokens [B, L], time [B] and condition [B].
        process: Its process, whose noise is a mask token.
        tokens: Sequences, [N, L] int64.
        condition: Condition of each sequence, leading dimension N; None for a denoiser without conditions.
        positions: The positions that are asked for, [P] int64; by default all.
        batch_size: Rows of one call.
        device: Device of the denoiser.

    Returns:
        [N, P] float64, in nats, on the CPU.

    Raises:
        ValueError: If the process has no mask token, there are no sequences, or a position is not there.

    >>> import dguide
    >>> law = torch.tensor([[0.4, 0.1], [0.1, 0.4]])
    >>> oracle = dguide.exact.Oracle(dguide.Masked(2), [law], law)
    >>> asked = torch.tensor([[0, 0], [0, 1]])
    >>> pseudo_likelihood(oracle, dguide.Masked(2), asked, torch.zeros(2, dtype=torch.int64)).exp().round(decimals=3)
    tensor([[0.8000, 0.8000],
            [0.2000, 0.2000]], dtype=torch.float64)
    """
    check_parts(denoiser, process)
    positive("batch_size", batch_size)
    asked = _positions(process, tokens, positions)
    place, moment = torch.device(device), process.noise.time(torch.tensor(1 / tokens.shape[1], dtype=torch.float64))
    rows, columns = torch.arange(len(tokens)).repeat_interleave(len(asked)), asked.repeat(len(tokens))
    found: list[Tensor] = []
    for row, column in zip(rows.split(batch_size), columns.split(batch_size), strict=True):
        here, noisy = torch.arange(len(row)), tokens[row]
        noisy[here, column] = process.noise_token
        noisy, values = noisy.to(place), to_device(take(condition, row), place)
        ask = partial(denoiser, noisy, moment.expand(len(row)).to(place, torch.get_default_dtype()), values)
        with out_of_range(_NAME, noisy, values), users_default():
            answer = ask() if found else check_repeatable(_NAME, denoiser, ask)
        logits = check_answer(_NAME, answer, noisy, process.vocab_size).cpu()[here, column]
        check_logits(_NAME, logits)
        found.append(process.log_probs(logits)[here, tokens[row, column]].double())
    return torch.cat(found).view(len(tokens), len(asked))


def _positions(process: Process, tokens: Tensor, positions: Tensor | None) -> Tensor:
    """The positions that are asked for. Raises `ValueError` for what cannot be asked."""
    mask = process.noise_token
    if not isinstance(tokens, Tensor) or tokens.dtype != torch.int64 or tokens.ndim != 2 or not tokens.numel():
        got = shown(tokens)
        raise bad("tokens", got, "an int64 tensor [N, L] that is not empty", in_tensor(tokens))
    length = tokens.shape[1]
    asked = torch.arange(length) if positions is None else positions
    if not isinstance(asked, Tensor) or asked.dtype != torch.int64 or asked.ndim != 1 or not len(asked):
        raise bad("positions", repr(asked)[:60], "an int64 tensor [P] that is not empty", in_tensor(asked))
    if not 0 <= int(asked.min()) <= int(asked.max()) < length:
        raise bad("positions", f"{int(asked.min())} to {int(asked.max())}", f"from 0 to L - 1 = {length - 1}")
    if bool((tokens[:, asked] == mask).any()):
        raise bad("tokens", "masks at the positions that are asked for", "the tokens there")
    return asked
