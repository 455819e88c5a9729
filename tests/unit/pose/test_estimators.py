"""How settings become the options of the detector's networks."""

from __future__ import annotations

from typing import Any

import pytest

from rtpose.config import RunSettings
from rtpose.pose import estimators


@pytest.mark.parametrize(
    ("cores", "given", "threads"),
    [
        (2, {}, 1),
        (2, {"network": "lite"}, 1),
        (1, {}, 1),
        (4, {}, None),
        (2, {"network": "heavy"}, None),
        (2, {"persons": 2}, None),
        (2, {"detector": "rtmpose"}, None),
        (2, {"threads": 2}, 2),
    ],
)
def test_threads_of_the_detector(
    cores: int, given: dict[str, Any], threads: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimators, "usable_cores", lambda: cores)
    assert estimators._detector_options(RunSettings(**given), "fp32").threads == threads
