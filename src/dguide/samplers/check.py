"""The boundary: what `sample` was given, checked all at once and moved to one device."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from ..categorical import Decoding
from ..denoiser import Condition, Denoiser, batch_of, stack, tensors_of, to_device
from ..errors import bad, positive
from ..guidance import Guidance
from ..process import Process

__all__ = ["Request", "check", "usable_device"]


@dataclass(frozen=True, eq=False)
class Request:
    """Checked arguments of `sample`, on `device`."""

    count: int
    batch_size: int
    device: torch.device
    condition: Condition
    reference: Condition
    initial: Tensor | None
    fixed: Tensor | None


def check(
    denoiser: Denoiser,
    process: Process,
    length: int,
    condition: Condition,
    guidance: Guidance,
    first_index: int,
    batch_size: int | None,
    initial: Tensor | None,
    fixed: Tensor | None,
    reference: Condition | Denoiser,
    device: torch.device | str | None,
    decoding: Decoding,
    stakes: tuple[float, ...] = (),
) -> Request:
    """Refuse what `sample` cannot work with, with got, expected and remedy. Raises `ValueError`."""
    if not callable(denoiser):
        raise bad("denoiser", type(denoiser).__name__, "a callable (tokens, time, condition) -> logits")
    if not isinstance(process, Process):
        raise bad("process", repr(process), "an instance of Masked or Uniform, as in Masked(vocab_size=16)")
    if not isinstance(guidance, Guidance):
        raise bad("guidance", repr(guidance), "an instance of Normalized, Unlocking or Simple", "w = 0 is no guidance.")
    positive("length", length)
    _decoding(decoding, process)
    for network in (denoiser, reference):
        _not_training(network)
    where = _device(device, denoiser, condition)
    count = batch_of(condition)
    if initial is not None:
        _tokens(initial, count, length, process)
        count = len(initial)
    if count is None:
        raise bad("condition", "no tensor in it", "tensors with leading dimension B", "Or give initial alone.")
    if count == 0:
        raise bad("condition", "an empty batch", "at least one sample")
    if batch_size is not None:
        positive("batch_size", batch_size)
    if isinstance(first_index, bool) or not isinstance(first_index, int) or not 0 <= first_index < 2**63 - count:
        raise bad("first_index", repr(first_index), "an int of at least 0, with all samples below 2**63")
    if isinstance(guidance.weight, Tensor) and len(guidance.weight) != count:
        raise bad("guidance weight", f"{len(guidance.weight)} values", f"one for each of the {count} samples")
    _fixed(fixed, initial, count, length, process)
    return Request(
        count,
        batch_size or count,
        where,
        to_device(condition, where),
        None if callable(reference) else to_device(_reference(denoiser, condition, reference, guidance, stakes), where),
        None if initial is None else initial.to(where),
        None if fixed is None else fixed.to(where),
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
            found = f"{type(module).__name__} {name!r} in training mode"
            raise bad("denoiser", found, "a network in evaluation mode", "Call .eval() on it.")


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
            stacklevel=4,
        )


def _reference(
    denoiser: Denoiser, condition: Condition, reference: Condition, guidance: Guidance, stakes: tuple[float, ...]
) -> Condition:
    if reference is not None:
        return _alike(condition, reference, "reference")
    samples = torch.arange(len(guidance.weight) if isinstance(guidance.weight, Tensor) else 1)
    if not bool(guidance.weights_below(torch.ones(()), samples).any()) and not any(stakes):
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
