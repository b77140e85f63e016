"""One batch on its way: everything a step needs besides its state, and the only place where networks are called."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..errors import bad
from ..guidance import Guidance
from ..process import Process
from ..random import Stream, uniform
from .denoiser import Condition, Denoiser, stack, take
from .observe import Landing, Observer

__all__ = ["Calls", "Run"]

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
        calls: forward passes so far.
        seen: networks whose first answer has been looked at.
        observers: who is told of predictions and landings.
        stakes: weights besides those of the guidance whose laws are needed: they too decide which networks are called.
        renewals: [B], how often the randomness of a sample was replaced by fresh one, or None for never.
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
    seen: list[Denoiser] = field(default_factory=list)
    observers: tuple[Observer, ...] = ()
    stakes: tuple[float, ...] = ()
    renewals: Tensor | None = None

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
            device = self.index.device
            where = torch.arange(len(self.index), device=device).unsqueeze(-1), torch.arange(self.length, device=device)
        sample, position = where
        if self.renewals is not None:
            position = position + self.length * self.renewals[sample]  # counters that no position has used
        return uniform(self.seed, stream, self.index[sample], position, draw)

    def predict(
        self, tokens: Tensor, time: Tensor, wanted: Tensor, weight: Tensor
    ) -> tuple[Tensor | None, Tensor | None]:
        """Call the networks for the positions `wanted` and return their rows of logits.

        Only samples with a wanted position are in the call; only the conditional is called where every weight is 0,
        only the reference where every weight is -1, otherwise both, stacked if they are one network. Weights are those
        of `weight` and `stakes`.

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
        use_cond = bool((weight != -1).any()) or any(w != -1 for w in self.stakes)
        use_ref = bool((weight != 0).any()) or any(w != 0 for w in self.stakes)
        self.calls.conditional += use_cond
        self.calls.reference += use_ref
        logits: list[Tensor | None]
        if callable(self.reference):
            logits = [
                self._call(self.denoiser, x, t, cond, "conditional") if use_cond else None,
                self._call(self.reference, x, t, cond, "reference") if use_ref else None,
            ]
        else:
            ref = (self.reference if everyone else take(self.reference, chosen)) if use_ref else None
            if use_cond and use_ref:
                both = self._call(
                    self.denoiser, torch.cat((x, x)), torch.cat((t, t)), stack(cond, ref), "conditional and reference"
                )
                logits = list(both.chunk(2))
            else:
                who, needed = ("conditional", cond) if use_cond else ("reference", ref)
                only = self._call(self.denoiser, x, t, needed, who)
                logits = [only, None] if use_cond else [None, only]
        picked = [None if part is None else part[rows] for part in logits]
        for who, part in zip(("conditional", "reference"), picked, strict=True):
            if part is not None:
                self._check_rows(part, rows, self.rows[chosen], who)
        for observer in self.observers:
            observer.looked(self, tokens, time, wanted, *picked)
        return picked[0], picked[1]

    def landed(
        self, where: tuple[Tensor, Tensor], token: Tensor, level: Tensor, laws: Sequence[Tensor | None], law: Tensor
    ) -> None:
        """Tell the observers that the positions `where` (sample, position) [N] took `token` [N] at noise `level` [N].

        Args:
            laws: log-laws [N, V] of the conditional and of the reference, None if not called.
            law: log-law [N, V] by which the tokens were drawn.
        """
        cond, ref, proposal = (
            None if x is None else x.gather(-1, token.unsqueeze(-1)).squeeze(-1) for x in (*laws, law)
        )
        assert proposal is not None
        for observer in self.observers:
            observer.landed(self, Landing(*where, token, level, cond, ref, proposal))

    @torch.no_grad()
    def _call(self, model: Denoiser, tokens: Tensor, time: Tensor, cond: Condition, who: str) -> Tensor:
        logits = model(tokens, time, cond)
        shape = (*tokens.shape, self.process.vocab_size)
        name = f"logits of the {who} call"
        if not isinstance(logits, Tensor) or tuple(logits.shape) != shape:
            got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise bad(name, got, f"a tensor [B, L, V] = {shape}")
        if not logits.dtype.is_floating_point:
            raise bad(name, logits.dtype, "a floating dtype")
        if logits.device != tokens.device:
            raise bad(name, f"device {logits.device}", f"{tokens.device}", "Pass device= or move the denoiser.")
        if not any(model is known for known in self.seen):
            self.seen.append(model)
            if _are_probabilities(logits):
                mistaken = "rows that are nowhere negative and sum to one"
                raise bad(name, mistaken, "logits", "Pass logits, or log-probabilities.")
        return logits

    def _check_rows(self, logits: Tensor, rows: Tensor, samples: Tensor, who: str) -> None:
        """Refuse rows [N, V] that are no logits, naming the first; `rows` [B, L] and `samples` [B] say where it is."""
        top = self.process.data_logits(logits).amax(-1)  # NaN wins, so one pass finds all three
        wrong = ~torch.isfinite(top)
        if bool(wrong.any()):
            first = int(wrong.nonzero()[0])
            row, position = rows.nonzero()[first].tolist()
            what = "NaN" if bool(top[first].isnan()) else "+inf" if bool(top[first] > 0) else "-inf in every column"
            where = f"logits of the {who} call at sample {int(samples[row])}, position {position}"
            raise bad(where, what, "finite logits (or -inf where forbidden)")

    def laws(self, logits: Tensor | None, rows: slice | Tensor) -> Tensor | None:
        """Log-probabilities in float64 of a chunk of rows of logits."""
        if logits is None:
            return None
        log_p = self.process.log_probs(logits[rows].double())
        # So far down a multiple of it may overflow: as good as forbidden.
        return log_p.masked_fill(log_p < -1e300, -math.inf)

    def chunks(self, count: int) -> list[slice]:
        """Slices of `count` rows, each small enough to hold its laws in float64."""
        size = max(1, _CHUNK // self.process.vocab_size)
        return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def _are_probabilities(logits: Tensor) -> bool:
    """Whether all rows are nowhere negative and sum to one."""
    if logits.shape[-1] == 1 or bool((logits < 0).any()):
        return False
    close = 2e-2 if logits.dtype in (torch.float16, torch.bfloat16) else 1e-4
    return bool(((logits.sum(-1, dtype=torch.float32) - 1).abs() < close).all())
