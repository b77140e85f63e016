from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from networks import awake, inputs, network
from torch import Tensor

from dguide import noise
from dguide.nn import DiffusionTransformer
from dguide.nn.blocks import attention


def test_fresh_network_predicts_the_uniform_law() -> None:
    logits = network()(*inputs())
    assert logits.shape == (4, 6, 5)
    assert torch.equal(logits, torch.zeros_like(logits))


@pytest.mark.parametrize("schedule", [None, "linear"])
def test_rows_do_not_depend_on_their_company(schedule: str | None) -> None:
    model = awake(noise=schedule)
    tokens, time, labels = inputs(7)
    together = model(tokens, time, labels)
    for row in range(7):
        alone = model(tokens[row : row + 1], time[row : row + 1], labels[row : row + 1])
        torch.testing.assert_close(alone, together[row : row + 1], rtol=1e-4, atol=1e-5)
    assert model(tokens[:0], time[:0], labels[:0]).shape == (0, 6, 5)


def test_position_label_and_other_tokens_matter() -> None:
    model = awake()
    tokens, time, labels = inputs()
    base = model(tokens, time, labels)
    assert not torch.allclose(base, model(tokens, time, (labels + 1) % 4), atol=1e-3)
    changed = tokens.clone()
    changed[:, 0] = (changed[:, 0] + 1) % 6
    assert not torch.allclose(base[:, 5], model(changed, time, labels)[:, 5], atol=1e-3)
    alike = model(torch.full_like(tokens, 5), time, labels)[0]
    assert torch.pdist(alike).min() > 1e-3  # every cell of the grid is told from every other


def test_rows_and_columns_share_embeddings() -> None:
    image = sum(p.numel() for p in network().position.parameters())
    sequence = sum(p.numel() for p in network(shape=None).position.parameters())
    assert (image, sequence) == (5 * 16, 6 * 16)


def test_time_matters_only_with_a_noise_schedule() -> None:
    tokens, time, labels = inputs()
    plain, timed = awake(), awake(noise="linear")
    assert not plain.time_dependent
    assert timed.time_dependent
    assert torch.equal(plain(tokens, time, labels), plain(tokens, 1 - time, labels))
    assert not torch.allclose(timed(tokens, time, labels), timed(tokens, 1 - time, labels), atol=1e-3)


def test_only_the_noise_level_counts_not_the_schedule() -> None:
    tokens, time, labels = inputs()
    square = noise.Polynomial(2.0)
    one = awake(noise="linear")(tokens, time, labels)
    other = awake(noise=square)(tokens, square.time(time), labels)
    torch.testing.assert_close(one, other)


def test_evidence_of_the_present_token_is_bayes_rule() -> None:
    """A fresh network gives the posterior of a clean token that was uniform before its noisy copy was seen."""
    model = network(input_size=5, noise="linear")
    tokens, time, labels = inputs(top=5)
    law = model(tokens, time, labels).double().softmax(-1)
    alpha = (1 - time)[:, None, None]
    likelihood = alpha * torch.nn.functional.one_hot(tokens, 5) + (1 - alpha) / 5
    torch.testing.assert_close(law, likelihood / likelihood.sum(-1, keepdim=True), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "changes", [{}, {"layers": 1}, {"noise": "linear"}, {"shape": None, "augmentations": 9}], ids=str
)
def test_logits_at_are_rows_of_forward(changes: dict[str, Any]) -> None:
    model = awake(**changes)
    tokens, time, labels = inputs(4)
    everywhere = model(tokens, time, labels).flatten(0, 1)
    for rows in ([7], [0, 23], [11, 3, 3, 18, 0], list(range(24)), []):
        chosen = torch.tensor(rows, dtype=torch.int64)
        found = model.logits_at(tokens, time, labels, chosen)
        assert found.dtype == everywhere.dtype
        torch.testing.assert_close(found, everywhere[chosen], rtol=1e-5, atol=1e-5)
    assert torch.pdist(everywhere).min() > 1e-3  # no two rows could be mistaken for each other


def test_logits_at_do_the_position_wise_work_at_their_rows_only() -> None:
    model, seen = awake(layers=3), {}
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear):
            module.register_forward_hook(lambda _, args, __, name=name: seen.update({name: args[0].shape[:-1].numel()}))
    model.logits_at(*inputs(4), torch.tensor([1, 9, 20]))
    at_rows = {name for name, count in seen.items() if count == 3}
    assert at_rows == {"blocks.2.out", "blocks.2.expand", "blocks.2.contract", "head"}


def test_gradients_flow_through_logits_at() -> None:
    model, rows = awake(noise="linear"), torch.tensor([2, 13])
    model(*inputs(4)).flatten(0, 1)[rows].square().sum().backward()
    expected = [parameter.grad for parameter in model.parameters()]
    model.zero_grad()
    model.logits_at(*inputs(4), rows).square().sum().backward()
    for parameter, gradient in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-3, atol=1e-4)


def test_attention_in_half_precision_is_that_of_float32_where_a_cpu_trains() -> None:
    """Also under autocast, which would take it back to half precision. Float64 stays."""
    exact = torch.randn(3, 2, 3, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(3)).unbind()
    assert attention(*exact).dtype == torch.float64
    assert torch.equal(attention(*exact), torch.nn.functional.scaled_dot_product_attention(*exact))
    parts = [torch.randn(2, 3, 5, 4, generator=torch.Generator().manual_seed(k)).bfloat16() for k in range(3)]
    expected = torch.nn.functional.scaled_dot_product_attention(*(part.float() for part in parts)).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(attention(*parts), expected)
        with torch.no_grad():
            assert attention(*parts).dtype == torch.bfloat16


