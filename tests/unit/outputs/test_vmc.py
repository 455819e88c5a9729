"""An avatar's bones as a receiver of the VMC protocol reads them: forward kinematics in Unity's axes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from math import sqrt
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from posed_bodies import FACING_CAMERA, LENGTHS, about, level_world, rotations_at
from receivers import OscReceiver, opened, osc_receiver

from rtpose.bones import (
    BONE_INDEX,
    BONES,
    CONTACT_JOINTS,
    JOINT_BONES,
    JOINT_PLACES,
    joints_of_bones,
    wxyz_from_rotations,
)
from rtpose.outputs.datagrams import ETHERNET_BYTES
from rtpose.skeleton import RTPOSE28
from rtpose.types import BodyPose, Result

MakeResult = Callable[..., Result]
Array = NDArray[Any]
INDEX = RTPOSE28.index_of
# Unity's humanoid: bone -> parent.
HUMANOID = {
    "Hips": None, "Spine": "Hips", "Chest": "Spine", "Neck": "Chest", "Head": "Neck",
    **{f"{side}{bone}": parent if parent in ("Hips", "Chest") else f"{side}{parent}"
       for side in ("Left", "Right")
       for bone, parent in (("Shoulder", "Chest"), ("UpperArm", "Shoulder"), ("LowerArm", "UpperArm"),
                            ("Hand", "LowerArm"), ("UpperLeg", "Hips"), ("LowerLeg", "UpperLeg"),
                            ("Foot", "LowerLeg"))},
}  # fmt: skip
REST = np.tile(np.eye(3), (len(BONES), 1, 1))
REST[0] = FACING_CAMERA
FOOT_BELOW_ROOT_M = 0.41 + 0.42 - 0.19 * JOINT_PLACES[RTPOSE28.indices(*CONTACT_JOINTS), 1].min()
"""Of the toes in the rest pose, by the lengths of `posed_bodies`."""


def seen(
    make_result: MakeResult, rotations: Array = REST, root: Sequence[float] = (0.3, 0.1, 3), track_id: int = 1
) -> Result:
    """rotations: (B, 3, 3) of `posed_bodies`; root: metres in camera space."""
    result = make_result(5, (track_id,), pts_s=2.5)
    body = BodyPose(wxyz_from_rotations(rotations).astype(np.float32), LENGTHS, np.zeros(4, np.float32))
    pose = joints_of_bones(rotations, LENGTHS.astype(float)).astype(np.float32)
    person = replace(result.persons[0], pose_3d=pose, root_3d=np.array(root, np.float32), body=body)
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


def world(bones: dict[str, tuple[Array, Array]]) -> tuple[dict[str, Array], Callable[[str | None, Array], Array]]:
    """Where each bone starts, and what turns a vector of a bone's axes into the world's."""

    def into_world(name: str | None, vector: Array) -> Array:
        while name is not None:
            vector = turned(bones[name][1], vector)
            name = HUMANOID[name]
        return vector

    starts: dict[str, Array] = {}
    for name, parent in HUMANOID.items():
        place = into_world(parent, bones[name][0])
        starts[name] = place if parent is None else starts[parent] + place
    return starts, into_world


def pose_of(receiver: OscReceiver, count: int) -> list[tuple[Any, ...]]:
    """The messages of the latest of `count` poses, each of which takes two datagrams."""
    first, second = receiver.wait(2 * count)[-2:]
    return [*first, *second]


def test_facing_the_camera_with_arms_out_is_the_rest_pose(make_result: MakeResult, receiver: OscReceiver) -> None:
    stream = opened(f"vmc://127.0.0.1:{receiver.port}", pytest.fail)
    stream.write(seen(make_result))
    messages = pose_of(receiver, 1)
    stream.close()
    assert messages[:3] == [
        ("/VMC/Ext/OK", 1, 3, 0, 1), ("/VMC/Ext/T", 2.5), ("/VMC/Ext/Root/Pos", "root", 0, 0, 0, 0, 0, 0, 1),
    ]  # fmt: skip
    bones = bones_of(messages)
    assert set(bones) == set(HUMANOID)
    for name, (_, quaternion) in bones.items():
        assert quaternion == pytest.approx([0, 0, 0, 1], abs=1e-6), name
    assert bones["Hips"][0] == pytest.approx([0, FOOT_BELOW_ROOT_M, 0], abs=1e-5)
    assert bones["LeftUpperArm"][0] == pytest.approx([-0.18, 0, 0], abs=1e-6)
    assert bones["RightUpperLeg"][0] == pytest.approx([0.095, 0, 0], abs=1e-6)
    assert all(size <= ETHERNET_BYTES for size in receiver.sizes)


def test_turns_and_steps_have_the_right_sign(make_result: MakeResult, receiver: OscReceiver) -> None:
    forearm_forward = REST.copy()
    forearm_forward[BONE_INDEX["leftLowerArm"]] = about("y", -90)  # from x, the left, to z, the front
    stream = opened(f"vmc://127.0.0.1:{receiver.port}", pytest.fail)
    stream.write(seen(make_result, root=(0.3, 0.1, 3)))
    # Half a metre nearer, a tenth to the picture's right, which is the person's left, and a fifth higher.
    stream.write(seen(make_result, forearm_forward, root=(0.4, -0.1, 2.5)))
    one, two, three, four = receiver.wait(4)
    first, second = bones_of([*one, *two]), bones_of([*three, *four])
    stream.close()
    assert second["Hips"][0] - first["Hips"][0] == pytest.approx([-0.1, 0.2, 0.5], abs=1e-6)
    # From the left, -x, to the front, z: in Unity a positive quarter turn about y.
    assert second["LeftLowerArm"][1] == pytest.approx([0, sqrt(0.5), 0, sqrt(0.5)], abs=1e-6)
    assert second["LeftUpperArm"][1] == pytest.approx([0, 0, 0, 1], abs=1e-6)


def test_forward_kinematics_gives_all_joints(make_result: MakeResult, receiver: OscReceiver) -> None:
    """Head, hands and feet among them: nose, ears, knuckles, heels and toes lie off the bones' lines."""
    stream = opened(f"vmc://127.0.0.1:{receiver.port}", pytest.fail)
    for count in range(1, 6):
        result = seen(make_result, rotations_at(0.3 * count, count))
        stream.write(result)
        starts, into_world = world(bones_of(pose_of(receiver, count)))
        unity = result.persons[0].pose_3d * [-1, -1, -1]  # up is -y, the camera is at -z, and x is mirrored
        for joint, number in INDEX.items():
            bone = BONES[JOINT_BONES[number]].name
            name = bone[0].upper() + bone[1:]
            place = JOINT_PLACES[number] * LENGTHS[JOINT_BONES[number]] * [-1, 1, 1]
            got = starts[name] - starts["Hips"] + into_world(name, place)
            assert got == pytest.approx(unity[number], abs=1e-4), joint
    stream.close()


