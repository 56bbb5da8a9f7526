"""Texts that anyone may have written, in HTML."""

import re
from html import escape

# What a page can't hold or doesn't show, and what turns the text behind it around: control
# characters but for line ends and tabs, overrides of the direction, and halves of characters.
NOT_SHOWN = re.compile("[\0-\b\v\f\x0e-\x1f\x7f-\x9f\u202d\u202e\ud800-\udfff]")


def escape_text(text):
    r"""Return a text as HTML; characters that could not be seen are written as ``\x00``.

    Parameters
    ----------
    text : str
        The text, with any characters.

    Returns
    -------
    html : str
        Without markup; UTF-8 can hold it.
    """
    return escape(NOT_SHOWN.sub(_spell, text))


def _spell(match):
    return repr(match[0])[1:-1]
