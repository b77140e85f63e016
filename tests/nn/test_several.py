from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

import dguide
from dguide.nn import DiffusionTransformer, Inference

SIZES = {"kind": 3, "a.mass": 0}


def network(sizes: Any = SIZES) -> DiffusionTransformer:
    generator = torch.Generator().manual_seed(3)
    model = DiffusionTransformer(5, sizes, 4, input_size=6, width=16, layers=2, heads=2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.3, generator=generator)
    return model.eval()


def told(kind: list[int], mass: list[float]) -> dict[str, Tensor]:
    return {"kind": torch.tensor(kind), "a.mass": torch.tensor(mass)}


def logits(model: Any, condition: Any, count: int = 1) -> Tensor:
    with torch.no_grad():
        return model(torch.full((count, 4), 5), torch.full((count,), 0.5), condition)


def test_every_condition_matters_on_its_own() -> None:
    model = network()
    base = logits(model, told([0], [0.5]))
    for other in (told([1], [0.5]), told([0], [-0.5]), told([3], [0.5]), told([0], [math.nan])):
        assert (logits(model, other) - base).abs().max() > 1e-3
    assert torch.equal(logits(model, told([0], [0.5])), base)


def test_not_told_is_one_more_than_the_last_class_or_nan_and_the_same_whatever_was_asked() -> None:
    model = network()
    null = model.null(told([0, 2], [1.0, -3.0]))
    assert null["kind"].tolist() == [3, 3]
    assert null["a.mass"].isnan().all()
    assert logits(model, null, 2).isfinite().all()
    assert torch.equal(logits(model, null, 2)[0], logits(model, null, 2)[1])
    assert torch.equal(network(4).null(torch.tensor([1, 2])), torch.tensor([4, 4]))


def test_the_gradient_of_what_is_not_told_is_finite() -> None:
    model = network().train()
    model(torch.full((2, 4), 5), torch.full((2,), 0.5), told([0, 3], [1.0, math.nan])).square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_sampling_with_guidance_takes_several_conditions() -> None:
    condition = told([0, 1, 2, 3], [0.0, 1.0, math.nan, 2.0])
    arguments: dict[str, Any] = {"process": dguide.Masked(5), "length": 4, "seed": 3, "sampler": dguide.Ancestral(4)}
    guided = dguide.sample(network(), condition=condition, guidance=dguide.Normalized(2.0), **arguments)
    assert guided.calls.reference > 0
    alone = dguide.sample(
        network(),
        condition={name: values[1:2] for name, values in condition.items()},
        guidance=dguide.Normalized(2.0),
        first_index=1,
        **arguments,
    )
    assert torch.equal(alone.tokens[0], guided.tokens[1])
    assert torch.equal(
        dguide.sample(Inference(network()), condition=condition, guidance=dguide.Normalized(2.0), **arguments).tokens,
        guided.tokens,
    )


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (torch.tensor([0]), r"condition: got Tensor.*a\.mass.*kind"),
        ({"kind": torch.tensor([0])}, r"names \['kind'\]"),
        (told([0, 1], [0.5]), r"'kind': got torch.int64 \[2\], expected torch.int64 \[1\]"),
        ({"kind": torch.tensor([0.0]), "a.mass": torch.tensor([0.5])}, "'kind'.*float32.*int64"),
        ({"kind": torch.tensor([0]), "a.mass": torch.tensor([1])}, "'a.mass'.*int64.*floating point"),
        (told([4], [0.5]), r"'kind': got values from 4 to 4, expected values from 0 to 3"),
    ],
)
def test_conditions_of_another_structure_are_refused(condition: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        logits(network(), condition)


@pytest.mark.parametrize("sizes", [{}, {"a": -1}, {"a": 1.5}, 0])
def test_sizes_that_are_none_are_refused(sizes: Any) -> None:
    with pytest.raises(ValueError, match="n_classes"):
        network(sizes)
