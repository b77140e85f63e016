"""What `dguide sample` draws, and where it goes."""

__all__ = ()
