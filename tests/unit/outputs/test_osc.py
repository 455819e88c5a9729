"""Joints over OSC to python-osc's own server."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from receivers import opened, osc_receiver

from rtpose.bones import BONE_NAMES
from rtpose.outputs.datagrams import ETHERNET_BYTES
from rtpose.skeleton import H36M17, RTPOSE28
from rtpose.types import Result

MakeResult = Callable[..., Result]


def test_joints_in_camera_space_and_rotations_of_each_person(make_result: MakeResult) -> None:
    result = make_result(7, (1, 2), pts_s=0.25)
    with osc_receiver() as receiver:
        stream = opened(f"osc://127.0.0.1:{receiver.port}", pytest.fail)
        stream.write(result)
        stream.write(make_result(2**31 + 8))
        *bundles, empty = receiver.wait(7)
        stream.close()
    assert all(bundle[0] == ("/rtpose/frame", 7, 0.25, 2) for bundle in bundles)
    messages = [message for bundle in bundles for message in bundle[1:]]
    for person in result.persons:
        prefix = f"/rtpose/person/{person.track_id}/"
        mine = [message for message in messages if message[0].startswith(prefix)]
        names = [f"joint/{joint}" for joint in RTPOSE28.joints] + [f"bone/{bone}" for bone in BONE_NAMES]
        assert [message[0] for message in mine] == [prefix + name for name in names]
        rows = np.array([message[1:] for message in mine], np.float32)
        joints, bones = rows[:28], rows[28:]
        np.testing.assert_array_equal(joints[:, :3], person.pose_3d + person.root_3d)
        np.testing.assert_array_equal(joints[:, 3], person.confidence)
        assert joints[0, 2] == 2 + person.track_id, "the root's distance from the camera in metres"
        assert person.body is not None
        np.testing.assert_array_equal(bones, person.body.rotations)
    assert empty == [("/rtpose/frame", 8, pytest.approx((2**31 + 8) / 30, rel=1e-6), 0)]


def test_a_bundle_fits_into_a_packet(make_result: MakeResult) -> None:
    (person,) = make_result(0, (1,)).persons
    result = replace(make_result(2**31 - 1), persons=(replace(person, track_id=2**31 - 1),))
    other = make_result(5, (1234,))
    other = replace(other, frame=replace(other.frame, source=12))
    with osc_receiver() as receiver:
        stream = opened(f"osc://127.0.0.1:{receiver.port}", pytest.fail)
        stream.write(result)
        stream.write(other)
        bundles = receiver.wait(6)
        stream.close()
    assert all(size <= ETHERNET_BYTES for size in receiver.sizes)
    assert max(receiver.sizes) > 1300, "as few as there can be"
    starts = [(bundle[0][0], bundle[1][0]) for bundle in bundles]
    assert ("/rtpose/source/12/frame", "/rtpose/source/12/person/1234/joint/root") in starts


def test_joints_that_nothing_gives_are_not_sent(make_result: MakeResult) -> None:
    result = make_result(7, (1,))
    pose = result.persons[0].pose_3d.copy()
    pose[RTPOSE28.index_of["nose"] :] = np.nan
    with osc_receiver() as receiver:
        stream = opened(f"osc://127.0.0.1:{receiver.port}", pytest.fail)
        stream.write(replace(result, persons=(replace(result.persons[0], pose_3d=pose, body=None),)))
        bundles = receiver.wait(1)
        stream.close()
    names = [message[0].rpartition("/")[2] for bundle in bundles for message in bundle[1:]]
    assert set(names) <= set(H36M17.joints)
