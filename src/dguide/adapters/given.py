"""`Given`: a part of the sequence as the condition."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..denoiser import Condition, Denoiser, shown
from ..errors import Mistakes, bad, in_tensor
from ..process import Process

__all__ = ["Given"]

_FREE = -1
"""What stands in a condition where nothing is given."""


class Given(nn.Module):
    r"""A denoiser whose condition is a part of the sequence: tokens that are given, and masked for "no condition".

    Guidance then tilts what is filled in by how much better it is predicted with the given tokens than without,

    $$q_w(x^i) \propto p(x^i \mid x_t, g)^{1 + w}\, p(x^i \mid x_t)^{-w},$$

    where g are the given tokens, and $x_t$ the others. By the rule of Bayes that is $p(x^i \mid x_t, g)$ times
    $p(g \mid x_t, x^i)^w$, up to a factor: the weight says how much more the new tokens should predict the given ones.
    It needs no label and no training, but a network that has seen many masks, as masked language models have.

    Args:
        denoiser: A denoiser without conditions, of a process whose noise is a mask token.
        process: Its process. By default the attribute `process` of the denoiser.

    Raises:
        ValueError: If there is no process, or its noise is no mask token.

    >>> import dguide
    >>> network = torch.nn.Sequential(torch.nn.Embedding(13, 8), torch.nn.Linear(8, 12)).eval()
    >>> denoiser = Given(lambda tokens, time, condition: network(tokens), dguide.Masked(vocab_size=12))
    >>> known = torch.tensor([[3, 1, 4, 1, 5]]).expand(2, 5)
    >>> condition = denoiser.given(known, torch.tensor([True, True, False, False, False]))
    >>> drawn = dguide.sample(
    ...     denoiser,
    ...     process=denoiser.process,
    ...     length=5,
    ...     condition=condition,
    ...     initial=denoiser.initial(condition),
    ...     guidance=dguide.Normalized(1.0),
    ...     sampler=dguide.FirstHitting(),
    ... )
    >>> drawn.tokens[:, :2].tolist()
    [[3, 1], [3, 1]]
    """

    def __init__(self, denoiser: Denoiser, process: Process | None = None) -> None:
        super().__init__()
        process = getattr(denoiser, "process", None) if process is None else process
        mistakes = Mistakes()
        if not callable(denoiser) or isinstance(denoiser, type):
            mistakes.add(bad("denoiser", repr(denoiser), "a callable (tokens, time, condition) -> logits"))
        if not isinstance(process, Process):
            mistakes.add(bad("process", repr(process), "that of the denoiser", "Given(denoiser, process)"))
        mistakes.settle()
        assert isinstance(process, Process)
        self.denoiser, self.process = denoiser, process
        self.mask, self.needs_initial = process.noise_token, True  # `dguide.sample` refuses to draw without it
        self.time_dependent = bool(getattr(denoiser, "time_dependent", False))
        self.training = False  # it has nothing that could be: the denoiser has a mode of its own

    def given(self, tokens: Tensor, where: Tensor) -> Tensor:
        """A condition.

        Args:
            tokens: Sequences, [B, L] int64. What is not given is not looked at.
            where: Which of their tokens are given, [B, L] or [L] bool.

        Returns:
            [B, L] int64: the tokens that are given, and -1 elsewhere. Pass `initial` of it to `dguide.sample`, too, so
            that they are held.

        Raises:
            ValueError: If shapes or dtypes are others, nothing is given, all is given, or a mask is.
        """
        mistakes = Mistakes()
        if not isinstance(tokens, Tensor) or tokens.dtype != torch.int64 or tokens.ndim != 2:
            mistakes.add(bad("tokens", shown(tokens), "an int64 tensor [B, L]", in_tensor(tokens)))
        if not isinstance(where, Tensor) or where.dtype != torch.bool or where.ndim not in (1, 2):
            mistakes.add(bad("where", shown(where), "a bool tensor [L] or [B, L]", in_tensor(where)))
        mistakes.settle()
        if where.shape not in (tokens.shape, tokens.shape[1:]):
            raise bad("where", shown(where), f"the shape of the tokens, {list(tokens.shape)}, or [{tokens.shape[1]}]")
        given = where.to(tokens.device).expand(tokens.shape)
        if bool((given & (tokens == self.mask)).any()):
            raise bad("tokens", "a mask where a token is given", "the token", "Unset where there.")
        outside = tokens[given & ((tokens < 0) | (tokens >= self.process.vocab_size))]
        if len(outside):
            raise bad("tokens", int(outside[0]), f"0 to vocab_size - 1 = {self.process.vocab_size - 1} where given")
        if not bool(given.any(1).all()) or bool(given.all(1).any()):
            raise bad("where", "a sequence with nothing or everything given", "a part of each sequence")
        return torch.where(given, tokens, _FREE)

    def initial(self, condition: Condition) -> Tensor:
        """The tokens that are given, and masks elsewhere, [B, L]: `initial` of `dguide.sample`."""
        return torch.where(_checked(condition) == _FREE, self.mask, condition)

    def null(self, condition: Condition) -> Tensor:
        """The same positions, with masks in them."""
        return torch.where(_checked(condition) == _FREE, _FREE, self.mask)

    def forward(self, tokens: Tensor, time: Tensor, condition: Condition) -> Tensor:
        """Logits [B, L, V] from tokens [B, L], time [B] and condition."""
        if _checked(condition).shape != tokens.shape:
            raise bad("condition", list(condition.shape), f"{list(tokens.shape)}, the shape of the sequences")
        return self.denoiser(torch.where(condition == _FREE, tokens, condition), time, None)


def _checked(condition: Any) -> Tensor:
    if isinstance(condition, Tensor) and condition.dtype == torch.int64 and condition.ndim == 2:
        return condition
    raise bad("condition", shown(condition), "an int64 tensor [B, L]", "The method given() of the denoiser makes it.")
