"""Prompts of users as tokens: plain texts and conversations, with holes in them or behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from ...errors import Mistakes, bad

__all__ = ["Canvas", "Prompt", "Texts", "as_batch"]

Prompt: TypeAlias = "str | Sequence[Mapping[str, Any]]"
"""A text, or a conversation: messages {"role": ..., "content": ...}."""


def as_batch(what: str, prompts: Any) -> list[Prompt]:
    """Prompts as a list; a text or a conversation alone is a batch of one. Refuses anything else."""
    if isinstance(prompts, str) or _conversation(prompts):
        return [prompts]
    if isinstance(prompts, Sequence) and len(prompts) and all(isinstance(p, str) or _conversation(p) for p in prompts):
        return list(prompts)
    got = f"{type(prompts).__name__} {prompts!r}"[:80]
    raise bad(what, got, 'texts, or conversations [{"role": "user", "content": ...}, ...]')


def _conversation(prompt: Any) -> bool:
    """Whether it is a list of messages."""
    return (
        isinstance(prompt, Sequence)
        and not isinstance(prompt, str)
        and len(prompt) > 0
        and all(isinstance(each, Mapping) and {"role", "content"} <= each.keys() for each in prompt)
    )


@dataclass(frozen=True)
class Canvas:
    """A text with holes: what the model reads.

    Attributes:
        tokens: All tokens, the mask in the holes.
        holes: The places of the holes.
        text: The places of the text itself, without the special tokens that the tokenizer puts around it.
    """

    tokens: tuple[int, ...]
    holes: tuple[int, ...]
    text: slice


class Texts:
    """Encodes prompts by a tokenizer.

    Args:
        tokenizer: A tokenizer of transformers.
        mask_id: The mask token.
        chat: Whether texts are what a user says, for the chat template.
    """

    def __init__(self, tokenizer: Any, mask_id: int, chat: bool = False) -> None:
        self.tokenizer, self.mask_id, self.chat = tokenizer, mask_id, chat
        bare, full = self._ids("a", False), self._ids("a", True)
        start = next((i for i in range(len(full)) if bare and full[i : i + len(bare)] == bare), len(full))
        self.before, self.after = full[:start], full[start + len(bare) :]

    def canvases(self, what: str, prompts: Sequence[Prompt], new: int | None, mistakes: Mistakes) -> list[Canvas]:
        """A canvas for each prompt, with `new` holes behind it, or with those that its masks are.

        Without `new` every prompt has a mask; with it none has. Otherwise it is a mistake, which is kept.
        """
        found = []
        for number, prompt in enumerate(prompts):
            canvas = mistakes.of(lambda p=prompt, n=number: self._canvas(f"{what} {n}", p, new))  # type: ignore[misc]
            found += [] if canvas is None else [canvas]
        return found

    def spelt(self, canvas: Canvas, drawn: Sequence[int], *, whole: bool, special: bool) -> str:
        """What the tokens `drawn` for a canvas say: themselves, or the `whole` text with them in its holes."""
        tokens = list(drawn)
        if whole:
            tokens = list(canvas.tokens)
            for place, token in zip(canvas.holes, drawn, strict=False):
                tokens[place] = token
            tokens = tokens[canvas.text]
        return str(self.tokenizer.decode(tokens, skip_special_tokens=not special))

    def ends(self, prompts: Sequence[Prompt]) -> tuple[int, ...]:
        """The token that ends what an assistant says, if there are conversations and their template has one."""
        talks = [prompt for prompt in map(self._talk, prompts) if prompt is not None]
        if not talks:
            return ()
        said = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "a"}]
        try:
            whole = self._templated(said, add_generation_prompt=False)
            opened = self._templated(said, continue_final_message=True)
        except Exception:  # the template may not allow for such a conversation
            return ()
        special = {*self.tokenizer.all_special_ids, *self.tokenizer.get_added_vocab().values()}
        behind = whole[len(opened) :] if whole[: len(opened)] == opened else []
        return tuple(token for token in behind[:1] if token in special)

    def token(self, named: Any) -> int | None:
        """The token of that number, of that name in the vocabulary, or that a text is by itself; None if none is.

        Vocabularies of bytes name a token by other letters than it stands for.
        """
        known, found = self.tokenizer.get_vocab(), named
        if isinstance(named, str):
            spelt = self._ids(named, False) if named not in known else [known[named]]
            found = spelt[0] if len(spelt) == 1 and spelt[0] != getattr(self.tokenizer, "unk_token_id", None) else None
        number = isinstance(found, int) and not isinstance(found, bool) and found in {*known.values()}
        return found if number else None

    def _talk(self, prompt: Prompt) -> Sequence[Mapping[str, Any]] | None:
        if isinstance(prompt, str):
            return [{"role": "user", "content": prompt}] if self.chat else None
        return prompt

    def _canvas(self, what: str, prompt: Prompt, new: int | None) -> Canvas:
        talk = self._talk(prompt)
        around: tuple[list[int], list[int]] = ([], []) if talk is not None else (self.before, self.after)
        middle = self._ids(str(prompt), False) if talk is None else self._talked(what, talk)
        masks = middle.count(self.mask_id)
        if masks and new is not None:
            remedy = "Leave out max_new_tokens to fill in the masks, or the masks to write on."
            raise bad(what, f"{masks} masks beside max_new_tokens", "one of the two", remedy)
        if not masks and new is None:
            spelt = self.tokenizer.convert_ids_to_tokens(self.mask_id)
            negative = what.startswith("negative")
            drawn = "as often as its prompt has it" if negative else "wherever a token is to be drawn"
            raise bad(what, "no mask", f"{spelt} {drawn}", "Or max_new_tokens, to write on.")
        middle = middle + [self.mask_id] * (new or 0)
        before, after = around
        tokens = (*before, *middle, *after)
        holes = tuple(place for place, token in enumerate(tokens) if token == self.mask_id)
        return Canvas(tokens, holes, slice(len(before), len(before) + len(middle)))

    def _talked(self, what: str, talk: Sequence[Mapping[str, Any]]) -> list[int]:
        """A conversation by its template, up to where the assistant speaks; what it began to say is gone on with."""
        if not getattr(self.tokenizer, "chat_template", None):
            remedy = "Pass texts, or set tokenizer.chat_template."
            raise bad(what, "a conversation", "a text: the tokenizer has no chat template", remedy)
        begun = talk[-1]["role"] == "assistant"
        try:
            return self._templated(talk, add_generation_prompt=not begun, continue_final_message=begun)
        except Exception as error:  # a template is a program of somebody else, and raises what it likes
            raise bad(what, f"a conversation that the chat template refuses: {error}", "roles that it knows") from error

    def _templated(self, talk: Sequence[Mapping[str, Any]], **how: bool) -> list[int]:
        made = self.tokenizer.apply_chat_template(list(talk), tokenize=True, return_dict=True, **how)
        return list(made["input_ids"])

    def _ids(self, text: str, special: bool) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=special, truncation=False)["input_ids"])
