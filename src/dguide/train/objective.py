r"""The loss of a denoiser: the negative evidence lower bound, in bits per token.

With noise levels $m \sim U(0, 1)$ and $t = \mathrm{time}(m)$,

$$\frac{1}{L \ln 2}\, E_m \sum_i \mathrm{elbo}_i(x_0, x_t, t) \quad \text{bits per token.}$$
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..denoiser import batch_of, shown, tensors_of
from ..devices import usable_device
from ..errors import bad, switch, with_data
from ..extension import speaks_for
from ..process import Process
from ..samplers import Condition, Denoiser
from ..samplers.first_call import check_answer, check_logits, check_parts, out_of_range

__all__ = ["bits", "corrupted", "drawn_by", "loss", "reads_time"]


def loss(
    process: Process, network: Denoiser, tokens: Tensor, condition: Condition, generator: torch.Generator
) -> Tensor:
    """The loss of a network on a batch, to be minimised: an unbiased estimate of its bits per token, [].

    `dguide train` minimises the same. The batch is corrupted to noise levels that cover (0, 1) evenly; or, for the
    process `Masked` and a network with `time_dependent = False`, to numbers of masks that cover 1 to L evenly. So that
    guidance has a reference, replace the condition by the null condition in a share of the samples before.

    Args:
        process: The process to train for.
        network: Gives logits [B, L, V] from tokens [B, L], time [B] and condition, in training mode.
        tokens: Clean sequences, [B, L] int64, on the device of the network.
        condition: The condition of each sequence, leading dimension B; None for none.
        generator: The source of the noise.

    Raises:
        ValueError: If an argument is of another kind, the tokens are no sequences of the process, the process is not
            what it declares, or the answer has another shape, is not finite, or is probabilities.

    >>> import dguide
    >>> tokens, source = torch.zeros(5, 3, dtype=torch.int64), torch.Generator().manual_seed(0)
    >>> network = lambda tokens, time, condition: torch.zeros(*tokens.shape, 4)
    >>> float(loss(dguide.Uniform(4), network, tokens, None, source)) > 1
    True
    """
    check_parts(network, process)
    process.verify()
    vocab = process.vocab_size
    if not isinstance(generator, torch.Generator):
        remedy = "Make it once before the loop: torch.Generator().manual_seed(0)."
        raise bad("generator", repr(generator), "a torch.Generator", remedy)
    if not isinstance(tokens, Tensor) or tokens.dtype != torch.int64 or tokens.ndim != 2 or not tokens.numel():
        got = shown(tokens)
        raise bad("tokens", got, "an int64 tensor [B, L]")
    for tensor in (tokens, *tensors_of(condition)):
        usable_device(tensor.device)
    with_data("tokens", tokens)
    batch = batch_of(condition)
    low, high = (int(each) for each in tokens.aminmax())
    if low < 0 or high >= vocab:
        raise bad("tokens", f"values from {low} to {high}", f"values from 0 to {vocab - 1}")
    if process.excluded and bool(torch.isin(tokens, tokens.new_tensor(process.excluded)).any()):
        raise bad("tokens", f"some of {list(process.excluded)}, which hide others", "clean sequences, without masks")
    by_level = reads_time(network)
    if batch not in (None, len(tokens)):
        raise bad("condition", f"{batch} of them", f"one for each of the {len(tokens)} sequences")
    noisy, time = corrupted(process, tokens, generator, by_level)
    with out_of_range("logits", noisy, condition):
        answer = network(noisy, time.to(torch.get_default_dtype()), condition)
    logits = check_answer("logits", answer, tokens, vocab)
    check_logits("logits", logits[0])
    return bits(process, logits, tokens, noisy, time)


def bits(
    process: Process, logits: Tensor, clean: Tensor, noisy: Tensor, time: Tensor, tokens: int | None = None
) -> Tensor:
    """The mean bits per token of logits [B, L, V] for noisy tokens [B, L] at times [B].

    With logits [N, V] of some positions, whose tokens and times are [N], `tokens` is the number of all positions.
    """
    nats = process.elbo(process.log_posterior(logits, noisy, time), clean, noisy, time)
    return nats.sum() / (nats.numel() if tokens is None else tokens) / math.log(2)


def corrupted(process: Process, clean: Tensor, generator: torch.Generator, by_level: bool) -> tuple[Tensor, Tensor]:
    r"""A batch at evenly spread noise levels: tokens [B, L] and times [B] float64.

    Sequence j has the noise level $m_j = (j + u) / B$ with a common uniform number u, so each batch covers (0, 1)
    evenly (Kingma et al., arXiv 2107.00630, appendix I.1). Its time is `noise.time(m_j)`.

    If the process hides each token alone (`Process.hides_alone`), and the network does not read the time, `by_level` is
    false, and the *number* of masks is drawn instead: $k_j = \lceil L m_j \rceil$ of the L positions, and the time is
    that of the level $k_j / L$. The mean of the loss is the same. By level, a set of k masks has the share
    $\int m^{k-1} (1 - m)^{L-k} dm = 1 / (k \binom{L}{k})$ in the bound, with its weight 1/m; by number,
    $1 / (L \binom{L}{k})$ times the weight L/k (Hoogeboom et al., arXiv 2110.02037, equation 4). The variance is lower:
    no sequence is without a mask, and no weight is above L.
    """
    (size, length), where = clean.shape, generator.device
    common = _open(torch.rand(1, generator=generator, dtype=torch.float64, device=where))
    level = (torch.arange(size, device=where) + common) / size
    uniforms = _open(torch.rand((*clean.shape, 2), generator=generator, dtype=torch.float64, device=where))
    if drawn_by(process, by_level):
        level = (level * length).ceil() / length
        uniforms[..., 0] = (uniforms[..., 0].argsort(-1).argsort(-1) + 0.5) / length  # k of them are below k / L
    time = process.noise.time(level).to(clean.device)
    return process.corrupt(clean, time, uniforms.to(clean.device)), time


def reads_time(network: object) -> bool:
    """Whether a network reads the time, by its `time_dependent`; one that does not say so may."""
    return switch("denoiser.time_dependent", getattr(network, "time_dependent", True))


def drawn_by(process: Process, by_level: bool) -> str:
    """What `corrupted` draws in place of noise levels: "number of masks", or nothing else."""
    hides = process.hides_alone and speaks_for(type(process), "hides_alone", "corrupt", "elbo")
    return "number of masks" if hides and not by_level else ""  # the bound is a sum over masks, each with weight 1/m


def _open(uniforms: Tensor) -> Tensor:
    """Moves uniform numbers from [0, 1) to (0, 1)."""
    return uniforms.clamp_min(2.0**-54)
