"""Text of unknown origin, such as names of files and streams, made fit for one line of a terminal or a report."""

from __future__ import annotations

import unicodedata

_NOT_SHOWN = {"Cc", "Cs", "Zl", "Zp"}
"""Control characters, foreign bytes, line and paragraph separators."""
_DIRECTION = {*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F}
"""They change the order in which the rest of the line is shown."""


def printable(text: str) -> str:
    r"""The text with control characters, line breaks and foreign bytes as escapes: ESC as `\x1b`, a newline as `\n`.

    Everything else stays as it is, so an ordinary name is unchanged.
    """
    return text if text.isascii() and text.isprintable() else "".join(map(_shown, text))


def _shown(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file name that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if unicodedata.category(character) in _NOT_SHOWN or code in _DIRECTION:
        return character.encode("unicode_escape").decode("ascii")
    return character
