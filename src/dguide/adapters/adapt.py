"""`adapt`: a model of somebody else as a denoiser."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from ..denoiser import Condition, Prefix, shown
from ..errors import bad, in_tensor
from ..process import Process
from .calling import device_of, dtype_of, logits_of
from .convention import Convention
from .prefix import prefix_of
from .prefix.attention import block_causal
from .presets import CONVENTIONS
from .prompts import (
    Rows,
    checked,
    everywhere,
    laid_out,
    null_prompt,
    prompts_of,
    with_holes,
    without_prompt,
)
from .times import told_time
from .vocabulary import as_logits, as_read

__all__ = ["Adapted", "adapt"]

_ROUNDING = 0.01
"""Differences of logits that are rounding, as a share of their spread."""


def adapt(
    module: Callable[..., Any], convention: Convention | str, *, process: Process | None = None, **options: Any
) -> Adapted:
    """A denoiser that calls a loaded model by its convention.

    Args:
        module: The model: any callable. One of PyTorch must be in evaluation mode, and stays as it is.
        convention: What it means: a `Convention`, or the name of one, as in "mdlm" or "udlm:vocab_size=40,classes=2".
        process: The process that samples are drawn with, to be compared with the convention. By default the one that
            follows from it, `adapt(...).process`.
        options: Further options of a convention that is named.

    Returns:
        `Adapted`.

    Raises:
        ValueError: If the convention is unknown, the model is in training mode or cannot be called, or the process
            contradicts the convention.

    >>> import dguide
    >>> network = torch.nn.Sequential(torch.nn.Embedding(12, 4), torch.nn.Linear(4, 12)).eval()
    >>> def published(input_ids, timesteps):  # token 11 is the mask
    ...     return network(input_ids)
    >>> denoiser = dguide.adapt(published, "mdlm", vocab_size=12, mask_id=11)
    >>> drawn = dguide.sample(
    ...     denoiser, process=denoiser.process, length=5, count=2, guidance=None, sampler=dguide.Ancestral(steps=5)
    ... )
    >>> drawn.tokens.shape, int(drawn.tokens.max()) < 11
    (torch.Size([2, 5]), True)
    """
    if isinstance(convention, str):
        convention = CONVENTIONS.call(convention).having(**options)()
    elif not isinstance(convention, Convention):
        named = ", ".join(CONVENTIONS)
        raise bad("convention", type(convention).__name__, f"a Convention, or one of {named}")
    elif options:
        remedy = "Change it by dataclasses.replace(convention, ...)."
        raise bad("adapt", f"options {', '.join(options)} beside a Convention", "none", remedy)
    if isinstance(module, type) or not callable(module):
        raise bad("module", repr(module)[:100], "a loaded model that can be called")
    if isinstance(module, nn.Module) and module.training:
        raise bad("module", f"{type(module).__name__} in training mode", "evaluation mode", "Call .eval() on it.")
    return Adapted(module, convention, _agreed(convention, process))


def _agreed(convention: Convention, process: Process | None) -> Process:
    """The process of a convention. Raises `ValueError` if another one was given."""
    if process is None:
        return convention.process()
    if not isinstance(process, Process):
        raise bad("process", repr(process), "a process such as dguide.Masked(vocab_size=12)")
    own = convention.process(process.noise)
    if process != own:
        raise bad("process", repr(process), f"{own!r}, as the convention says", "Change one of the two.")
    return process


class Adapted(nn.Module):
    """A denoiser that calls a model by its convention; `dguide.adapt` makes it.

    Attributes:
        module: The model.
        convention: What it means.
        process: The process that it belongs to, for `dguide.sample`.
        time_dependent: Whether its predictions depend on the time.
        prediction: Which law it predicts.
        block_size: Positions of a block, if it is block-causal (`dguide.denoiser.BlockCausal`).
    """

    def __init__(self, module: Callable[..., Any], convention: Convention, process: Process) -> None:
        super().__init__()
        self.module, self.convention, self.process = module, convention, process
        told = convention.time != "none"
        self.time_dependent = told if convention.time_dependent is None else convention.time_dependent
        self.prediction = convention.prediction
        self.block_size = convention.block
        self.training = False  # it has nothing that could be: the module has a mode of its own

    def prompts(
        self, rows: Sequence[Sequence[int]], width: int = 0, *, like: dict[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Prompts of any lengths as a condition.

        Args:
            rows: The tokens of the prompt of each sample, in the numbers of the model.
            width: At least so many columns. Needed for a condition whose negative prompts are longer.
            like: The condition to which they are a reference (negative prompts). They get as many columns; and with a
                block-causal model their sequences begin where those of the condition do within a block.

        Returns:
            {"prompt": tokens [B, P] int64, "real": [B, P] bool}; "lead" [B] too for a block-causal model.
        """
        self._check_prompted("prompts")
        return prompts_of(self.convention, rows, width, like)

    def holes(
        self, rows: Sequence[Sequence[int]], width: int = 0, *, like: dict[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Texts with masks in them as a condition: the samples are what stands in place of the masks, in their order.

        The samples are as long as the most masks of a text; `lengths` of `dguide.sample` says how many the others have.

        Args:
            rows: The tokens of each text, in the numbers of the model, with one mask at least.
            width: As of `prompts`.
            like: As of `prompts`. A negative text has as many masks as the text.

        Returns:
            {"prompt": tokens [B, P] int64, "real": [B, P] bool, "hole": [B, P] bool}.
        """
        self._check_prompted("holes")
        convention = self.convention
        if convention.block is not None:
            raise bad("holes", "a block-causal model", "one that reads what follows a hole", "Use prompts().")
        if convention.mask_id is None:
            raise bad("holes", "a model without a mask token", "one of the masked process")
        return with_holes(convention, rows, width, like)

    @torch.no_grad()
    def reads_padding(self) -> bool:
        """Whether the model reads what stands in padding, although it is told of it: some drop the attention mask.

        It is called once, with two rows of three tokens.
        """
        convention = self.convention
        if convention.attention == "none":
            return False
        first = convention.offset
        avoided = {convention.mask_id, convention.pad_id, *convention.forbidden}
        one, other = islice((y for y in range(first, first + convention.vocab_size) if y not in avoided), 2)
        place = device_of(self.module)
        ids = torch.tensor([[one, other, one], [one, other, other]], device=place)
        real = torch.tensor([[True, True, False]] * 2, device=place)
        moment = told_time(convention, self.process.noise, torch.ones(2, device=place))
        first_block = None if convention.block is None else torch.zeros(2, dtype=torch.int64, device=place)
        answer = self._call(Rows(slice(None), ids, real, slice(0, 2), first_block), moment, None).double()
        known = answer[0].isfinite()
        apart, spread = (answer[0] - answer[1])[known].abs().max(), answer[0][known].std()
        return bool(apart > _ROUNDING * spread)

    def _check_prompted(self, what: str) -> None:
        if not self.convention.prompted:
            raise bad(what, f"a model with null={self.convention.null!r}", "one that reads prompts")

    def null(self, condition: Condition) -> Condition:
        """The condition that means "no condition", with the structure of `condition`.

        Raises:
            ValueError: If there is none.
        """
        convention = self.convention
        if convention.prompted:
            return null_prompt(convention, condition)
        if convention.null == "none":
            raise bad("condition", "one", "none: the convention has null='none'", "Guide with reference=.")
        if convention.null_label is None:
            raise bad("null label", "none in the convention", "one", "Name it in null_label, or pass reference=.")
        return torch.full_like(_labels(condition), convention.null_label)

    def forward(self, tokens: Tensor, time: Tensor, condition: Condition) -> Tensor:
        """Logits [B, L, V] from tokens [B, L], time [B] and condition."""
        convention = self.convention
        prompts, labels = self._told(condition, len(tokens))
        moment = told_time(convention, self.process.noise, time)
        logits: Tensor | None = None
        for rows in laid_out(convention, as_read(convention, tokens), prompts):
            part = self._call(rows, moment, labels)
            if isinstance(rows.which, slice):
                return part
            logits = part.new_empty(len(tokens), *part.shape[1:]) if logits is None else logits
            logits[rows.which] = part
        assert logits is not None
        return logits

    def lead(self, condition: Condition, count: int) -> Tensor:
        """How many columns of the first block stand before each of `count` sequences, [count] (`BlockCausal.lead`)."""
        return self._told(condition, count)[0]["lead"]

    def prefix(self, condition: Condition, count: int, length: int) -> Prefix | None:
        """What the model keeps of earlier blocks (`BlockCausal.prefix`); None without a cache."""
        told = self.convention
        prompts, labels = self._told(condition, count)
        before = everywhere(told.before, prompts["prompt"])
        front = torch.cat((before, prompts["prompt"]), 1)
        real = torch.cat((torch.ones_like(before, dtype=torch.bool), prompts["real"]), 1)
        self._check_context(int(real.sum(1).max()) + length)
        return prefix_of(self.module, told, self.process.noise, (front, real), prompts["lead"], labels, length)

    def _check_context(self, tokens: int) -> None:
        """Refuse sequences of more tokens, with their prompts, than the model can read."""
        most = self.convention.context
        if most is not None and tokens > most:
            raise bad("sequence", f"{tokens} tokens with its prompt", f"at most {most}, its context")

    def _told(self, condition: Condition, count: int) -> tuple[dict[str, Tensor], Tensor | None]:
        """The prompts in front of `count` sequences, and their labels."""
        convention = self.convention
        if convention.null == "none" and condition is not None:
            raise bad("condition", type(condition).__name__, "None: the convention has null='none'")
        if convention.prompted and condition is not None:
            return checked(convention, condition), None
        labels = _labels(condition) if convention.null == "label" else None
        return without_prompt(convention, count, device_of(self.module)), labels

    def _call(self, rows: Rows, time: Tensor | None, labels: Tensor | None) -> Tensor:
        """Logits [b, L, V] of the sequences in some rows."""
        told, ids = self.convention, rows.ids
        self._check_context(ids.shape[1])
        answer = logits_of(
            self.module,
            told,
            ids,
            time=None if time is None else time[rows.which],
            labels=None if labels is None else labels[rows.which],
            attention=_attention(self.module, told, rows),
            places=torch.arange(ids.shape[1], device=ids.device).expand_as(ids),
        )
        return as_logits(told, _at(answer, rows.places, int(told.shifted)))


def _attention(module: Callable[..., Any], told: Convention, rows: Rows) -> Tensor | str | None:
    """What the model is told of the tokens that may be looked at."""
    if told.attention == "none":
        return None
    real = torch.ones_like(rows.ids, dtype=torch.bool) if rows.real is None else rows.real
    if rows.first_block is not None:
        return block_causal(told, rows.first_block, real, real.shape[1], dtype_of(module))
    if told.attention == "padding":
        return real.long()
    if rows.real is None:
        return "full"
    # Padding may look at what is real, so that no row is without any.
    return real[:, None, None, :].expand(-1, 1, real.shape[1], -1)


def _at(answer: Tensor, places: Tensor | slice, shift: int) -> Tensor:
    """The outputs [b, L, columns] for the tokens at some places, `shift` before them; place 0 is the first one."""
    if isinstance(places, slice) and places.start >= shift:
        return answer[:, places.start - shift : places.stop - shift]
    if isinstance(places, slice):
        places = torch.arange(places.start, places.stop, device=answer.device).expand(len(answer), -1)
    return answer[torch.arange(len(answer), device=answer.device).unsqueeze(1), (places - shift).clamp_min(0)]


def _labels(condition: Condition) -> Tensor:
    """The condition, which must be labels."""
    if isinstance(condition, Tensor) and condition.ndim == 1 and not condition.dtype.is_floating_point:
        return condition
    got = shown(condition)
    raise bad("condition", got, "labels, an int64 tensor [B]", in_tensor(condition))
