r"""Captions as HTML, from plain text with formulas such as ``$q_w = q_c^(1+w) q_u^(-w) / Z_w$``."""

from __future__ import annotations

import math
import re
from html import escape

__all__ = ["formula", "html", "short", "spans"]

_TOKEN = re.compile(r"[_^]\(|[_^](?:[A-Za-z]|\d+)|\|\||[A-Za-z]+|\d[\d.,]*|.", re.DOTALL)
_SYMBOLS = {
    "-": "&minus;",
    "*": "&middot;",
    "~": "&prop;",
    "||": "&Vert;",
    "alpha": "&alpha;",
    "tau": "&tau;",
    "sum": "&sum;",
    "log": "log",
    "TV": "TV",
}
"""Parts of a formula that are not variables in italics."""
_LONGEST = 30
"""A formula of at most this many characters is kept on one line."""
_TAGS = {"_": "sub", "^": "sup"}


def html(text: str) -> str:
    """Text as HTML. Empty lines separate paragraphs; ``$...$`` is a formula, ``**...**`` bold, and backticks code."""
    paragraphs = re.split(r"\n\s*\n", text.strip())
    return "\n".join(f"<p>{spans(paragraph)}</p>" for paragraph in paragraphs)


def spans(text: str) -> str:
    """Text in one line as HTML, in the notation of `html`."""
    words, *rest = re.split(r"\$([^$]*)\$", " ".join(text.split()))
    parts = [words, *rest]
    for k, part in enumerate(parts):
        if k % 2:
            kind = ' class="whole"' if len(part) <= _LONGEST else ""
            parts[k] = f"<span{kind}>{formula(part)}</span>"
            continue
        part = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", escape(part, quote=False))
        parts[k] = re.sub(r"`(.+?)`", r"<code>\1</code>", part)
    return "".join(parts)


def formula(text: str) -> str:
    """A formula as HTML. ``_`` and ``^`` apply to the next letter, number or bracket; names of symbols are replaced."""
    out, open_tags = [], []
    for token in _TOKEN.findall(text):
        if token in ("_(", "^("):
            open_tags.append(_TAGS[token[0]])
            out.append(f"<{open_tags[-1]}>")
        elif token[0] in _TAGS and len(token) > 1:
            tag = _TAGS[token[0]]
            out.append(f"<{tag}>{formula(token[1:])}</{tag}>")
        elif token == "(":
            open_tags.append("")
            out.append("(")
        elif token == ")" and open_tags:
            tag = open_tags.pop()
            out.append(f"</{tag}>" if tag else ")")
        elif token in _SYMBOLS:
            out.append(_SYMBOLS[token])
        else:
            out.append(f"<i>{token}</i>" if token.isalpha() else escape(token, quote=False))
    return "".join(out)


def short(value: float) -> str:
    """A number with three digits as a formula, with a power of ten if necessary."""
    if not math.isfinite(value):
        return str(value)
    digits, _, power = f"{value:.3g}".partition("e")
    return f"${digits} * 10^({int(power)})$" if power else f"${digits}$"
