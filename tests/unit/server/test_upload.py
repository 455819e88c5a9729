"""Videos that pages upload: what is stored, under which name, and what is refused; what else pages may ask for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtpose.errors import InputError
from rtpose.server import limits
from rtpose.server.changes import Changes
from rtpose.server.protocol import ChangeSettings, LiveSettings, PlayVideo, Record, decode_client_message
from rtpose.server.upload import Upload


class Shown:
    """Stands for the source."""

    def __init__(self) -> None:
        self.played: list[tuple[Path, str]] = []
        self.done: Callable[[], None] = lambda: None
        self.stopped = 0

    def play(self, path: Path, name: str, done: Callable[[], None] = lambda: None) -> None:
        self.played.append((path, name))
        self.done = done

    def stop_video(self) -> None:
        self.stopped += 1


def test_a_video_is_stored_under_a_name_of_its_own_and_gone_when_it_is_over() -> None:
    shown = Shown()
    upload = Upload(shown, "6", "../../etc/passwd\n.mp4")
    assert not upload.receive(b"abcd")
    assert not shown.played
    assert upload.receive(b"ef")
    upload.abort()  # the page has gone
    [(path, name)] = shown.played
    assert path.read_bytes() == b"abcdef"
    assert path.name.startswith("rtpose-")
    assert "passwd" not in str(path)
    assert "\n" not in name
    shown.done()
    assert not path.exists()


def test_a_video_that_stops_coming_or_is_longer_than_announced_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    shown = Shown()
    upload = Upload(shown, "6", "a.mp4")
    upload.receive(b"abcd")
    with pytest.raises(InputError, match="longer"):
        upload.receive(b"efg")
    upload.abort()
    assert not shown.played
    assert list(tmp_path.iterdir()) == []


@given(st.text(max_size=20) | st.integers(max_value=0).map(str) | st.integers(limits.MAX_VIDEO_BYTES + 1).map(str))
def test_other_sizes_are_refused(size: str) -> None:
    if size.isascii() and size.isdigit() and 0 < int(size) <= limits.MAX_VIDEO_BYTES:
        return
    with pytest.raises(InputError, match="MiB"):
        Upload(Shown(), size, "a.mp4")


def test_paths_are_taken_from_this_computer_only() -> None:
    shown = Shown()
    Changes(video=shown, takes_paths=True).apply(PlayVideo("/videos/a.mp4"))
    assert shown.played == [(Path("/videos/a.mp4"), "a.mp4")]
    for changes, wanted in (
        (Changes(video=shown), "/videos/a.mp4"),
        (Changes(video=shown, takes_paths=True), "http://10.0.0.1/a.mp4"),
        (Changes(), "/videos/a.mp4"),
    ):
        with pytest.raises(InputError):
            changes.apply(PlayVideo(wanted))
    Changes(video=shown, sample=Path("/x/sample.mp4")).apply(PlayVideo("sample"))
    assert shown.played[1:] == [(Path("/x/sample.mp4"), "sample.mp4")]
    Changes(video=shown).apply(PlayVideo(""))
    assert shown.stopped == 1


def test_what_is_not_offered_is_refused() -> None:
    for message in (Record(True), ChangeSettings(LiveSettings(height_m=1.8)), PlayVideo("")):
        with pytest.raises(InputError):
            Changes().apply(message)


@pytest.mark.parametrize(
    "text",
    [
        '{"settings": {"height_m": 9}}', '{"settings": {"height_m": "1.8"}}', '{"settings": {"fov_deg": NaN}}',
        '{"settings": {"persons": 0}}', '{"settings": {"network": "huge"}}', '{"settings": {"lifter": "/etc/passwd"}}',
    ],
)  # fmt: skip
def test_impossible_settings_are_no_messages(text: str) -> None:
    with pytest.raises(InputError):
        decode_client_message(text)


def test_settings_may_be_given_one_by_one() -> None:
    assert decode_client_message('{"settings": {"height_m": 1.8}}') == ChangeSettings(LiveSettings(height_m=1.8))
    assert decode_client_message('{"play": "record"}') == PlayVideo("record")
