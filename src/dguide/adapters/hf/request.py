"""What `generate` was asked for, checked all at once before any work."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ...errors import Mistakes, bad, choose, positive, switch
from ...guidance import Guidance
from ...samplers import Blocks, Lengths, LowConfidence, Sampler
from ..adapt import Adapted, adapt
from ..convention import Convention
from ..vocabulary import as_read
from .ending import UntilEnd
from .facts import check_tokenizer, end_tokens
from .families import FAMILIES, convention_of, without_padding_read
from .texts import Canvas, Texts, as_batch

__all__ = ["Request", "request_of"]


@dataclass(frozen=True, eq=False)
class Request:
    """What is to be generated.

    Attributes:
        denoiser: The model.
        texts: Its tokenizer.
        canvases: What it reads for each prompt, with holes where tokens are drawn.
        negative: Likewise for what guidance tilts away from; None for the null condition.
        ends: Tokens that end a text.
        sampler: What draws the tokens.
        filled: Whether the masks of the prompts are filled in.
    """

    denoiser: Adapted
    texts: Texts
    canvases: tuple[Canvas, ...]
    negative: tuple[Canvas, ...] | None
    ends: tuple[int, ...]
    sampler: Sampler
    filled: bool

    @property
    def lengths(self) -> Lengths:
        """How many tokens are drawn for each prompt. Behind them stands any token: nothing reads it."""
        convention = self.denoiser.convention
        filler = int(convention.mask == 0)
        return Lengths(torch.tensor([len(canvas.holes) for canvas in self.canvases]), padding=filler)

    def called(self) -> Adapted:
        """The denoiser; without padding, if there is some and the model reads it."""
        even = len({len(canvas.tokens) for canvas in (*self.canvases, *(self.negative or ()))}) == 1
        return self.denoiser if even else without_padding_read(self.denoiser)

    def conditions(self) -> tuple[dict[str, Tensor], dict[str, Tensor] | None]:
        """The condition and the reference, as wide as each other. A block-causal model reads nothing behind holes."""
        in_blocks, denoiser = self.denoiser.block_size is not None, self.denoiser
        rows, away = (
            [each.tokens[: each.holes[0]] if in_blocks else each.tokens for each in part or ()]
            for part in (self.canvases, self.negative)
        )
        width = max(map(len, (*rows, *away)))
        if not in_blocks:
            return denoiser.holes(rows, width), denoiser.holes(away, width) if away else None
        condition = denoiser.prompts(rows, width)
        return condition, denoiser.prompts(away, like=condition) if away else None

    def kept(self, number: int, drawn: Sequence[int]) -> tuple[int, ...]:
        """The tokens of prompt `number` up to the end of its text, in the numbers of the tokenizer."""
        tokens = as_read(self.denoiser.convention, torch.tensor(drawn)).tolist()[: len(self.canvases[number].holes)]
        end = next((place for place, token in enumerate(tokens) if token in self.ends), len(tokens))
        return tuple(tokens[:end])

    def text(self, number: int, drawn: Sequence[int], *, draft: bool = True) -> str:
        """What stands there for prompt `number`, with masks where nothing does yet."""
        kept = self.kept(number, drawn)
        return self.texts.spelt(self.canvases[number], kept, whole=self.filled, special=draft or self.filled)


def request_of(
    model: Any,
    tokenizer: Any,
    prompts: Any,
    *,
    guidance: Guidance | None,
    sampler: Sampler | None,
    negative_prompts: Any,
    max_new_tokens: int | None,
    block: int | None,
    chat: bool,
    stop: Sequence[int | str] | None,
    convention: Convention | str | None,
) -> Request:
    """The arguments of `generate`, checked; raises `ValueError` with all that is wrong."""
    mistakes = Mistakes()
    means = mistakes.of(lambda: _convention(model, tokenizer, convention))
    asked = mistakes.of(lambda: as_batch("prompts", prompts))
    away = mistakes.of(lambda: None if negative_prompts is None else as_batch("negative_prompts", negative_prompts))
    mistakes.of(lambda: switch("chat", chat))
    for name, value in (("max_new_tokens", max_new_tokens), ("block", block)):
        mistakes.of(lambda n=name, v=value: None if v is None else positive(n, v))  # type: ignore[misc]
    mistakes.settle()
    assert means is not None
    assert means.mask_id is not None
    assert asked is not None
    texts = Texts(tokenizer, means.mask_id, chat)
    canvases = texts.canvases("prompt", asked, max_new_tokens, mistakes)
    negative = None if away is None else texts.canvases("negative prompt", away, max_new_tokens, mistakes)
    usual = _usual_ends(model, tokenizer, texts.ends(asked), means)
    ends = usual if stop is None else mistakes.of(partial(_named_ends, texts, stop, means)) or ()
    mistakes.settle()
    if negative is not None and len(negative) == 1:
        negative *= len(canvases)
    _check_canvases(canvases, negative, means, guidance, mistakes)
    holes, own = max(len(canvas.holes) for canvas in canvases), means.block
    drawn = mistakes.of(lambda: _sampler(sampler, block, own, holes))
    mistakes.settle()
    assert drawn is not None
    filled = max_new_tokens is None
    means = _with_ends(means, ends, filled=filled)
    ends = () if filled else ends
    if ends:
        drawn = UntilEnd(drawn, tuple(token - means.offset for token in ends))
    pairs = None if negative is None else tuple(negative)
    return Request(adapt(model, means), texts, tuple(canvases), pairs, ends, drawn, filled)


def _convention(model: Any, tokenizer: Any, given: Convention | str | None) -> Convention:
    """The convention of the model, which must read prompts and have a mask."""
    if not isinstance(given, Convention):
        if given is not None:
            choose("convention of generate", given, FAMILIES)
        return convention_of(model, tokenizer, given)
    check_tokenizer(tokenizer)
    if given.before or given.after:
        raise bad("convention", "tokens before or after", "none: generate takes them from the tokenizer")
    if given.mask_id is None:
        raise bad("convention", "no mask_id", "a model of the masked process", "dguide.sample draws from others.")
    if not given.prompted:
        remedy = "dguide.sample draws from a model without prompts."
        raise bad("convention", f"null={given.null!r}, a model without prompts", "one that reads prompts", remedy)
    return given


def _usual_ends(model: Any, tokenizer: Any, turn: tuple[int, ...], means: Convention) -> tuple[int, ...]:
    """Tokens that end a text by config and tokenizer, if they may be drawn; in a conversation, which has turns, all."""
    usual = (token for token in end_tokens(model, tokenizer) if turn or token not in means.forbidden)
    return tuple(sorted({*usual, *turn} & _drawn(means)))


def _drawn(means: Convention) -> set[int]:
    """The tokens that samples may be made of."""
    return {*range(means.offset, means.offset + means.vocab_size)} - {means.mask_id}


def _named_ends(texts: Texts, stop: Sequence[int | str], means: Convention) -> tuple[int, ...]:
    """Tokens that end a text, as the user named them."""
    if isinstance(stop, str) or not isinstance(stop, Iterable):
        raise bad("stop", repr(stop), "a list of tokens, by number or as text")
    named, drawn = [(each, texts.token(each)) for each in stop], _drawn(means)
    wrong = [repr(each) for each, token in named if token not in drawn]
    if wrong:
        raise bad("stop", ", ".join(wrong), "single tokens of the tokenizer that the model may draw")
    return tuple(sorted({token for _, token in named if token is not None}))


def _with_ends(means: Convention, ends: tuple[int, ...], *, filled: bool) -> Convention:
    """The convention in which texts may end, or may not where holes are `filled`."""
    forbidden = {*means.forbidden, *ends} if filled else {*means.forbidden} - {*ends}
    inside = range(means.offset, means.offset + means.vocab_size)
    return replace(means, forbidden=tuple(sorted(token for token in forbidden if token in inside)))


def _check_canvases(
    canvases: list[Canvas],
    negative: list[Canvas] | None,
    means: Convention,
    guidance: Guidance | None,
    mistakes: Mistakes,
) -> None:
    """Keeps what is wrong with prompts and negative prompts: their number, masks, lengths, and what they bring."""
    _check_pairs(canvases, negative, mistakes)
    for what, rows in (("prompt", canvases), ("negative prompt", negative or [])):
        _check_context(what, rows, means.context, mistakes)
        if means.block is not None:
            _check_behind(what, rows, mistakes)
    if guidance is None and negative is not None:
        mistakes.add(bad("negative_prompts", "some without guidance", "guidance=, which tilts away from them"))
    if guidance is not None and negative is None and means.null in ("mask", "drop"):
        _check_guided(canvases, means, mistakes)


def _check_pairs(canvases: list[Canvas], negative: list[Canvas] | None, mistakes: Mistakes) -> None:
    """A negative prompt for each prompt, with as many holes."""
    if negative is None:
        return
    if len(negative) != len(canvases):
        got = f"{len(negative)} of them"
        mistakes.add(bad("negative_prompts", got, f"one, or one for each of the {len(canvases)} prompts"))
        return
    for number, (one, other) in enumerate(zip(canvases, negative, strict=True)):
        if len(one.holes) != len(other.holes):
            what = f"negative prompt {number}"
            mistakes.add(bad(what, f"{len(other.holes)} masks", f"{len(one.holes)}, as prompt {number} has"))


def _check_context(what: str, rows: list[Canvas], context: int | None, mistakes: Mistakes) -> None:
    for number, canvas in enumerate(rows):
        if context is not None and len(canvas.tokens) > context:
            got = f"{len(canvas.tokens)} tokens, of which {len(canvas.holes)} are to be drawn"
            mistakes.add(bad(f"{what} {number}", got, f"at most {context}, the context of the model"))


def _check_guided(canvases: list[Canvas], means: Convention, mistakes: Mistakes) -> None:
    """Refuses prompts that are the same without the condition: guidance would do nothing."""
    same = {means.mask_id, *means.kept}
    for number, canvas in enumerate(canvases):
        if same.issuperset(canvas.tokens):
            remedy = "Pass guidance=None, or negative_prompts."
            mistakes.add(bad(f"prompt {number}", "no token that could be masked", "one, to guide by", remedy))


def _check_behind(what: str, rows: list[Canvas], mistakes: Mistakes) -> None:
    """Keeps which prompts have tokens behind a hole, which a block-causal model cannot read."""
    for number, canvas in enumerate(rows):
        first = canvas.holes[0]
        if canvas.tokens[first:] != canvas.tokens[first : first + 1] * len(canvas.holes):
            remedy = "Write on by max_new_tokens, with a tokenizer that puts nothing behind a text."
            mistakes.add(bad(f"{what} {number}", "tokens behind a mask", "none: the model is block-causal", remedy))


def _sampler(given: Sampler | None, block: int | None, own: int | None, holes: int) -> Sampler:
    """The sampler, in blocks if asked for, or if the model has its `own`."""
    if given is not None and not isinstance(given, Sampler):
        raise bad("sampler", repr(given), "a sampler such as dguide.LowConfidence(steps=64)")
    if own is not None and block not in (None, own):
        raise bad("block", block, f"{own}, the size of the blocks of the model", "Leave it out.")
    size = own if block is None and (given is None or given.in_blocks) else block
    inner = LowConfidence(steps=min(holes, size or holes)) if given is None else given
    return inner if size is None else Blocks(inner, size=size)
