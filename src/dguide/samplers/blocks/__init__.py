"""One block of positions after the other, with what a network keeps of the blocks before."""

__all__ = ()
