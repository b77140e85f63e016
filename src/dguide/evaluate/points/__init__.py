"""Statistics of sets of points: distances, neighbourhoods, diversity, copies."""

__all__: list[str] = []
