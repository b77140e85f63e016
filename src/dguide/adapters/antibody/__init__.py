"""A masked language model of antibody sequences: AntiBERTy, from the files of the package antiberty."""

from __future__ import annotations

from .model import Antibodies, antibodies
from .network import CHAINS, SPECIES
from .sequences import RESIDUES, decode, encode, positions_of

__all__ = ["CHAINS", "RESIDUES", "SPECIES", "Antibodies", "antibodies", "decode", "encode", "positions_of"]
