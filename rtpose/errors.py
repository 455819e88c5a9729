"""Errors that a user can fix. The command line prints them as one line and exits with 2.

Every message says what is wrong and what to do next. Anything that is not an `RtposeError` is a bug.
"""

from __future__ import annotations

from rtpose.installation import extra_command


class RtposeError(Exception):
    """Base of all errors that are shown without a traceback."""


class InputError(RtposeError):
    """A file, folder, stream or camera that cannot be read."""


class OutputError(RtposeError):
    """A file or folder that cannot be written, or that would be overwritten."""


class ModelError(RtposeError):
    """A network file that is missing or damaged, or has another skeleton or version."""


class ConfigError(RtposeError):
    """A setting that is unknown or out of range."""


class ServerError(RtposeError):
    """The page's port is not available."""


class MissingExtraError(RtposeError):
    """An optional part of rtpose is not installed."""

    def __init__(self, extra: str, purpose: str) -> None:
        """`extra`: its name in pyproject.toml; `purpose`: what it is needed for, e.g. "training"."""
        super().__init__(f"{purpose} needs the extra '{extra}': {extra_command(extra)}")
        self.extra = extra
