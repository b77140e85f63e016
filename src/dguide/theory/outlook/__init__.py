"""What can be known of guided samples of a network before any of them is drawn."""

from __future__ import annotations

from .measure import outlook
from .table import Outlook, Signals

__all__ = ["Outlook", "Signals", "outlook"]
