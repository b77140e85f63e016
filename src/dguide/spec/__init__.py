"""Calls as text: `name:option=value,...` is read and written by the signature of what is called.

A `Registry` holds the classes or functions of one kind by name: samplers, noise schedules, data sets. It turns text
into an object and back, for the command line and for files, and does the same with plain values for JSON.

- A value becomes what the annotation of its parameter says: int, float, str, bool, `Path` (`~` is the home directory),
  one of these or None, numbers as in `8x8` (ints) or `0.2;0.8` (floats), pairs as in `0=3;1=0`, or a call of a registry
  in parentheses, as in `smc:particles=8,sampler=(ancestral:steps=16)`.
- Values before the first option belong to the first parameters, in order, as in Python. If the first parameter is a
  required path or text, all that stands before the first option is its value: it may hold commas.
- A name can also be an import path, `my_module:MyClass`, with options after a second colon. It is imported only if a
  person typed it (`typed=True`, or `trust`). Text from a file cannot import anything.
"""

from .calls import Call, written
from .imports import trust
from .registry import Registry
from .values import text_of

__all__ = ["Call", "Registry", "text_of", "trust", "written"]
