"""One block of positions after the other, from left to right."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ...denoiser import Denoiser
from ...errors import bad, positive
from ...extension import listed
from ...guidance import Guidance
from ...process import Process
from ..around import Around
from ..run import Run
from ..sampler import Sampler
from ..state import State
from ..unmasking.confidence import LowConfidence
from .caching import block_size_of
from .place import Place

__all__ = ["Blocks"]


@dataclass(frozen=True)
class Blocks(Around):
    """Draw a block of positions with another sampler, then the next block.

    Blocks are counted from the first mask of each sample, so a prompt in `initial` is followed by whole blocks. Those
    of a block-causal network are its own. Blocks in which nothing can change are passed over. Steps, numbers, noise
    levels and the schedule of w are those of a block: with `LowConfidence(steps=16)` inside every block takes 16 steps,
    in which the noise level falls from 1 to 0. The next block begins when all samples of a batch are done with the
    present one. Only positions of the present block are looked at. The network reads those of later blocks as noise,
    and a block-causal one that keeps what it computed (`dguide.denoiser.BlockCausal`) is given the present block alone.
    Source: the semi-autoregressive sampling of LLaDA (Nie et al., arXiv 2502.09992, where `steps` are those of all
    blocks together), and block diffusion (Arriola et al., arXiv 2503.09573).

    Args:
        sampler: what draws a block: any but `SMC` and another `Blocks`.
        size: positions of a block.

    Raises:
        ValueError: for another sampler than those, or a size below 1; at the start for a block-causal network whose
            blocks have another size, or whose reference has its blocks elsewhere.

    >>> import dguide
    >>> dguide.Blocks(dguide.TopMargin(steps=4), size=8).size
    8
    """

    sampler: Sampler = LowConfidence()
    size: int = 32

    in_blocks = False
    guarantee = "that of the sampler inside, block by block; exact with blocks of one position, given the prediction"

    def __post_init__(self) -> None:
        if not (isinstance(self.sampler, Sampler) and self.sampler.in_blocks):
            raise bad("Blocks sampler", repr(self.sampler), f"an instance of {listed(Sampler, in_blocks=True)}")
        positive("Blocks size", self.size)

    @property
    def predictable(self) -> bool:  # type: ignore[override]
        return self.sampler.predictable

    def check(self, process: Process, guidance: Guidance, denoiser: Denoiser) -> None:
        self.sampler.check(process, guidance, denoiser)
        own = block_size_of(denoiser)
        if own not in (None, self.size):
            raise bad("Blocks size", self.size, f"{own}, the size of the blocks of the network", f"Use size={own}.")

    def begin(self, run: Run) -> State:
        return replace(self.sampler.begin(run), plan=Place.before_all(run, self.size))

    def replanned(self, state: State) -> State:
        place = state.plan
        return replace(state, plan=replace(place, plan=None) if isinstance(place, Place) else None)

    def finished(self, run: Run, state: State) -> bool:
        return self._present(run, state) is None

    def step(self, run: Run, state: State) -> State:
        self.check_unfinished(run, state)
        place = self._present(run, state)
        assert place is not None
        place.catch_up(state)
        moved = self.sampler.step(place.run, place.inside(state))
        return replace(moved, index=state.index + 1, plan=replace(place, plan=moved.plan))

    def length(self, run: Run, state: State) -> int:
        place = self._place(run, state)
        ahead = [place] if self._unfinished(place, state) else []
        ahead += [place.moved(run, state, number) for number in place.free_ahead(run, state).unique().tolist()]
        return sum(self.sampler.length(each.run, each.inside(state)) for each in ahead)

    def _place(self, run: Run, state: State) -> Place:
        """Where the last step was; a state whose plan was lost is before the first block, and passes over full ones."""
        return state.plan if isinstance(state.plan, Place) else Place.before_all(run, self.size)

    def _unfinished(self, place: Place, state: State) -> bool:
        """Whether the next step is in the block of the last one."""
        return place.number >= 0 and not self.sampler.finished(place.run, place.inside(state))

    def _present(self, run: Run, state: State) -> Place | None:
        """Where the next step is; None if there is none."""
        place = self._place(run, state)
        if self._unfinished(place, state):
            return place.moved(run, state, place.number)
        ahead = place.free_ahead(run, state)
        return place.moved(run, state, int(ahead.min())) if len(ahead) else None
