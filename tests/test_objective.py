"""The loss of one's own loop is the bound that `likelihood` measures, and what `dguide train` minimises."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import PROCESSES, law_on_data, oracle

import dguide
from dguide.data import load, random_offsets
from dguide.evaluate import likelihood
from dguide.train import TrainConfig, loss
from dguide.train.batch import Stream, draw, generator
from dguide.train.denoisers import Denoising, _loss, build
from dguide.train.objective import corrupted

TOKENS = torch.zeros(4, 3, dtype=torch.int64)
LOGITS = torch.ones(4, 3, 5)


def source(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("process", PROCESSES, ids=repr)
def test_loss_is_the_likelihood_in_the_mean(process: Any) -> None:
    network, law = oracle(process), law_on_data(process, 2)
    index = torch.multinomial(law.flatten(), 200, replacement=True, generator=source())
    tokens, labels = torch.stack((index // 4, index % 4), 1), torch.zeros(200, dtype=torch.int64)
    draws, many = source(1), 20
    found = torch.stack([loss(process, network, tokens, labels, draws).double() for _ in range(many)])
    expected = likelihood(network, process, tokens, labels, passes=32).bits
    assert abs(float(found.mean()) - expected) < 5 * float(found.std()) / many**0.5 + 0.002


def test_training_minimises_the_same_loss(tmp_path: Path) -> None:
    config = TrainConfig(out=tmp_path, steps=1, size="tiny", label_dropout=0.0, shift=0, dropout=0.0)
    digits = load("digits")
    process, model = build(config, digits)
    batch = draw(config, digits, process, model.null, step=3, by_level=False)
    draws = generator(config.seed, Stream.STEP, 3)
    random_offsets(config.batch_size, 0, config.shift_share, draws)
    torch.rand(config.batch_size, generator=draws, dtype=torch.float64)  # the draw of the label dropout
    with torch.no_grad():  # a new network predicts the same everywhere
        for number, parameter in enumerate(model.parameters()):
            parameter += 0.1 * torch.randn(parameter.shape, generator=source(number))
    gradients = []
    for found in (loss(process, model, batch.clean, batch.condition, draws), _loss(model, process, batch)):
        gradients.append((found.detach(), *torch.autograd.grad(found, list(model.parameters()))))
    for everywhere, at_masks in zip(*gradients, strict=True):  # the second has logits of the masked positions only
        torch.testing.assert_close(at_masks, everywhere, rtol=1e-3, atol=1e-5)
        assert everywhere.any()


def test_the_number_of_masks_gives_the_same_loss_with_less_noise() -> None:
    """Summed over all sets of masks by hand; the network says something else for each set."""
    process, length = dguide.Masked(2, noise=dguide.noise.Cosine()), 3
    clean = torch.zeros(1, length, dtype=torch.int64)

    class Network:
        def __init__(self, time_dependent: bool) -> None:
            self.time_dependent = time_dependent

        def __call__(self, tokens: torch.Tensor, time: torch.Tensor, condition: Any) -> torch.Tensor:
            first = ((tokens == 2) * torch.tensor([1.0, 2.0, 4.0])).sum(1, keepdim=True) + torch.arange(length)
            return torch.stack((torch.zeros_like(first), first.sin()), -1)

    exact = 0.0
    for hidden in itertools.product((False, True), repeat=length):
        count = sum(hidden)
        if count:
            noisy = torch.where(torch.tensor([hidden]), 2, clean)
            surprise = -Network(False)(noisy, torch.zeros(1), None).log_softmax(-1)[0, :, 0]
            share = 1 / (count * math.comb(length, count))  # the integral of m^(k-1) (1-m)^(L-k)
            exact += share * float(surprise[torch.tensor(hidden)].sum()) / (length * math.log(2))
    draws, tokens = source(), clean.expand(300, -1)
    found = {
        reads: torch.stack([loss(process, Network(reads), tokens, None, draws) for _ in range(60)])
        for reads in (False, True)
    }
    for each in found.values():
        assert abs(float(each.mean()) - exact) < 4 * float(each.std()) / 60**0.5
    assert found[False].std() < 0.7 * found[True].std()


def test_levels_and_numbers_of_masks_cover_all_evenly() -> None:
    process, clean = dguide.Masked(2, noise=dguide.noise.Cosine()), torch.zeros(6, 6, dtype=torch.int64)
    noisy, time = corrupted(process, clean, source(), by_level=False)
    assert (noisy == 2).sum(1).tolist() == [1, 2, 3, 4, 5, 6]
    torch.testing.assert_close(process.noise.level(time), torch.arange(1, 7) / torch.tensor(6.0, dtype=torch.float64))
    for other in (process, dguide.Uniform(2)):
        level = other.noise.level(corrupted(other, clean, source(), by_level=other is process)[1])
        common = 6 * level - torch.arange(6)
        assert 0 < float(common[0]) < 1
        torch.testing.assert_close(common, common[:1].expand(6))


def test_a_network_that_says_nothing_is_shown_levels() -> None:
    """It may read the time, which it is asked at when it is sampled from."""
    times: list[torch.Tensor] = []
    loss(dguide.Masked(5), lambda x, time, c: (times.append(3 * time), LOGITS)[1], TOKENS, None, source())
    assert not torch.equal(times[0], times[0].round())


def unsure(tokens: torch.Tensor, time: torch.Tensor, condition: Any) -> torch.Tensor:
    """Predicts the same everywhere: 1/4 for token 0."""
    return torch.tensor([0.0, math.log(3.0)]).expand(*tokens.shape, 2)


unsure.time_dependent = False  # type: ignore[attr-defined]


class Uneven(dguide.Masked):
    """Hides position i with probability $m^{p_i}$, p = 1, 3, so that a mask there weighs $p_i / m$."""

    powers = torch.tensor([1.0, 3.0], dtype=torch.float64)

    def corrupt(self, clean: torch.Tensor, time: torch.Tensor, uniforms: torch.Tensor) -> torch.Tensor:
        hidden = uniforms[..., 0] < self.noise.level(time).unsqueeze(1) ** self.powers
        return torch.where(hidden, self.mask_id, clean)

    def elbo(self, log_p: torch.Tensor, clean: torch.Tensor, noisy: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        return super().elbo(log_p, clean, noisy, time) * self.powers


def test_a_process_of_ones_own_that_hides_otherwise_is_shown_levels() -> None:
    """By the number of masks the loss would be 1.25 times as large."""
    tokens, draws = torch.zeros(400, 2, dtype=torch.int64), source()
    found = torch.stack([loss(Uneven(2), unsure, tokens, None, draws) for _ in range(40)])
    error = float(found.std()) / 40**0.5
    assert abs(float(found.mean()) - 2) < 4 * error < 0.2  # bits of a token with probability 1/4


def test_a_process_of_ones_own_that_hides_as_masked_keeps_its_number_of_masks() -> None:
    class Named(dguide.Masked):
        name = "named"

    tokens = torch.zeros(6, 6, dtype=torch.int64)
    one, other = (corrupted(process, tokens, source(), by_level=False) for process in (Named(2), dguide.Masked(2)))
    assert torch.equal(one[0], other[0])
    assert torch.equal(one[1], other[1])


def test_a_process_that_falsely_says_that_it_hides_each_token_alone_is_refused() -> None:
    class Hides(Uneven):
        hides_alone = True

    class More(dguide.Masked):
        hides_alone = True

        def corrupt(self, clean: torch.Tensor, time: torch.Tensor, uniforms: torch.Tensor) -> torch.Tensor:
            return super().corrupt(clean, time.sqrt(), uniforms)

    class Weighs(dguide.Masked):
        hides_alone = True

        def elbo(self, *given: torch.Tensor) -> torch.Tensor:
            return 2 * super().elbo(*given)

    hidden = "other tokens than those below"
    for process, found in ((Hides(2), hidden), (More(2), hidden), (Weighs(2), "an ELBO other than")):
        with pytest.raises(dguide.InputError, match=rf"hides_alone = True: got {found}.*Set hides_alone = False"):
            loss(process, unsure, TOKENS[:, :2], None, source())


@pytest.mark.parametrize("reads", [None, True])
def test_a_run_draws_by_what_it_writes_down(
    reads: bool | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A resumed run is refused if the two differ (`state.read`), so both have one answer."""
    if reads is not None:
        monkeypatch.setattr("dguide.train.denoisers.reads_time", lambda network: reads)
    task = Denoising(TrainConfig(out=tmp_path, steps=1, size="tiny", batch_size=16))
    masks = (64 * task.draw(0).time).round(decimals=9)
    assert (task.drawn == "number of masks") == torch.equal(masks, masks.round()) == (reads is None)


