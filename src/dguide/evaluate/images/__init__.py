"""How good generated images are."""

__all__ = ()
