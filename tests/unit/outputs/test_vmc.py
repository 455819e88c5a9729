"""An avatar's bones as a receiver of the VMC protocol reads them: forward kinematics in Unity's axes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from math import sqrt
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from receivers import OscReceiver, opened, osc_receiver

from rtpose.geometry import camera_from_viewer, standing_height
from rtpose.outputs.datagrams import ETHERNET_BYTES
from rtpose.rotations import REST_DIRECTIONS
from rtpose.skeleton import H36M17
from rtpose.types import Result

MakeResult = Callable[..., Result]
Array = NDArray[Any]
INDEX = H36M17.index_of
LENGTHS = np.array([0, 0.13, 0.44, 0.43, 0.13, 0.44, 0.43, 0.24, 0.25, 0.1, 0.1, 0.18, 0.3, 0.25, 0.18, 0.3, 0.25])
# Unity's humanoid: bone -> parent, and the joint at which it starts.
HUMANOID = {
    "Hips": (None, "root"), "Spine": ("Hips", "root"), "Chest": ("Spine", "spine"), "Neck": ("Chest", "thorax"),
    "Head": ("Neck", "neck_base"),
    "LeftShoulder": ("Chest", "thorax"), "LeftUpperArm": ("LeftShoulder", "left_shoulder"),
    "LeftLowerArm": ("LeftUpperArm", "left_elbow"),
    "RightShoulder": ("Chest", "thorax"), "RightUpperArm": ("RightShoulder", "right_shoulder"),
    "RightLowerArm": ("RightUpperArm", "right_elbow"),
    "LeftUpperLeg": ("Hips", "left_hip"), "LeftLowerLeg": ("LeftUpperLeg", "left_knee"),
    "RightUpperLeg": ("Hips", "right_hip"), "RightLowerLeg": ("RightUpperLeg", "right_knee"),
}  # fmt: skip
# What each bone points to at rest, in Unity's axes: the avatar faces z, so its left is -x.
POINTS_TO = {
    "Spine": ("spine", (0, 1, 0)), "Chest": ("thorax", (0, 1, 0)), "Neck": ("neck_base", (0, 1, 0)),
    "Head": ("head", (0, 1, 0)),
    "LeftShoulder": ("left_shoulder", (-1, 0, 0)), "LeftUpperArm": ("left_elbow", (-1, 0, 0)),
    "LeftLowerArm": ("left_wrist", (-1, 0, 0)), "RightShoulder": ("right_shoulder", (1, 0, 0)),
    "RightUpperArm": ("right_elbow", (1, 0, 0)), "RightLowerArm": ("right_wrist", (1, 0, 0)),
    "LeftUpperLeg": ("left_knee", (0, -1, 0)), "LeftLowerLeg": ("left_foot", (0, -1, 0)),
    "RightUpperLeg": ("right_knee", (0, -1, 0)), "RightLowerLeg": ("right_foot", (0, -1, 0)),
}  # fmt: skip


def at_rest() -> Array:
    """(17, 3) in the viewer's axes: somebody who faces the camera with the arms out."""
    joints = np.zeros((17, 3))
    for bone, parent in enumerate(H36M17.parents.tolist()):
        if parent >= 0:
            joints[bone] = joints[parent] + LENGTHS[bone] * REST_DIRECTIONS[bone]
    return joints


def seen(make_result: MakeResult, joints: Array, root: Sequence[float] = (0.3, 0.1, 3), track_id: int = 1) -> Result:
    """joints: relative to the root, the viewer's axes. root: metres in camera space."""
    result = make_result(5, (track_id,), pts_s=2.5)
    pose = camera_from_viewer(joints.astype(np.float32))
    person = replace(result.persons[0], pose_3d=pose, root_3d=np.array(root, np.float32))
    return replace(result, persons=(person,))


@pytest.fixture
def receiver() -> Iterator[OscReceiver]:
    with osc_receiver() as listening:
        yield listening


def bones_of(bundle: list[tuple[Any, ...]]) -> dict[str, tuple[Array, Array]]:
    """name -> local position, local quaternion x y z w."""
    return {
        name: (np.array(numbers[:3]), np.array(numbers[3:]))
        for address, *arguments in bundle
        if address == "/VMC/Ext/Bone/Pos"
        for name, *numbers in [arguments]
    }


def turned(quaternion: Array, vector: Array) -> Array:
    """The formula is the same in left-handed axes."""
    axis, w = quaternion[:3], quaternion[3]
    return vector + 2 * np.cross(axis, np.cross(axis, vector) + w * vector)


def world(bones: dict[str, tuple[Array, Array]]) -> tuple[dict[str, Array], Callable[[str, Array], Array]]:
    """Where each bone starts, and what turns a vector of a bone's axes into the world's."""

    def into_world(name: str | None, vector: Array) -> Array:
        while name is not None:
            vector = turned(bones[name][1], vector)
            name = HUMANOID[name][0]
        return vector

    starts: dict[str, Array] = {}
    for name, (parent, _) in HUMANOID.items():
        place = into_world(parent, bones[name][0])
        starts[name] = place if parent is None else starts[parent] + place
    return starts, into_world


