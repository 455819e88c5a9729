"""People and the ground as triangles."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rtpose.outputs import bodies
from rtpose.outputs.bodies import ColoredMesh, Floor, build_ground, build_people
from rtpose.skeleton import RTPOSE28
from rtpose.types import Person3D

WEB = Path(__file__).parents[3] / "web" / "src"


def person(track_id: int = 0, x: float = 0.0, feet_y: float = 1.0, sure: float = 0.9) -> Person3D:
    """Someone 1.7 m tall, 3 m away: the joints one over the other, camera axes."""
    pose = np.zeros((28, 3), np.float32)
    heights = {
        "foot": 0.08, "heel": 0.08, "toe": 0.08, "knee": 0.5, "hip": 0.93, "root": 0.93, "spine": 1.2, "thorax": 1.4,
        "base": 1.5, "elbow": 1.4, "wrist": 1.2, "index": 1.2, "pinky": 1.2,
    }  # fmt: skip
    for number, joint in enumerate(RTPOSE28.joints):
        pose[number, 1] = 0.93 - heights.get(joint.rpartition("_")[2], 1.6)
        pose[number, 0] = {"left": 0.2, "right": -0.2}.get(joint.split("_")[0], 0)
    root = np.array([x, feet_y - 0.85, 3], np.float32)  # the feet are 0.85 below the root
    seen = np.ones((28, 3), np.float32)
    return Person3D(track_id, np.zeros(4, np.float32), seen, pose, root, np.full(28, sure))


def world(floor_m: float) -> np.ndarray:
    """`world_from_camera` of a level camera; floor_m: the floor's height where the camera's is 0."""
    out = np.diag([1.0, -1, -1, 1])
    out[1, 3] = -floor_m
    return out


def parts(mesh: ColoredMesh) -> tuple[np.ndarray, np.ndarray]:
    """Corners of the bodies, and of the shadows."""
    shadow = mesh.corners[:, 1] == np.float32(0.003)
    return mesh.corners[~shadow], mesh.corners[shadow]


def test_somebody_stands_on_the_floor_and_is_seen_from_outside() -> None:
    mesh = build_people([person(feet_y=1.0)], world(-1.08))
    body, shadow = parts(mesh)
    assert len(body) == len(shadow)
    low, high = body.min(0), body.max(0)
    # The foot's ball has 0.042 m radius around the ankle 0.08 m above the floor; the head's 0.1 m around 1.6 m.
    np.testing.assert_allclose([low[1], high[1]], [0.08 - 0.042, 1.7], atol=2e-3)
    assert low[2] < -3 < high[2], "away from the camera is away from the viewer"
    np.testing.assert_allclose([low[0], high[0]], [-0.266, 0.266], atol=2e-3)  # the hips' balls
    # The signed volume of closed surfaces is positive if their triangles face outwards.
    a, b, c = (mesh.corners[mesh.triangles[:, i]] for i in range(3))
    body_triangles = (a[:, 1] != np.float32(0.003)) | (b[:, 1] != np.float32(0.003))
    middle = np.array([0, 1, -3])
    volume = np.einsum("ij,ij->i", a - middle, np.cross(b - middle, c - middle))[body_triangles].sum() / 6
    assert 0.01 < volume < 0.1


def test_the_lamp_is_in_front_above_and_right_of_them() -> None:
    _, shadow = parts(build_people([person()], world(-1.08)))
    # What is 1.6 m high throws its shadow 1.6 * 2.2 / 5.5 m to the left, 1.6 * 2.6 / 5.5 m away: of the right shoulder,
    # a ball of 0.054 m at 0.2 m to the left, and of the head, a ball of 0.1 m.
    np.testing.assert_allclose(shadow[:, 0].min(), -(0.2 + 1.6 * 2.2 / 5.5 + 0.054), atol=0.01)
    np.testing.assert_allclose(shadow[:, 2].min(), -(3 + 1.6 * 2.6 / 5.5 + 0.1), atol=0.02)


def test_colours_by_person_and_by_side() -> None:
    first, second = (build_people([person(track)], world(-1.08)) for track in (0, 1))
    assert np.array_equal(first.corners, second.corners)
    assert not np.allclose(first.colors, second.colors)
    assert np.array_equal(build_people([person(8)], world(-1.08)).colors, first.colors), "eight colours, then again"
    body = first.colors[first.corners[:, 1] != np.float32(0.003)]
    corners, _ = parts(first)
    left, right = body[corners[:, 0] > 0.22].mean(0), body[corners[:, 0] < -0.22].mean(0)
    assert left[2] > left[0], "the left side is blue"
    assert right[0] > right[2], "the right side is orange"


def test_unsure_joints_are_faint_and_unknown_ones_absent() -> None:
    sure, faint = build_people([person()], world(-1.08)), build_people([person(sure=0.12)], world(-1.08))
    assert np.array_equal(sure.corners, faint.corners)
    far = bodies.srgb_from_linear(bodies.linear_from_hex(bodies.BACKGROUND))
    lit = parts_colors(sure), parts_colors(faint)
    np.testing.assert_allclose(lit[1], 0.26 * lit[0] + 0.74 * far, atol=1e-5)
    assert len(build_people([person(sure=0.05)], world(-1.08)).corners) == 0
    away = person()
    pose = away.pose_3d.copy()
    pose[RTPOSE28.index_of["left_wrist"]] = np.nan
    fewer = build_people([replace(away, pose_3d=pose)], world(-1.08))
    assert np.isfinite(fewer.corners).all()
    bone, ball = 2 * 14, 8 * 14  # two rings; eight with the poles
    assert len(sure.corners) - len(fewer.corners) == 2 * (bone + ball), "with their shadows"
    assert len(build_people([], world(0.0)).triangles) == 0


def parts_colors(mesh: ColoredMesh) -> np.ndarray:
    return mesh.colors[mesh.corners[:, 1] != np.float32(0.003)]


def test_several_people_in_one_mesh() -> None:
    both = build_people([person(0, x=-1), person(1, x=1)], world(-1.08))
    one = build_people([person(0, x=-1)], world(-1.08))
    assert len(both.corners) == 2 * len(one.corners)
    assert both.triangles.max() == len(both.corners) - 1
    body, _ = parts(both)
    assert not ((body[:, 0] > -0.7) & (body[:, 0] < 0.7)).any()


def test_the_floor_lies_under_the_feet_that_were_seen() -> None:
    floor = Floor()
    floor.observe([person(feet_y=1.0, sure=0.2)], 0.0)
    np.testing.assert_allclose(floor.height_m, -(1.0 - 0.85) - 0.93, atol=1e-6)  # by the root
    for step in range(20):
        floor.observe([person(feet_y=1.0)], 0.2 * step)
    np.testing.assert_allclose(floor.height_m, -1.08, atol=1e-6)
    floor.observe([person(feet_y=1.6)], 4.2)
    np.testing.assert_allclose(floor.height_m, -1.08, atol=1e-6, err_msg="one bad step is no floor")
    floor.observe([], 4.4)
    np.testing.assert_allclose(floor.height_m, -1.08, atol=1e-6)


def test_a_known_world_is_taken_as_it_is() -> None:
    """A camera that is rolled by 20 degrees: people stand upright in the world."""
    floor = Floor()
    assert floor.world_from_camera[1, 3] == 1.2
    c, s = np.cos(np.radians(20)), np.sin(np.radians(20))
    rolled = np.array([[c, s, 0, 0], [s, -c, 0, 1.5], [0, 0, -1, 0], [0, 0, 0, 1]])
    somebody = person()
    pose = somebody.pose_3d.copy()
    pose[:, :2] = pose[:, :2] @ np.diag([1, -1]) @ rolled[:2, :2]
    tilted = replace(somebody, pose_3d=pose.astype(np.float32))
    floor.observe([tilted], 0.0, rolled)
    np.testing.assert_array_equal(floor.world_from_camera, rolled)
    body, _ = parts(build_people([tilted], floor.world_from_camera))
    upright, _ = parts(build_people([somebody], world(0)))
    np.testing.assert_allclose(np.ptp(body, axis=0), np.ptp(upright, axis=0), atol=0.01)


def test_the_ground_fades_and_has_a_line_every_metre() -> None:
    disc, lines = build_ground()
    far = bodies.srgb_from_linear(bodies.linear_from_hex(bodies.BACKGROUND))
    np.testing.assert_allclose(
        disc.colors[np.hypot(*disc.corners[:, ::2].T) > 10.99], far[None].repeat(48, 0), atol=1e-6
    )
    middle = disc.colors[np.hypot(*disc.corners[:, ::2].T) < 0.01]
    np.testing.assert_allclose(
        middle, bodies.srgb_from_linear(bodies.linear_from_hex(bodies.GROUND))[None].repeat(48, 0), atol=1e-6
    )
    for mesh in (disc, lines):
        a, b, c = (mesh.corners[mesh.triangles[:, i]] for i in range(3))
        assert (np.cross(b - a, c - a)[:, 1] >= 0).all(), "seen from above"
    along_z = lines.corners[np.abs(lines.corners[:, 0] - lines.corners[:, 0].round()) > 1e-3][:, 0]
    np.testing.assert_allclose(np.abs(along_z - along_z.round()), 0.006, atol=1e-5)


def test_the_page_and_the_window_look_alike() -> None:
    pose, skeleton, theme = ((WEB / f"{name}.ts").read_text(encoding="utf-8") for name in ("pose", "skeleton", "theme"))
    listed = re.search(r"PERSON_COLORS = \[(.*?)\]", pose, re.S)
    assert listed is not None
    assert tuple(re.findall(r'"(#\w+)"', listed[1])) == bodies.PERSON_COLORS
    assert f"LEAST_CONFIDENCE = {bodies.LEAST_CONFIDENCE};" in pose
    assert f"SEEN_CONFIDENCE = {bodies.SEEN_CONFIDENCE};" in pose
    assert f"SEEN_SCORE = {bodies.SEEN_SCORE};" in pose
    colours = f'background: "{bodies.BACKGROUND}", ground: "{bodies.GROUND}", line: "{bodies.GROUND_LINES}"'
    assert colours in theme
    radii = {
        word.split("_")[-1]: (float(a), float(b))
        for word, a, b in re.findall(r'\["(\w+)", ([\d.]+), ([\d.]+)\]', skeleton)
    }
    assert {word: radii[word] for word in bodies._RADII_M} == bodies._RADII_M


@pytest.mark.parametrize(("color", "value"), [("#000000", 0.0), ("#ffffff", 1.0), ("#808080", 0.2159)])
def test_screen_colours(color: str, value: float) -> None:
    np.testing.assert_allclose(bodies.linear_from_hex(color), [value] * 3, atol=1e-4)
    np.testing.assert_allclose(
        bodies.srgb_from_linear(bodies.linear_from_hex(color)), int(color[1:3], 16) / 255, atol=1e-6
    )
