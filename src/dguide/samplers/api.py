"""`sample`: everything is checked before any work starts, then batches run one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from ..categorical import Decoding
from ..denoiser import Condition, Denoiser
from ..devices import on_cpu
from ..errors import bad, choose, require, switch
from ..files import DAMAGED, Arrays, read_npz, write_npz
from ..guidance import Guidance
from ..process import Process
from .check import Request
from .lengths import Lengths
from .run import Calls, Observer, Run
from .sampler import Sampler
from .state import State

__all__ = ["Samples", "Trajectory", "prepare", "sample"]

Callback: TypeAlias = Callable[[Run, State], Any]
_PLAIN = Decoding()
_SAVED = ("tokens", "forced", "states", "times", "log_normalizer")
"""The tensors of `Samples` in a file."""


@dataclass(frozen=True, eq=False)
class Trajectory:
    """What happened on the way: `tokens` [S, B, L] after each of S - 1 steps (the first is noise), `times` [S, B]."""

    tokens: Tensor
    times: Tensor


@dataclass(frozen=True, eq=False, repr=False)
class Samples:
    """What `sample` returns.

    Attributes:
        tokens: [B, L] int64.
        calls: forward passes of one batch (the most that any batch took), conditional and reference separately.
        forced: [B] int64, positions of each sample that had to leave in the last step.
        trajectory: the states on the way, if asked for.
        log_normalizer: [B], log of an unbiased estimate of the normalising constant of the tilted law; of `SMC` only.

    It is shown by its shapes, and is kept in a file by `save` and `load`.

    >>> import dguide
    >>> dguide.Samples(torch.zeros(3, 6, dtype=torch.int64), Calls(2, 2), torch.zeros(3, dtype=torch.int64))
    Samples(tokens=[3, 6], calls=Calls(conditional=2, reference=2), forced=[3])
    """

    tokens: Tensor
    calls: Calls
    forced: Tensor
    trajectory: Trajectory | None = None
    log_normalizer: Tensor | None = None

    def __repr__(self) -> str:
        shapes = {name: list(array.shape) for name, array in self._tensors().items()}
        del shapes["tokens"]
        rest = "".join(f", {name}={shape}" for name, shape in shapes.items())
        return f"Samples(tokens={list(self.tokens.shape)}, calls={self.calls}{rest})"

    def arrays(self) -> Arrays:
        """What `save` writes: the tensors, and `calls` [2]; a trajectory as `states` [S, B, L] and `times` [S, B]."""
        calls = np.array([self.calls.conditional, self.calls.reference])
        return {name: tensor.cpu().numpy() for name, tensor in self._tensors().items()} | {"calls": calls}

    def save(self, path: str | Path) -> None:
        """Write the samples to an .npz file, without pickle. The file appears only when it is complete.

        Raises:
            ValueError: if the name does not end in .npz, or its folder does not exist.
            OSError: if the file cannot be written.
        """
        if Path(path).suffix != ".npz":
            raise bad("Samples.save", str(path), "a file name that ends in .npz")
        write_npz(Path(path), self.arrays())

    @classmethod
    def load(cls, path: str | Path) -> Samples:
        """The samples in a file of `save`, or of `dguide sample`, on the CPU.

        Raises:
            ValueError: if the file is missing, damaged, or of another kind.
        """
        expected = "a file that Samples.save or dguide sample wrote"
        try:
            arrays = read_npz(Path(path))
        except DAMAGED as error:
            raise bad(f"samples {path}", str(error), expected) from error
        whole = all(name in arrays and arrays[name].dtype.kind == "i" for name in ("tokens", "calls", "forced"))
        if not whole or arrays["calls"].shape != (2,):
            raise bad(f"samples {path}", f"arrays {', '.join(sorted(arrays))}", expected)
        told = {name: torch.from_numpy(arrays[name]) for name in _SAVED if name in arrays}
        path_taken = Trajectory(told["states"], told["times"]) if {"states", "times"} <= told.keys() else None
        calls = Calls(*arrays["calls"].tolist())
        return cls(told["tokens"].long(), calls, told["forced"], path_taken, told.get("log_normalizer"))

    def _tensors(self) -> dict[str, Tensor]:
        """The tensors by their names in a file, but for those that are None."""
        path = self.trajectory
        states, times = (None, None) if path is None else (path.tokens, path.times)
        held = (self.tokens, self.forced, states, times, self.log_normalizer)
        return {name: tensor for name, tensor in zip(_SAVED, held, strict=True) if tensor is not None}


@on_cpu
def sample(
    denoiser: Denoiser,
    *,
    process: Process,
    length: int,
    condition: Condition = None,
    guidance: Guidance | None = None,
    sampler: Sampler,
    seed: int = 0,
    first_index: int = 0,
    batch_size: int | None = None,
    count: int | None = None,
    initial: Tensor | None = None,
    fixed: Tensor | None = None,
    lengths: Lengths | None = None,
    reference: Condition | Denoiser = None,
    decoding: Decoding = _PLAIN,
    device: torch.device | str | None = None,
    progress: bool = False,
    trajectory: bool = False,
    callback: Callback | Sequence[Callback] | None = None,
) -> Samples:
    r"""Draw guided samples from a discrete diffusion model.

    Sample number ``first_index + i`` depends on `seed`, its own condition and the settings only: not on the batch it
    is in, nor on the device or any global generator (up to rounding inside the network).

    Args:
        denoiser: ``(tokens [B, L] int64, time [B] float32, condition) -> logits [B, L, V]``; see `Denoiser`.
        process: `Masked` or `Uniform`, as the denoiser was trained for; `Uniform` also says which law it predicts.
        length: L, tokens a sample. Images are row-major.
        condition: a tensor or nested structure with leading dimension B; None (with `initial` giving B) for a model
            without conditions, with `count` or `initial`.
        guidance: `Normalized`, `Unlocking` or `Simple` with its weight (w = 0: conditional, w = -1: reference); None
            for no guidance.
        sampler: `Ancestral`, `Euler`, `TauLeaping`, `Trapezoidal` or `FirstHitting`; for the masked process also
            `Remasking`, one that chooses who is unmasked, such as `LowConfidence`, or `SMC` with another one inside.
        seed: key of the randomness, 0 to 2^64 - 1.
        first_index: index of the first sample, so that shards of one job never repeat each other.
        batch_size: samples a forward pass; default all B. With `SMC` a pass has a row for each of their particles.
        count: B, for a model without conditions.
        initial: [B, L] tokens; for the masked process, masks where to fill in.
        fixed: [B, L] bool, positions of `initial` to hold. For the uniform process this is a heuristic: the held
            tokens are read as if they were noisy.
        lengths: how many tokens each sample has, and what stands behind them; see `Lengths`.
        reference: what to tilt away from: a condition (a negative prompt) or another denoiser (a weaker model, called
            with `condition`). Default: ``denoiser.null(condition)``.
        decoding: temperature, top-k, top-p and forbidden tokens; see `Decoding`. Default: the guided law itself.
        device: where to sample; default that of the denoiser's parameters, else of the condition, else the CPU.
        progress: show a progress bar (needs tqdm).
        trajectory: keep every state.
        callback: called with (run, state) after every step; an `Observer`, such as `Diagnostics`, is also told what
            the networks predict and where tokens land. Or several of them.

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
    callbacks = [] if callback is None else list(callback) if isinstance(callback, Sequence) else [callback]
    wrong = [each for each in callbacks if not callable(each) or isinstance(each, type)]
    if wrong:
        raise bad("callback", repr(wrong[0]), "a callable (run, state), or a list of them")
    shown, trajectory = switch("progress", progress), switch("trajectory", trajectory)
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
        count=count,
        lengths=lengths,
    ).checked()
    bar = require("tqdm", "train").tqdm if shown else None
    observers = tuple(each for each in callbacks if isinstance(each, Observer))
    parts = (_batch(sampler, run, trajectory, callbacks, bar) for run in request.runs(observers))
    return _joined(parts, request.samples)


