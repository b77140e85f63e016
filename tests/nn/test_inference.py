from __future__ import annotations

from typing import Any

import pytest
import torch
from networks import awake, inputs

import dguide
from dguide.nn import Compiled, Inference

ROWS = torch.tensor([11, 3, 3, 18, 0])
every_network = pytest.mark.parametrize("changes", [{}, {"noise": "linear"}, {"augmentations": 9}], ids=str)


def both(model: Any, rows: torch.Tensor = ROWS, batch: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    return model(*inputs(batch)), model.logits_at(*inputs(batch), rows)


@every_network
def test_it_is_the_same_denoiser(changes: dict[str, Any]) -> None:
    model = awake(**changes)
    ready = Inference(model)
    assert ready.time_dependent == model.time_dependent
    assert torch.equal(ready.null(torch.tensor([0, 2])), torch.tensor([3, 3]))
    with torch.no_grad():  # with gradients the CPU computes some layers in another way
        expected = both(model)
    assert all(map(torch.equal, both(ready), expected))


@pytest.mark.parametrize("schedule", [None, "linear"])
def test_it_samples_what_the_network_samples(schedule: str | None) -> None:
    model = awake(noise=schedule, input_size=6 if schedule is None else 5)
    process = dguide.Masked(5) if schedule is None else dguide.Uniform(5)
    settings: dict[str, Any] = {
        "process": process,
        "length": 6,
        "condition": torch.arange(12) % 3,
        "guidance": dguide.Normalized(1.0),
        "sampler": dguide.Ancestral(4),
    }
    assert torch.equal(dguide.sample(Inference(model), **settings).tokens, dguide.sample(model, **settings).tokens)


def test_it_needs_no_gradients_and_no_dropout_and_leaves_the_model_alone() -> None:
    model = awake(dropout=0.5)
    with torch.no_grad():
        expected = model(*inputs())
    model.train()
    model.reseed(torch.Generator())
    ready = Inference(model, dtype="bfloat16")
    assert model.training
    assert all(p.requires_grad and p.dtype == torch.float32 for p in model.parameters())
    ready = Inference(model)
    ready.train()
    for logits in both(ready):
        assert not logits.requires_grad
        assert not logits.is_inference()
        logits.add_(1.0)  # ordinary tensors, which their receiver may change
    assert torch.equal(ready(*inputs()), expected)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    assert torch.equal(ready(*inputs()), expected)


@every_network
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_lower_precision_is_near(changes: dict[str, Any], dtype: str) -> None:
    model = awake(**changes)
    ready = Inference(model, dtype=dtype)
    kind = getattr(torch, dtype)
    assert {p.dtype for p in ready.parameters()} == {kind}
    for got, exact in zip(both(ready), both(model), strict=True):
        assert got.dtype == (torch.float32 if model.time_dependent else kind)
        bound = 16 * torch.finfo(kind).eps * float(exact.detach().abs().max())
        assert 0 < float((got.float() - exact).detach().abs().max()) < bound


def test_evidence_and_noise_level_keep_their_precision() -> None:
    """Where the token tells nearly all, bfloat16 would round the evidence of 27.6 by up to 0.06."""
    model = awake(noise="linear", input_size=5)
    ready = Inference(model, dtype=torch.bfloat16)
    assert ready.network.level is not None
    assert ready.network.level.frequencies.dtype == torch.float64
    tokens, _, labels = inputs(2, top=5)
    near = torch.full((2,), 5e-12, dtype=torch.float64)
    own = tokens.unsqueeze(-1)
    with torch.no_grad():
        without = ready.parts.readout(ready.parts.trunk(tokens, near, labels), None)
    evidence = ready(tokens, near, labels) - without
    torch.testing.assert_close(evidence.gather(-1, own), torch.full((2, 6, 1), 27.631021), rtol=0, atol=1e-5)


def test_arguments_are_checked_as_those_of_the_network() -> None:
    ready = Inference(awake())
    tokens, time, labels = inputs()
    for call in (ready, lambda *x: ready.logits_at(*x, ROWS)):
        with pytest.raises(ValueError, match=r"tokens.*\[B, 6\]"):
            call(tokens[:, :5], time, labels)
        with pytest.raises(ValueError, match=r"tokens.*0 to 5"):
            call(tokens + 6, time, labels)
        with pytest.raises(ValueError, match=r"labels.*0 to 3"):
            call(tokens, time, labels + 4)
    with pytest.raises(ValueError, match=r"rows.*0 to 23"):
        ready.logits_at(tokens, time, labels, ROWS + 20)


def test_an_accelerator_is_never_waited_for() -> None:
    """Tensors on the meta device have no values: to ask for one is an error there, as it is a wait elsewhere."""
    ready = Inference(awake(noise="linear").to("meta"))
    tokens, time, labels = (x.to("meta") for x in inputs())
    assert ready(tokens, time, labels).shape == (4, 6, 5)
    assert ready.logits_at(tokens, time, labels, ROWS.to("meta")).shape == (5, 5)
    with pytest.raises(ValueError, match=r"labels.*\[3\].*\[4\]"):
        ready(tokens, time, labels[:3])
    with pytest.raises((RuntimeError, NotImplementedError), match="meta"):
        ready.network.check_ranges(tokens, labels)


@pytest.mark.parametrize(
    ("dtype", "message"),
    [("bfloat61", "Did you mean 'bfloat16'"), (torch.float64, "float64.*one of"), (torch.int64, "int64.*one of")],
)
def test_other_precisions_are_refused(dtype: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Inference(awake(), dtype=dtype)


def test_what_is_no_network_of_ours_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Linear.*a DiffusionTransformer"):
        Inference(torch.nn.Linear(2, 2))  # type: ignore[arg-type]


def test_it_cannot_be_moved_away_from_what_holds_on_to_its_weights() -> None:
    ready = Inference(awake())
    for move in (ready.half, lambda: ready.to("meta"), lambda: ready.to(torch.float64)):
        with pytest.raises(ValueError, match="Move the model first"):
            move()


def test_speedups_apply_in_order() -> None:
    order = []

    def speedup(name: str) -> Any:
        def apply(parts: Any, device: torch.device) -> Any:
            order.append((name, device.type))
            return parts

        return apply

    Inference(awake(), speedup("inner"), speedup("outer"))
    assert order == [("inner", "cpu"), ("outer", "cpu")]
    assert torch.equal(Inference(awake(), Compiled("eager"))(*inputs()), awake()(*inputs()))
