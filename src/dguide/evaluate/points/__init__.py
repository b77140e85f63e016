"""Statistics of sets of points: distances, neighbourhoods, diversity, copies."""

__all__ = ()
