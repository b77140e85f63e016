"""The fused linear layers give what PyTorch's own give, and step aside where they must."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from dguide.nn import linear
from dguide.nn.linear import GeluLinear, Linear

fused_here = pytest.mark.skipif(linear._fused(torch.float32) is None, reason="no fused layer in this PyTorch")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The activations of the fused calls."""
    fused, made = linear._fused, list[str]()

    def watched(dtype: torch.dtype) -> Callable[..., torch.Tensor]:
        def call(*given: Any) -> torch.Tensor:
            made.append(given[3])
            return fused(dtype)(*given)  # type: ignore[misc]

        return call

    monkeypatch.setattr(linear, "_fused", watched)
    return made


def pair(dtype: torch.dtype = torch.float32) -> tuple[Linear, GeluLinear, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    layers = Linear(24, 40), GeluLinear(24, 40)
    for layer in layers:
        for parameter in layer.parameters():
            parameter.data.normal_(generator=generator)
    return *(layer.to(dtype) for layer in layers), torch.randn(3, 50, 24, generator=generator).to(dtype)  # type: ignore[return-value]


@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 1e-6), (torch.bfloat16, 1e-2)])
def test_both_ways_compute_the_layer(dtype: torch.dtype, error: float) -> None:
    plain, gelu, x = pair(dtype)
    for layer in (plain, gelu):
        expected = F.linear(x.double(), layer.weight.double(), layer.bias.double())
        if layer is gelu:
            expected = F.gelu(expected, approximate="tanh")
        scale = error * expected.abs().max()
        with torch.no_grad():
            assert (layer(x) - expected).abs().max() < scale
            assert (layer(x.flatten(0, 1)) - expected.flatten(0, 1)).abs().max() < scale
        assert (layer(x) - expected).abs().max() < scale


@fused_here
def test_it_is_fused_for_sequences_without_gradients_only(calls: list[str]) -> None:
    plain, gelu, x = pair()
    assert gelu(x).requires_grad
    assert not calls
    with torch.no_grad():
        plain(x), gelu(x)
        assert calls == ["none", "gelu"]
        plain(x[0]), gelu(x[:0])
        with torch.autocast("cpu", torch.bfloat16):
            assert plain(x).dtype == torch.bfloat16
        assert calls == ["none", "gelu"]


@fused_here
def test_another_layer_under_the_same_name_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    class Other:
        def __init__(self, answer: object) -> None:
            self._linear_pointwise = answer

    def failing(*_: object) -> None:
        raise RuntimeError("could not create a primitive")

    exact = lambda x, weight, bias, *_: F.gelu(F.linear(x, weight, bias), approximate="none")  # noqa: E731
    for answer in (exact, failing):
        monkeypatch.setattr(torch.ops, "mkldnn", Other(answer))
        assert linear._fused.__wrapped__(torch.float32) is None
    monkeypatch.setattr(torch.ops, "mkldnn", object())
    assert linear._fused.__wrapped__(torch.float32) is None
