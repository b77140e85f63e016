"""The boundary: what `sample` was given, checked all at once, moved to one device, and cut into batches."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from ..categorical import Decoding
from ..denoiser import Condition, Denoiser, batch_of, stack, take, tensors_of, to_device
from ..errors import bad, positive
from ..extension import listed
from ..guidance import Guidance
from ..process import Process
from ..random import check_seed
from .run import Observer, Run
from .sampler import Sampler

__all__ = ["Request", "usable_device"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Request:
    """What `dguide.sample` was asked for; the attributes are its arguments."""

    denoiser: Denoiser
    process: Process
    length: int
    condition: Condition
    guidance: Guidance
    sampler: Sampler
    seed: int
    first_index: int
    batch_size: int | None
    initial: Tensor | None
    fixed: Tensor | None
    reference: Condition | Denoiser
    decoding: Decoding
    device: torch.device | str | None

    @property
    def count(self) -> int:
        """B, number of samples. Raises `ValueError` if nothing says how many."""
        count = batch_of(self.condition) if self.initial is None else len(self.initial)
        if count is None:
            raise bad("condition", "no tensor in it", "tensors with leading dimension B", "Or give initial alone.")
        if count == 0:
            raise bad("condition", "an empty batch", "at least one sample")
        return count

    def checked(self) -> Request:
        """The same request with everything on one device. Raises `ValueError` for what cannot be sampled."""
        denoiser, process, guidance, sampler = self.denoiser, self.process, self.guidance, self.sampler
        check_seed(self.seed)
        if not callable(denoiser):
            raise bad("denoiser", type(denoiser).__name__, "a callable (tokens, time, condition) -> logits")
        for what, value, base in (
            ("process", process, Process), ("guidance", guidance, Guidance), ("sampler", sampler, Sampler)
        ):  # fmt: skip
            if not isinstance(value, base):
                raise bad(what, repr(value), f"an instance of {listed(base)}")
        positive("length", self.length)
        _decoding(self.decoding, process)
        for network in (denoiser, self.reference):
            _not_training(network)
        where = _device(self.device, denoiser, self.condition)
        if self.initial is not None:
            _tokens(self.initial, batch_of(self.condition), self.length, process)
        count = self.count
        if self.batch_size is not None:
            positive("batch_size", self.batch_size)
        first = self.first_index
        if isinstance(first, bool) or not isinstance(first, int) or not 0 <= first < 2**63 - count:
            raise bad("first_index", repr(first), "an int of at least 0, with all samples below 2**63")
        if isinstance(guidance.weight, Tensor) and len(guidance.weight) != count:
            raise bad("guidance weight", f"{len(guidance.weight)} values", f"one for each of the {count} samples")
        _fixed(self.fixed, self.initial, count, self.length, process)
        reference = self.reference if callable(self.reference) else to_device(_reference(self), where)
        checked = replace(
            self,
            device=where,
            batch_size=self.batch_size or count,
            condition=to_device(self.condition, where),
            reference=reference,
            initial=None if self.initial is None else self.initial.to(where),
            fixed=None if self.fixed is None else self.fixed.to(where),
        )
        sampler.accept(process, guidance, denoiser)
        return checked

    def runs(self, observers: tuple[Observer, ...] = ()) -> Iterator[Run]:
        """The batches of a checked request, one by one."""
        assert self.batch_size is not None
        for rows in torch.arange(self.count, device=self.device).split(self.batch_size):
            yield Run(
                denoiser=self.denoiser,
                process=self.process,
                guidance=self.guidance,
                condition=take(self.condition, rows),
                reference=self.reference if callable(self.reference) else take(self.reference, rows),
                seed=self.seed,
                index=rows + self.first_index,
                rows=rows,
                length=self.length,
                initial=None if self.initial is None else self.initial[rows],
                fixed=None if self.fixed is None else self.fixed[rows],
                decoding=self.decoding,
                observers=observers,
            )


def _decoding(decoding: Decoding, process: Process) -> None:
    if not isinstance(decoding, Decoding):
        raise bad("decoding", repr(decoding), "an instance of Decoding, as in Decoding(temperature=0.8, top_k=50)")
    vocab = process.vocab_size
    if decoding.forbidden and decoding.forbidden[-1] >= vocab:
        raise bad("Decoding forbidden", decoding.forbidden[-1], f"tokens from 0 to vocab_size - 1 = {vocab - 1}")
    if len({*process.excluded, *decoding.forbidden}) == vocab:
        raise bad("Decoding forbidden", f"all {vocab} tokens", "at least one token to draw")


def _not_training(network: object) -> None:
    """Refuse a network whose dropout or batch statistics would be drawn anew in every call."""
    if not isinstance(network, torch.nn.Module):
        return
    for name, module in network.named_modules():
        if module.training and isinstance(module, (_DropoutNd, _BatchNorm)):
            got = f"{type(module).__name__} {name!r} in training mode"
            raise bad("denoiser", got, "a network in evaluation mode", "Call .eval() on it.")


def usable_device(device: torch.device | str) -> torch.device:
    """The device of that name. Raises `ValueError` if nothing can be computed on it."""
    try:
        chosen = torch.device(device)
        torch.empty(1, device=chosen).tolist()
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise bad("device", repr(device), "a device that this PyTorch can use", reason) from error
    return chosen


def _device(device: torch.device | str | None, denoiser: Denoiser, condition: Condition) -> torch.device:
    if device is not None:
        return usable_device(device)
    if isinstance(denoiser, torch.nn.Module):
        for parameter in denoiser.parameters():
            return parameter.device
    for tensor in tensors_of(condition):
        return tensor.device
    return torch.device("cpu")


def _tokens(initial: Tensor, count: int | None, length: int, process: Process) -> None:
    if not isinstance(initial, Tensor) or initial.dtype != torch.int64:
        raise bad("initial", getattr(initial, "dtype", type(initial).__name__), "an int64 tensor [B, L]")
    if initial.ndim != 2 or initial.shape[1] != length or (count is not None and len(initial) != count):
        raise bad("initial", f"shape {tuple(initial.shape)}", f"[{'B' if count is None else count}, {length}]")
    if len(initial) and not (int(initial.min()) >= 0 and int(initial.max()) < process.input_size):
        raise bad(
            "initial tokens",
            f"values from {int(initial.min())} to {int(initial.max())}",
            f"0 to {process.input_size - 1}",
        )


def _fixed(fixed: Tensor | None, initial: Tensor | None, count: int, length: int, process: Process) -> None:
    if fixed is None:
        if initial is not None and bool(process.movable(initial).all()) and not bool(process.unfinished(initial).any()):
            raise bad(
                f"initial with {type(process).__name__}",
                "no fixed",
                "fixed [B, L], which of its tokens to hold",
                "This process has no mask that would say where to fill in.",
            )
        return
    if not isinstance(fixed, Tensor) or fixed.dtype != torch.bool or tuple(fixed.shape) != (count, length):
        got = f"{fixed.dtype} {tuple(fixed.shape)}" if isinstance(fixed, Tensor) else type(fixed).__name__
        raise bad("fixed", got, f"a bool tensor [{count}, {length}]")
    if initial is None:
        raise bad("fixed", "no initial", "initial tokens to hold", "Pass initial [B, L].")
    if bool((fixed & process.unfinished(initial)).any()):
        raise bad("fixed", "masked positions held in place", "decided tokens", "Unset fixed where initial is the mask.")
    if bool((fixed & process.movable(initial)).any()):
        warnings.warn(
            f"fixed tokens with {type(process).__name__} are a heuristic: they are read as if they were noisy",
            UserWarning,
            stacklevel=5,
        )


def _reference(request: Request) -> Condition:
    denoiser, condition, guidance = request.denoiser, request.condition, request.guidance
    if request.reference is not None:
        return _alike(condition, request.reference, "reference")
    samples = torch.arange(len(guidance.weight) if isinstance(guidance.weight, Tensor) else 1)
    if not bool(guidance.weights_below(torch.ones(()), samples).any()) and not any(request.sampler.extra_weights):
        return None
    null = getattr(denoiser, "null", None)
    if not callable(null):
        raise bad(
            "reference",
            "none, and the denoiser has no method null(condition)",
            "something to tilt away from",
            "Add null() to the denoiser, pass reference=, or use weight 0.",
        )
    return _alike(condition, null(condition), "null(condition)")


def _alike(condition: Condition, other: Condition, what: str) -> Condition:
    """`other`, if it has the structure and shapes of `condition`, with which it is stacked in one call."""
    try:
        stacked = stack(condition, other)
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise bad(what, f"something that does not fit ({error})", "the structure and shapes of condition") from error
    pairs = zip(tensors_of(condition), tensors_of(other), strict=False)
    for mine, theirs in pairs:
        if mine.dtype != theirs.dtype:
            raise bad(what, theirs.dtype, f"{mine.dtype}, that of condition")
    if (stacked is None and other is not None) or batch_of(other) != batch_of(condition):
        raise bad(what, f"leading dimension {batch_of(other)}", f"{batch_of(condition)}, that of condition")
    return other
