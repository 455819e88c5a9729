"""The command that adds an extra fits how rtpose was installed."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path

import pytest

from rtpose import installation
from rtpose.errors import MissingExtraError


class Installed:
    def __init__(self, origin: str | None) -> None:
        self._origin = origin

    def read_text(self, name: str) -> str | None:
        return self._origin if name == "direct_url.json" else None


@pytest.mark.parametrize(
    ("origin", "command"),
    [
        (None, "pip install 'rtpose[osc]'"),
        ("no JSON", "pip install 'rtpose[osc]'"),
        ({"url": "file:///home/me/my%20work", "dir_info": {}}, "pip install '/home/me/my work[osc]'"),
        ({"url": "https://host/rtpose.whl", "archive_info": {}}, "pip install 'rtpose[osc] @ https://host/rtpose.whl'"),
        (
            {"url": "https://host/rtpose.git", "vcs_info": {"vcs": "git"}},
            "pip install 'rtpose[osc] @ git+https://host/rtpose.git'",
        ),
    ],
)
def test_an_installed_package(origin: object, command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = origin if origin is None or isinstance(origin, str) else json.dumps(origin)
    monkeypatch.setattr(installation, "__file__", str(tmp_path / "site-packages" / "rtpose" / "installation.py"))
    monkeypatch.setattr(metadata, "distribution", lambda name: Installed(text))
    assert installation.extra_command("osc") == command


def test_a_checkout() -> None:
    checkout = Path(installation.__file__).parents[1]
    assert (checkout / "pyproject.toml").is_file()
    assert str(MissingExtraError("osc", "OSC")) == f"OSC needs the extra 'osc': pip install -e '{checkout}[osc]'"
