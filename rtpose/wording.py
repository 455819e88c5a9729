"""Words that several messages share."""


def counted(count: int, noun: str) -> str:
    """ "1 frame", "2 frames"."""
    return f"{count} {noun}" + ("" if count == 1 else "s")
