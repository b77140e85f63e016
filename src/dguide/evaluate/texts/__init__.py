"""How good generated strings are, molecules among them."""

__all__: list[str] = []
