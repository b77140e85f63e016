"""Loads the user's own data: folders, tables, archives, and data sets of Hugging Face."""

__all__ = ()
