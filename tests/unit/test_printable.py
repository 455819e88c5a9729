"""Text of unknown origin on one line."""

import os

import pytest

from rtpose.printable import printable


@pytest.mark.parametrize("name", ["clip.mp4", "läufer [1]: a b.mp4", "走る 👩‍👩‍👧.mp4", "cam[/hall].mjpg"])
def test_ordinary_names_stay_as_they_are(name: str) -> None:
    assert printable(name) == name


def test_what_would_change_the_terminal_is_escaped() -> None:
    assert printable("a\x1b[2J\nb\r\tc\x7f\x9b") == r"a\x1b[2J\nb\r\tc\x7f\x9b"
    assert printable("gpj.\u202eevil\u2028") == r"gpj.\u202eevil\u2028"
    assert printable(os.fsdecode(b"L\xe4ufer")) == r"L\xe4ufer"
    assert printable("\ud800") == r"\ud800"
