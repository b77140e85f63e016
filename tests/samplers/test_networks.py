"""What networks of one's own may do, and what is refused since samples would not be what they seem."""

from __future__ import annotations

import functools
import random
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import dguide
import dguide.evaluate
from dguide.samplers.first_call import modules_in

LABELS = torch.arange(3)


def draw(network: Any, **changes: Any) -> Tensor:
    given: dict[str, Any] = {
        "process": dguide.Masked(4),
        "length": 5,
        "condition": LABELS,
        "guidance": dguide.Normalized(1.0),
        "sampler": dguide.Ancestral(3),
    }
    return dguide.sample(network, **given | changes).tokens


class Base(nn.Module):
    """A small network; what it does to its hidden values is `inner`."""

    def __init__(self, inner: nn.Module | None = None, rows: int = 5) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.embed, self.label, self.head = nn.Embedding(rows, 8), nn.Embedding(4, 8), nn.Linear(8, 4)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.normal_(generator=generator)
        self.inner = inner

    def null(self, condition: Tensor) -> Tensor:
        return torch.full_like(condition, 3)

    def hidden(self, tokens: Tensor, condition: Tensor) -> Tensor:
        return self.embed(tokens) + self.label(condition).unsqueeze(1)

    def forward(self, tokens: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        x = self.hidden(tokens, condition)
        return self.head(x if self.inner is None else self.inner(x))


class Functional(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(x, 0.5, self.training)


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, dropout=0.5, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.attention(x, x, x)[0]
        return answer


class Batch(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(8)

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.norm(x.transpose(1, 2)).transpose(1, 2)
        return answer


class Plain:
    """A denoiser as the README writes one."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    def __call__(self, tokens: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        answer: Tensor = self.network(tokens, time, condition)
        return answer

    def null(self, condition: Tensor) -> Tensor:
        return torch.full_like(condition, 3)


class Slotted:
    __slots__ = ("parts",)

    def __init__(self, network: nn.Module) -> None:
        self.parts = {"deep": [network]}

    def __call__(self, tokens: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        answer: Tensor = self.parts["deep"][0](tokens, time, condition)
        return answer


def closure(network: nn.Module) -> Callable[..., Tensor]:
    def call(tokens: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        answer: Tensor = network(tokens, time, condition)
        return answer

    return call


def of_globals(tokens: Tensor, time: Tensor, condition: Tensor) -> Tensor:
    answer: Tensor = NETWORK(tokens, time, condition)
    return answer


def through_globals(network: nn.Module) -> Callable[..., Tensor]:
    global NETWORK
    NETWORK = network
    return of_globals


NETWORK: nn.Module = Base().eval()


def added(shift: int, network: nn.Module, tokens: Tensor, time: Tensor, condition: Tensor) -> Tensor:
    answer: Tensor = network(tokens, time, condition) + shift
    return answer


class Holder:
    """Its network is an attribute of the class, as in the README."""

    network: nn.Module = NETWORK

    def __call__(self, tokens: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        answer: Tensor = self.network(tokens, time, condition)
        return answer


def of_class(network: nn.Module) -> Any:
    return type("Own", (Holder,), {"network": network, "__module__": __name__})()


class ByProperty:
    @property
    def network(self) -> nn.Module:
        return NETWORK

    def __call__(self, tokens: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        answer: Tensor = self.network(tokens, time, condition)
        return answer


def by_property(network: nn.Module) -> Any:
    through_globals(network)
    return ByProperty()


class ByHelper:
    def answer(self, *arguments: Tensor) -> Tensor:
        answer: Tensor = NETWORK(*arguments)
        return answer

    def __call__(self, tokens: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        return self.answer(tokens, time, condition)


def by_helper(network: nn.Module) -> Any:
    through_globals(network)
    return ByHelper()


models = types.ModuleType("models")


def of_module(tokens: Tensor, time: Tensor, condition: Tensor) -> Tensor:
    answer: Tensor = models.network(tokens, time, condition)
    return answer


def through_module(network: nn.Module) -> Any:
    models.network = network  # type: ignore[attr-defined]
    return of_module


HOLDERS: dict[str, Callable[[nn.Module], Any]] = {
    "itself": lambda network: network,
    "plain": Plain,
    "slots": Slotted,
    "closure": closure,
    "global": through_globals,
    "class": of_class,
    "property": by_property,
    "helper": by_helper,
    "module": through_module,
    "method": lambda network: Plain(network).__call__,
    "partial": lambda network: functools.partial(added, 1, network),
}
every_holder = pytest.mark.parametrize("hold", HOLDERS.values(), ids=HOLDERS)


@every_holder
@pytest.mark.parametrize("inner", [nn.Dropout(0.5), Functional(), Attention(), Batch()], ids=lambda m: type(m).__name__)
def test_a_network_in_training_mode_is_refused_wherever_it_is(hold: Callable[..., Any], inner: nn.Module) -> None:
    network = Base(inner).train()
    more = {"reference": LABELS.roll(1)} if not hasattr(hold(network), "null") else {}
    with pytest.raises(dguide.InputError, match=r"training mode.*\.eval\(\)"):
        draw(hold(network), **more)
    network.eval()
    assert torch.equal(draw(hold(network), **more), draw(hold(network), **more))


@every_holder
def test_training_mode_that_changes_nothing_is_accepted(hold: Callable[..., Any]) -> None:
    network = Base(nn.LayerNorm(8)).train()
    more = {"reference": LABELS.roll(1)} if not hasattr(hold(network), "null") else {}
    assert torch.equal(draw(hold(network), **more), draw(hold(network.eval()), **more))
    assert network in list(modules_in(hold(network)))


CHANCE: dict[str, Callable[[Base], Any]] = {
    "torch": lambda network: torch.rand(()),
    "own generator": lambda network: torch.rand((), generator=network.source),
    "numpy": lambda network: np.random.rand(),
    "random": lambda network: random.random(),
}


class Chance(Base):
    """In training mode it drops its label in one call of 10,000, or does not drop it at all."""

    def __init__(self, draw: Callable[[Base], Any], share: float = 1e-4) -> None:
        super().__init__()
        self.draw, self.share, self.source = draw, share, torch.Generator().manual_seed(0)

    def hidden(self, tokens: Tensor, condition: Tensor) -> Tensor:
        dropped = self.training and self.share > 0 and bool(self.draw(self) < self.share)
        return super().hidden(tokens, torch.full_like(condition, 3) if dropped else condition)


@pytest.mark.parametrize("chance", CHANCE.values(), ids=CHANCE)
def test_training_mode_that_seldom_changes_anything_is_refused(chance: Callable[[Base], Any]) -> None:
    """Repeated calls give the same answer, but the network draws random numbers."""
    network = Chance(chance).train()
    for denoiser in (network, Plain(network)):
        with pytest.raises(dguide.InputError, match=r"random numbers.*training mode.*\.eval\(\)"):
            draw(denoiser, condition=LABELS[:1])
    assert torch.equal(draw(network.eval()), draw(Base().eval()))


def seeds_itself(network: Base) -> Any:
    return torch.rand((), generator=network.source.manual_seed(0))


class Powers(nn.Module):
    """Its `p` is no probability."""

    p = 0.5

    def forward(self, x: Tensor) -> Tensor:
        return x.sign() * x.abs() ** self.p


@pytest.mark.parametrize(
    "network",
    [Chance(CHANCE["torch"], share=0.0), Chance(seeds_itself), Base(nn.Dropout(0.0)), Base(Powers())],
    ids=["share 0", "seeds itself", "dropout 0", "p"],
)
def test_training_mode_without_chance_is_accepted(network: Base) -> None:
    assert torch.equal(draw(network.train()), draw(network.eval()))


def test_a_reference_network_in_training_mode_is_refused() -> None:
    with pytest.raises(dguide.InputError, match=r"logits of the reference call.*training mode"):
        draw(Base().eval(), reference=Plain(Base(Functional()).train()))


def test_a_network_that_writes_to_its_input_may_be_in_training_mode() -> None:
    class Writes(Base):
        def forward(self, tokens: Tensor, time: Tensor, condition: Tensor) -> Tensor:
            logits = super().forward(tokens, time, condition)
            tokens.fill_(0)
            time.fill_(0)
            return logits

    assert torch.equal(draw(Writes().train()), draw(Writes().eval()))


def test_what_a_network_keeps_of_a_call_can_be_trained_with() -> None:
    class Caches(Base):
        kept: Tensor | None = None

        def forward(self, tokens: Tensor, time: Tensor, condition: Tensor) -> Tensor:
            if self.kept is None:
                self.kept = torch.linspace(0, 1, 8) * 2  # such as rotary frequencies
            return self.head(self.hidden(tokens, condition) * self.kept)

    network = Caches().eval()
    draw(network)
    tokens = torch.zeros(3, 5, dtype=torch.int64)
    network(tokens, torch.ones(3), LABELS).sum().backward()
    assert network.embed.weight.grad is not None


def test_a_denoiser_may_take_a_gradient() -> None:
    network = Base().eval()

    def guided(tokens: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        with torch.enable_grad():
            logits = network(tokens, time, condition).detach().requires_grad_()
            score = torch.log_softmax(logits, -1)[..., 0].sum()
            (slope,) = torch.autograd.grad(score, logits)
            return logits + 5 * slope  # which requires a gradient itself

    tokens = draw(guided, guidance=dguide.Normalized(0.0), condition=torch.arange(3).repeat(50))
    plain = draw(network, guidance=dguide.Normalized(0.0), condition=torch.arange(3).repeat(50))
    assert (tokens == 0).sum() > (plain == 0).sum()
    assert not tokens.requires_grad


@pytest.mark.parametrize(("rows", "null"), [(4, 3), (5, 4)], ids=["mask", "null"])
def test_a_token_or_label_that_the_network_cannot_read(rows: int, null: int) -> None:
    class Short(Base):
        def null(self, condition: Tensor) -> Tensor:
            return torch.full_like(condition, null)

    with pytest.raises(
        dguide.InputError, match=r"IndexError.*reads tokens up to 4 and labels from 0 to [34].*mask_id="
    ) as caught:
        draw(Short(rows=rows).eval())
    assert isinstance(caught.value.__cause__, IndexError)


def test_null_may_write_to_what_it_is_given() -> None:
    class Writes(Base):
        def null(self, condition: Tensor) -> Tensor:
            condition[:] = 3
            return condition

    labels = LABELS.clone()
    assert torch.equal(draw(Writes().eval(), condition=labels), draw(Base().eval()))
    assert torch.equal(labels, LABELS)


def test_a_class_in_place_of_an_object_is_told() -> None:
    with pytest.raises(dguide.InputError, match=r"denoiser: got the class Base, expected a callable.*Pass an object"):
        draw(Base)


def test_likelihood_sees_the_same_mistakes() -> None:
    tokens, process = torch.zeros(3, 5, dtype=torch.int64), dguide.Masked(4)

    def bits(network: Any) -> float:
        return dguide.evaluate.likelihood(network, process, tokens, LABELS).bits  # type: ignore[attr-defined, no-any-return]

    assert bits(Base().eval()) > 0
    with pytest.raises(dguide.InputError, match=r"training mode.*\.eval\(\)"):
        bits(Plain(Base(Functional()).train()))
    with pytest.raises(dguide.InputError, match="expected logits"):
        bits(lambda *given: Base().eval()(*given).softmax(-1))
    with pytest.raises(dguide.InputError, match="logits of the denoiser: got NaN"):
        bits(lambda *given: Base().eval()(*given) * float("nan"))


def test_the_repeats_of_a_first_call_are_made_once_and_not_in_each_batch() -> None:
    network, rows = Base(), []  # in training mode, which changes nothing
    network.head.register_forward_hook(lambda module, given, answer: rows.append(len(answer)))
    draw(network, batch_size=1, sampler=dguide.Ancestral(1))
    assert len(rows) == 4 + 1 + 1


@pytest.mark.parametrize("edit", ["label", "probabilities", "shape"])
def test_a_later_batch_is_checked_as_well(edit: str) -> None:
    network, labels = Base().eval(), LABELS

    def broken(tokens: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        logits = network(tokens, time, condition)
        if int(condition.max()) < 3:
            return logits
        return logits.softmax(-1) if edit == "probabilities" else logits[:, :-1]

    broken.null = network.null  # type: ignore[attr-defined]
    labels = torch.tensor([0, 1, 4 if edit == "label" else 3])
    words = {"label": "IndexError.*labels from", "probabilities": "sum to one", "shape": "expected a tensor"}
    with pytest.raises(dguide.InputError, match=words[edit]):
        draw(broken, condition=labels, batch_size=1, guidance=dguide.Normalized(0.0), reference=torch.zeros(3).long())
