"""What `rtpose video` refuses before any work."""

from pathlib import Path
from typing import Any

import pytest

from rtpose.cli.options import Viewer
from rtpose.cli.video import video
from rtpose.errors import ConfigError, OutputError, RtposeError


@pytest.mark.parametrize(
    ("options", "kind", "said"),
    [
        ({"view": True, "workers": 2}, ConfigError, "leave out --workers"),
        ({"viewer": Viewer.OPEN3D, "cluster": "auto"}, ConfigError, "leave out --workers and --cluster"),
        ({"report": Path("report.txt")}, OutputError, r"written as \.json"),
    ],
)
def test_options_that_cannot_be(
    options: dict[str, Any], kind: type[RtposeError], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(kind, match=said):
        video(inputs=["a.mp4"], **options)
    assert list(tmp_path.iterdir()) == []
