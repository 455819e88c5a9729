"""`rtpose convert` on recordings without bodies."""

from pathlib import Path

import numpy as np
import pytest
from posed_bodies import LENGTHS, body_at
from typer.testing import CliRunner

from rtpose.bones import BONE_INDEX
from rtpose.cli import app
from rtpose.recordings.npz import read_npz, write_npz
from rtpose.recordings.people_table import PeopleTable
from rtpose.skeleton import H36M17
from rtpose.types import Camera, Person3D


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Two seconds of format 1: somebody who stands before the camera."""
    table = PeopleTable(H36M17)
    for t in range(20):
        _, joints, above = body_at(t / 10)
        root = np.array([0, 1.4 - above, 4], np.float32)
        keypoints = np.ones((17, 3), np.float32)
        keypoints[:, :2] = (joints[:17] + root)[:, :2] / (joints[:17] + root)[:, 2:] * 600 + [320, 240]
        table.append(
            t,
            t / 10,
            [Person3D(0, np.zeros(4, np.float32), keypoints, joints[:17], root, np.full(17, 0.9, np.float32))],
        )
    path = tmp_path / "old.npz"
    with path.open("wb") as file:
        write_npz(file, table.to_recording(image_size=(640, 480), camera=Camera(600, 600, 320, 240), meta={"fps": 10}))
    return path


def test_bodies_are_fitted_first_where_a_format_needs_them(old: Path) -> None:
    done = CliRunner().invoke(app, ["convert", str(old), str(old.with_suffix(".bvh"))])
    assert done.exit_code == 0, done.output
    text = old.with_suffix(".bvh").read_text()
    thigh_cm = float(text.split("JOINT leftLowerLeg")[1].split("OFFSET")[1].split()[1])
    assert thigh_cm == pytest.approx(-100 * LENGTHS[BONE_INDEX["leftUpperLeg"]], abs=3)


def test_rtposes_own_formats_stay_as_they_are(old: Path) -> None:
    done = CliRunner().invoke(app, ["convert", str(old), str(old.with_name("same.npz"))])
    assert done.exit_code == 0, done.output
    assert read_npz(old.with_name("same.npz")).skeleton is H36M17
    assert old.with_name("same.npz").read_bytes() == old.read_bytes()
