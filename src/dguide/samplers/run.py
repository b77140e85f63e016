"""One batch on its way: everything a step needs besides its state, and the only place where networks are called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

import torch
from torch import Tensor

from ..categorical import Decoding, Draws, Rows
from ..denoiser import Condition, Denoiser, stack, take
from ..errors import bad
from ..guidance import Guidance
from ..process import Process
from ..random import Stream, uniform
from .observe import Landing, Observer
from .predictions import Predictions, Query, Where

__all__ = ["Calls", "Run"]

S = TypeVar("S")
T = TypeVar("T")

_LOOKED_AT = 16
"""Rows of the first answer of a network that are looked at for a common mistake."""


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
        decoding: temperature, truncation and forbidden tokens.
        renewals: [B], how often the randomness of a sample was replaced by fresh one, or None for never.
        memory: what `once` worked out.
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
    decoding: Decoding = Decoding()
    renewals: Tensor | None = None
    memory: dict[Any, Any] = field(default_factory=dict)

    @property
    def paced(self) -> bool:
        """Whether the times of the jumps do not depend on what the denoiser predicts, and so are known beforehand."""
        return self.process.content_free and self.guidance.content_free

    def once(self, work: Callable[[S, Process], T], sampler: S) -> T:
        """`work(sampler, process)`, done once a run: by the next one a noise schedule may have learned something."""
        key = work, sampler
        if key not in self.memory:
            self.memory[key] = work(sampler, self.process)
        return self.memory[key]  # type: ignore[no-any-return]

    def altered(self, **changes: Any) -> Run:
        """The same samples with other `fixed`, `observers` or `renewals`, and what was worked out for the calls."""
        run = replace(self, **changes)
        vars(run).update(conditions=self.conditions, forbidden=self.forbidden)
        return run

    def movable(self, tokens: Tensor) -> Tensor:
        """Where `tokens` [B, L] can still change, bool."""
        free = self.process.movable(tokens)
        return free if self.fixed is None else free & ~self.fixed

    def uniforms(self, stream: Stream, draw: Tensor | int, where: Where | None = None) -> Tensor:
        """Uniforms of a stream for all positions [B, L], or for the positions `where` (sample, position) [N]."""
        if where is None:
            device = self.index.device
            where = torch.arange(len(self.index), device=device).unsqueeze(-1), torch.arange(self.length, device=device)
        sample, position = where
        if self.renewals is not None:
            position = position + self.length * self.renewals[sample]  # counters that no position has used
        return uniform(self.seed, stream, self.index[sample], position, draw)

    @cached_property
    def forbidden(self) -> Tensor:
        """Columns of the logits that are never drawn, [K] int64."""
        columns = sorted({*self.process.excluded, *self.decoding.forbidden})
        return torch.tensor(columns, dtype=torch.int64, device=self.index.device)

    @cached_property
    def conditions(self) -> Condition:
        """What the conditional is told, and after it what the reference is told, if that is the same network."""
        if self.reference is None or callable(self.reference):
            return self.condition
        return stack(self.condition, self.reference)

    def predict(self, tokens: Tensor, time: Tensor, query: Query) -> Predictions:
        """Call the networks.

        Only samples with a position in question are in the call, and only the networks that matter; both are called at
        once if they are one network. A denoiser with `logits_at` computes nothing but the rows in question.

        Args:
            tokens: [B, L].
            time: [B].
            query: what is asked.
        """
        x, t = take(tokens, query.who), take(time, query.who)
        if isinstance(query.who, slice):
            x, t = x.clone(), t.clone()  # a network may write to what it is given
        t, told = t.to(torch.get_default_dtype()), take(self.conditions, query.side)
        self.calls.conditional += query.cond
        self.calls.reference += query.ref
        cond: Rows | None = None
        ref: Rows | None = None
        if query.apart:
            rows = (query.row, query.row + query.apart)
            cond, ref = self._call(self.denoiser, x, t, told, rows, "conditional and reference")
        elif query.cond:
            (cond,) = self._call(self.denoiser, x, t, told, (query.row,), "conditional")
        if query.ref and not query.apart:
            model = self.reference if callable(self.reference) else self.denoiser
            (ref,) = self._call(model, x, t, told, (query.row,), "reference")
        answers = Predictions(self, query, cond, ref)
        for observer in self.observers:
            observer.looked(self, tokens, time, answers)
        return answers

    def landed(self, where: Where, level: Tensor, draws: Draws) -> None:
        """Tell the observers that the positions `where` [N] took the tokens of `draws` at noise `level` [N]."""
        sample, position = where
        landing = Landing(sample, position, draws.token, level, draws.log_cond, draws.log_ref, draws.log_prob)
        for observer in self.observers:
            observer.landed(self, landing)

    def _call(
        self, model: Denoiser, tokens: Tensor, time: Tensor, cond: Condition, parts: tuple[Tensor, ...], who: str
    ) -> list[Rows]:
        """What `model` says in one call, in as many parts as are asked for, each some of its positions."""
        at = getattr(model, "logits_at", None)
        rows = parts[0] if at is None or len(parts) == 1 else torch.cat(parts)
        with torch.inference_mode():
            logits = model(tokens, time, cond) if at is None else at(tokens, time, cond, rows)
        vocab = self.process.vocab_size
        shape, form = ((*tokens.shape, vocab), "[B, L, V]") if at is None else ((len(rows), vocab), "[N, V]")
        name = f"logits of the {who} call"
        if not isinstance(logits, Tensor) or tuple(logits.shape) != shape:
            got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise bad(name, got, f"a tensor {form} = {shape}")
        if not logits.dtype.is_floating_point:
            raise bad(name, logits.dtype, "a floating dtype")
        if logits.device != tokens.device:
            raise bad(name, f"device {logits.device}", f"{tokens.device}", "Pass device= or move the denoiser.")
        if not any(model is known for known in self.seen):
            self.seen.append(model)
            if _are_probabilities((logits[0] if at is None else logits)[:_LOOKED_AT]):
                mistaken = "rows that are nowhere negative and sum to one"
                raise bad(name, mistaken, "logits", "Pass logits, or log-probabilities.")
        if at is None:
            return Rows.of(logits, *parts)
        whole = logits.unsqueeze(0)
        return Rows.of(whole, *torch.arange(len(rows), device=rows.device).split([len(part) for part in parts]))


def _are_probabilities(logits: Tensor) -> bool:
    """Whether all rows are nowhere negative and sum to one."""
    if logits.shape[-1] == 1 or bool((logits < 0).any()):
        return False
    close = 2e-2 if logits.dtype in (torch.float16, torch.bfloat16) else 1e-4
    return bool(((logits.sum(-1, dtype=torch.float32) - 1).abs() < close).all())
