"""`sample`: everything is checked before any work starts, then batches run one by one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..categorical import Decoding
from ..denoiser import Condition, Denoiser
from ..devices import on_cpu
from ..errors import bad, require
from ..guidance import Guidance
from ..process import Process
from .check import Request
from .run import Calls, Observer, Run
from .sampler import Sampler
from .state import State

__all__ = ["Samples", "Trajectory", "sample"]

_PLAIN = Decoding()


@dataclass(frozen=True, eq=False)
class Trajectory:
    """What happened on the way: `tokens` [S, B, L] after each of S - 1 steps (the first is noise), `times` [S, B]."""

    tokens: Tensor
    times: Tensor


@dataclass(frozen=True, eq=False)
class Samples:
    """What `sample` returns.

    Attributes:
        tokens: [B, L] int64.
        calls: forward passes of one batch (the most that any batch took), conditional and reference separately.
        forced: [B] int64, positions of each sample that had to leave in the last step.
        trajectory: the states on the way, if asked for.
        log_normalizer: [B], log of an unbiased estimate of the normalising constant of the tilted law; of `SMC` only.

    >>> import dguide
    >>> [name for name in dguide.Samples.__dataclass_fields__]
    ['tokens', 'calls', 'forced', 'trajectory', 'log_normalizer']
    """

    tokens: Tensor
    calls: Calls
    forced: Tensor
    trajectory: Trajectory | None = None
    log_normalizer: Tensor | None = None


@on_cpu
def sample(
    denoiser: Denoiser,
    *,
    process: Process,
    length: int,
    condition: Condition = None,
    guidance: Guidance,
    sampler: Sampler,
    seed: int = 0,
    first_index: int = 0,
    batch_size: int | None = None,
    initial: Tensor | None = None,
    fixed: Tensor | None = None,
    reference: Condition | Denoiser = None,
    decoding: Decoding = _PLAIN,
    device: torch.device | str | None = None,
    progress: bool = False,
    trajectory: bool = False,
    callback: Callable[[Run, State], Any] | None = None,
) -> Samples:
    r"""Draw guided samples from a discrete diffusion model.

    Sample number ``first_index + i`` depends on `seed`, its own condition and the settings only: not on the batch it
    is in, nor on the device or any global generator (up to rounding inside the network).

    Args:
        denoiser: ``(tokens [B, L] int64, time [B] float32, condition) -> logits [B, L, V]``; see `Denoiser`.
        process: `Masked` or `Uniform`, as the denoiser was trained for.
        length: L, tokens a sample. Images are row-major.
        condition: a tensor or nested structure with leading dimension B; None (with `initial` giving B) for a model
            without conditions.
        guidance: `Normalized`, `Unlocking` or `Simple` with its weight (w = 0: conditional, w = -1: reference).
        sampler: `Ancestral`, `Euler`, `TauLeaping`, `Trapezoidal` or `FirstHitting`; for the masked process also
            `Remasking`, one that chooses who is unmasked, such as `LowConfidence`, or `SMC` with another one inside.
        seed: key of the randomness, 0 to 2^64 - 1.
        first_index: index of the first sample, so that shards of one job never repeat each other.
        batch_size: samples a forward pass; default all B. With `SMC` a pass has a row for each of their particles.
        initial: [B, L] tokens; for the masked process, masks where to fill in.
        fixed: [B, L] bool, positions of `initial` to hold. For the uniform process this is a heuristic: the held
            tokens are read as if they were noisy.
        reference: what to tilt away from: a condition (a negative prompt) or another denoiser (a weaker model, called
            with `condition`). Default: ``denoiser.null(condition)``.
        decoding: temperature, top-k, top-p and forbidden tokens; see `Decoding`. Default: the guided law itself.
        device: where to sample; default that of the denoiser's parameters, else of the condition, else the CPU.
        progress: show a progress bar (needs tqdm).
        trajectory: keep every state.
        callback: called with (run, state) after every step; an `Observer`, such as `Diagnostics`, is also told what
            the networks predict and where tokens land.

    Returns:
        `Samples`.

    Raises:
        ValueError: for anything malformed, before the first network call; for logits that are not finite, or are
            probabilities, when they appear.

    >>> import dguide
    >>> law = torch.tensor([[0.4, 0.1], [0.1, 0.4]])
    >>> problem = dguide.exact.Problem(dguide.Masked(2), law, torch.full((2, 2), 0.25))
    >>> samples = dguide.sample(
    ...     problem.oracle(),
    ...     process=problem.process,
    ...     length=2,
    ...     condition=torch.zeros(3, dtype=torch.int64),
    ...     guidance=dguide.Normalized(2.0),
    ...     sampler=dguide.FirstHitting(),
    ... )
    >>> tuple(samples.tokens.shape), samples.calls
    ((3, 2), Calls(conditional=2, reference=2))
    """
    if callback is not None and not callable(callback):
        raise bad("callback", repr(callback), "a callable (run, state)")
    request = Request(
        denoiser=denoiser,
        process=process,
        length=length,
        condition=condition,
        guidance=guidance,
        sampler=sampler,
        seed=seed,
        first_index=first_index,
        batch_size=batch_size,
        initial=initial,
        fixed=fixed,
        reference=reference,
        decoding=decoding,
        device=device,
    ).checked()
    bar = require("tqdm", "train").tqdm if progress else None
    observers = (callback,) if isinstance(callback, Observer) else ()
    return _joined([_batch(sampler, run, trajectory, callback, bar) for run in request.runs(observers)])


def _batch(
    sampler: Sampler, run: Run, trajectory: bool, callback: Callable[[Run, State], Any] | None, bar: Any
) -> Samples:
    kept = []
    states = sampler.states(run)
    if bar is not None:
        states = bar(states, total=sampler.length(run, sampler.begin(run)) + 1, unit="step")
    for state in states:
        if trajectory:
            kept.append(state)
        if callback is not None and state.index > 0:
            callback(run, state)
    path = _path(kept) if trajectory else None
    return Samples(state.tokens, run.calls, state.forced, path, state.log_normalizer)


def _path(states: list[State]) -> Trajectory:
    """The states that led to the samples, back from the last one."""
    rows = torch.arange(len(states[-1].tokens), device=states[-1].tokens.device)
    tokens, times = [], []
    for state in reversed(states):
        tokens.append(state.tokens[rows])
        times.append(state.time[rows])
        rows = rows if state.ancestors is None else state.ancestors[rows]
    return Trajectory(torch.stack(tokens[::-1]), torch.stack(times[::-1]))


def _joined(parts: list[Samples]) -> Samples:
    paths = [part.trajectory for part in parts if part.trajectory is not None]
    normalizers = [part.log_normalizer for part in parts if part.log_normalizer is not None]
    return Samples(
        torch.cat([part.tokens for part in parts]),
        Calls(max(part.calls.conditional for part in parts), max(part.calls.reference for part in parts)),
        torch.cat([part.forced for part in parts]),
        _aligned(paths) if paths else None,
        torch.cat(normalizers) if normalizers else None,
    )


def _aligned(paths: list[Trajectory]) -> Trajectory:
    """One trajectory of all batches; those that ended sooner stand still at their end."""
    longest = max(len(path.times) for path in paths)

    def padded(x: Tensor) -> Tensor:
        return torch.cat((x, x[-1:].expand(longest - len(x), *x.shape[1:])))

    return Trajectory(
        torch.cat([padded(path.tokens) for path in paths], 1), torch.cat([padded(path.times) for path in paths], 1)
    )
