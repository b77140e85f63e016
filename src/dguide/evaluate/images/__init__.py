"""How good generated images are."""

__all__: list[str] = []
