"""An exported motion moves a VRM avatar in three-vrm: its limbs point where the recorded ones do, and it stands.

The avatar has other proportions, bone names and bone axes. A picture is kept in test-artifacts/.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest
from dance_recording import FRAMES, IDS, dance
from pages import OpenPage, wait_for
from playwright.sync_api import Page, Route
from posed_bodies import LENGTHS_M, level_world
from vrm_avatar import AVATAR, write_avatar

from rtpose.recordings.export import export_recording
from rtpose.recordings.recording import Recording
from rtpose.skeleton import RTPOSE28

pytestmark = pytest.mark.browser

ARTIFACTS = Path(__file__).parents[2] / "test-artifacts"
VIEWER = Path(__file__).parents[1] / "helpers" / "avatar.html"
SHOWN = (0, 14, 37, 62, 99)
"""Frames. In none is a joint of the first person hidden."""
LIMBS = {
    ("spine", "chest"): ("root", "spine"),
    ("chest", "upperChest"): ("spine", "thorax"),
    ("rightUpperArm", "leftUpperArm"): ("right_shoulder", "left_shoulder"),
    ("rightUpperLeg", "leftUpperLeg"): ("right_hip", "left_hip"),
    **{
        (f"{side}{bone}", f"{side}{end}"): (f"{side}_{first}", f"{side}_{last}")
        for side in ("left", "right")
        for bone, end, first, last in (
            ("UpperArm", "LowerArm", "shoulder", "elbow"),
            ("LowerArm", "Hand", "elbow", "wrist"),
            ("UpperLeg", "LowerLeg", "hip", "knee"),
            ("LowerLeg", "Foot", "knee", "foot"),
            ("Foot", "Toes", "foot", "toe"),
        )
    },
}
"""Two bones of the avatar -> the two recorded joints that lie in the same direction from each other."""


SOLES = ("HeelL", "HeelR", "leftToes", "rightToes")
ROOM = level_world(1.4)
"""In which one foot of the dancers is always on the floor."""
AVATAR_AT = {bone.vrm: np.array(bone.at) for bone in AVATAR}


@pytest.fixture(scope="module")
def recording() -> Recording:
    """The dance, level with the floor."""
    return replace(dance(), world_from_camera=np.tile(ROOM, (FRAMES, 1, 1)).astype(np.float32))


@pytest.fixture
def page(open_page: OpenPage, web_packages: Path, recording: Recording, tmp_path: Path) -> Page:
    """The avatar and the motion of the first person."""
    write_avatar(tmp_path / "avatar.vrm")
    export_recording(recording, tmp_path / "motion.glb", person=IDS[0])
    files = {"/": VIEWER, "/avatar.vrm": tmp_path / "avatar.vrm", "/motion.vrma": tmp_path / "motion.glb"}

    def answer(route: Route) -> None:
        path = urlsplit(route.request.url).path
        route.fulfill(path=files.get(path, web_packages / path[1:]))

    site = "http://avatar.test/"
    page = open_page(site, (720, 720), before=lambda page: page.route(f"{site}**", answer))
    wait_for(page, "body.state === 'ready'")
    return page


def test_an_avatar_of_other_proportions_moves_as_recorded(page: Page, recording: Recording) -> None:
    known = (recording.poses_3d[:, 0] + recording.root_3d[:, :1]) @ ROOM[:3, :3].T + ROOM[:3, 3]
    legs_m = LENGTHS_M["UpperLeg"] + LENGTHS_M["LowerLeg"] + 0.31 * LENGTHS_M["Foot"]
    larger = AVATAR_AT["hips"][1] / legs_m
    pictures = []
    for frame in SHOWN:
        at = {name: np.array(place) for name, place in page.evaluate(f"poseAt({frame / 30})").items()}
        pictures.append(cv2.imdecode(np.frombuffer(page.screenshot(), np.uint8), cv2.IMREAD_COLOR))
        joints = dict(zip(RTPOSE28.joints, known[frame], strict=True))
        for (base, end), (first, last) in LIMBS.items():
            assert angle_deg(at[end] - at[base], joints[last] - joints[first]) < 0.5, (frame, base)
        ears = (joints["left_ear"] + joints["right_ear"]) / 2
        assert angle_deg(at["Nose"] - at["head"], joints["nose"] - ears) < 3, frame
        np.testing.assert_allclose(at["hips"], larger * joints["root"], atol=2e-3)
        assert abs(min(at[name][1] for name in SOLES)) < 0.02, frame
        for bone in AVATAR:
            if bone.parent:
                length = np.linalg.norm(AVATAR_AT[bone.vrm] - AVATAR_AT[bone.parent])
                assert np.linalg.norm(at[bone.vrm] - at[bone.parent]) == pytest.approx(length, abs=1e-4), bone
    ARTIFACTS.mkdir(exist_ok=True)
    cv2.imwrite(str(ARTIFACTS / "vrm-avatar.png"), np.hstack(pictures))


def angle_deg(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.degrees(np.arccos(np.clip(a @ b / np.linalg.norm(a) / np.linalg.norm(b), -1, 1))))
