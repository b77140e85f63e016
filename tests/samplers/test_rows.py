"""What is read: each row once where the pace is known, masked rows only elsewhere, and only they from `logits_at`."""

from __future__ import annotations

import pytest
import torch
from helpers import Network
from torch import Tensor

import dguide

LABELS = torch.tensor([0, 1, 2, 0, 1])
LENGTH = 12
SAMPLERS = [dguide.Ancestral(5), dguide.Euler(5), dguide.TauLeaping(5), dguide.FirstHitting()]
MECHANISMS = [dguide.Normalized(1.5), dguide.Unlocking(1.5), dguide.Simple(1.5)]


class Sparse(Network):
    """A network that computes single rows too, and keeps which tokens stood there: [N] each."""

    def logits_at(self, tokens: Tensor, time: Tensor, condition: Tensor, rows: Tensor) -> Tensor:
        self.asked = [*getattr(self, "asked", []), tokens.flatten()[rows].clone()]
        return self(tokens, time, condition).flatten(0, 1)[rows]


def draw(denoiser, process, guidance, sampler):
    return dguide.sample(
        denoiser,
        process=process,
        length=LENGTH,
        condition=LABELS,
        guidance=guidance,
        sampler=sampler,
        seed=3,
    )


MASKED = [
    (sampler, guidance)
    for sampler in SAMPLERS
    for guidance in MECHANISMS
    if not (isinstance(sampler, dguide.FirstHitting) and isinstance(guidance, dguide.Simple))
]
CASES = [
    *((process, *pair) for process in (dguide.Masked(4), dguide.Masked(4, mask_id=1)) for pair in MASKED),
    *((dguide.Uniform(4), sampler, guidance) for sampler in SAMPLERS[:3] for guidance in MECHANISMS),
]


def named(value):
    return type(value).__name__


@pytest.mark.parametrize(("process", "sampler", "guidance"), CASES, ids=named)
def test_single_rows_lead_to_the_same_tokens(process, sampler, guidance):
    whole, sparse = (draw(kind(4), process, guidance, sampler) for kind in (Network, Sparse))
    assert torch.equal(whole.tokens, sparse.tokens)
    assert whole.calls == sparse.calls


@pytest.mark.parametrize("sampler", SAMPLERS, ids=named)
def test_each_row_is_read_once_where_the_pace_is_known(sampler):
    network = Sparse(4)
    draw(network, dguide.Masked(4), dguide.Normalized(1.5), sampler)
    asked = torch.cat(network.asked)
    assert asked.tolist() == [4] * (2 * LABELS.numel() * LENGTH)  # of both networks, and always a mask


@pytest.mark.parametrize(("sampler", "guidance"), [pair for pair in MASKED if not pair[1].keeps_pace], ids=named)
def test_only_masked_rows_are_read_elsewhere(sampler, guidance):
    network = Sparse(4)
    draw(network, dguide.Masked(4), guidance, sampler)
    assert all(bool((tokens == 4).all()) for tokens in network.asked)
    assert sum(len(tokens) for tokens in network.asked) > 2 * LABELS.numel() * LENGTH


def test_rows_of_the_wrong_shape_are_refused():
    class Wrong(Network):
        def logits_at(self, tokens, time, condition, rows):
            return self(tokens, time, condition)

    with pytest.raises(ValueError, match=r"logits of the conditional and reference call: got \(.*\[N, V\] = "):
        draw(Wrong(4), dguide.Masked(4), dguide.Normalized(1.0), dguide.Ancestral(2))


@pytest.mark.parametrize("columns", [6, 9])
def test_logits_cut_out_of_a_larger_tensor(columns):
    """Positions and columns that a network adds for itself are stepped over, not copied."""

    class Padded(Network):
        def __call__(self, tokens, time, condition):
            good = super().__call__(tokens, time, condition)
            large = torch.full((len(tokens), LENGTH + 3, columns), float("nan"))
            large[:, :LENGTH, :4] = good
            return large[:, :LENGTH, :4]

    for guidance in MECHANISMS:
        plain, cut = (draw(kind(4), dguide.Masked(4), guidance, dguide.Ancestral(4)) for kind in (Network, Padded))
        assert torch.equal(plain.tokens, cut.tokens)


@pytest.mark.parametrize("sampler", [*SAMPLERS, dguide.LowConfidence(3)], ids=named)
def test_a_network_may_write_to_the_tokens_it_reads(sampler):
    class Careless(Network):
        def __call__(self, tokens, time, condition):
            logits = super().__call__(tokens, time, condition)
            tokens.clamp_(max=3)
            return logits

    plain, careless = (draw(kind(4), dguide.Masked(4), dguide.Normalized(0.0), sampler) for kind in (Network, Careless))
    assert torch.equal(plain.tokens, careless.tokens)


def test_networks_answer_without_gradients_and_samples_may_be_changed():
    seen = []

    class Watched(Network):
        def __call__(self, tokens, time, condition):
            seen.append(torch.is_grad_enabled() or torch.is_inference_mode_enabled())
            return super().__call__(tokens, time, condition)

    samples = draw(Watched(4), dguide.Masked(4), dguide.Normalized(1.0), dguide.Ancestral(3))
    assert not any(seen)
    samples.tokens[0, 0] = 2
    assert not samples.tokens.is_inference()
