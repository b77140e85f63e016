"""A guider of diffusers for logits."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ...errors import Mistakes, bad, switch
from ...noise import Noise, parse
from .installed import of_diffusers
from .levels import of_step
from .logits import Weight, as_normalized, as_text, guided_logits

__all__ = ["DiscreteGuidance"]

_Output = of_diffusers("GuiderOutput", "diffusers.guiders.guider_utils")


class DiscreteGuidance(of_diffusers("BaseGuidance")):  # type: ignore[misc]
    r"""A guider whose predictions are logits: $(1 + w(m)) \log q_c - w(m) \log q_u$ at noise level m.

    It guides where tokens land, as `Normalized` does for masks; the pace is that of the loop. Other mechanisms are
    refused. w is its mean over the noise levels of the step that `set_state` tells. It is used, saved and loaded as the
    guiders of diffusers are (`prepare_inputs`, `guider_config.json`).

    Args:
        guidance: `Normalized`, or its weight: a number, a schedule or text. w = 0 is the conditional model; the
            `guidance_scale` of diffusers is 1 + w (`dguide.guidance.from_scale`).
        noise: The noise schedule of the loop, with steps equal in time: "linear" if each step leaves equally many
            masks less, "cosine" for that of MaskGIT.
        vocab_dim: Which dimension of the logits is the vocabulary.
        start: The share of the steps before guidance starts.
        stop: The share of the steps after which it stops.
        enabled: Whether it guides at all.

    Raises:
        ValueError: For another mechanism, or weights that no config can keep.

    >>> guider = DiscreteGuidance("ramp-up:2.0")
    >>> guider.set_state(step=0, num_inference_steps=2, timestep=None)  # the mean of w from m = 1 to 1/2 is 1/2
    >>> cond, ref = torch.tensor([[[2.0, 0.0]]]), torch.tensor([[[1.0, 0.0]]])
    >>> torch.softmax(guider.forward(cond, ref).pred, -1).allclose(torch.softmax(1.5 * cond - 0.5 * ref, -1))
    True
    """

    _input_predictions = ["pred_cond", "pred_uncond"]  # noqa: RUF012 - diffusers asks for a list

    def __init__(
        self,
        guidance: Weight = 1.0,
        noise: str | Noise = "linear",
        vocab_dim: int = -1,
        start: float = 0.0,
        stop: float = 1.0,
        enabled: bool = True,
    ) -> None:
        mistakes = Mistakes()
        told = mistakes.of(lambda: as_text(as_normalized(guidance)))
        level = mistakes.of(lambda: _noise_of(noise))
        if isinstance(vocab_dim, bool) or not isinstance(vocab_dim, int):
            mistakes.add(bad("vocab_dim", repr(vocab_dim), "a dimension, such as -1 or 1"))
        mistakes.of(lambda: switch("enabled", enabled))
        mistakes.settle()
        assert level is not None
        self._guidance, self._noise, self._vocab_dim = as_normalized(guidance), level, vocab_dim
        super().__init__(start, stop, enabled)
        self.register_to_config(
            guidance=told,
            noise=str(level),
            vocab_dim=vocab_dim,
            start=start,
            stop=stop,
            enabled=enabled,
        )

    def prepare_inputs(self, data: dict[str, Any]) -> list[Any]:
        """The inputs of each prediction, from pairs (conditional, reference) of them by name."""
        return [self._prepare_batch(data, *which) for which in self._predictions()]

    def prepare_inputs_from_block_state(self, data: Any, input_fields: dict[str, Any]) -> list[Any]:
        """The inputs of each prediction, from the fields of `data` that hold them."""
        return [self._prepare_batch_from_block_state(input_fields, data, *which) for which in self._predictions()]

    def forward(self, pred_cond: Tensor, pred_uncond: Tensor | None = None) -> Any:
        """The guided logits as `.pred`, from the logits of the two predictions, [B, ..., V].

        Raises:
            ValueError: If the second one is missing where w is not 0.
        """
        pred, weight = pred_cond, self._weight()
        if weight != 0:
            if pred_uncond is None:
                raise bad("pred_uncond", "none", f"logits, since w is {weight:g} in this step")
            cond, ref = (each.movedim(self._vocab_dim, -1) for each in (pred_cond, pred_uncond))
            pred = guided_logits(cond, ref, weight).movedim(-1, self._vocab_dim)
        return _Output(pred=pred, pred_cond=pred_cond, pred_uncond=pred_uncond)

    @property
    def is_conditional(self) -> bool:
        return bool(self._count_prepared == 1)

    @property
    def num_conditions(self) -> int:
        return 1 if self._weight() == 0 else 2

    def _predictions(self) -> list[tuple[int, str]]:
        """Number and name of each prediction that the present step needs."""
        return list(enumerate(self._input_predictions))[: self.num_conditions]

    def _weight(self) -> float:
        """w in the present step."""
        if not self._enabled:
            return 0.0
        step, steps = self._step, self._num_inference_steps
        if steps is None:
            if not self._guidance.level_free:
                remedy = "Call set_state(step, num_inference_steps, timestep) before each step."
                raise bad("step of the guider", "none", "one, since w depends on the noise level", remedy)
            step, steps = 0, 1
        elif not int(self._start * steps) <= step < int(self._stop * steps):
            return 0.0
        return float(of_step(step, steps, self._noise).weight(self._guidance, 1))


def _noise_of(noise: str | Noise) -> Noise:
    """The noise schedule of a loop, which may be named."""
    found = parse(noise) if isinstance(noise, str) else noise
    if not isinstance(found, Noise):
        raise bad("noise of the guider", repr(noise), "a noise schedule, or its name, such as 'cosine'")
    return found
