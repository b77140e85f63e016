from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
import torch
from torch import Tensor, nn

from dguide.data import load
from dguide.train import TrainConfig
from dguide.train.denoisers import build
from dguide.train.muon import Muon, Scale, orthogonalise
from dguide.train.optimizers import optimizers

SHAPES = [(12, 4), (4, 12), (8, 8)]


def normal(shape: tuple[int, ...], seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", SHAPES)
def test_orthogonalised_matrices_keep_their_directions_and_lose_their_lengths(shape: tuple[int, int]) -> None:
    matrices = normal((3, *shape)) * 1e-3
    left, lengths, _ = torch.linalg.svd(orthogonalise(matrices), full_matrices=False)
    assert lengths.min() > 0.5
    assert lengths.max() < 1.3
    nearest, _, other = torch.linalg.svd(matrices, full_matrices=False)
    exact = nearest @ other  # all singular values 1
    cosine = (orthogonalise(matrices) * exact).sum((-2, -1)) / (lengths.norm(dim=-1) * min(shape) ** 0.5)
    assert cosine.min() > 0.95
    torch.testing.assert_close(left.mT @ left, torch.eye(min(shape)).expand(3, -1, -1), atol=1e-5, rtol=0)


def test_a_matrix_is_treated_as_it_would_be_alone() -> None:
    matrices = normal((3, 6, 5))
    for one, found in zip(matrices, orthogonalise(matrices), strict=True):
        torch.testing.assert_close(found, orthogonalise(one))
    assert torch.equal(orthogonalise(torch.zeros(2, 3)), torch.zeros(2, 3))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_momentum_that_dies_away_moves_no_weight_far(dtype: torch.dtype) -> None:
    """As that of a matrix without gradient does, in some thousand steps."""
    for power in range(18, 39):
        lengths = torch.linalg.svdvals(orthogonalise((normal((8, 12)) * 10.0**-power).to(dtype)).float())
        assert lengths.isfinite().all()
        assert lengths.max() < 1.3


@pytest.mark.parametrize("scale", get_args(Scale))
@pytest.mark.parametrize("shape", SHAPES)
def test_steps_are_those_of_torch(shape: tuple[int, int], scale: Scale) -> None:
    """In torch's own class the iteration is in bfloat16, with 8 bits of precision."""
    ours, theirs = (nn.Parameter(normal(shape)) for _ in range(2))
    one = Muon([ours], lr=0.02, momentum=0.4, weight_decay=0.1, scale=scale)
    other = torch.optim.Muon([theirs], lr=0.02, momentum=0.4, weight_decay=0.1, adjust_lr_fn=scale)
    for step in range(5):
        ours.grad = theirs.grad = normal(shape, step + 1)
        one.step()
        other.step()
    moved = (theirs - normal(shape)).abs().mean()
    assert (ours - theirs).abs().mean() < 0.05 * moved


def test_the_iteration_takes_another_dtype_and_the_weights_keep_theirs(tmp_path: Path) -> None:
    ours, half = (nn.Parameter(normal((16, 48))) for _ in range(2))
    optimizers_ = Muon([ours], lr=0.02), Muon([half], lr=0.02, dtype=torch.bfloat16)
    for each, optimizer in zip((ours, half), optimizers_, strict=True):
        each.grad = normal((16, 48), 1)
        optimizer.step()
    moved, same = ours - normal((16, 48)), half - normal((16, 48))
    assert half.dtype == optimizers_[1].state[half]["momentum"].dtype == torch.float32
    assert not torch.equal(moved, same)
    assert (moved - same).norm() < 0.1 * moved.norm()  # bfloat16 has 8 bits
    config = TrainConfig(out=tmp_path, steps=1, size="tiny", optimizer="muon", precision="bf16")
    found = optimizers(build(config, load("digits"))[1], config)[1]
    assert isinstance(found, Muon)
    assert found.dtype == torch.bfloat16


def test_every_parameter_has_one_optimizer(tmp_path: Path) -> None:
    settings = {"out": tmp_path, "steps": 1, "width": 16, "layers": 2, "heads": 2, "process": "uniform"}
    for name, count in (("adamw", 1), ("muon", 2)):
        config = TrainConfig(**settings, optimizer=name)
        _, model = build(config, load("digits"))
        found = optimizers(model, config)
        assert len(found) == count
        held = [id(p) for optimizer in found for group in optimizer.param_groups for p in group["params"]]
        assert len(held) == len(set(held))
        assert set(held) == {id(p) for p in model.parameters()}
    matrices = found[1].param_groups[0]["params"]
    assert sorted(tuple(p.shape) for p in matrices) == 2 * [(16, 16)] + 2 * [(16, 64)] + 2 * [(48, 16)] + 2 * [(64, 16)]


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_convolution_is_treated_as_its_matrix(layout: torch.memory_format) -> None:
    shape = (12, 4, 3, 3)
    kernel = nn.Parameter(normal(shape).to(memory_format=layout))
    matrix = nn.Parameter(normal(shape).flatten(1))
    optimizers = [Muon([each], lr=0.02, weight_decay=0.1) for each in (kernel, matrix)]
    for step in range(3):
        gradient = normal(shape, step + 1)
        kernel.grad, matrix.grad = gradient.to(memory_format=layout), gradient.flatten(1)
        for optimizer in optimizers:
            optimizer.step()
    assert torch.equal(kernel.flatten(1), matrix)
    assert kernel.is_contiguous(memory_format=layout)
