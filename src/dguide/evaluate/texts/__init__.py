"""How good generated strings are, molecules among them."""

__all__ = ()
