"""Joints over OSC to python-osc's own server."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from receivers import opened, osc_receiver

from rtpose.outputs.datagrams import ETHERNET_BYTES
from rtpose.skeleton import H36M17
from rtpose.types import Result

MakeResult = Callable[..., Result]


def test_joints_in_camera_space_one_bundle_for_each_person(make_result: MakeResult) -> None:
    result = make_result(7, (1, 2), pts_s=0.25)
    with osc_receiver() as receiver:
        stream = opened(f"osc://127.0.0.1:{receiver.port}", pytest.fail)
        stream.write(result)
        stream.write(make_result(2**31 + 8))
        first, second, empty = receiver.wait(3)
        stream.close()
    for person, bundle in zip(result.persons, (first, second), strict=True):
        assert bundle[0] == ("/rtpose/frame", 7, 0.25, 2)
        prefix = f"/rtpose/person/{person.track_id}/joint/"
        assert [message[0] for message in bundle[1:]] == [prefix + joint for joint in H36M17.joints]
        rows = np.array([message[1:] for message in bundle[1:]], np.float32)
        np.testing.assert_array_equal(rows[:, :3], person.pose_3d + person.root_3d)
        np.testing.assert_array_equal(rows[:, 3], person.confidence)
        assert rows[0, 2] == 2 + person.track_id, "the root's distance from the camera in metres"
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
        _, bundle = receiver.wait(2)
        stream.close()
    assert all(1000 < size <= ETHERNET_BYTES for size in receiver.sizes)
    assert [bundle[0][0], bundle[1][0]] == ["/rtpose/source/12/frame", "/rtpose/source/12/person/1234/joint/root"]
