"""Schedulers of diffusers that guide: for `LLaDA2Pipeline`, `DiffusionGemmaPipeline`, or a loop of one's own.

A scheduler sees the logits of a batch and nothing else. So the batch holds pairs (`paired_prompts`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import torch
from torch import Tensor

from ...errors import InputError, bad
from ...guidance import Normalized
from .installed import of_diffusers
from .levels import Levels, of_masks, of_step
from .logits import Weight, as_normalized, as_text, guided_logits
from .pairs import doubled, halves

__all__ = ["GuidedBlockRefinementScheduler", "GuidedDiscreteDDIMScheduler", "GuidedEntropyBoundScheduler"]

C = TypeVar("C", bound=type)


def _guided(cls: C) -> C:
    """A scheduler class with the arguments of the one that it derives from, and `guidance` before them.

    Pipelines and configs look at the names of arguments.
    """
    made: Any = cls
    base = made.__bases__[1]

    @wraps(base.__init__)
    def init(self: Any, guidance: Weight = 1.0, **options: Any) -> None:
        base.__init__(self, **options)
        self.guidance = as_normalized(guidance)
        self.masks = None
        self.register_to_config(guidance=as_text(self.guidance))

    own, *theirs = inspect.signature(base.__init__).parameters.values()
    first = inspect.Parameter("guidance", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=1.0)
    named = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in theirs]
    init.__signature__ = inspect.Signature([own, first, *named])  # type: ignore[attr-defined]

    @wraps(base.step)
    def step(self: Any, model_output: Tensor, timestep: int | Tensor, sample: Tensor, **options: Any) -> Any:
        return self.in_pairs(super(made, self).step, model_output, timestep, sample, **options)

    made.__init__, made.step = init, step
    return cls


class _Pairs:
    """Steps of a batch of pairs: the conditional half is stepped with guided logits, and the other half follows it."""

    guidance: Normalized
    num_inference_steps: int
    masks: Tensor | None

    def in_pairs(
        self, step: Callable[..., Any], output: Tensor, timestep: int | Tensor, sample: Tensor, **more: Any
    ) -> Any:
        """What `step` of the scheduler returns for the guided half, for both halves."""
        mask, prompt = more.get("mask_token_id"), more.get("prompt_mask")
        own, same = _compared(sample, prompt)
        if mask is not None:
            weight = self._by_masks(int(timestep), (own == mask) if prompt is None else (own == mask) & ~prompt)
        else:
            weight = of_step(int(timestep), self.num_inference_steps).weight(self.guidance, len(own))
        if not same:
            if mask is not None or int(timestep):
                raise _apart()
            weight = torch.zeros_like(weight)  # the pipeline drew a canvas for each row; they agree from here on
        return _both(step, output, timestep, sample, weight, more)

    def _by_masks(self, index: int, masks: Tensor) -> Tensor:
        """w of each pair, [B], by the share of `masks` [B, L] that is left of those in the first step of the block."""
        left = masks.sum(-1)
        if index == 0 or self.masks is None or self.masks.shape != left.shape:
            self.masks = left
        self.masks = torch.maximum(self.masks, left)
        return of_masks(left, self.masks, self.num_inference_steps).weight(self.guidance, len(left))


def _compared(sample: Tensor, prompt: Tensor | None) -> tuple[Tensor, bool]:
    """The tokens of the conditional half, and whether those of the other half are the same outside of the prompt."""
    own, twin = halves(sample)
    same = own == twin
    return own, bool((same if prompt is None else same | prompt).all())


def _apart() -> InputError:
    remedy = "Give both halves the prev_sample of the step before."
    return bad("sample", "other tokens in the reference half", "the same tokens in both halves", remedy)


def _both(
    step: Callable[..., Any],
    output: Tensor,
    timestep: int | Tensor,
    sample: Tensor,
    weight: Tensor,
    more: dict[str, Any],
) -> Any:
    """A step of the conditional half with guided logits, for both halves. Each keeps its prompt."""
    mask, prompt = more.get("mask_token_id"), more.get("prompt_mask")
    own, twin = halves(sample)
    guided = guided_logits(*halves(output), weight, forbidden=() if mask is None else (mask,))
    told = step(guided, timestep, own, **more)
    after = torch.cat((told[0], told[0] if prompt is None else torch.where(prompt, twin, told[0])))
    if isinstance(told, tuple):
        return after, *map(doubled, told[1:])
    return type(told)(**{name: doubled(value) for name, value in told.items()} | {"prev_sample": after})


@_guided
class GuidedBlockRefinementScheduler(_Pairs, of_diffusers("BlockRefinementScheduler")):  # type: ignore[misc]
    r"""`BlockRefinementScheduler` for pairs: tokens are drawn from the guided law $q_w$, and kept by confidence.

    The batch holds B prompts and then B references (`paired_prompts`). Logits [2B, L, V] of both reach `step`. The
    first half is stepped with guided logits, and the second half gets the same tokens. So the first B rows of a result
    are the samples, and the others repeat them. It guides where tokens land, as `Normalized` does; other mechanisms are
    refused. The noise level is the share of masks that are left in the block, and w its mean over 1 / steps below it.
    After the last mask, when tokens are edited, it is w(0).

    Without masks (`mask_token_id=None`) the levels are those of equal steps in time. In the first step of a canvas that
    is not the same in both halves, w is 0.

    Args:
        guidance: `Normalized`, or its weight: a number, a schedule or text.
        options: Arguments of `BlockRefinementScheduler`; or make it of one, by `from_config(config, guidance=...)`.

    Raises:
        ValueError: For another mechanism; in `step` for an odd batch, and for halves that hold other tokens.

    >>> scheduler = GuidedBlockRefinementScheduler("ramp-up:2.0", block_length=4)
    >>> scheduler.set_timesteps(2)
    >>> masks = torch.full((2, 4), 9)  # one pair
    >>> after = scheduler.step(torch.randn(2, 4, 10), 0, masks, mask_token_id=9, temperature=1.0).prev_sample
    >>> after[0].equal(after[1]), int((after[0] == 9).sum())
    (True, 2)
    """

    def check_eos_finished(
        self, cur_x: Tensor, sampled_tokens: Tensor, final_transfer: Tensor, finished: Tensor, **options: Any
    ) -> Tensor:
        """Which rows have ended, [2B]: those of the conditional half, so that the prompts of the other do not count."""
        cur_x, sampled_tokens, final_transfer, finished = (
            halves(each)[0] for each in (cur_x, sampled_tokens, final_transfer, finished)
        )
        found = super().check_eos_finished(cur_x, sampled_tokens, final_transfer, finished, **options)
        return doubled(found)


@_guided
class GuidedDiscreteDDIMScheduler(_Pairs, of_diffusers("DiscreteDDIMScheduler")):  # type: ignore[misc]
    r"""`DiscreteDDIMScheduler` for pairs: the clean token is drawn from the guided prediction.

    Pairs and arguments are those of `GuidedBlockRefinementScheduler`. The noise is uniform, and the scheduler decides
    after the draw whether a token stays. So what is tilted is the prediction of the clean token, and not the rates:
    `Normalized` in `dguide.sample` samples from another law, except at w = 0. Correcting sweeps are guided too.

    >>> GuidedDiscreteDDIMScheduler(2.0, num_inference_steps=8).config.guidance
    'constant:2.0'
    """

    def step_correct(self, model_output: Tensor, timestep: int | Tensor, sample: Tensor, **options: Any) -> Any:
        """A correcting sweep after step `timestep`, by guided logits at the noise level that the step has reached."""
        reached = of_step(int(timestep), self.num_inference_steps).low
        own, same = _compared(sample, None)
        if not same:
            raise _apart()
        weight = Levels(reached, reached).weight(self.guidance, len(own))
        return _both(super().step_correct, model_output, timestep, sample, weight, options)


@_guided
class GuidedEntropyBoundScheduler(_Pairs, of_diffusers("EntropyBoundScheduler")):  # type: ignore[misc]
    """`EntropyBoundScheduler` for pairs: tokens are drawn from the guided law, and kept where its entropy is low.

    Pairs and arguments are those of `GuidedBlockRefinementScheduler`, without masks.

    >>> GuidedEntropyBoundScheduler("ramp-up:2.0").config.entropy_bound
    0.1
    """