def test_a_known_floor_is_the_floor(make_result: MakeResult, receiver: OscReceiver) -> None:
    """The camera hangs 1.5 m high and is pitched down; the person stands upright on a step."""
    pitched = level_world(1.5)
    pitched[:3, :3] = pitched[:3, :3] @ about("x", -20)
    upright = REST.copy()
    upright[0] = pitched[:3, :3].T
    stream = opened(f"vmc://127.0.0.1:{receiver.port}", pytest.fail)
    stream.write(seen(make_result, upright))  # before the world is known
    known = replace(seen(make_result, upright), world_from_camera=pitched)
    stream.write(known)
    before, after = bones_of(receiver.wait(4)[0]), bones_of(receiver.wait(4)[2])
    stream.close()
    assert abs(before["Hips"][1][0]) == pytest.approx(np.sin(np.radians(10)), abs=1e-6), "taken for a level camera"
    assert after["Hips"][1] == pytest.approx([0, 0, 0, 1], abs=1e-6)
    root = pitched @ [*known.persons[0].root_3d, 1]
    assert after["Hips"][0] == pytest.approx([0, root[1], 0], abs=1e-5)


def test_nobody_and_somebody_else(make_result: MakeResult, receiver: OscReceiver) -> None:
    stream = opened(f"vmc://127.0.0.1:{receiver.port}?person=4", pytest.fail)
    stream.write(seen(make_result, track_id=1))
    bodiless = seen(make_result, track_id=4)
    stream.write(replace(bodiless, persons=(replace(bodiless.persons[0], body=None),)))
    stream.write(seen(make_result, root=(1, 0, 5), track_id=4))
    nobody, no_body, somebody, _ = receiver.wait(4)
    stream.close()
    assert nobody == no_body == [("/VMC/Ext/OK", 1, 3, 0, 0), ("/VMC/Ext/T", 2.5)]
    x, _, z = bones_of(somebody)["Hips"][0]
    assert (x, z) == (0, 0), "each person starts at the origin"


def test_bones_that_nobody_saw_are_not_sent(make_result: MakeResult, receiver: OscReceiver) -> None:
    result = seen(make_result)
    confidence = result.persons[0].confidence.copy()
    for side in ("left", "right"):
        for joint in ("knee", "foot", "heel", "toe", "index", "pinky"):
            confidence[INDEX[f"{side}_{joint}"]] = 0.01
    confidence[INDEX["left_elbow"]] = 0.01  # the wrist is seen, and its place depends on the upper arm
    stream = opened(f"vmc://127.0.0.1:{receiver.port}", pytest.fail)
    stream.write(replace(result, persons=(replace(result.persons[0], confidence=confidence),)))
    bones = bones_of(receiver.wait(1)[0])
    stream.close()
    hidden = {f"{side}{bone}" for side in ("Left", "Right") for bone in ("UpperLeg", "LowerLeg", "Foot", "Hand")}
    assert set(HUMANOID) - set(bones) == hidden
    assert 0.8 < bones["Hips"][0][1] < 1.0, "the floor is not where unseen feet are"