class Short(torch.nn.Module):
    """Has no row for the mask."""

    def __init__(self) -> None:
        super().__init__()
        self.token = torch.nn.Embedding(5, 5)

    def forward(self, tokens: torch.Tensor, time: torch.Tensor, condition: Any) -> torch.Tensor:
        answer: torch.Tensor = self.token(tokens)
        return answer


class Unsaid:
    time_dependent = "no"

    def __call__(self, tokens: torch.Tensor, time: torch.Tensor, condition: Any) -> torch.Tensor:
        return LOGITS


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tokens": TOKENS.float()}, r"tokens: got torch.float32 \[4, 3\], expected an int64 tensor \[B, L\]"),
        ({"tokens": TOKENS[0]}, r"tokens: got torch.int64 \[3\]"),
        ({"tokens": TOKENS + 5}, "tokens: got values from 5 to 5, expected values from 0 to 4"),
        ({"generator": 3}, r"generator: got 3, expected a torch.Generator.*torch.Generator\(\).manual_seed"),
        ({"network": lambda *_: torch.zeros(4, 3, 6)}, r"logits: got \[4, 3, 6\], expected .* = \[4, 3, 5\]"),
        ({"network": lambda *_: None}, "logits: got NoneType"),
        ({"network": lambda *_: torch.zeros(4, 3, 5, dtype=torch.int64)}, "logits: got torch.int64, expected a float"),
        ({"network": lambda *_: torch.full((4, 3, 5), 0.2)}, "logits: got rows that .* sum to one, expected logits"),
        ({"network": lambda *_: LOGITS * math.nan}, "logits: got NaN, expected finite logits"),
        ({"network": lambda *_: LOGITS * math.inf}, "logits: got inf, expected finite logits"),
        ({"network": lambda *_: LOGITS - math.inf}, "logits: got a row of -inf alone, expected finite logits"),
        ({"network": lambda *_: torch.zeros(4, 3, 5, device="meta")}, "logits: got device meta, expected cpu"),
        ({"network": torch.nn.Linear}, "denoiser: got the class Linear, expected a callable"),
        ({"network": Short()}, r"logits: got IndexError.*reads tokens up to 5.*mask_id="),
        ({"process": 5}, "process: got 5, expected an instance of Masked or Uniform"),
        ({"network": dguide.Masked(5)}, "denoiser: got Masked, expected a callable"),
        ({"tokens": TOKENS.to("meta")}, "device: got 'meta', expected a device"),
        ({"condition": TOKENS.to("meta")}, "device: got 'meta', expected a device"),
        ({"tokens": TOKENS[:, 0], "condition": TOKENS}, r"tokens: got torch.int64 \[4\]"),
        ({"condition": TOKENS[:3]}, "condition: got 3 of them, expected one for each of the 4 sequences"),
        ({"condition": 3}, "condition: got int, expected a tensor"),
        ({"process": dguide.Masked(5, mask_id=0)}, r"tokens: got some of \[0\], which hide others, expected clean"),
        ({"network": Unsaid()}, "denoiser.time_dependent: got 'no', expected True or False"),
        ({"generator": TOKENS, "condition": source()}, r"generator: got tensor[\s\S]*expected a torch.Generator"),
    ],
)
def test_bad_input(changes: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {
        "process": dguide.Masked(5),
        "network": lambda tokens, time, condition: torch.zeros(*tokens.shape, 5),
        "tokens": TOKENS,
        "condition": None,
        "generator": source(),
    }
    assert loss(**given).shape == ()
    with pytest.raises(dguide.InputError, match=message):
        loss(**given | changes)
    if "logits" in message and changes["network"] is not None:  # the same mistakes are seen where the loss is measured
        given = {"tokens": TOKENS, "condition": None, "process": dguide.Masked(5)} | changes
        with pytest.raises(dguide.InputError, match=message.replace("logits:", "logits of the denoiser:")):
            likelihood(given["network"], given["process"], given["tokens"], given["condition"])
