"""What the grid has for each checkpoint: cells in the order of work, samples, seeds, and the figure that decides."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .grid_cells import NAMES, SCHEDULES, Cell

__all__ = ["PLANS", "Block", "Plan", "reduced"]

MEANS = (0.5, 1.0, 2.0, 3.0, 5.0)


@dataclass(frozen=True)
class Block:
    """A complete part of the grid: all mechanisms and schedules at these means, and no guidance, at these steps."""

    steps: int
    means: tuple[float, ...]

    @property
    def cells(self) -> tuple[Cell, ...]:
        guided = (
            Cell(mechanism, schedule, mean, self.steps)
            for mean in self.means
            for schedule in SCHEDULES
            for mechanism in NAMES
        )
        return (Cell.unguided(self.steps), *guided)


FULL = (
    Block(16, (3.0, 1.0)),
    Block(32, (3.0, 1.0)),
    Block(16, (0.5, 2.0, 5.0)),
    Block(8, MEANS),
    Block(64, (3.0, 1.0)),
    Block(32, (0.5, 2.0, 5.0)),
    Block(64, (0.5, 2.0, 5.0)),
)
"""All of the grid, the most telling parts first."""
PART = (Block(16, (3.0, 1.0)), Block(32, (3.0, 1.0)), Block(16, (0.5, 2.0, 5.0)))
"""The part for models that take longer."""


@dataclass(frozen=True)
class Plan:
    """The part of the grid that a checkpoint gets.

    Attributes:
        model: name of the checkpoint.
        blocks: the cells, in the order of work.
        figure: name of the figure that decides, on the test part where it compares with data.
        choice: name of the figure that chooses the best setting, on the validation part where it compares with data.
        also: names of the figures that the page shows beside it.
        hours: processor hours of the plan, as measured on one cell.
        count: samples of each cell and seed.
        seeds: the seeds; the first one chooses the best setting.
        asked: the condition and class that all samples ask for; by default every class of the first condition in turn.
    """

    model: str
    blocks: tuple[Block, ...]
    figure: str
    choice: str
    also: tuple[str, ...]
    hours: float
    count: int = 256
    seeds: tuple[int, ...] = (0, 1, 2)
    asked: tuple[str, int] | None = None

    @property
    def name(self) -> str:
        """Of the study."""
        return f"grid-{self.model}"

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Each once, in the order of work."""
        return tuple(dict.fromkeys(cell for block in self.blocks for cell in block.cells))

    @property
    def means(self) -> tuple[float, ...]:
        return tuple(sorted({mean for block in self.blocks for mean in block.means}))

    @property
    def steps(self) -> tuple[int, ...]:
        return tuple(sorted({block.steps for block in self.blocks}))


def _images(model: str, blocks: tuple[Block, ...], hours: float, count: int = 256) -> Plan:
    also = ("accuracy on the asked class", "precision", "recall")
    test, validation = "Fréchet distance to test images", "Fréchet distance to validation images"
    return Plan(model, blocks, test, validation, also, hours, count)


def _molecules(model: str, hours: float) -> Plan:
    also = ("valid", "unique of valid", "Fréchet distance")
    asked = "rings as asked"
    return Plan(model, PART, asked, asked, also, hours, asked=("rings", 1))


def _strings(model: str, order: int, also: tuple[str, ...], hours: float) -> Plan:
    test, validation = (f"{order}-gram divergence to {part} strings" for part in ("test", "validation"))
    return Plan(model, PART, test, validation, also, hours)


PLANS: dict[str, Plan] = {
    plan.name: plan
    for plan in (
        _images("digits-masked", FULL, 3.7),
        _images("digits-uniform", FULL, 5.1),
        _images("mnist14-masked", PART, 2.0, 128),
        _images("wafer16-masked", PART, 2.6, 128),
        _molecules("qm9-masked", 0.6),
        _molecules("qm9-uniform", 0.8),
        _strings("splice-masked", 3, ("accuracy", "perplexity", "unique"), 1.2),
        _strings("peptides-masked", 2, ("accuracy", "valid", "unique"), 0.7),
        _strings("plays-masked", 3, ("accuracy", "real words", "unique"), 1.1),
    )
}
"""The plans by the name of their study."""


def reduced(plan: Plan) -> Plan:
    """A plan of the same kind that ends in minutes."""
    return replace(plan, blocks=(Block(8, (3.0,)),), count=32)
