"""What pages may change, and how often. No sockets here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rtpose.errors import InputError
from rtpose.server.protocol import ChangeSettings, LiveSettings, PlayVideo, Record
from rtpose.server.upload import VideoFeed

SAMPLE = "sample"
"""The built-in clip, as pages name it."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What a page with the token may ask for; None: this server does not offer it. Called in the server's thread."""

    record: Callable[[bool], None] | None = None
    settings: Callable[[LiveSettings], None] | None = None
    video: VideoFeed | None = None
    sample: Path | None = None
    """The built-in clip."""
    takes_paths: bool = False
    """Whether pages may name files on this computer: only if no other computer can connect."""

    def apply(self, message: Record | ChangeSettings | PlayVideo) -> None:
        """Do what a page asks for. Errors: `InputError` if this is not offered."""
        if isinstance(message, Record):
            if self.record is None:
                raise InputError("nothing is recorded here")
            self.record(message.record)
        elif isinstance(message, ChangeSettings):
            if self.settings is None:
                raise InputError("settings cannot be changed here")
            self.settings(message.settings)
        else:
            self._play(message.play)

    def _play(self, wanted: str) -> None:
        if self.video is None:
            raise InputError("videos are not shown here")
        if not wanted:
            self.video.stop_video()
        elif wanted == SAMPLE and self.sample is not None:
            self.video.play(self.sample, self.sample.name)
        elif not self.takes_paths or "://" in wanted or "\0" in wanted:
            raise InputError("paths are accepted only from pages on this computer")
        else:
            self.video.play(Path(wanted).expanduser(), Path(wanted).name)
