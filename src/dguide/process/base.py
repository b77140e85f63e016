r"""What every corruption process offers: corruption, prior, reverse jumps, the posterior of a step, the ELBO.

The reverse process is a jump process. Per position, at tokens x and time t, the token leaves at an exit rate and lands
on y != x with a jump probability. Rates here are *per unit of noise level* $m = 1 - \alpha(t)$: multiply by
$-\alpha'(t)$ (`Noise.slope`) for the rate per unit of time. In this unit nothing depends on how fast $\alpha$ runs,
and the rates stay finite where $\alpha'$ vanishes.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar, Literal, TypeAlias, get_args

import torch
from torch import Tensor

from ..devices import on_cpu
from ..errors import bad, positive
from ..extension import Extensible, false_declaration, final, once_by_value, speaks_for
from ..noise import Noise
from .floored import Floored, Jump

__all__ = ["PREDICTIONS", "Prediction", "Process", "over_positions"]

Prediction: TypeAlias = Literal["posterior", "leave-one-out"]
r"""Which law a network has learnt: $p(x_0^i \mid x_t)$, or $p(x_0^i \mid x_t \text{ without position } i)$."""
PREDICTIONS: tuple[str, ...] = get_args(Prediction)


def over_positions(time: Tensor, tokens: Tensor) -> Tensor:
    """Times [B] as float64 that broadcast over the positions of `tokens` [B, L]; times [B, L] as they are."""
    return time.to(tokens.device, torch.float64).reshape(*time.shape, *[1] * (tokens.ndim - time.ndim))


class Process(Extensible, ABC):
    """A corruption process on sequences of `vocab_size` tokens.

    Tokens have any shape; times broadcast against them; laws carry one more dimension [..., V] at the end. Arithmetic
    is done in the dtype of the laws (float64 in all samplers).

    A new process is a frozen dataclass that supplies the abstract methods and declares the class attributes below.
    `dguide.sample` checks the declarations on small examples (`verify`).

    >>> import dguide
    >>> isinstance(dguide.Masked(4), dguide.Process)
    True
    """

    vocab_size: int
    noise: Noise
    prediction: Prediction = "posterior"
    """Which law the network predicts; `as_posterior` makes the posterior of it."""
    name: ClassVar[str]
    prediction_free_rate: ClassVar[bool]
    """Whether a noisy token leaves at a rate that does not depend on the prediction, and lands on the prediction
    itself."""
    time_agnostic: ClassVar[bool]
    """Whether $p(x_0 \\mid x_t)$ is the same at all times t."""
    point_mass: ClassVar[bool]
    """Whether noise is one token, the same everywhere."""
    absorbing: ClassVar[bool]
    """Whether a token that has left its noisy state never moves again."""
    always_movable: ClassVar[bool] = False
    """Whether `movable` is true of all tokens everywhere. Where a class overrides `movable`, and not this, it is not
    looked at."""
    hides_alone: ClassVar[bool] = False
    """Whether `corrupt` hides a token behind the mask where its first uniform number is below the noise level m, and
    `elbo` is the surprise there over m. Training then draws numbers of masks in place of noise levels. Where a class
    overrides one of these methods, and not this, it is not looked at."""
    finite_level: ClassVar[float]
    """Highest noise level at which rates are finite: samplers that step along rates start there."""

    def _check(self) -> None:
        """Refuse arguments that no process can have."""
        positive(f"{type(self).__name__} vocab_size", self.vocab_size)
        if not isinstance(self.noise, Noise):
            raise bad(f"{type(self).__name__} noise", repr(self.noise), "a schedule of dguide.noise")

    @property
    @abstractmethod
    def input_size(self) -> int:
        """How many different token values the network reads."""

    @abstractmethod
    def prior(self, uniforms: Tensor) -> Tensor:
        """Tokens of pure noise (t = 1), one for each of `uniforms` in (0, 1), whose values a `point_mass` ignores."""

    @abstractmethod
    def corrupt(self, clean: Tensor, time: Tensor, uniforms: Tensor) -> Tensor:
        r"""Draw $x_t \sim q(x_t \mid x_0)$.

        Args:
            clean: $x_0$, [B, L] int64.
            time: t, [B] or broadcastable to [B, L].
            uniforms: [B, L, 2] in (0, 1): the first decides whether a token is hit, the second what it becomes.
        """

    @abstractmethod
    def kernel(self, time: float) -> Tensor:
        r"""$q(x_t \mid x_0)$ as a float64 matrix [V, input_size], one row for each $x_0$."""

    @final
    @property
    def noise_token(self) -> int:
        """The token that noise is made of. Raises `ValueError` unless noise is a `point_mass`."""
        if not self.point_mass:
            raise bad(f"noise token of {type(self).__name__}", "noise of many tokens", "a process with a point mass")
        return int(self.prior(torch.full((), 0.5, dtype=torch.float64, device="cpu")))

    @property
    def excluded(self) -> tuple[int, ...]:
        """Columns of the logits that are no data."""
        return ()

    @final
    def data_logits(self, logits: Tensor) -> Tensor:
        """Logits [..., V] with the columns that are no data set to -inf."""
        if not self.excluded:
            return logits
        return logits.index_fill(-1, torch.tensor(self.excluded, device=logits.device), -math.inf)

    @final
    def log_probs(self, logits: Tensor) -> Tensor:
        """Logits [..., V] as normalised log-probabilities of the data tokens; half precision is raised to float32."""
        if logits.shape[-1] != self.vocab_size:
            raise bad("logits", f"{logits.shape[-1]} columns", f"{self.vocab_size} (vocab_size)")
        half = logits.dtype in (torch.float16, torch.bfloat16)
        return torch.log_softmax(self.data_logits(logits.float() if half else logits), -1)

    def as_posterior(self, log_q: Tensor, tokens: Tensor, time: Tensor) -> Tensor:
        r"""What a network predicts at `tokens` [...] and `time`, as $\log p(x_0 \mid x_t)$, [..., V].

        A process whose `prediction` can be another law overrides this. It is the prediction itself where that is
        "posterior", or where there is a `prediction_free_rate`: samplers do not call it there.

        Args:
            log_q: normalised log-probabilities of the prediction, [..., V].
            tokens: $x_t$, [...].
            time: t, broadcastable to [...]; or one for each sequence, [B] for tokens [B, L].
        """
        return log_q

    @final
    def log_posterior(self, logits: Tensor, tokens: Tensor, time: Tensor) -> Tensor:
        r"""Logits [..., V] of a network as $\log p(x_0 \mid x_t)$: `log_probs`, then `as_posterior`."""
        return self.as_posterior(self.log_probs(logits), tokens, time)

    @abstractmethod
    def movable(self, tokens: Tensor) -> Tensor:
        """Where the reverse process can still change `tokens` (same shape, bool)."""

    @abstractmethod
    def unfinished(self, tokens: Tensor) -> Tensor:
        """Where `tokens` may not stay as they are at t = 0 (same shape, bool)."""

    @abstractmethod
    def rates(self, tokens: Tensor, time: Tensor, log_p: Tensor) -> Jump:
        r"""Reverse rates per unit of noise level, $r(y) = \lambda\, q(y)$, given $p(x_0 \mid x_t)$ as `log_p`."""

    @abstractmethod
    def posterior(self, tokens: Tensor, time: Tensor, earlier: Tensor, log_p: Tensor) -> Jump:
        r"""The exact step from `time` t to `earlier` s < t, $\sum_{x_0} q(x_s \mid x_t, x_0)\, p(x_0 \mid x_t)$,
        as $\Lambda = -\log P(x_s = x_t)$ and the law of the landing given that the token leaves."""

    def floored_rates(self, time: Tensor, like: Tensor) -> Floored | None:
        """`rates` as `Floored`, in the dtype and on the device of `like`; None for rates of another form.

        A process that has such rates says them here too, and samplers then write out no law. A class that overrides
        `rates` or `as_posterior`, and not this, is sampled by `rates`.
        """
        return None

    def floored_posterior(self, time: Tensor, earlier: Tensor, like: Tensor) -> Floored | None:
        """`posterior` as `Floored`; the rest is as in `floored_rates`."""
        return None

    @abstractmethod
    def propagated(self, tokens: Tensor, time: Tensor, earlier: Tensor, log_p: Tensor) -> Tensor:
        r"""What a prediction at `time` t says at `earlier` s < t if its own token is still the same then,
        $p(x_0) \to p(x_0)\, q(x_s = x_t \mid x_0) / q(x_t \mid x_0)$, normalised; what other tokens do is left out."""

    @abstractmethod
    def elbo(self, log_p: Tensor, clean: Tensor, noisy: Tensor, time: Tensor) -> Tensor:
        r"""Integrand of the continuous-time negative ELBO in nats per unit of noise level, [..., L].

        With $m \sim U(0, 1)$ and $t = $ ``noise.time(m)``, its sum over positions is an unbiased estimate of an upper
        bound on $-\log p(x_0)$.
        """

    @final
    def log_width(self, time: Tensor, earlier: Tensor, like: Tensor) -> Tensor:
        """log(m_t - m_s), which is log(alpha_s - alpha_t): taken from the pair that is small, exact at both ends."""
        t, s = (torch.as_tensor(x, dtype=torch.float64, device=like.device) for x in (time, earlier))
        level = self.noise.level(t)
        late, early = level - self.noise.level(s), self.noise.alpha(s) - self.noise.alpha(t)
        return torch.where(level < 0.5, late, early).log().to(like.dtype)

    def _levels(self, time: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        """(log alpha, log m) at `time`, in the dtype of `like`."""
        time = torch.as_tensor(time, dtype=torch.float64, device=like.device)
        alpha, level = self.noise.alpha(time), self.noise.level(time)
        log_alpha = torch.where(level < 0.5, torch.log1p(-level), alpha.log())
        log_level = torch.where(alpha < 0.5, torch.log1p(-alpha), level.log())
        return log_alpha.to(like.dtype), log_level.to(like.dtype)

    @final
    @on_cpu
    def verify(self) -> None:
        """Raise `ValueError` if a declaration of the class is wrong on a small example."""
        _verify(self)


@once_by_value
def _verify(process: Process) -> None:
    process.noise.verify()
    cls, half = type(process), torch.full((2,), 0.5, dtype=torch.float64)
    late, early = (process.noise.time(x * half) for x in (1.4, 0.8))
    logits = torch.zeros(2, process.vocab_size, dtype=torch.float64)
    logits[1] = torch.linspace(0, 3, process.vocab_size, dtype=torch.float64)
    log_p, noise = process.log_probs(logits), process.prior(torch.tensor([0.1, 0.9], dtype=torch.float64))
    if process.point_mass and bool(noise[0] != noise[1]):
        raise false_declaration(cls, "point_mass", f"noise of the tokens {noise.tolist()}")
    if process.absorbing and bool(process.movable(torch.arange(process.vocab_size)).sum() > 1):
        raise false_declaration(cls, "absorbing", "a clean token that can move")
    told = process.always_movable and speaks_for(cls, "always_movable", "movable")
    if told and not bool(process.movable(torch.arange(process.vocab_size)).all()):
        raise false_declaration(cls, "always_movable", "a token that cannot move")
    if process.hides_alone and speaks_for(cls, "hides_alone", "corrupt", "elbo"):
        _verify_hides_alone(process, log_p)
    if process.time_agnostic and not torch.allclose(process.propagated(noise, late, early, log_p), log_p):
        raise false_declaration(cls, "time_agnostic", "a prediction that changes with time")
    if (process.prediction_free_rate or process.prediction == "posterior") and not torch.allclose(
        process.as_posterior(log_p, noise, late), log_p
    ):
        expected = "the prediction itself, for a process that reads the posterior, or has a prediction_free_rate"
        raise bad(f"{cls.__name__}.as_posterior", "another law", expected, "Declare what it is in prediction.")
    for name, form, jump in (
        ("rates", process.floored_rates(late, log_p), process.rates(noise, late, log_p)),
        ("posterior", process.floored_posterior(late, early, log_p), process.posterior(noise, late, early, log_p)),
    ):
        if form is not None and speaks_for(cls, f"floored_{name}", name):
            _verify_same(f"{cls.__name__}.floored_{name}", form.jump(noise, log_p), jump)
    if process.prediction_free_rate:
        for jump in (process.rates(noise, late, log_p), process.posterior(noise, late, early, log_p)):
            if not torch.allclose(jump.log_intensity[0], jump.log_intensity[1]):
                raise false_declaration(cls, "prediction_free_rate", "an exit rate that depends on the prediction")
            if not torch.allclose(jump.log_landing, log_p):
                raise false_declaration(cls, "prediction_free_rate", "a landing that is not the prediction")


def _verify_hides_alone(process: Process, log_p: Tensor) -> None:
    """Raise `ValueError` unless each of two positions is hidden below the level, not above it, and weighs 1 / m."""
    level = torch.tensor([[0.3], [0.7]], dtype=torch.float64)
    time, hidden = process.noise.time(level.squeeze(1)), torch.tensor([[True, False], [False, True]])
    first, clean, laws = level + torch.where(hidden, -0.01, 0.01), log_p.argmax(-1).expand(2, 2), log_p.expand(2, 2, -1)
    noisy = process.corrupt(clean, time, torch.stack((first, 1 - first), -1))
    if not torch.equal(noisy, torch.where(hidden, process.noise_token, clean)):
        raise false_declaration(type(process), "hides_alone", "other tokens than those below the noise level hidden")
    surprise = -laws.gather(-1, clean.unsqueeze(-1)).squeeze(-1)
    if not torch.allclose(process.elbo(laws, clean, noisy, time), torch.where(hidden, surprise / level, 0.0)):
        raise false_declaration(type(process), "hides_alone", "an ELBO other than the surprise at a mask over m")


def _verify_same(name: str, told: Jump, jump: Jump) -> None:
    """Raise `ValueError` unless two ways to say a jump agree."""
    pairs = ((told.log_intensity, jump.log_intensity), (told.log_landing.exp(), jump.log_landing.exp()))
    if not all(torch.allclose(one, other) for one, other in pairs):
        got = f"log-intensities {told.log_intensity.tolist()}"
        raise bad(name, got, f"the same jumps: {jump.log_intensity.tolist()}", "Make the two agree.")
