"""Whether the test pictures of a check are other ones than those that the tokenizer learnt."""

from __future__ import annotations

from ...data import Pictures, Source, pictures
from ...errors import InputError, MissingExtra
from ...tokenizers import LearntTokenizer, Tokenizer

__all__ = ["note"]

_OPEN = "Test pictures may be among those that it learnt, and the figures too good"


def note(tokenizer: Tokenizer, source: Source, test: Pictures) -> str:
    """A sentence if the data are not those that the tokenizer learnt; else nothing.

    Args:
        tokenizer: The tokenizer. Nothing is said of one that does not name its data.
        source: The data of the check.
        test: Their test pictures, or some of them.
    """
    about = tokenizer.about if isinstance(tokenizer, LearntTokenizer) else None
    if about is None or about.data_digest in ("", source.digest):
        return ""
    other = f"Not the data it learnt: {about.data}"
    try:
        learnt = pictures(about.data)
    except (InputError, MissingExtra):  # it was trained elsewhere
        return f"{other}, which cannot be read here. {_OPEN}."
    if learnt.digest != about.data_digest:
        return f"{other}, which has other content now. {_OPEN}."
    known = {each.tobytes() for part in (learnt.train, learnt.validation) for each in part.digests()}
    count = sum(each.tobytes() in known for each in test.digests())
    if count:
        what = f"{count:,} of {len(test):,} test pictures are among those that the tokenizer learnt"
        return f"**{what}** ({about.data}): the figures are too good."
    return f"{other}. None of the {len(test):,} test pictures is among its training and validation pictures."
