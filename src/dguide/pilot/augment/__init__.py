"""Whether generated examples of a rare class make a classifier better than what a team would do without them."""

__all__ = ()
