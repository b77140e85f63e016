"""What `dguide.check_model` says of mistakes planted in trained networks, and how often it blames a right model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dguide import Masked, Process, Uniform, check_model, checkpoint
from dguide.data import load
from dguide.exact import Oracle
from studies.common import Study, table

__all__ = ["STUDY"]

MODELS, VOCAB = ("digits-masked", "digits-uniform"), 16
SEEDS, COUNT = 200, 256
Answer = Callable[[Any, Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Planted:
    """A mistake: what becomes of the answer of network f, and of its process; the kinds of model that can have it."""

    answer: Answer
    process: Callable[[Any], Process] = lambda process: process
    models: tuple[str, ...] = MODELS


def columns(logits: Tensor, count: int, value: float) -> Tensor:
    """More columns behind those of the logits."""
    return torch.cat((logits, torch.full((*logits.shape[:-1], count), value)), -1)


MASKED, UNIFORM = MODELS[:1], MODELS[1:]
PLANTED = {
    "output i predicts token i + 1": Planted(lambda f, x, t, y: f(x, t, y).roll(-1, 1)),
    "output i predicts token i - 1": Planted(lambda f, x, t, y: f(x, t, y).roll(1, 1)),
    "probabilities": Planted(lambda f, x, t, y: f(x, t, y).softmax(-1)),
    "columns displaced by one": Planted(lambda f, x, t, y: f(x, t, y).roll(1, 2)),
    "columns displaced by two": Planted(lambda f, x, t, y: f(x, t, y).roll(-2, 2)),
    "told 1 - t": Planted(lambda f, x, t, y: f(x, 1 - t, y), models=UNIFORM),
    "a posterior read as leave-one-out": Planted(
        lambda f, x, t, y: f(x, t, y), lambda process: Uniform(VOCAB, process.noise, "leave-one-out"), UNIFORM
    ),
    "eight padded columns": Planted(
        lambda f, x, t, y: columns(f(x.where(x < VOCAB + 8, VOCAB), t, y), 8, 0.0), lambda process: Masked(24), MASKED
    ),
    "another mask token": Planted(
        lambda f, x, t, y: columns(f(x.where(x <= VOCAB, 3), t, y), 2, -9.0), lambda process: Masked(18, 17), MASKED
    ),
    "the mask is predicted": Planted(
        lambda f, x, t, y: columns(f(x.clamp_max(VOCAB), t, y), 1, 3.0), lambda process: Masked(17), MASKED
    ),
    "the condition does not reach the network": Planted(lambda f, x, t, y: f(x, t, f.null(y))),
    "conditions of other sequences": Planted(lambda f, x, t, y: f(x, t, torch.where(y < 10, (y + 1) % 10, y))),
}


class Wrapper:
    """A network with a mistake in its answer. It declares nothing."""

    def __init__(self, network: Any, answer: Answer) -> None:
        self.network, self.answer = network, answer

    def null(self, labels: Tensor) -> Tensor:
        return self.network.null(labels)

    def __call__(self, tokens: Tensor, time: Tensor, labels: Tensor) -> Tensor:
        return self.answer(self.network, tokens, time, labels)


def named() -> dict[str, dict[str, list[str]]]:
    """What is called wrong, by mistake and network."""
    test, found = load("digits").test, {}
    for mistake, planted in {"none": Planted(lambda f, x, t, y: f(x, t, y)), **PLANTED}.items():
        found[mistake] = {}
        for name in planted.models:
            loaded = checkpoint.load(name)
            denoiser, process = Wrapper(loaded.model, planted.answer), planted.process(loaded.process)
            check = check_model(denoiser, process=process, data=test.tokens, condition=test.labels)
            found[mistake][name] = list(check.wrong)
        print(mistake, found[mistake], flush=True)
    return found


def blamed() -> dict[str, int]:
    """How many checks of exact models of three tokens call something wrong, and how many there were."""
    wrong = checks = 0
    for seed in range(SEEDS):
        for process in (Masked(6, mask_id=5), Uniform(4), Uniform(4, prediction="leave-one-out")):
            generator, size = torch.Generator().manual_seed(seed), process.vocab_size
            laws = torch.zeros(2, size, size, size, dtype=torch.float64)
            sharp = 2 * torch.randn(2, 64, generator=generator, dtype=torch.float64)
            laws[:, :4, :4, :4] = sharp.softmax(-1).view(2, 4, 4, 4)
            labels = torch.arange(COUNT) % 2
            code = torch.multinomial(laws.flatten(1)[labels], 1, generator=generator)
            tokens = code // size ** torch.arange(2, -1, -1) % size
            oracle = Oracle(process, list(laws), laws.mean(0))
            wrong += not check_model(oracle, process=process, data=tokens, condition=labels, seed=seed).ok
            checks += 1
    return {"wrong": wrong, "checks": checks}


def compute() -> dict[str, Any]:
    return {"named": named(), "blamed": blamed(), "sequences": COUNT}


def sections(results: dict[str, Any]) -> dict[str, str]:
    rows = [
        [mistake, *(", ".join(found[name]) or "nothing" if name in found else "-" for name in MODELS)]
        for mistake, found in results["named"].items()
    ]
    right = results["blamed"]
    words = (
        f"On {right['checks']} exact models of three tokens, with {results['sequences']} sequences each, "
        f"something was called wrong in {right['wrong']} checks."
    )
    return {"planted": table(f"planted mistake | {' | '.join(MODELS)}", rows), "blamed": words}


STUDY = Study("planted", "guide-your-model.md", "a minute of one core", compute, sections)

if __name__ == "__main__":
    STUDY.main(__doc__)
