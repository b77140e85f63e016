r"""What a model of somebody else means: how it is called, what it reads, what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

from ..errors import Mistakes, bad, choose, positive
from ..noise import Linear, Noise
from ..process import PREDICTIONS, Masked, Prediction, Process, Uniform

__all__ = ["Attention", "Cache", "Convention", "Null", "Output", "Time"]

Time: TypeAlias = Literal["none", "t", "1-t", "sigma", "step"]
r"""What the model is told of the time: nothing, t, 1 - t, $\sigma = -\log \alpha(t)$, or the number of a step."""
Output: TypeAlias = Literal["logits", "log-probabilities", "probabilities"]
"""What it answers."""
Attention: TypeAlias = Literal["none", "padding", "square", "blocks", "blocks-added"]
"""What it is told of the tokens that may be looked at: nothing; padding, as 1 and 0 [B, S]; "full" where nothing is
padded, else bool [B, 1, S, S]; earlier blocks and the own one, bool [B, 1, S, S]; or those as 0 and -inf."""
Cache: TypeAlias = Literal["none", "past", "past-stored", "inside"]
"""Where keys and values of earlier blocks are kept: nowhere; in `past_key_values`, to which every call adds, or only
calls with `store_kv=True`; or in the layers of the model, by calls with `store_kv=True`."""
Null: TypeAlias = Literal["none", "label", "mask", "drop", "tokens"]
"""What "no condition" is: there are no conditions; the null label; the prompt masked, dropped, or other tokens."""


@dataclass(frozen=True, kw_only=True)
class Convention:
    r"""What a model means, for `dguide.adapt`.

    Tokens have two numberings. In samples they run from 0 to `vocab_size` - 1. The model reads and predicts token y as
    number y + `offset`. `mask_id`, `forbidden`, `before`, `after`, `kept`, `null_tokens` and prompts are in the numbers
    of the model.

    Args:
        vocab_size: V, the number of tokens that samples are made of; the mask counts if it is between them.
        mask_id: The mask token. None for a model of the uniform process, which has none.
        offset: The number of token 0.
        columns: Columns of the answer; those outside of the V tokens are dropped. By default `offset` + V.
        forbidden: Tokens that stand for nothing; their logits become -inf.
        before: Tokens in front of every sequence, and of its prompt, such as [CLS]. Their logits are dropped.
        after: Tokens behind every sequence, such as [SEP].
        time: What the model is told of the time, as `Time` says.
        steps: Number of the steps, with time "step": it is told ceil(t `steps`) - 1 + `first_step`.
        first_step: The number of the step that is nearest to data.
        longest: The largest sigma, with time "sigma". It is infinite at t = 1; training ends at a finite one.
        noise: The noise schedule of the training. None if it does not matter: a model that is told no time.
        time_dependent: Whether the answer depends on the time. By default whether it is told the time.
        shifted: Whether output i - 1 predicts token i. Then the first token is predicted by the last one before it:
            of the prompt, or of `before`. Where there is none, output 0 also predicts token 0, as Dream has it.
        output: What the model answers.
        prediction: Which law it predicts (`dguide.Uniform`).
        attention: What it is told of padding and blocks, as `Attention` says. With "none" rows of each length are a
            call of their own, without padding.
        block: Positions of a block, for a block-causal model: a token sees its own block, in both directions, and the
            earlier ones. Blocks are counted from the first token of the prompt. `dguide.Blocks` samples it.
        cache: Where it keeps keys and values of earlier blocks, as `Cache` says. It must not read the time.
        null: What "no condition" is, as `Null` says, and so what conditions are: labels [B] for "label"; prompts (see
            `Adapted.prompts`) for "mask", "drop" and "tokens".
        null_label: The null label. None for a model that has learnt none; guidance then needs `reference`.
        null_tokens: The prompt that means "no condition", for "tokens".
        kept: Tokens that stay when the prompt is masked, such as [CLS].
        pad_id: What stands in padding.
        context: The most tokens of a row that the model reads, with the prompt. None for any number.
        tokens_as: The name of the argument for tokens [B, S]. None for the first one without a name.
        time_as: Likewise for the time [B].
        condition_as: Likewise for labels [B].
        cache_as: The name of the argument for a cache of transformers.
        attention_as: Likewise for the attention mask.
        positions_as: The name of the argument for position numbers [B, S]; None to pass none.
        arguments: Further arguments of every call, by name.

    Raises:
        ValueError: With all that does not fit, at once.

    >>> import dguide
    >>> dguide.Convention(vocab_size=12, mask_id=12, time="sigma", longest=6.9).process()
    Masked(vocab_size=12, mask_id=12, noise=Linear())
    """

    vocab_size: int
    mask_id: int | None = None
    offset: int = 0
    columns: int | None = None
    forbidden: tuple[int, ...] = ()
    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()
    time: Time = "none"
    steps: int | None = None
    first_step: int = 1
    longest: float | None = None
    noise: Noise | None = None
    time_dependent: bool | None = None
    shifted: bool = False
    output: Output = "logits"
    prediction: Prediction = "posterior"
    attention: Attention = "none"
    block: int | None = None
    cache: Cache = "none"
    null: Null = "none"
    null_label: int | None = None
    null_tokens: tuple[int, ...] = ()
    kept: tuple[int, ...] = ()
    pad_id: int = 0
    context: int | None = None
    tokens_as: str | None = None
    time_as: str | None = None
    condition_as: str | None = None
    cache_as: str = "past_key_values"
    attention_as: str | None = "attention_mask"
    positions_as: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        mistakes = Mistakes()
        words = (("time", Time), ("output", Output), ("attention", Attention), ("cache", Cache), ("null", Null))
        for name, kind in words:
            mistakes.of(lambda name=name, kind=kind: choose(name, getattr(self, name), get_args(kind)))  # type: ignore[misc]
        mistakes.of(lambda: choose("prediction", self.prediction, PREDICTIONS))
        mistakes.of(lambda: positive("Convention vocab_size", self.vocab_size))
        mistakes.of(lambda: None if self.context is None else positive("Convention context", self.context))
        for name, needed in self._together().items():
            given = getattr(self, name) not in (None, ())
            if given and getattr(self, name) != "none" and not needed[0]:
                mistakes.add(bad(f"Convention {name}", repr(getattr(self, name)), f"none without {needed[1]}"))
        needs = (("steps", self.time == "step"), ("longest", self.time == "sigma"))
        for name, needed_too in (*needs, ("null_tokens", self.null == "tokens")):
            if needed_too and getattr(self, name) in (None, ()):
                mistakes.add(bad(f"Convention {name}", "none", f"a value, with {self._together()[name][1]}"))
        self._check_tokens(mistakes)
        self._check_blocks(mistakes)
        mistakes.settle()

    def _together(self) -> dict[str, tuple[bool, str]]:
        """Fields that mean something only with others: whether they do, and with which."""
        told = self.time != "none"
        return {
            "steps": (self.time == "step", "time='step'"),
            "longest": (self.time == "sigma", "time='sigma'"),
            "time_as": (told, "time"),
            "time_dependent": (told, "time"),
            "null_label": (self.null == "label", "null='label'"),
            "condition_as": (self.null == "label", "null='label'"),
            "null_tokens": (self.null == "tokens", "null='tokens'"),
            "kept": (self.null == "mask", "null='mask'"),
            "cache": (self.block is not None, "block"),
        }

    def _check_blocks(self, mistakes: Mistakes) -> None:
        """Refuses what a block-causal model cannot be told, and caches that would not be exact."""
        masked = self.attention in ("blocks", "blocks-added")
        if self.block is not None:
            mistakes.of(lambda: positive("Convention block", self.block))
        elif masked:
            mistakes.add(
                bad("Convention attention", repr(self.attention), "a block, the positions that see each other")
            )
        if self.cache == "none":
            return
        wrong = {
            "shifted": self.shifted,
            "after": bool(self.after),
            "time_dependent": self.time_dependent if self.time_dependent is not None else self.time != "none",
            f"null={self.null!r}": self.cache == "inside" and self.prompted,
            f"attention={self.attention!r}": masked == (self.cache == "inside"),
        }
        for name in (name for name, given in wrong.items() if given):
            expected = "a model whose earlier blocks do not depend on it"
            if name.startswith(("null", "attention")):
                expected = (
                    "no prompts and no mask with 'inside', and attention 'blocks' or 'blocks-added' with the others"
                )
            mistakes.add(bad(f"Convention cache={self.cache!r}", name, expected))

    def _check_tokens(self, mistakes: Mistakes) -> None:
        """Refuses tokens that the model cannot have, and laws that are none of its process."""
        if self.mask_id is None and self.null == "mask":
            mistakes.add(bad("Convention null", "'mask' without mask_id", "a mask token, to mask the prompt"))
        if self.mask_id is not None and self.prediction != "posterior":
            remedy = "With masks both laws are the same."
            mistakes.add(bad("Convention prediction", repr(self.prediction), "'posterior' with mask_id", remedy))
        if self.columns is not None and not self.columns >= self.offset + self.vocab_size:
            least = f"at least offset + vocab_size = {self.offset + self.vocab_size}"
            mistakes.add(bad("Convention columns", self.columns, least))
        named = {"offset": (self.offset,), "mask_id": () if self.mask_id is None else (self.mask_id,)}
        named |= {name: getattr(self, name) for name in ("forbidden", "before", "after", "null_tokens", "kept")}
        for name, tokens in named.items():
            if any(isinstance(each, bool) or not isinstance(each, int) or each < 0 for each in tokens):
                mistakes.add(bad(f"Convention {name}", tokens, "ints of at least 0"))
        outside = [y for y in self.forbidden if not self.offset <= y < self.offset + self.vocab_size]
        if outside:
            span = f"tokens from {self.offset} to {self.offset + self.vocab_size - 1}"
            mistakes.add(bad("Convention forbidden", outside, span, "Other columns are dropped anyway."))

    @property
    def mask(self) -> int | None:
        """The mask token as samples number it: V if it is none of their tokens; None without a mask."""
        if self.mask_id is None:
            return None
        inside = self.offset <= self.mask_id < self.offset + self.vocab_size
        return self.mask_id - self.offset if inside else self.vocab_size

    @property
    def prompted(self) -> bool:
        """Whether conditions are prompts."""
        return self.null in ("mask", "drop", "tokens")

    def process(self, noise: Noise | None = None) -> Process:
        """The process of the model; `noise` where the convention names none, by default `Linear`."""
        schedule = self.noise or noise or Linear()
        if self.mask is None:
            return Uniform(self.vocab_size, schedule, self.prediction)
        return Masked(self.vocab_size, self.mask, schedule)