def test_facing_the_camera_with_arms_out_is_the_rest_pose(make_result: MakeResult, receiver: OscReceiver) -> None:
    stream = opened(f"vmc://127.0.0.1:{receiver.port}", pytest.fail)
    stream.write(seen(make_result, at_rest()))
    (bundle,) = receiver.wait(1)
    stream.close()
    assert bundle[:3] == [
        ("/VMC/Ext/OK", 1, 3, 0, 1), ("/VMC/Ext/T", 2.5), ("/VMC/Ext/Root/Pos", "root", 0, 0, 0, 0, 0, 0, 1),
    ]  # fmt: skip
    bones = bones_of(bundle)
    assert set(bones) == set(HUMANOID)
    for name, (_, quaternion) in bones.items():
        assert quaternion == pytest.approx([0, 0, 0, 1], abs=1e-6), name
    ankle = 0.039 * float(standing_height(at_rest().astype(np.float32)))
    assert bones["Hips"][0] == pytest.approx([0, 0.87 + ankle, 0], abs=1e-5)
    assert bones["LeftUpperArm"][0] == pytest.approx([-0.18, 0, 0], abs=1e-6)
    assert bones["RightUpperLeg"][0] == pytest.approx([0.13, 0, 0], abs=1e-6)
    assert receiver.sizes[0] <= ETHERNET_BYTES


def test_turns_and_steps_have_the_right_sign(make_result: MakeResult, receiver: OscReceiver) -> None:
    forearm_forward = at_rest()
    forearm_forward[INDEX["left_wrist"]] = forearm_forward[INDEX["left_elbow"]] + [0, 0, 0.25]
    stream = opened(f"vmc://127.0.0.1:{receiver.port}", pytest.fail)
    stream.write(seen(make_result, at_rest(), root=(0.3, 0.1, 3)))
    # Half a metre nearer, a tenth to the picture's right, which is the person's left, and a fifth higher.
    stream.write(seen(make_result, forearm_forward, root=(0.4, -0.1, 2.5)))
    first, second = map(bones_of, receiver.wait(2))
    stream.close()
    assert second["Hips"][0] - first["Hips"][0] == pytest.approx([-0.1, 0.2, 0.5], abs=1e-6)
    # From the left, -x, to the front, z: in Unity a positive quarter turn about y.
    assert second["LeftLowerArm"][1] == pytest.approx([0, sqrt(0.5), 0, sqrt(0.5)], abs=1e-6)
    assert second["LeftUpperArm"][1] == pytest.approx([0, 0, 0, 1], abs=1e-6)


def test_forward_kinematics_gives_the_joints(make_result: MakeResult, receiver: OscReceiver) -> None:
    stream = opened(f"vmc://127.0.0.1:{receiver.port}", pytest.fail)
    rng = np.random.default_rng(3)
    for count in range(1, 6):
        joints = at_rest() + rng.normal(0, 0.2, (17, 3))
        joints[INDEX["root"]] = 0
        stream.write(seen(make_result, joints))
        starts, into_world = world(bones_of(receiver.wait(count)[-1]))
        unity = joints * [-1, 1, 1]
        for name, (_, joint) in HUMANOID.items():
            assert starts[name] - starts["Hips"] == pytest.approx(unity[INDEX[joint]], abs=2e-5), name
        for name, (end, rest) in POINTS_TO.items():
            bone = unity[INDEX[end]] - unity[INDEX[HUMANOID[name][1]]]
            assert into_world(name, np.array(rest)) == pytest.approx(bone / np.linalg.norm(bone), abs=1e-4), name
    stream.close()


def test_nobody_and_somebody_else(make_result: MakeResult, receiver: OscReceiver) -> None:
    stream = opened(f"vmc://127.0.0.1:{receiver.port}?person=4", pytest.fail)
    stream.write(seen(make_result, at_rest(), track_id=1))
    stream.write(seen(make_result, at_rest(), root=(1, 0, 5), track_id=4))
    nobody, somebody = receiver.wait(2)
    stream.close()
    assert nobody == [("/VMC/Ext/OK", 1, 3, 0, 0), ("/VMC/Ext/T", 2.5)]
    x, _, z = bones_of(somebody)["Hips"][0]
    assert (x, z) == (0, 0), "each person starts at the origin"


def test_bones_that_nobody_saw_are_not_sent(make_result: MakeResult, receiver: OscReceiver) -> None:
    joints = at_rest()
    legs = [INDEX[f"{side}_{joint}"] for side in ("left", "right") for joint in ("knee", "foot")]
    joints[legs] += [0, 0.9, 0.5]
    result = seen(make_result, joints)
    confidence = result.persons[0].confidence.copy()
    confidence[legs] = 0.01
    stream = opened(f"vmc://127.0.0.1:{receiver.port}", pytest.fail)
    stream.write(replace(result, persons=(replace(result.persons[0], confidence=confidence),)))
    bones = bones_of(receiver.wait(1)[0])
    stream.close()
    hidden = {f"{side}{bone}Leg" for side in ("Left", "Right") for bone in ("Upper", "Lower")}
    assert set(HUMANOID) - set(bones) == hidden
    assert 0.7 < bones["Hips"][0][1] < 1.1, "the floor is not where unseen feet are"
