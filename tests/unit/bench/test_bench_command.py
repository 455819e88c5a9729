"""What `rtpose bench` refuses before any work."""

from pathlib import Path
from typing import Any

import pytest

from rtpose.cli.bench import bench
from rtpose.errors import ConfigError, InputError


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"settings": "colour=red"}, "colour"),
        ({"people": "3..1"}, "give 1 to 4"),
        ({"people": "some"}, "give a number"),
        ({"clients": "1,many"}, "numbers of pages"),
        ({"clients": "40,0", "hostile": 20}, "give --clients with more than 40 pages"),
        ({"hostile": 1}, "give --clients"),
        ({"minutes": 1.0, "people": "2"}, "give one"),
        ({"page": True, "compare": ("default", "mediapipe")}, "give one"),
        ({"peer": ["openpose=python"]}, "no peer 'openpose'"),
        ({"compare": ("default", "mediapipe"), "peer": ["mediapipe=nothing"]}, "mediapipe=/path/to/python"),
    ],
)
def test_settings_that_cannot_be(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        bench(**options)


def test_a_clip_that_is_not_there() -> None:
    with pytest.raises(InputError, match=r"nothing\.mp4"):
        bench(Path("nothing.mp4"))
