"""A second call of the model: guidance for loops that show the tokens, and the logits, of each step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from ...denoiser import Condition
from ...errors import Mistakes, bad, in_tensor, positive
from ..adapt import Adapted
from ..convention import Convention
from ..vocabulary import answered, as_logits
from .levels import of_masks
from .logits import Weight, as_normalized, guided_logits
from .pairs import as_module

__all__ = ["SecondCall"]

_CACHES = ("past_key_values", "cache")


class SecondCall:
    r"""Guided logits from the tokens and logits of a step: the model is called again without the prompt.

    For masks. The loop calls the model with the whole sequence [prompt, answer], and hands over the logits. The hook
    asks the model once more, with the prompt masked or a negative prompt in its place, and returns logits of the guided
    law $q_w$ where the answer has masks. All other logits stay. It guides where tokens land, as `Normalized` does; the
    order and the pace are those of the loop, and other mechanisms are refused. The noise level is the share of masks in
    the answer.

    Args:
        denoiser: The model of the loop, as `dguide.adapt(model, "dream")` or "llada" makes it.
        guidance: `Normalized`, or its weight: a number, a schedule or text.
        prompt_length: The number of tokens in front of the answer, padding included.
        attention_mask: 1 for the tokens of the prompt, 0 for its padding, [B, P]. Needed if there is padding.
        reference: Negative prompts of any length, as `denoiser.prompts(rows)` makes them: one for each sample, or one
            for all. By default the null condition: for LLaDA and Dream the prompt masked.
        steps: The number of steps of the loop. w is then its mean over the levels of a step, which are 1 / steps;
            otherwise w at the level where the step starts.

    Raises:
        ValueError: With all that does not fit, at once.

    >>> import dguide
    >>> network = torch.nn.Sequential(torch.nn.Embedding(8, 4), torch.nn.Linear(4, 8)).eval()
    >>> model = lambda tokens, attention_mask=None: network(tokens) + network(tokens).mean(1, keepdim=True)
    >>> hook = SecondCall(dguide.adapt(model, "llada", vocab_size=8, mask_id=7), 1.0, prompt_length=2)
    >>> tokens = torch.tensor([[3, 4, 7, 5]])
    >>> plain = model(tokens)
    >>> guided = hook.guided(tokens, plain)
    >>> (guided != plain).any(-1).tolist()
    [[False, False, True, False]]
    """

    def __init__(
        self,
        denoiser: Adapted,
        guidance: Weight,
        *,
        prompt_length: int,
        attention_mask: Tensor | None = None,
        reference: Condition = None,
        steps: int | None = None,
    ) -> None:
        mistakes = Mistakes()
        if not isinstance(denoiser, Adapted):
            remedy = 'dguide.adapt(model, "llada") makes one.'
            mistakes.add(bad("denoiser of a hook", type(denoiser).__name__, "a model adapted by dguide.adapt", remedy))
        else:
            mistakes.of(lambda: _fitting(denoiser.convention))
        mistakes.of(lambda: positive("prompt_length", prompt_length))
        mistakes.of(lambda: None if steps is None else positive("steps", steps))
        told = mistakes.of(lambda: as_normalized(guidance))
        if attention_mask is not None and not _of_rows(attention_mask, prompt_length):
            got = list(attention_mask.shape) if isinstance(attention_mask, Tensor) else type(attention_mask).__name__
            expected = f"a tensor [B, {prompt_length}], a column for each token of the prompt"
            mistakes.add(bad("attention_mask", got, expected, in_tensor(attention_mask)))
        if reference is not None and not _of_prompts(reference):
            expected = "prompts, as the method prompts() of the denoiser makes them"
            mistakes.add(bad("reference of a hook", type(reference).__name__, expected))
        mistakes.settle()
        assert told is not None
        assert denoiser.convention.mask_id is not None
        self.denoiser, self.guidance, self.steps = denoiser, told, steps
        self.mask = denoiser.convention.mask_id
        self.prompt_length, self.reference = prompt_length, reference
        self.real = None if attention_mask is None else attention_mask.bool()
        self._inside = False

    def __call__(self, step: int | None, x: Tensor, logits: Tensor) -> Tensor:
        """`generation_logits_hook_func` of Dream, which has shifted the logits. `step` is not needed."""
        return self.guided(x, logits)

    def guided(self, tokens: Tensor, logits: Tensor) -> Tensor:
        """Logits [B, S, columns] in which the masks of the answer have their guided law.

        Args:
            tokens: [B, S] int64, what the model has read: prompts, then answers.
            logits: [B, S, columns], where row i predicts token i.

        Returns:
            `logits` itself where no weight differs from 0. They are raised to float32 if they are in half precision.

        Raises:
            ValueError: If the shapes do not fit.
        """
        _check_step(tokens, logits, self.prompt_length)
        count = len(tokens)
        answer = tokens[:, self.prompt_length :]
        masks = answer == self.mask
        left = masks.sum(1)
        levels = of_masks(left, torch.full_like(left, answer.shape[1]), self.steps)
        weight = levels.weight(self.guidance, count)
        row, position = (masks & (weight != 0).unsqueeze(1)).nonzero(as_tuple=True)
        if not len(row):
            return logits
        ref = self._asked(answer, levels.high, self._reference(tokens))[row, position]
        place = row, position + self.prompt_length
        cond = as_logits(self.denoiser.convention, logits[place])
        found = guided_logits(cond, ref, weight[row], forbidden=[self.mask])
        spare = logits.shape[-1] - found.shape[-1]  # columns without a token, which are no law of the denoiser
        return logits.to(found.dtype).index_put(place, pad(found, (0, spare), value=-torch.inf))

    @contextmanager
    def on(self, model: nn.Module) -> Iterator[SecondCall]:
        """Guides every call of `model` inside: for loops without a place for a hook, such as that of LLaDA.

        Raises:
            ValueError: If output i of the model predicts token i + 1; in a call of the model, if it keeps a cache.
        """
        if self.denoiser.convention.shifted:
            remedy = "Guide its logits once they are shifted: pass the hook as generation_logits_hook_func."
            raise bad("model", "output i predicts token i + 1", "aligned logits", remedy)
        handle = as_module(model).register_forward_hook(self._after, with_kwargs=True)
        try:
            yield self
        finally:
            handle.remove()

    def _after(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
        """The output with guided logits. The call by this hook itself is left alone."""
        if self._inside:
            return output
        cached = [name for name in _CACHES if kwargs.get(name) is not None]
        if cached:
            remedy = "A cache of the prompt leaves nothing to call again: turn it off in the loop."
            raise bad("call of the model", f"a cache in {cached[0]}", "the whole sequence", remedy)
        name = self.denoiser.convention.tokens_as or "input_ids"
        tokens = args[0] if args else kwargs.get(name)
        if not isinstance(tokens, Tensor):
            raise bad("call of the model", f"arguments {', '.join(kwargs)}", f"tokens, first or as {name}")
        logits = answered(output)
        guided = self.guided(tokens, logits)
        if output is logits:
            return guided
        if isinstance(output, tuple):
            return guided, *output[1:]
        output.logits = guided
        return output

    def _asked(self, answer: Tensor, level: Tensor, prompts: Condition) -> Tensor:
        """The logits of the reference for the answer, [B, L, V]."""
        self._inside = True
        try:
            logits: Tensor = self.denoiser(answer, self.denoiser.process.noise.time(level).float(), prompts)
            return logits
        finally:
            self._inside = False

    def _reference(self, tokens: Tensor) -> Condition:
        """What the reference reads in place of the prompt: one row for each of `tokens` [B, S]."""
        told = self.reference
        if told is None:
            prompt = tokens[:, : self.prompt_length]
            real = (
                torch.ones_like(prompt, dtype=torch.bool)
                if self.real is None
                else _each("attention_mask", self.real, prompt)
            )
            told = self.denoiser.null({"prompt": prompt, "real": real})
        return {name: _each("reference", each, tokens) for name, each in told.items()}


def _check_step(tokens: object, logits: object, prompt_length: int) -> None:
    """Refuses what is no step of a loop that calls the model with the whole sequence."""
    for name, value, axes in (("tokens", tokens, 2), ("logits", logits, 3)):
        if not isinstance(value, Tensor) or value.ndim != axes:
            got = f"shape {list(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
            raise bad(f"{name} of the loop", got, f"a tensor of {axes} dimensions", in_tensor(value))
    assert isinstance(tokens, Tensor)
    assert isinstance(logits, Tensor)
    if logits.shape[:2] != tokens.shape or tokens.shape[1] <= prompt_length:
        got = f"logits {list(logits.shape)} for tokens {list(tokens.shape)}"
        expected = f"logits [B, S, columns] for tokens [B, S], of which {prompt_length} are the prompt"
        raise bad("step of the loop", got, expected, "The loop must call the model with the whole sequence.")


def _each(what: str, rows: Tensor, tokens: Tensor) -> Tensor:
    """`rows` [B, P], or [1, P] for all, with one for each of `tokens` [B, S], where these are."""
    if len(rows) not in (1, len(tokens)):
        raise bad(f"{what} of a hook", f"{len(rows)} rows", f"one for each of {len(tokens)} sequences, or one for all")
    return rows.to(tokens.device).expand(len(tokens), -1)


def _of_rows(value: object, columns: int | None = None) -> bool:
    """Whether it is a tensor [B, P]; of so many columns, if these are told."""
    return isinstance(value, Tensor) and value.ndim == 2 and columns in (None, value.shape[1])


def _of_prompts(value: object) -> bool:
    """Whether it is prompts, without holes."""
    return isinstance(value, dict) and value.keys() == {"prompt", "real"} and all(map(_of_rows, value.values()))


def _fitting(convention: Convention) -> None:
    """Refuses a convention that the tokens and logits of a loop cannot have."""
    mask, size = convention.mask_id, convention.vocab_size
    fits = {
        "a mask": mask is not None,
        "prompts": convention.prompted,
        "logits": convention.output != "probabilities",
        "tokens in the numbers of the model": not convention.offset,
        "the mask among them": mask is None or mask < size,
        "attention in both directions": convention.block is None,
    }
    lacks = [name for name, given in fits.items() if not given]
    if lacks:
        raise bad("convention of a hook", f"one without {', '.join(lacks)}", f"one with {', '.join(fits)}")
