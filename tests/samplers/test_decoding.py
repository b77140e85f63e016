"""Temperature, truncation and forbidden tokens: what law they lead to, and that they leave the pace alone."""

from __future__ import annotations

import pytest
import torch
from helpers import chi_square, f64
from torch import Tensor

import dguide
from dguide import Decoding, exact

COND, REF = f64(0.4, 0.25, 0.2, 0.1, 0.05), f64(0.1, 0.3, 0.2, 0.2, 0.2)
W, COUNT = 0.5, 20_000
MECHANISMS = [dguide.Normalized, dguide.Unlocking, dguide.Simple]
DECODINGS = [
    Decoding(temperature=0.5),
    Decoding(temperature=3.0),
    Decoding(top_k=2),
    Decoding(top_p=0.8),
    Decoding(forbidden=[0, 3]),
    Decoding(temperature=2.0, top_k=3, top_p=0.7, forbidden=[1]),
]


def by_definition(decoding: Decoding) -> Tensor:
    """The law of one token, token by token."""
    allowed = [y for y in range(5) if y not in decoding.forbidden]
    c, u = (law[allowed] / law[allowed].sum() for law in (COND, REF))
    q = c ** (1 + W) * u ** (-W)
    q = (q / q.sum()) ** (1 / decoding.temperature)
    shares = sorted(zip((q / q.sum()).tolist(), allowed, strict=True), reverse=True)[: decoding.top_k]
    total, before, law = sum(share for share, _ in shares), 0.0, torch.zeros(5, dtype=torch.float64)
    for share, y in shares:
        if before < (decoding.top_p or 1.0):
            law[y] = share
        before += share / total
    return law / law.sum()


def draw(process, guidance, sampler, decoding=Decoding(), count=COUNT, **options):
    oracle = exact.Oracle(process, [COND], REF)
    labels = torch.zeros(count, dtype=torch.int64)
    return dguide.sample(
        oracle,
        process=process,
        length=1,
        condition=labels,
        guidance=guidance,
        sampler=sampler,
        decoding=decoding,
        **options,
    )


@pytest.mark.parametrize("decoding", DECODINGS, ids=str)
@pytest.mark.parametrize(
    ("sampler", "mechanism"),
    [(dguide.Ancestral(3), m) for m in MECHANISMS] + [(dguide.FirstHitting(), m) for m in MECHANISMS[:2]],
)
def test_law_of_a_decoded_token(decoding, mechanism, sampler):
    tokens = draw(dguide.Masked(5), mechanism(W), sampler, decoding).tokens
    law = by_definition(decoding)
    assert chi_square(torch.bincount(tokens[:, 0], minlength=5), law) > 1e-3


@pytest.mark.parametrize("sampler", [dguide.Ancestral(4), dguide.FirstHitting()], ids=str)
def test_temperature_zero_takes_the_most_probable(sampler):
    tokens = draw(dguide.Masked(5), dguide.Normalized(W), sampler, Decoding(temperature=0), 50).tokens
    assert tokens.unique().tolist() == [0]
    few = Decoding(temperature=0, forbidden=[0])
    assert draw(dguide.Masked(5), dguide.Normalized(W), sampler, few, 50).tokens.unique().tolist() == [1]


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_temperature_and_truncation_leave_the_pace_alone(mechanism):
    def masks(decoding):
        path = draw(dguide.Masked(5), mechanism(3.0), dguide.Ancestral(6), decoding, 2000, trajectory=True).trajectory
        return path.tokens == 5

    assert torch.equal(masks(Decoding()), masks(Decoding(temperature=0.3, top_k=1)))


def test_forbidden_tokens_do_not_count_in_the_partition_function():
    # Without token 0 the two laws agree: Unlocking then has the unguided pace.
    cond, ref = f64(0.6, 0.1, 0.3), f64(0.2, 0.2, 0.6)
    oracle = exact.Oracle(dguide.Masked(3), [cond], ref)
    settings = {
        "process": dguide.Masked(3),
        "length": 1,
        "condition": torch.zeros(3000, dtype=torch.int64),
        "sampler": dguide.Ancestral(6),
        "decoding": Decoding(forbidden=[0]),
        "trajectory": True,
    }
    fast, plain = (dguide.sample(oracle, guidance=m(4.0), **settings) for m in (dguide.Unlocking, dguide.Normalized))
    assert torch.equal(fast.trajectory.tokens == 3, plain.trajectory.tokens == 3)


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_uniform_process_ends_on_no_forbidden_token(mechanism):
    tokens = draw(dguide.Uniform(5), mechanism(W), dguide.Ancestral(8), Decoding(forbidden=[0, 2]), 4000).tokens
    assert set(tokens.unique().tolist()) <= {1, 3, 4}


def test_the_uniform_process_lands_by_temperature():
    cold = draw(dguide.Uniform(5), dguide.Normalized(W), dguide.Ancestral(8), Decoding(temperature=0.0), 2000).tokens
    warm = draw(dguide.Uniform(5), dguide.Normalized(W), dguide.Ancestral(8), Decoding(), 2000).tokens
    assert (cold == 0).double().mean() > (warm == 0).double().mean() + 0.1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -1}, "Decoding temperature: got -1.0, expected a finite number of at least 0"),
        ({"temperature": float("nan")}, "temperature"),
        ({"top_k": 0}, "Decoding top_k: got 0, expected an int of at least 1"),
        ({"top_k": 2.0}, "top_k"),
        ({"top_p": 0}, "Decoding top_p: got 0.0, expected a number above 0"),
        ({"top_p": 1.5}, "top_p"),
        ({"forbidden": [-1]}, r"Decoding forbidden: got \[-1\], expected token numbers"),
        ({"forbidden": "x"}, "forbidden"),
    ],
)
def test_bad_decodings(options, message):
    with pytest.raises(ValueError, match=message):
        Decoding(**options)


@pytest.mark.parametrize(
    ("decoding", "message"),
    [
        (Decoding(forbidden=[5]), "Decoding forbidden: got 5, expected tokens from 0 to vocab_size - 1 = 4"),
        (Decoding(forbidden=range(5)), "all 5 tokens, expected at least one"),
        (0.5, "decoding: got 0.5, expected an instance of Decoding"),
    ],
)
def test_decodings_that_do_not_fit(decoding, message):
    with pytest.raises(ValueError, match=message):
        draw(dguide.Masked(5), dguide.Normalized(W), dguide.Ancestral(2), decoding, 3)


@pytest.mark.parametrize("decoding", [Decoding(temperature=0), Decoding(top_k=3), Decoding(top_p=0.5)], ids=str)
def test_particles_refuse_proposals_that_are_cut(decoding):
    with pytest.raises(ValueError, match=r"SMC with decoding: got Decoding.*expected proposals that allow whatever"):
        draw(dguide.Masked(5), dguide.Normalized(W), dguide.SMC(4), decoding, 3)


def test_particles_weigh_tempered_proposals():
    sampler, hot = dguide.SMC(64), Decoding(temperature=2.0)
    tokens = draw(dguide.Masked(5), dguide.Normalized(W), sampler, hot, 4000).tokens
    assert chi_square(torch.bincount(tokens[:, 0], minlength=5), by_definition(Decoding())) > 1e-3


def test_top_p_of_one_keeps_all() -> None:
    everything = dguide.Decoding(top_p=1)
    assert everything.plain
    law = torch.tensor([[1.0, 1e-20, 1e-30]])  # sums to the first of them in any precision
    assert torch.equal(everything.truncated(law), law)
