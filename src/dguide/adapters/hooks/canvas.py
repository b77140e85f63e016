"""Guidance in `generate` of DiffusionGemma: a logits processor, and canvases that stay in pairs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from ...errors import bad, positive
from .levels import of_step
from .logits import Weight, as_normalized, guided_logits
from .pairs import as_module, doubled, halves

__all__ = ["PairedCanvas"]

_PAIRED = ("decoder_input_ids", "self_conditioning_logits")


class PairedCanvas:
    r"""A logits processor for `generate` of DiffusionGemma, whose canvases are drawn from the guided law.

    Its loop tells a processor the prompt and the logits of the canvas, but not the canvas. So a processor cannot call
    the model again, and the batch holds B prompts and then B references (`paired_prompts`). In `on(model)` the model
    reads the canvas of the first half in the second half too, and the processor gives both halves the guided logits.
    The first B rows of the result are the samples, and the others repeat them.

    The noise is uniform. What is guided is the prediction of the canvas, and other mechanisms than `Normalized` are
    refused; which tokens are kept is decided by the sampler of the loop. `dguide.sample` guides rates, and so samples
    from another law, unless w = 0.

    Args:
        guidance: `Normalized`, or its weight: a number, a schedule or text.
        steps: `max_denoising_steps` of the loop. The noise level falls from 1 to 0 in so many equal steps.

    Raises:
        ValueError: For another mechanism; in a call outside of `on(model)`, or by a loop without steps.

    >>> processor = PairedCanvas("ramp-up:2.0", steps=4)
    >>> cond, ref = torch.tensor([[[2.0, 0.0]]]), torch.tensor([[[1.0, 0.0]]])
    >>> with processor.on(torch.nn.Module()):  # the model of the loop
    ...     guided = processor(None, torch.cat((cond, ref)), cur_step=2)  # w is 1.25 on average from m = 1/2 to 1/4
    >>> torch.softmax(guided, -1)[:1].allclose(torch.softmax(2.25 * cond - 1.25 * ref, -1))
    True
    """

    def __init__(self, guidance: Weight, steps: int) -> None:
        self.guidance = as_normalized(guidance)
        self.steps = positive("steps", steps)
        self._paired = False

    @contextmanager
    def on(self, model: nn.Module) -> Iterator[PairedCanvas]:
        """Keeps the two canvases of each pair the same, in calls of a `DiffusionGemmaForBlockDiffusion`."""
        inner = getattr(as_module(model), "model", model)  # generate calls model.forward, and hooks belong to __call__
        handle = inner.register_forward_pre_hook(_follow, with_kwargs=True)
        self._paired = True
        try:
            yield self
        finally:
            self._paired = False
            handle.remove()

    def __call__(self, input_ids: Tensor, scores: Tensor, cur_step: int | Tensor | None = None) -> Tensor:
        """Guided logits for both halves, from the logits [2B, L, V] with `cur_step` steps left."""
        if cur_step is None:
            remedy = "For a model that writes from left to right use guidance_scale of generate, which is 1 + w."
            raise bad("cur_step", "none", "the steps that are left, as DiffusionGemma tells", remedy)
        if not self._paired:
            remedy = "Write: with processor.on(model): model.generate(...)."
            raise bad("PairedCanvas", "a call outside of on(model)", "canvases in pairs", remedy)
        cond, ref = halves(scores)
        level = of_step(self.steps - int(cur_step), self.steps)
        weight = level.weight(self.guidance, len(cond))
        return doubled(guided_logits(cond, ref, weight))


def _follow(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The same canvas, and the same logits of the last step, for both halves."""
    told = {name: doubled(halves(kwargs[name])[0]) for name in _PAIRED if kwargs.get(name) is not None}
    return args, kwargs | told
