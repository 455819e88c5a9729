"""What is taken from a clip, with full in heavy's place: heavy is not in the package."""

import itertools
from pathlib import Path

import av
import numpy as np
import pytest
from clips import write_clip

from rtpose.assets import sample_clip
from rtpose.config import RunSettings
from rtpose.errors import InputError
from rtpose.networks.weights import FUSION
from rtpose.pose.lift.fusion_codec import FEATURES
from rtpose.train.adapt import takes
from rtpose.train.adapt.learn import adapted
from rtpose.train.adapt.takes import takes_of
from rtpose.train.lifters.fusion.export import load_fusion


@pytest.fixture(autouse=True)
def without_heavy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(takes, "TEACHER", "full")


@pytest.mark.slow
def test_student_and_teacher_agree_about_who_is_there(tmp_path: Path) -> None:
    with av.open(str(sample_clip())) as container:
        pictures = [f.to_ndarray(format="rgb24") for f in itertools.islice(container.decode(video=0), 40)]
    write_clip(tmp_path / "clip.mp4", pictures)
    told: list[tuple[int, int | None]] = []
    (take,) = takes_of(str(tmp_path / "clip.mp4"), "full", RunSettings(), lambda *done: told.append(done))
    assert told[-1][0] == 40
    assert take.features.shape == (40, FEATURES)
    np.testing.assert_allclose(
        take.turn @ take.turn.transpose(0, 2, 1), np.broadcast_to(np.eye(3), (40, 3, 3)), atol=1e-5
    )
    assert 0.2 < take.weight.mean() < 1
    network, facts = load_fusion(FUSION)
    assert facts["skeleton"] == "rtpose28"
    _, held_out = adapted(network, [take], steps=1, report=lambda step: None)
    # The teacher here is the student itself, looking ahead: near, but not the same.
    assert 1 < held_out.before_mm < 40


@pytest.mark.slow
def test_an_empty_clip_teaches_nothing(tmp_path: Path) -> None:
    write_clip(tmp_path / "empty.mp4", [np.full((120, 160, 3), 90, np.uint8)] * 20)
    with pytest.raises(InputError, match="no person for 16 consecutive frames"):
        takes_of(str(tmp_path / "empty.mp4"), "full", RunSettings(), lambda done, total: None)
