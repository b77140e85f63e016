"""One batch on its way: everything a step needs besides its state, and the only place where networks are called."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..errors import bad
from ..guidance import Guidance
from ..process import Process
from ..random import Stream, uniform
from .denoiser import Condition, Denoiser, stack, take

__all__ = ["Calls", "Run", "check_logits"]

_CHUNK = 1 << 21
"""Entries of a chunk of laws in float64 (16 MiB)."""


@dataclass
class Calls:
    """Forward passes of a batch: of the conditional, and of the reference. A stacked call is one of each."""

    conditional: int = 0
    reference: int = 0


@dataclass(frozen=True, eq=False)
class Run:
    """A batch of samples to be drawn.

    Attributes:
        index: [B], global sample indices, which key the randomness.
        rows: [B], the same samples as indices into a per-sample weight.
        reference: what to tilt away from: a condition for the same denoiser, or another denoiser.
        fixed: [B, L], positions that never move, or None.
    """

    denoiser: Denoiser
    process: Process
    guidance: Guidance
    condition: Condition
    reference: Condition | Denoiser
    seed: int
    index: Tensor
    rows: Tensor
    length: int
    initial: Tensor | None = None
    fixed: Tensor | None = None
    calls: Calls = field(default_factory=Calls)

    @property
    def paced(self) -> bool:
        """Whether the times of the jumps do not depend on what the denoiser predicts, and so are known beforehand."""
        return self.process.content_free and self.guidance.content_free

    def movable(self, tokens: Tensor) -> Tensor:
        """Where `tokens` [B, L] can still change, bool."""
        free = self.process.movable(tokens)
        return free if self.fixed is None else free & ~self.fixed

    def uniforms(self, stream: Stream, draw: Tensor | int, where: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """Uniforms of a stream for all positions [B, L], or for the positions `where` (sample, position) [N]."""
        if where is None:
            position = torch.arange(self.length, device=self.index.device)
            return uniform(self.seed, stream, self.index.unsqueeze(-1), position, draw)
        return uniform(self.seed, stream, self.index[where[0]], where[1], draw)

    def predict(
        self, tokens: Tensor, time: Tensor, wanted: Tensor, weight: Tensor
    ) -> tuple[Tensor | None, Tensor | None]:
        """Call the networks for the positions `wanted` and return their rows of logits.

        Only samples with a wanted position are in the call; only the conditional is called where every weight is 0,
        only the reference where every weight is -1, otherwise both, stacked if they are one network.

        Args:
            tokens: [B, L].
            time: [B].
            wanted: [B, L] bool.
            weight: any shape, the weights at stake.

        Returns:
            Logits [N, V] of the conditional and of the reference (None if not called), N positions in row-major order.
        """
        chosen = wanted.any(-1).nonzero().squeeze(-1)
        everyone = len(chosen) == len(tokens)
        x, t = (tokens, time) if everyone else (tokens[chosen], time[chosen])
        rows = wanted if everyone else wanted[chosen]
        t = t.to(torch.get_default_dtype())
        cond = self.condition if everyone else take(self.condition, chosen)
        use_cond, use_ref = bool((weight != -1).any()), bool((weight != 0).any())
        self.calls.conditional += use_cond
        self.calls.reference += use_ref
        if callable(self.reference):
            return (
                self._call(self.denoiser, x, t, cond, rows, "conditional") if use_cond else None,
                self._call(self.reference, x, t, cond, rows, "reference") if use_ref else None,
            )
        if not use_ref:
            return self._call(self.denoiser, x, t, cond, rows, "conditional"), None
        ref = self.reference if everyone else take(self.reference, chosen)
        if not use_cond:
            return None, self._call(self.denoiser, x, t, ref, rows, "reference")
        both = self._call(
            self.denoiser,
            torch.cat((x, x)),
            torch.cat((t, t)),
            stack(cond, ref),
            torch.cat((rows, rows)),
            "conditional and reference",
        )
        first, second = both.chunk(2)
        return first, second

    @torch.no_grad()
    def _call(self, model: Denoiser, tokens: Tensor, time: Tensor, cond: Condition, rows: Tensor, who: str) -> Tensor:
        logits = model(tokens, time, cond)
        expected = (*tokens.shape, self.process.vocab_size)
        name = f"logits of the {who} call"
        if not isinstance(logits, Tensor) or tuple(logits.shape) != expected:
            got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise bad(name, got, f"a tensor [B, L, V] = {expected}")
        if not logits.dtype.is_floating_point:
            raise bad(name, logits.dtype, "a floating dtype")
        if logits.device != tokens.device:
            raise bad(name, f"device {logits.device}", f"{tokens.device}", "Pass device= or move the denoiser.")
        picked = logits[rows]
        check_logits(picked, rows, name)
        return picked

    def laws(self, logits: Tensor | None, rows: slice | Tensor) -> Tensor | None:
        """Log-probabilities in float64 of a chunk of rows of logits."""
        return None if logits is None else self.process.log_probs(logits[rows].double())

    def chunks(self, count: int) -> list[slice]:
        """Slices of `count` rows, each small enough to hold its laws in float64."""
        size = max(1, _CHUNK // self.process.vocab_size)
        return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def check_logits(logits: Tensor, rows: Tensor, name: str) -> None:
    """Refuse rows [N, V] that are no logits: NaN, +inf, all -inf, or probabilities by mistake.

    `rows` [B, L] says where the rows stand, for the message.
    """
    top = logits.amax(-1)  # NaN wins, so one pass finds all three
    wrong = ~torch.isfinite(top)
    if bool(wrong.any()):
        first = int(wrong.nonzero()[0])
        sample, position = rows.nonzero()[first].tolist()
        what = "NaN" if bool(top[first].isnan()) else "+inf" if bool(top[first] > 0) else "-inf in every column"
        raise bad(f"{name} at sample {sample}, position {position}", what, "finite logits (or -inf where forbidden)")
    sums = logits.sum(-1, dtype=torch.float32)
    close = 2e-2 if logits.dtype in (torch.float16, torch.bfloat16) else 1e-4
    if logits.shape[-1] > 1 and len(logits) and bool(((sums - 1).abs() < close).all() & (logits >= 0).all()):
        raise bad(name, "rows that are nowhere negative and sum to one", "logits", "Pass logits, or log-probabilities.")
