"""Data of one's own: folders, tables, archives, and data sets of Hugging Face."""

__all__ = ()
