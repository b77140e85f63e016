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
from ..denoiser import Condition, Denoiser, batch_of, check_same_structure, copied, take, tensors_of, to_device
from ..devices import usable_device, users_default
from ..errors import bad, in_tensor, positive, with_data
from ..extension import listed
from ..guidance import Guidance, Normalized, PerSample, Schedule
from ..process import Process
from ..random import check_seed
from .blocks.caching import block_size_of
from .blocks.sampler import Blocks
from .first_call import check_declared, check_parts
from .lengths import Lengths
from .run import Observer, Run
from .sampler import Sampler

__all__ = ["Request", "check_first_index"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Request:
    """What `dguide.sample` was asked for; the attributes are its arguments."""

    denoiser: Denoiser
    process: Process
    length: int
    condition: Condition = None
    guidance: Guidance | None = None
    sampler: Sampler
    seed: int = 0
    first_index: int = 0
    batch_size: int | None = None
    count: int | None = None
    initial: Tensor | None = None
    fixed: Tensor | None = None
    lengths: Lengths | None = None
    reference: Condition | Denoiser = None
    decoding: Decoding = Decoding()
    device: torch.device | str | None = None

    @property
    def guide(self) -> Guidance:
        """The guidance; with weight 0 for none."""
        return Normalized(0.0) if self.guidance is None else self.guidance

    @property
    def samples(self) -> int:
        """B, number of samples. Raises `ValueError` if nothing says how many, or two things say different numbers."""
        told = {
            "condition": batch_of(self.condition),
            "initial": None if self.initial is None else len(self.initial),
            "count": None if self.count is None else positive("count", self.count),
            "lengths": None if self.lengths is None else len(self.lengths.values),
        }
        known = {name: number for name, number in told.items() if number is not None}
        if not known:
            remedy = "Or pass initial, or count, the number of samples."
            raise bad("condition", "no tensor in it", "tensors with leading dimension B", remedy)
        if len(set(known.values())) > 1:
            got = " and ".join(f"{number} from {name}" for name, number in known.items())
            raise bad("number of samples", got, "the same number from all of them")
        count = next(iter(known.values()))
        if count == 0:
            raise bad(next(iter(known)), "an empty batch", "at least one sample")
        return count

    @property
    def whole(self) -> Request:
        """The same request with end and padding of `lengths` in `initial` and `fixed`."""
        if self.lengths is None:
            return self
        if not isinstance(self.lengths, Lengths):
            raise bad("lengths", type(self.lengths).__name__, "Lengths, as in Lengths(torch.tensor([5, 7]), padding=0)")
        count = batch_of(self.condition) if self.count is None else self.count
        if count is not None and count != len(self.lengths.values):
            raise bad("Lengths values", f"{len(self.lengths.values)} of them", f"one for each of the {count} samples")
        initial, fixed = self.lengths.place(self.process, self.length, self.initial, self.fixed)
        return replace(self, initial=initial, fixed=fixed, lengths=None)

    def checked(self) -> Request:
        """The same request with everything on one device. Raises `ValueError` for what cannot be sampled."""
        denoiser, process, guidance, sampler = self.denoiser, self.process, self.guide, self.sampler
        check_seed(self.seed)
        check_parts(denoiser, process)
        if isinstance(self.reference, type):
            got = f"the class {self.reference.__name__}"
            raise bad("reference", got, "a callable (tokens, time, condition) -> logits", "Pass an object.")
        check_declared("reference", self.reference, process)
        for what, value, base in (("guidance", guidance, Guidance), ("sampler", sampler, Sampler)):
            if not isinstance(value, base):
                weight = base is Guidance and isinstance(value, int | float | Tensor | Schedule)
                remedy = "A weight goes into a mechanism: Normalized(weight=...)." if weight else ""
                raise bad(what, repr(value), f"an instance of {listed(base)}", remedy)
        positive("length", self.length)
        if self.lengths is not None:
            return self.whole.checked()
        _decoding(self.decoding, process)
        for network in (denoiser, self.reference):
            _not_training(network)
        _held(denoiser, self.initial)
        if self.initial is not None:
            _tokens(self.initial, batch_of(self.condition), self.length, process)
        count = self.samples
        if self.batch_size is not None:
            positive("batch_size", self.batch_size)
        check_first_index(self.first_index, count)
        if isinstance(guidance.weight, Tensor | PerSample) and len(guidance.weight) != count:
            raise bad("guidance weight", f"{len(guidance.weight)} values", f"one for each of the {count} samples")
        _fixed(self.fixed, self.initial, count, self.length, process)
        where = _device(self.device, denoiser, self.condition)
        reference = self.reference if callable(self.reference) else to_device(_reference(self), where)
        checked = replace(
            self,
            device=where,
            batch_size=min(self.batch_size or count, count),
            condition=to_device(self.condition, where),
            reference=reference,
            initial=None if self.initial is None else self.initial.to(where),
            fixed=None if self.fixed is None else self.fixed.to(where),
        )
        sampler.accept(process, guidance, denoiser)
        _whole_blocks(sampler, denoiser, self.length)
        return checked

    def runs(self, observers: tuple[Observer, ...] = ()) -> Iterator[Run]:
        """The batches of a checked request, one by one."""
        assert self.batch_size is not None
        repeatable: list[Denoiser] = []
        for rows in torch.arange(self.samples, device=self.device).split(self.batch_size):
            yield Run(
                denoiser=self.denoiser,
                process=self.process,
                guidance=self.guide,
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
                repeatable=repeatable,
            )


def _held(denoiser: Denoiser, initial: Tensor | None) -> None:
    """Refuse to draw tokens anew that the condition gives (`dguide.adapters.Given`)."""
    if initial is None and getattr(denoiser, "needs_initial", False):
        raise bad("initial", "none", "the tokens that are given", "Pass initial=denoiser.initial(condition).")


def check_first_index(first: int, count: int) -> int:
    """Return `first`, or raise `ValueError` unless it and the indices of all `count` samples are in [0, 2^63)."""
    if isinstance(first, bool) or not isinstance(first, int) or not 0 <= first < 2**63 - count:
        raise bad("first_index", repr(first), "an int of at least 0, with all samples below 2**63")
    return first


def _decoding(decoding: Decoding, process: Process) -> None:
    if not isinstance(decoding, Decoding):
        raise bad("decoding", repr(decoding), "an instance of Decoding, as in Decoding(temperature=0.8, top_k=50)")
    vocab = process.vocab_size
    if decoding.forbidden and decoding.forbidden[-1] >= vocab:
        raise bad("Decoding forbidden", decoding.forbidden[-1], f"tokens from 0 to vocab_size - 1 = {vocab - 1}")
    if len({*process.excluded, *decoding.forbidden}) == vocab:
        raise bad("Decoding forbidden", f"all {vocab} tokens", "at least one token to draw")


def _whole_blocks(sampler: Sampler, denoiser: Denoiser, length: int) -> None:
    """Warn of a block-causal network whose blocks are all drawn at once."""
    size = block_size_of(denoiser)
    inside = sampler
    while not isinstance(inside, Blocks) and isinstance(getattr(inside, "sampler", None), Sampler):
        inside = inside.sampler  # type: ignore[attr-defined]
    if size is not None and length > size and not isinstance(inside, Blocks):
        name = type(inside).__name__
        warnings.warn(
            f"the network reads blocks of {size} positions, each after final ones, and {name} draws all {length} "
            f"positions at once: use Blocks({name}(...), size={size})",
            UserWarning,
            stacklevel=5,
        )


def _not_training(network: object) -> None:
    """Refuse a network whose dropout or batch statistics would be drawn anew in every call."""
    if not isinstance(network, torch.nn.Module):
        return
    for name, module in network.named_modules():
        drawn_anew = isinstance(module, _BatchNorm) or (isinstance(module, _DropoutNd) and module.p > 0)
        if module.training and drawn_anew:
            got = f"{type(module).__name__} {name!r} in training mode"
            raise bad("denoiser", got, "a network in evaluation mode", "Call .eval() on it.")


def _device(device: torch.device | str | None, denoiser: Denoiser, condition: Condition) -> torch.device:
    if device is not None:
        return usable_device(device)
    if isinstance(denoiser, torch.nn.Module):
        for parameter in denoiser.parameters():
            return usable_device(parameter.device)
    for tensor in tensors_of(condition):
        return usable_device(tensor.device)
    return torch.device("cpu")


def _tokens(initial: Tensor, count: int | None, length: int, process: Process) -> None:
    if not isinstance(initial, Tensor) or initial.dtype != torch.int64:
        got = initial.dtype if isinstance(initial, Tensor) else type(initial).__name__
        raise bad("initial", got, "an int64 tensor [B, L]", in_tensor(initial))
    with_data("initial", initial)
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
        raise bad("fixed", got, f"a bool tensor [{count}, {length}]", in_tensor(fixed))
    with_data("fixed", fixed)
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
    denoiser, condition, guidance = request.denoiser, request.condition, request.guide
    if request.reference is not None:
        check_same_structure(condition, request.reference, "reference")
        return request.reference
    samples = torch.arange(len(guidance.weight) if isinstance(guidance.weight, Tensor | PerSample) else 1)
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
    with users_default():
        reference = null(copied(condition))  # which may write to what it is given
    check_same_structure(condition, reference, "null(condition)")
    return reference
