"""Steps of the uniform process that read rows, against the general step that writes laws out: the same tokens."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from helpers import Network
from mechanisms import Mixed, Partial

import dguide
from dguide.categorical import (
    Clocks,
    Combination,
    Exits,
    Floor,
    FlooredRequest,
    Leaving,
    LogitRows,
    floored_step,
    floored_vectorised,
    steps_at_once,
)
from dguide.categorical import floored as draws
from dguide.random import address
from dguide.samplers.grid import floored as steps
from dguide.samplers.predictions import Predictions
from dguide.samplers.run import Observer

SAMPLERS = [dguide.Ancestral(6), dguide.Euler(6), dguide.TauLeaping(6)]
MECHANISMS = [dguide.Normalized, dguide.Unlocking, dguide.Simple]


@dataclass(frozen=True)
class Written(dguide.Uniform):
    """The same process. It overrides a method, so that no other way to say its rates is believed."""

    def rates(self, tokens, time, log_p):
        return super().rates(tokens, time, log_p)

    def posterior(self, tokens, time, earlier, log_p):
        return super().posterior(tokens, time, earlier, log_p)


class Spread(Network):
    """Logits of some size, those of a class far from those of none."""

    def __init__(self, vocab, size=2.0, forbids=()):
        super().__init__(vocab)
        table = torch.randn(4, vocab, vocab, generator=torch.Generator().manual_seed(vocab)) * size
        table[1, :, list(forbids)] = -torch.inf
        self.table = table

    def __call__(self, tokens, time, condition):
        return self.table[condition].gather(1, tokens.unsqueeze(-1).expand(-1, -1, self.table.shape[-1]))


def drawn(process, guidance, sampler, network=None, length=40, **options):
    labels = torch.arange(30) % 3
    network = network or Spread(process.vocab_size)
    return dguide.sample(network, process=process, length=length, condition=labels, guidance=guidance,
                         sampler=sampler, seed=5, **options)  # fmt: skip


@pytest.fixture
def written_out(monkeypatch):
    """How many rows had their laws written out."""
    counts = []
    laws = Predictions.laws

    def counted(self, part=slice(None)):
        found = laws(self, part)
        counts.append(max(len(law) for law in found if law is not None))
        return found

    monkeypatch.setattr(Predictions, "laws", counted)
    return counts


@pytest.mark.parametrize("prediction", ["posterior", "leave-one-out"])
@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda each: type(each).__name__)
def test_tokens_are_those_of_the_laws_written_out(sampler, prediction, written_out, monkeypatch):
    each = torch.linspace(-1, 3, 30)
    for guidance in (*(mechanism(each) for mechanism in (*MECHANISMS, Partial)), dguide.Unlocking(-1.0)):
        fast, slow = dguide.Uniform(23, prediction=prediction), Written(23, prediction=prediction)
        read = drawn(fast, guidance, sampler)
        assert not sum(written_out)
        general = drawn(slow, guidance, sampler)
        assert sum(written_out) > 1200
        written_out.clear()
        assert torch.equal(read.tokens, general.tokens)
        assert read.calls == general.calls


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda each: type(each).__name__)
def test_without_a_compiler(sampler, written_out, monkeypatch):
    monkeypatch.setattr(draws, "implementation", lambda device, dtype: floored_vectorised.fast)
    for mechanism in MECHANISMS:
        read = drawn(dguide.Uniform(300), mechanism(1.5), sampler, length=8)
        assert not sum(written_out)
        assert torch.equal(read.tokens, drawn(Written(300), mechanism(1.5), sampler, length=8).tokens)
        written_out.clear()


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_decoding_fixed_tokens_and_forbidden_ones(mechanism):
    for decoding in (dguide.Decoding(temperature=0.5), dguide.Decoding(top_k=3), dguide.Decoding(forbidden=(1, 2))):
        pair = [drawn(kind(23), mechanism(1.5), SAMPLERS[0], decoding=decoding) for kind in (dguide.Uniform, Written)]
        assert torch.equal(*(each.tokens for each in pair))
    held = torch.rand(30, 40, generator=torch.Generator().manual_seed(0)) < 0.3
    options = {"initial": torch.arange(40).remainder(23).expand(30, -1).contiguous(), "fixed": held}
    with pytest.warns(UserWarning, match="heuristic"):
        pair = [drawn(kind(23), mechanism(1.5), SAMPLERS[1], **options) for kind in (dguide.Uniform, Written)]
    assert torch.equal(*(each.tokens for each in pair))


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_prediction_that_forbids_tokens(mechanism, written_out):
    """The last step has no floor: there the rows that float32 cannot tilt take the general step, and no others do."""
    for weight in (-0.5, 1.0):
        network = Spread(23, size=4.0, forbids=(3, 4, 5))
        read = drawn(dguide.Uniform(23), mechanism(weight), SAMPLERS[0], network)
        rows = sum(written_out)
        assert torch.equal(read.tokens, drawn(Written(23), mechanism(weight), SAMPLERS[0], network).tokens)
        assert rows < 0.2 * (sum(written_out) - rows)
        written_out.clear()


@dataclass(frozen=True, eq=False)
class Halved(dguide.Simple):
    """A mechanism that overrides `guided`: half as often as it should a token leaves."""

    tilted_landing = False

    def guided(self, cond, ref, weight, step):
        law = super().guided(cond, ref, weight, step)
        return type(law)(law.log_stay / 2, law.log_landing)


@dataclass(frozen=True)
class Lazy(dguide.Ancestral):
    """A sampler that overrides `intensity`."""

    def intensity(self, process, tokens, time, earlier, log_p):
        jump = super().intensity(process, tokens, time, earlier, log_p)
        return type(jump)(jump.log_intensity - 1.0, jump.log_landing)


@pytest.mark.parametrize(("guidance", "sampler"), [(Halved(1.0), SAMPLERS[0]), (Mixed(1.0), SAMPLERS[0]),
                                                   (dguide.Normalized(1.0), Lazy(6))])  # fmt: skip
def test_what_is_overridden_takes_effect(guidance, sampler, written_out):
    own = drawn(dguide.Uniform(23), guidance, sampler)
    assert sum(written_out) > 1200
    assert torch.equal(own.tokens, drawn(Written(23), guidance, sampler).tokens)
    assert not torch.equal(own.tokens, drawn(dguide.Uniform(23), dguide.Simple(1.0), SAMPLERS[0]).tokens)


def test_a_mechanism_whose_two_ways_differ_is_refused():
    @dataclass(frozen=True, eq=False)
    class Torn(dguide.Simple):
        def combined_log_stay(self, cond, ref, weight, log_z, log_stay):
            return 2 * super().combined_log_stay(cond, ref, weight, log_z, log_stay)

    with pytest.raises(ValueError, match=r"Torn\.combined_log_stay.*what guided returns"):
        Torn(1.0).verify()


def test_a_process_whose_two_ways_differ_is_refused():
    @dataclass(frozen=True)
    class Torn(dguide.Uniform):
        def floored_rates(self, time, like):
            return super().floored_rates(time, like).lasting(like.new_tensor(1.0))

    with pytest.raises(ValueError, match=r"Torn\.floored_rates: got log-intensities.*the same jumps"):
        Torn(4).verify()


@pytest.mark.skipif(not steps_at_once(torch.device("cpu"), torch.float32), reason="no C compiler that works")
@pytest.mark.parametrize("broken", [5, 795])
def test_a_row_that_is_left_out_is_told_whichever_thread_reads_it(broken):
    """It stays as it is, and all others do what they do without it."""
    rows = torch.arange(800)
    logits = torch.randn(800, 1000, generator=torch.Generator().manual_seed(0))
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        states = []
        for junk in (0.0, float("nan")):
            logits[broken, 3] = junk
            floor, exits = Floor(1.0, 1e-3, 0.1), Exits(1.0, 1.0, None)
            no_weight = torch.zeros(800).double()
            asked = FlooredRequest(LogitRows(logits, rows), None, no_weight, rows, floor, rows[:0], exits=exits)
            kept = (rows % 1000, torch.zeros_like(rows), torch.full((800,), 0.5).double())
            left, late = floored_step(asked, Combination(0.0), Leaving.EXPONENTIAL,
                                      Clocks(address(), 1, 0, 1 << 24, rows, rows, rows * 0, *kept))  # fmt: skip
            assert left.tolist() == [broken] * (junk != 0)
            assert not len(late)
            states.append(torch.stack(kept))
    finally:
        torch.set_num_threads(before)
    others = rows != broken
    assert torch.equal(states[0][:, others], states[1][:, others])
    assert states[1][:, broken].tolist() == [broken, 0, 0.5]
    assert int(states[0][1].sum()) > 700


def test_forms_that_are_not_those_of_the_methods_are_refused():
    @dataclass(frozen=True, eq=False)
    class Torn(dguide.Unlocking):
        combination = Combination(share=0.5)

    @dataclass(frozen=True)
    class Slow(dguide.Euler):
        leaving = Leaving.SINGLE

    @dataclass(frozen=True)
    class Held(dguide.Uniform):
        always_movable = True

        def movable(self, tokens):
            return tokens > 0

    with pytest.raises(ValueError, match=r"Torn\.combination.*what combined_log_stay returns"):
        Torn(1.0).verify()
    with pytest.raises(ValueError, match=r"Slow\.leaving: got SINGLE, expected what log_stay returns"):
        Slow(4).accept(dguide.Uniform(4), dguide.Normalized(1.0), Spread(4))
    with pytest.raises(ValueError, match=r"Held.*always_movable.*a token that cannot move"):
        Held(4).verify()


@dataclass(frozen=True, eq=False)
class Strong(dguide.Unlocking):
    """It overrides what `combination` stands for."""

    def log_intensity(self, tilted, log_z):
        return tilted + log_z + 0.3


@dataclass(frozen=True)
class Timid(dguide.Euler):
    """It overrides what `leaving` stands for."""

    def log_stay(self, log_intensity):
        return super().log_stay(log_intensity) / 2


@dataclass(frozen=True, eq=False)
class Told(Partial):
    """It says what its own formula is."""

    combination = Combination(share=0.5)


@pytest.mark.parametrize(("guidance", "sampler", "at_once"), [(Strong(1.0), SAMPLERS[0], False),
                                                              (dguide.Normalized(1.0), Timid(6), False),
                                                              (Told(1.0), SAMPLERS[0], True)])  # fmt: skip
def test_forms_are_believed_of_those_who_declare_them(guidance, sampler, at_once, monkeypatch):
    taken = []
    monkeypatch.setattr(steps, "floored_step", lambda *given: taken.append(given) or floored_step(*given))
    own = drawn(dguide.Uniform(23), guidance, sampler)
    assert bool(taken) == (at_once and steps_at_once(torch.device("cpu"), torch.float32))
    assert torch.equal(own.tokens, drawn(Written(23), guidance, sampler).tokens)


class Heard(Observer):
    """Keeps what it is told of landings."""

    def __init__(self):
        self.landings = []

    def landed(self, run, landing):
        self.landings.append(landing)

    def all(self, name):
        found = [getattr(landing, name) for landing in self.landings]
        return None if found[0] is None else torch.cat(found)


@pytest.mark.parametrize("weight", [-1.0, 0.0, 2.0])
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_those_who_look_on_hear_the_same(mechanism, weight):
    told = []
    for kind in (dguide.Uniform, Written):
        told.append(Heard())
        drawn(kind(23, prediction="leave-one-out"), mechanism(weight), SAMPLERS[0], length=8, callback=told[-1])
    assert len(told[0].all("token")) > 240
    for name in ("sample", "position", "token", "level", "log_cond", "log_ref", "log_proposal"):
        one, other = (each.all(name) for each in told)
        assert (one is None) == (other is None)
        if one is not None:
            torch.testing.assert_close(one, other, atol=1e-5, rtol=0)


@pytest.mark.parametrize("junk", [float("nan"), float("inf")])
def test_a_row_that_is_none_is_named(junk):
    class Broken(Spread):
        def __call__(self, tokens, time, condition):
            logits = super().__call__(tokens, time, condition)
            if float(time[0]) < 0.5:
                logits[4, 7, 3] = junk
            return logits

    with pytest.raises(ValueError, match="logits of the conditional call at sample 4, position 7"):
        drawn(dguide.Uniform(23), dguide.Normalized(1.0), SAMPLERS[0], Broken(23))


@pytest.mark.parametrize("vocab", [23, 300])
@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_who_leaves_at_once_leaves_as_one_by_one(mechanism, sampler, vocab, monkeypatch):
    """Tokens, clocks and how often each ran out, after every step."""

    def states():
        run = dguide.samplers.prepare(
            Spread(vocab), process=dguide.Uniform(vocab), length=8, condition=torch.arange(30) % 3,
            guidance=mechanism(torch.linspace(-1, 3, 30)), sampler=sampler, seed=5,
        )  # fmt: skip
        return list(sampler.states(run))

    at_once = states()
    monkeypatch.setattr(steps, "steps_at_once", lambda device, dtype: False)
    for one, other in zip(at_once, states(), strict=True):
        assert torch.equal(one.tokens, other.tokens)
        assert torch.equal(one.jumps, other.jumps)
        torch.testing.assert_close(one.clocks, other.clocks, rtol=1e-6, atol=1e-6)
    assert int(at_once[-1].jumps.sum()) > 100
