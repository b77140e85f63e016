"""`antibodies`: the model, ready for `dguide.sample`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...devices import usable_device
from ...errors import bad
from ...process import Process
from ..adapt import Adapted, adapt
from ..calling import device_of
from ..convention import Convention
from .files import weights
from .network import VOCABULARY, load, longest
from .sequences import MASK, RESIDUES, checked, encode

__all__ = ["Antibodies", "antibodies"]

_BEFORE, _BEHIND, _MASK, _FIRST = 2, 3, 4, 5
"""Tokens of the network: before a sequence, behind it, the mask, and the first amino acid."""


@dataclass(frozen=True, eq=False)
class Antibodies:
    """A masked language model of antibody sequences; `antibodies` loads it.

    Tokens are those of `dguide.adapters.antibody.encode`.

    Attributes:
        denoiser: Logits [B, L, 20] from tokens [B, L]. It has no condition; `dguide.adapters.Given` makes one of it
            whose condition is a part of the sequence.
        process: The process, for `dguide.sample`.
    """

    denoiser: Adapted

    @property
    def process(self) -> Process:
        return self.denoiser.process

    def species(self, sequences: Tensor | str | Sequence[str]) -> Tensor:
        """The probability of each species in `SPECIES`, [N, 6] float32, as the model tells it.

        It is a second output of the same network. So it is no independent judge of what the network wrote.

        Args:
            sequences: Sequences of one length, or their tokens [N, L]; masks are allowed.

        Raises:
            ValueError: If they are no sequences, or are too long.
        """
        return self._told("species", sequences)

    def chains(self, sequences: Tensor | str | Sequence[str]) -> Tensor:
        """The probability of each chain in `CHAINS`, [N, 2] float32. Otherwise as `species`."""
        return self._told("chain", sequences)

    @torch.no_grad()
    def _told(self, head: str, sequences: Tensor | str | Sequence[str]) -> Tensor:
        network = self.denoiser.module
        assert isinstance(network, nn.Module)
        tokens = checked(sequences) if isinstance(sequences, Tensor) else encode(sequences)
        if tokens.shape[1] > longest(network):
            raise bad("sequences", f"{tokens.shape[1]} amino acids", f"at most {longest(network)}")
        tokens = tokens.to(device_of(network))
        before, behind = (tokens.new_full((len(tokens), 1), each) for each in (_BEFORE, _BEHIND))
        ids = torch.cat((before, torch.where(tokens == MASK, _MASK, tokens + _FIRST), behind), 1)
        pooled = network.bert(input_ids=ids).pooler_output  # type: ignore[operator]
        return torch.softmax(network.cls.get_submodule(head)(pooled).float(), -1)  # type: ignore[union-attr]


def antibodies(*, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32) -> Antibodies:
    """AntiBERTy: 26 million parameters, trained on 558 million natural antibody sequences.

    The weights are a file in the package antiberty (0.1.3, licence MIT). No code of the package is run.

    Source: Ruffolo et al., "Deciphering antibody affinity maturation with language models and weakly supervised
    learning", arXiv 2112.07782.

    Args:
        device: Device of the network.
        dtype: Precision of the network.

    Raises:
        dguide.errors.MissingExtra: If the package, or transformers, is not installed: `pip install
            'dguide[antibodies]'`.
        ValueError: If the package is of another version, or its file is damaged.
    """
    network = load(weights(), usable_device(device), dtype)
    convention = Convention(
        vocab_size=len(RESIDUES),
        offset=_FIRST,
        columns=VOCABULARY,
        mask_id=_MASK,
        before=(_BEFORE,),
        after=(_BEHIND,),
        tokens_as="input_ids",
    )
    return Antibodies(adapt(network, convention))