@on_cpu
def prepare(denoiser: Denoiser, **arguments: Any) -> Run:
    """One batch that is ready to be sampled step by step, with the arguments of `sample` from `process` to `device`.

    Everything is checked as in `sample`, which raises the same errors. The batch holds all samples: there is no
    `batch_size`.

    >>> import dguide
    >>> problem = dguide.exact.Problem(dguide.Masked(2), torch.tensor([0.9, 0.1]), torch.tensor([0.5, 0.5]))
    >>> labels, sampler = torch.zeros(3, dtype=torch.int64), dguide.Ancestral(steps=2)
    >>> run = prepare(problem.oracle(), process=problem.process, length=1, condition=labels, sampler=sampler)
    >>> state = sampler.begin(run)
    >>> while not sampler.finished(run, state):
    ...     state = sampler.step(run, state)
    >>> state.tokens.shape
    torch.Size([3, 1])
    """
    for name in arguments:
        if name in ("batch_size", "callback", "progress", "trajectory"):
            remedy = "Call it after each step." if name == "callback" else ""
            raise bad("prepare", name, "the arguments that say what to sample: it takes no step", remedy)
        choose("argument of prepare", name, [each.name for each in fields(Request)])
    (run,) = Request(denoiser=denoiser, **arguments).checked().runs()
    return run


def _batch(sampler: Sampler, run: Run, trajectory: bool, callbacks: Sequence[Callback], bar: Any) -> Samples:
    kept = []
    states = sampler.states(run)
    if bar is not None:
        states = bar(states, total=sampler.length(run, sampler.begin(run)) + 1, unit="step")
    for state in states:
        if trajectory:
            kept.append(state)
        for callback in callbacks if state.index > 0 else ():
            callback(run, state)
    left = int(run.process.unfinished(state.tokens).sum())
    if left:
        what = f"samples of {type(sampler).__name__} with {type(run.guidance).__name__}"
        raise bad(
            what, f"{left} positions that are masked at the end", "none", "Its steps, rates or weights are wrong."
        )
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


def _joined(parts: Iterator[Samples], count: int) -> Samples:
    """The samples of all batches. Each batch is let go of before the next one is drawn, so samples are held once."""
    whole: dict[str, Tensor] = {}
    paths, normalizers, calls, done = [], [], Calls(), 0
    for part in parts:
        rows = slice(done, done + len(part.tokens))
        for name, values in (("tokens", part.tokens), ("forced", part.forced)):
            whole.setdefault(name, values.new_empty(count, *values.shape[1:]))[rows] = values
        paths += [] if part.trajectory is None else [part.trajectory]
        normalizers += [] if part.log_normalizer is None else [part.log_normalizer]
        calls = Calls(*(max(getattr(each, which) for each in (calls, part.calls)) for which in vars(calls)))
        done = rows.stop
    return Samples(
        whole["tokens"],
        calls,
        whole["forced"],
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
