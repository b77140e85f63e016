"""The theta-trapezoidal method against the exact law of its steps, and that law against continuous time."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from helpers import Network
from judge import COND, COND3, UNCOND, UNCOND3, distance, draw, g_test, law

import dguide
from dguide import Ancestral, Decoding, Masked, Normalized, RampUp, Remasking, Simple, Trapezoidal, Uniform, Unlocking
from dguide.exact import Problem, chain, solve
from dguide.exact.random_problems import dirichlet, ising, markov
from dguide.samplers.run import Observer

MECHANISMS = pytest.mark.parametrize("mechanism", [Normalized, Unlocking])
PROCESSES = pytest.mark.parametrize("process", [Masked, Uniform])


def problem(process, table) -> Problem:
    return Problem(process(table.process.vocab_size), table.cond, table.uncond)


def errors(problem, guidance, steps, sampler=Trapezoidal) -> list[float]:
    limit = solve(problem, guidance).final
    return [distance(chain(problem, guidance, sampler(k)), limit) for k in steps]


@MECHANISMS
@PROCESSES
@pytest.mark.parametrize("sampler", [Trapezoidal(1), Trapezoidal(3), Trapezoidal(2, "cosine", 0.3)], ids=str)
@pytest.mark.parametrize("weight", [0.0, 2.0, RampUp(3.0)], ids=str)
def test_samples_follow_the_law_of_the_steps(process, mechanism, sampler, weight) -> None:
    guidance = mechanism(weight)
    tokens = draw(process(3), guidance, sampler, count=40_000)
    assert g_test(tokens, chain(Problem(process(3), COND, UNCOND), guidance, sampler)) > 1e-4
    other = chain(Problem(process(3), COND, UNCOND), guidance, Ancestral(2 * sampler.steps))
    assert g_test(tokens, other) < 1e-2  # what could have been mistaken for it


@MECHANISMS
def test_masks_inside_the_vocabulary_and_time_dependent_denoisers(mechanism) -> None:
    cond, uncond = (torch.nn.functional.pad(x, (0, 1, 0, 1)) for x in (COND, UNCOND))
    process = Masked(4, mask_id=3)
    tokens = draw(process, mechanism(2.0), Trapezoidal(2), cond, uncond, count=40_000)
    inside = Problem(process, cond, uncond)
    assert g_test(tokens, chain(inside, mechanism(2.0), Trapezoidal(2))) > 1e-4

    class Aware:
        """The same tables, but sharper the earlier it is asked."""

        time_dependent = True

        def __init__(self) -> None:
            self.oracle = inside.oracle()

        def null(self, condition):
            return self.oracle.null(condition)

        def __call__(self, tokens, time, condition):
            return self.oracle(tokens, time, condition) * (1 + time.double()).view(-1, 1, 1)

    expected = chain(inside, mechanism(2.0), Trapezoidal(2), Aware())
    tokens = dguide.sample(
        Aware(),
        process=process,
        length=2,
        condition=torch.zeros(40_000, dtype=torch.int64),
        guidance=mechanism(2.0),
        sampler=Trapezoidal(2),
    ).tokens
    assert g_test(tokens, expected) > 1e-4
    assert distance(expected, chain(inside, mechanism(2.0), Trapezoidal(2))) > 0.02


@MECHANISMS
@pytest.mark.parametrize(
    ("process", "table", "weight"),
    [
        (Masked, ising(2, 3, 0, field=0.5), 0.0),
        (Masked, ising(2, 3, 0, field=0.5), 1.0),
        (Masked, ising(2, 3, 0, field=0.5), RampUp(2.0)),
        (Masked, dirichlet(3, 2, 1, concentration=20.0), RampUp(2.0)),
        (Uniform, ising(2, 3, 0, field=0.5), 0.0),
        (Uniform, dirichlet(3, 2, 1, concentration=20.0), 0.0),
        (Uniform, dirichlet(3, 2, 1, concentration=20.0), 1.0),
    ],
    ids=lambda x: getattr(x, "name", None) or getattr(x, "__name__", None) or str(x),
)
def test_the_order_is_two_where_no_rate_is_cut_off(process, table, weight, mechanism) -> None:
    """Twice the steps, a quarter of the error; half of it for `Ancestral`, with the same number of calls."""
    case = problem(process, table)
    found = errors(case, mechanism(weight), (2, 4, 8))
    assert all(3.2 < a / b < 5.5 for a, b in pairwise(found))
    first = errors(case, mechanism(weight), (4, 8, 16), Ancestral)
    assert all(1.7 < a / b < 2.3 for a, b in pairwise(first))
    assert all(a < b / 2 for a, b in zip(found, first, strict=True))


@pytest.mark.parametrize("theta", [0.2, 0.5, 0.7])
@pytest.mark.parametrize("weight", [0.0, 1.0, -0.5])
def test_two_positions_need_one_step_with_normalized(weight, theta) -> None:
    mild = problem(Masked, dirichlet(3, 2, 1, concentration=20.0))
    guidance = Normalized(weight)
    exact = solve(mild, guidance).final
    assert distance(chain(mild, guidance, Trapezoidal(1, theta=theta)), exact) < 1e-12
    assert distance(chain(mild, guidance, Trapezoidal(5, "cosine", theta)), exact) < 1e-12
    assert distance(chain(mild, guidance, Ancestral(2)), exact) > 0.01


@MECHANISMS
@PROCESSES
def test_where_rates_are_cut_off_it_is_still_ahead(process, mechanism) -> None:
    steep = problem(process, markov(3, 3, 0))
    found, first = (
        errors(steep, mechanism(1.0), steps, s) for s, steps in ((Trapezoidal, (2, 8, 16)), (Ancestral, (4, 16, 32)))
    )
    assert all(a < b for a, b in zip(found, first, strict=True))


@PROCESSES
def test_at_weights_zero_and_minus_one_it_samples_one_law(process) -> None:
    case = Problem(process(3), COND, UNCOND)
    steps = Trapezoidal(3)
    alone = Problem(process(3), COND, COND), Problem(process(3), UNCOND, UNCOND)
    for weight, only in ((0.0, alone[0]), (-1.0, alone[1])):
        for mechanism in (Normalized, Unlocking):
            expected = chain(only, mechanism(3.0), steps)
            assert distance(chain(case, mechanism(weight), steps), expected) < 1e-12


def test_calls_are_saved_where_a_stage_has_nothing_to_do() -> None:
    network = Network(vocab=5)
    settings = {"process": Masked(5), "condition": torch.zeros(1, dtype=torch.int64), "sampler": Trapezoidal(50)}
    # One position leaves once: in one stage of one step.
    assert dguide.sample(network, length=1, guidance=Normalized(1.0), **settings).calls.conditional == 1
    # No more calls than positions: no stage without a landing is asked about, unless it is to be extrapolated from.
    assert dguide.sample(network, length=4, guidance=Normalized(1.0), **settings).calls.conditional <= 5
    # What did not change is not asked again.
    calls = dguide.sample(network, length=1, guidance=Unlocking(1.0), **settings).calls.conditional
    assert calls <= 50
    settings["condition"] = torch.zeros(200, dtype=torch.int64)
    calls = dguide.sample(network, length=20, guidance=Normalized(1.0), **{**settings, "sampler": Trapezoidal(4)}).calls
    assert (calls.conditional, calls.reference) == (8, 8)


def test_only_the_networks_that_matter_are_called() -> None:
    settings = {
        "process": Masked(5),
        "length": 20,
        "condition": torch.zeros(200, dtype=torch.int64),
        "sampler": Trapezoidal(4),
    }
    for mechanism in (Normalized, Unlocking):
        late = dguide.Interval(2.0, 0.0, 0.5)
        calls = dguide.sample(Network(vocab=5), guidance=mechanism(late), **settings).calls
        assert (calls.conditional, calls.reference) == (8, 4)
        calls = dguide.sample(Network(vocab=5), guidance=mechanism(-1.0), **settings).calls
        assert (calls.conditional, calls.reference) == (0, 8)


@MECHANISMS
@PROCESSES
def test_samples_do_not_depend_on_the_batch(process, mechanism) -> None:
    def tokens(count: int, first: int) -> torch.Tensor:
        return dguide.sample(
            Network(vocab=4),
            process=process(4),
            length=6,
            condition=torch.arange(first, first + count) % 3,
            guidance=mechanism(RampUp(2.0)),
            sampler=Trapezoidal(3),
            first_index=first,
        ).tokens

    whole = tokens(9, 0)
    assert torch.equal(whole, torch.cat([tokens(1, 0), tokens(5, 1), tokens(3, 6)]))


@MECHANISMS
@pytest.mark.parametrize(
    ("process", "sampler"), [(Masked, Trapezoidal(3)), (Uniform, Trapezoidal(3)), (Masked, Remasking(5))], ids=str
)
def test_a_weight_for_each_sample(process, mechanism, sampler) -> None:
    def tokens(weight) -> torch.Tensor:
        return dguide.sample(
            Network(vocab=4),
            process=process(4),
            length=6,
            condition=torch.arange(12) % 3,
            guidance=mechanism(weight),
            sampler=sampler,
            batch_size=5,
        ).tokens

    weights = torch.tensor([0.0, 2.0, -1.0]).repeat(4)
    for w in (0.0, 2.0, -1.0):
        assert torch.equal(tokens(weights)[weights == w], tokens(w)[weights == w])


@MECHANISMS
def test_held_tokens_stay_and_no_mask_is_left(mechanism) -> None:
    initial = torch.tensor([[4, 2, 4, 0, 4]]).repeat(300, 1)
    samples = dguide.sample(
        Network(vocab=4),
        process=Masked(4),
        length=5,
        condition=torch.zeros(300, dtype=torch.int64),
        guidance=mechanism(2.0),
        sampler=Trapezoidal(2),
        initial=initial,
        decoding=Decoding(temperature=0.5, top_k=2, forbidden=[1]),
    )
    kept = initial < 4
    assert torch.equal(samples.tokens[kept], initial[kept])
    assert int(samples.tokens.max()) < 4
    assert not (samples.tokens == 1).any()
    assert int(samples.forced.sum()) == 0


def test_a_rate_that_is_forbidden_later_is_never_taken() -> None:
    exclusive = law([[1, 0], [0, 1]])  # once the first is decided, the second has no choice
    for process in (Masked(2), Uniform(2)):
        for mechanism in (Normalized, Unlocking):
            found = chain(Problem(process, exclusive, 0.5 * exclusive + 0.125), mechanism(3.0), Trapezoidal(16))
            assert float(found.sum()) == pytest.approx(1.0)
            assert float(found[0, 1]) < 0.01


@pytest.mark.parametrize("theta", [0.0, 1.0, -1.0, float("nan")])
def test_theta_is_checked(theta) -> None:
    with pytest.raises(ValueError, match="Trapezoidal theta: got"):
        Trapezoidal(4, theta=theta)


def test_guidance_that_has_no_rates_is_refused() -> None:
    with pytest.raises(ValueError, match="Trapezoidal guidance: got Simple, expected Normalized or Unlocking"):
        draw(Masked(3), Simple(1.0), Trapezoidal(2), count=1)
    with pytest.raises(ValueError, match="Trapezoidal guidance"):
        chain(Problem(Masked(3), COND, UNCOND), Simple(1.0), Trapezoidal(2))


def test_particles_cannot_be_weighed_by_it() -> None:
    with pytest.raises(ValueError, match="SMC sampler: got Trapezoidal"):
        draw(Masked(3), Normalized(1.0), dguide.SMC(2, Trapezoidal(2)), count=1)


class Narrow:
    """An oracle that answers in float32, each time in the same place, and not where it is not asked."""

    time_dependent = False

    def __init__(self, oracle) -> None:
        self.oracle, self.room = oracle, torch.empty(0)

    def null(self, condition):
        return self.oracle.null(condition)

    def __call__(self, tokens, time, condition):
        logits = self.oracle(tokens, time, condition).float()
        if self.room.numel() < logits.numel():
            self.room = torch.empty(logits.numel())
        self.room.fill_(float("nan"))
        return self.room[: logits.numel()].view_as(logits).copy_(logits)


class Heard(Observer):
    """Keeps what it is told of landings, all numbers of each in turn."""

    def __init__(self) -> None:
        self.told = []

    def landed(self, run, landing) -> None:
        parts = [x.double() for x in vars(landing).values() if x is not None]
        self.told.append(torch.stack(parts, -1))


@MECHANISMS
@pytest.mark.parametrize("weight", [RampUp(3.0), 0.0, 0.7], ids=str)
def test_rows_are_read_as_laws_are_written_out(mechanism, weight) -> None:
    """Logits in float32 have the tokens that those in float64 have, and who looks on hears the same."""
    oracle = Problem(Masked(2), COND3, UNCOND3).oracle()
    tokens, heard = [], [Heard(), Heard()]
    for network, listener in zip((oracle, Narrow(oracle)), heard, strict=True):
        samples = dguide.sample(
            network,
            process=Masked(2),
            length=3,
            condition=torch.zeros(3000, dtype=torch.int64),
            guidance=mechanism(weight),
            sampler=Trapezoidal(3, theta=0.3),
            callback=listener,
        )
        tokens.append(samples.tokens)
    assert torch.equal(*tokens)
    torch.testing.assert_close(*(torch.cat(each.told) for each in heard), atol=1e-4, rtol=0)
