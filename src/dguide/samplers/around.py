"""Samplers that draw with another sampler."""

from __future__ import annotations

from .sampler import Sampler

__all__ = ["Around"]


class Around(Sampler):
    """A sampler that draws by the steps of another one, and so needs and allows what that one does.

    Attributes:
        sampler: the one inside.
    """

    sampler: Sampler

    @property
    def revisits(self) -> bool:  # type: ignore[override]
        return self.sampler.revisits

    @property
    def general_step(self) -> bool:  # type: ignore[override]
        return self.sampler.general_step

    @property
    def extra_weights(self) -> tuple[float, ...]:
        return self.sampler.extra_weights
