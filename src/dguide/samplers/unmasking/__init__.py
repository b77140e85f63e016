"""Samplers of the masked process that choose which positions are unmasked."""

__all__ = ()
