"""One batch of samples: what a step needs besides the state. Networks are called here and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

import torch
from torch import Tensor

from ..categorical import Decoding, Draws, LogitRows
from ..denoiser import Condition, Denoiser, stack, take
from ..devices import users_default
from ..errors import bad
from ..extension import speaks_for
from ..guidance import Guidance, known_jump_times
from ..process import Process
from ..random import Stream, uniform
from .first_call import check_logits, check_repeatable, check_type, in_answer, out_of_range
from .mask_token import watched
from .predictions import Asking, Positions, Predictions, Query
from .state import Landing, State

__all__ = ["Calls", "Observer", "Run"]

S = TypeVar("S")
T = TypeVar("T")


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
        seen: networks whose first answer in this run has been looked at.
        repeatable: networks that were found to answer the same each time; the batches of one call share the list.
        observers: who is told of predictions and landings.
        extra_weights: further weights whose laws are needed; they too decide which networks are called.
        decoding: temperature, truncation and forbidden tokens.
        rng_epoch: [B], how often the randomness of a sample was replaced by a fresh one, or None for never.
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
    repeatable: list[Denoiser] = field(default_factory=list)
    observers: tuple[Observer, ...] = ()
    extra_weights: tuple[float, ...] = ()
    decoding: Decoding = Decoding()
    rng_epoch: Tensor | None = None
    memory: dict[Any, Any] = field(default_factory=dict)

    @property
    def known_jump_times(self) -> bool:
        """Whether the times of the jumps do not depend on what the denoiser predicts, and so are known beforehand."""
        return known_jump_times(self.process, self.guidance)

    def once(self, work: Callable[[S, Process], T], sampler: S) -> T:
        """`work(sampler, process)`, done once a run: by the next one a noise schedule may have learned something."""
        key = work, sampler
        if key not in self.memory:
            self.memory[key] = work(sampler, self.process)
        return self.memory[key]  # type: ignore[no-any-return]

    def altered(self, *, conditions: Condition = None, **changes: Any) -> Run:
        """The same samples with other `fixed`, `observers`, `rng_epoch` or networks, and what was worked out for calls.

        Networks that are told something else than those of this run are told `conditions`.
        """
        run = replace(self, **changes)
        vars(run).update(
            conditions=self.conditions if conditions is None else conditions,
            forbidden=self.forbidden,
        )
        return run

    def movable(self, tokens: Tensor) -> Tensor:
        """Where `tokens` [B, L] can still change, bool."""
        free = self.process.movable(tokens)
        return free if self.fixed is None else free & ~self.fixed

    @cached_property
    def all_movable(self) -> bool:
        """Whether all positions can change in every step."""
        process = type(self.process)
        return self.fixed is None and process.always_movable and speaks_for(process, "always_movable", "movable")

    def uniforms(self, stream: Stream, draw: Tensor | int, where: Positions | None = None) -> Tensor:
        """Uniforms of a stream for all positions [B, L], or for the positions `where` (sample, position) [N]."""
        if where is None:
            device = self.index.device
            where = torch.arange(len(self.index), device=device).unsqueeze(-1), torch.arange(self.length, device=device)
        return uniform(self.seed, stream, *self.counters(where), draw)

    def counters(self, where: Positions) -> tuple[Tensor, Tensor]:
        """What keys the uniforms of the positions `where` besides seed, stream and draw: index and position."""
        sample, position = where
        if self.rng_epoch is not None:
            position = position + self.length * self.rng_epoch[sample]  # counters that no position has used
        return self.index[sample], position

    def asking(self, active: Tensor | None, levels: tuple[float, float]) -> Asking:
        """What a step asks of the positions that are `active` [B, L], with the mean of w between two noise levels.

        None stands for all positions.
        """
        if active is None or bool(active.all()):
            return self._whole if self.guidance.level_free else self._asking(self._everywhere, levels)
        return self._asking(active.nonzero().unbind(-1), levels)

    def _asking(self, where: Positions, levels: tuple[float, float]) -> Asking:
        high, low = levels
        sample, position = where
        weight = self.guidance.weight_over(low, high, self.rows[sample])
        flat = sample * self.length + position
        index, place = self.counters(where)
        return Asking(where, flat, (index, place.contiguous()), weight, self.query(where, weight))

    @cached_property
    def _everywhere(self) -> Positions:
        count = torch.arange(len(self.index) * self.length, device=self.index.device)
        return count // self.length, count % self.length

    @cached_property
    def _whole(self) -> Asking:
        """The same in every step: all positions, where w does not depend on the noise level."""
        return self._asking(self._everywhere, (1.0, 0.0))

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

    def calls_by_turn(self, weight: Tensor, turn: Tensor, turns: int) -> tuple[list[bool], list[bool]]:
        """In which of `turns` turns the conditional prediction is needed, and in which the reference prediction.

        The conditional is needed if any `weight` [N] of the positions with this `turn` [N], or any extra weight, is not
        -1; the reference if any is not 0.
        """
        cond, ref = (
            [True] * turns
            if any(extra != alone for extra in self.extra_weights)
            else (torch.bincount(turn[weight != alone], minlength=turns) > 0).tolist()
            for alone in (-1, 0)
        )
        return cond, ref

    def query(self, where: Positions, weight: Tensor) -> Query:
        """The query for the positions `where` at weights [N]: for the predictions that `calls_by_turn` says."""
        sample, _ = where
        chosen, which = torch.unique_consecutive(sample, return_inverse=True)
        cond = bool((weight != -1).any()) or any(w != -1 for w in self.extra_weights)
        ref = bool((weight != 0).any()) or any(w != 0 for w in self.extra_weights)
        return self.query_of(where, chosen, which * self.length + where[1], cond, ref)

    def query_of(
        self,
        where: Positions,
        chosen: Tensor,
        row: Tensor,
        cond: bool,
        ref: bool,
        twice: tuple[Tensor, Tensor, Tensor] | None = None,
    ) -> Query:
        """The query for positions of the samples `chosen` that are number `row` [N] of their positions.

        `twice` is what `Query` says of rows in a call for both predictions, if it is known.
        """
        batch, one_network = self.index.shape[0], not callable(self.reference)
        both = cond and ref and one_network
        batch_rows: Tensor | slice = chosen
        condition_rows: Tensor | slice = chosen
        others = row
        if both:
            batch_rows, condition_rows, others = twice or (
                torch.cat((chosen, chosen)),
                torch.cat((chosen, chosen + batch)),
                row + chosen.shape[0] * self.length,
            )
        elif chosen.shape[0] == batch:
            batch_rows = slice(None)
            condition_rows = slice(batch) if cond or not one_network else slice(batch, None)
        elif one_network and not cond:
            condition_rows = chosen + batch
        return Query(where[0], where[1], batch_rows, condition_rows, row, others, both, cond, ref)

    def predict(self, tokens: Tensor, time: Tensor, query: Query, now: float | None = None) -> Predictions:
        """Call the networks.

        Only samples with a position in question are in the call, and only the networks that matter; both are called at
        once if they are one network. A denoiser with `logits_at` computes nothing but the rows in question.

        Args:
            tokens: [B, L].
            time: [B].
            query: what is asked.
            now: `time`, if it is the same for all samples.
        """
        x, told = take(tokens, query.batch_rows), take(self.conditions, query.condition_rows)
        x = x.clone() if isinstance(query.batch_rows, slice) else x  # a network may write to what it is given
        kind = torch.get_default_dtype()
        if now is None:
            t = take(time, query.batch_rows).to(kind, copy=True)
        else:
            t = torch.full(x.shape[:1], now, dtype=kind, device=x.device)
        self.calls.conditional += query.cond
        self.calls.reference += query.ref
        cond: LogitRows | None = None
        ref: LogitRows | None = None
        if query.stacked:
            rows = (query.row, query.reference_row)
            cond, ref = self._call(self.denoiser, x, t, told, rows, "conditional and reference")
        elif query.cond:
            (cond,) = self._call(self.denoiser, x, t, told, (query.row,), "conditional")
        if query.ref and not query.stacked:
            model = self.reference if callable(self.reference) else self.denoiser
            (ref,) = self._call(model, x, t, told, (query.row,), "reference")
        answers = Predictions(query, cond, ref, self.decoding, self.forbidden, self.process, tokens, time, self.rows)
        for observer in self.observers:
            observer.looked(self, tokens, time, answers)
        return answers

    def landed(self, where: Positions, level: Tensor, draws: Draws) -> None:
        """Tell the observers that the positions `where` [N] took the tokens of `draws` at noise `level` [N]."""
        sample, position = where
        landing = Landing(sample, position, draws.token, level, draws.log_cond, draws.log_ref, draws.log_prob)
        for observer in self.observers:
            observer.landed(self, landing)

    def _call(
        self, model: Denoiser, tokens: Tensor, time: Tensor, cond: Condition, parts: tuple[Tensor, ...], who: str
    ) -> list[LogitRows]:
        """What `model` says in one call, in as many parts as are asked for, each some of its positions."""
        at = getattr(model, "logits_at", None)
        rows = parts[0] if at is None or len(parts) == 1 else torch.cat(parts)
        name, new = f"logits of the {who} call", not any(model is known for known in self.seen)

        def call() -> Tensor:
            given = (tokens.clone(), time.clone(), cond) if new else (tokens, time, cond)
            return model(*given) if at is None else at(*given, rows)

        # Not inference_mode: what a network keeps of a call could not be trained with afterwards.
        with torch.no_grad(), users_default():
            logits = self._first(name, model, call, tokens) if new else call()
        vocab = self.process.vocab_size
        shape, form = ((*tokens.shape, vocab), "[B, L, V]") if at is None else ((len(rows), vocab), "[N, V]")
        if not isinstance(logits, Tensor) or tuple(logits.shape) != shape:
            raise self._other_shape(name, logits, form, shape)
        check_type(name, logits, tokens.device)
        if logits.requires_grad:  # a denoiser may take gradients inside
            logits = logits.detach()
        if new:
            self.seen.append(model)
            check_logits(name, logits[0] if at is None else logits)
        if at is None:
            return LogitRows.of(logits, *parts)
        whole = logits.unsqueeze(0)
        return LogitRows.of(whole, *torch.arange(len(rows), device=rows.device).split([len(part) for part in parts]))

    def _other_shape(self, name: str, logits: object, form: str, shape: tuple[int, ...]) -> ValueError:
        """The error for an answer that is no tensor of `shape`. It counts samples as the user does, not rows."""
        if not isinstance(logits, Tensor):
            return bad(name, type(logits).__name__, f"a tensor {form}", in_answer(logits))
        got, samples, remedy = tuple(logits.shape), len(self.rows.unique()), ""
        if len(shape) == 3 and got[:1] == shape[:1]:
            got, shape = (samples, *got[1:]), (samples, *shape[1:])
        elif len(shape) == 3:
            remedy = f"The call has {shape[0]} rows for {samples} samples; answer each row."
        if len(shape) == 3 and got[:2] == shape[:2] and got[2:] == (shape[2] + 1,):
            remedy = f"If one column is the mask: vocab_size={shape[2] + 1} with mask_id."
        return bad(name, got, f"a tensor {form} = {shape}", remedy)

    def _first(self, name: str, model: Denoiser, call: Callable[[], Tensor], tokens: Tensor) -> Tensor:
        """The first answer of a network in this run."""
        if any(model is known for known in self.repeatable):
            with out_of_range(name, tokens, self.conditions):
                return call()
        with out_of_range(name, tokens, self.conditions), watched(model, tokens, self.process):
            answer = check_repeatable(name, model, call)
        self.repeatable.append(model)
        return answer


class Observer:
    """Is told what happens in a run; a subclass overrides what it wants to hear."""

    def looked(self, run: Run, tokens: Tensor, time: Tensor, predictions: Predictions) -> None:
        """The networks were called.

        Args:
            run: the batch.
            tokens: [B, L], what they read.
            time: [B], at which time.
            predictions: for which positions (`query`), and what they said (`laws`, slice by slice of `parts`).
        """

    def landed(self, run: Run, landing: Landing) -> None:
        """Some positions took a token."""

    def __call__(self, run: Run, state: State) -> None:
        """A step was taken."""