def test_evidence_is_finite_at_both_ends() -> None:
    model = network(input_size=5, noise="linear")
    tokens, _, labels = inputs(2, top=5)
    law = model(tokens, torch.tensor([0.0, 1.0], dtype=torch.float64), labels).softmax(-1)
    assert torch.equal(law[0].argmax(-1), tokens[0])
    assert law[0].max(-1).values.min() > 1 - 1e-6
    torch.testing.assert_close(law[1], torch.full((6, 5), 0.2))


def test_a_mask_is_no_evidence() -> None:
    model = network(noise="linear")
    tokens, time, labels = inputs()
    logits = model(torch.full_like(tokens, 5), time, labels)
    assert torch.equal(logits, torch.zeros_like(logits))


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_time_of_any_precision(kind: torch.dtype) -> None:
    model = awake(noise="linear")
    tokens, time, labels = inputs()
    logits = model(tokens, time.to(kind), labels)
    assert logits.dtype == torch.float32
    torch.testing.assert_close(logits, model(tokens, time, labels), rtol=1e-3, atol=1e-3)


def test_null_is_one_more_label() -> None:
    model = awake()
    tokens, time, labels = inputs()
    null = model.null(labels)
    assert null.dtype == labels.dtype
    assert null.tolist() == [3] * 4
    assert torch.isfinite(model(tokens, time, null)).all()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (torch.tensor([0, 1, 2, 4]), r"0 to 4.*0 to 3"),
        (torch.tensor([0, -1, 2, 3]), r"-1 to 3.*0 to 3"),
        (torch.tensor([0.0, 1.0, 2.0, 3.0]), r"float32.*int64"),
        (torch.tensor([0, 1, 2]), r"\[3\].*\[4\]"),
        (torch.tensor([[0], [1], [2], [3]]), r"\[4, 1\].*\[4\]"),
    ],
)
def test_bad_labels_are_refused(labels: Tensor, message: str) -> None:
    tokens, time, _ = inputs()
    with pytest.raises(ValueError, match=message):
        network()(tokens, time, labels)
    with pytest.raises(ValueError, match=message):
        network().logits_at(tokens, time, labels, torch.tensor([0]))


def test_bad_tokens_and_times_are_refused() -> None:
    tokens, time, labels = inputs()
    with pytest.raises(ValueError, match=r"\[4, 5\].*\[B, 6\]"):
        network()(tokens[:, :5], time, labels)
    with pytest.raises(ValueError, match="0 to 5"):
        network()(tokens + 6, time, labels)
    with pytest.raises(ValueError, match=r"time.*\[4\]"):
        network()(tokens, time[:1], labels)
    with pytest.raises(ValueError, match="floating"):
        network()(tokens, labels, labels)
    with pytest.raises(ValueError, match="0 to 5"):
        network().logits_at(tokens + 6, time, labels, torch.tensor([0]))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (torch.tensor([0, 24]), r"rows.*0 to 24.*0 to 23"),
        (torch.tensor([-1]), r"rows.*-1 to -1"),
        (torch.ones(4, 6, dtype=torch.bool), r"rows.*bool \[4, 6\].*not a mask"),
        (torch.tensor([[0]]), r"rows.*\[1, 1\].*\[N\]"),
        (torch.tensor([0], dtype=torch.int32), r"rows.*int32.*int64"),
    ],
)
def test_bad_rows_are_refused(rows: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        network().logits_at(*inputs(), rows)


@pytest.mark.parametrize(
    "changes",
    [
        {"input_size": 7},
        {"shape": (2, 2)},
        {"width": 18, "heads": 4},
        {"layers": 0},
        {"dropout": 1.0},
        {"noise": "x"},
        {"dropout": "a"},
        {"noise": 3},
        {"shape": 6},
        {"shape": "ab"},
        {"shape": (6,)},
        {"shape": (-2, -3)},
        {"shape": (1.5, 4)},
    ],
)
def test_sizes_that_do_not_fit_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        network(**changes)


def test_weights_come_from_their_own_generator() -> None:
    before = torch.random.get_rng_state()
    one, same = network(), network()
    other = network(generator=torch.Generator().manual_seed(1))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(one.token.weight, same.token.weight)
    assert not torch.equal(one.token.weight, other.token.weight)


def test_dropout_draws_from_its_own_generator_and_keeps_the_mean() -> None:
    model = awake(dropout=0.25)
    tokens, time, labels = inputs()
    assert torch.equal(model(tokens, time, labels), awake()(tokens, time, labels))
    model.train()
    with pytest.raises(ValueError, match="reseed"):
        model(tokens, time, labels)
    outputs = []
    for seed in (0, 0, 1):
        model.reseed(torch.Generator().manual_seed(seed))
        outputs.append(model(tokens, time, labels))
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.equal(outputs[0], outputs[2])
    dropout = model.blocks[0].dropout
    ones = torch.ones(100_000)
    assert abs(dropout(ones).mean() - 1) < 5 * math.sqrt(0.25 / 0.75 / 100_000)


def test_network_is_told_of_augmentation_and_expects_none() -> None:
    model = awake(augmentations=9)
    tokens, time, labels = inputs()
    plain = model(tokens, time, labels)
    assert torch.equal(plain, model(tokens, time, labels, torch.zeros_like(labels)))
    assert not torch.allclose(plain, model(tokens, time, labels, torch.full_like(labels, 4)), atol=1e-3)


def test_hyperparameters_make_the_same_network() -> None:
    for changes in ({}, {"noise": "polynomial:2.0", "shape": None, "dropout": 0.1, "augmentations": 9}):
        model = network(**changes)
        twin = DiffusionTransformer(**model.hyperparameters)
        assert twin.hyperparameters == model.hyperparameters
        assert [p.shape for p in twin.parameters()] == [p.shape for p in model.parameters()]
