"""`Lookahead`: two lifters, one against time."""

from collections.abc import Sequence

import numpy as np
import pytest

from rtpose.geometry import camera_from_fov
from rtpose.pose.lift.lookahead import Lookahead, Moment, mean_of
from rtpose.skeleton import H36M17, Skeleton
from rtpose.types import Camera, Lifted, Person2D

CAMERA = camera_from_fov((1280, 720))
FPS = 10


class Lagging:
    """A pose is the x of the first joint, half of it from the frame before: it lags, whichever way time runs."""

    remembers = True

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.last: dict[int, float] = {}
        self.last_s = -np.inf

    def describe(self) -> dict[str, object]:
        return {"lifter": "lagging", "lifter_sha256": ""}

    def lift_people(
        self, people: Sequence[Person2D], skeleton: Skeleton, camera: Camera, track_ids: Sequence[int], t_s: float
    ) -> Lifted:
        assert t_s > self.last_s, "time runs one way"
        self.last_s = t_s
        values = []
        for person, track_id in zip(people, track_ids, strict=True):
            now = float(person.keypoints[0, 0])
            before = self.last.get(track_id, now)
            self.last[track_id] = now
            values.append((now + before) / 2)
        count = len(people)
        poses = np.zeros((count, 17, 3), np.float32)
        poses[:, 0, 0] = values
        ones = np.ones((count, 17), np.float32)
        down = np.tile(np.float32([0, 1, 0]), (count, 1))
        return Lifted(poses, poses[:, 0], ones, np.zeros((count, 17, 3), np.float32), down)


def moment(number: int, xs: dict[int, float]) -> Moment:
    people = []
    for x in xs.values():
        keypoints = np.ones((17, 3), np.float32)
        keypoints[0, 0] = x
        people.append(Person2D(keypoints, np.float32([0, 0, 9, 9]), 1.0))
    return Moment(people, list(xs), CAMERA, number / FPS)


def lifted_x(moments: Sequence[Moment], lookahead_s: float) -> list[list[float]]:
    """What the pipeline does: a frame is lifted when those of `lookahead_s` after it are announced."""
    lookahead = Lookahead(Lagging(), Lagging(), H36M17, lookahead_s)
    reach, out = round(lookahead_s * FPS), []
    for number, now in enumerate(moments):
        lookahead.announce(now)
        if number >= reach:
            out.append(lookahead.lift(moments[number - reach]).poses[:, 0, 0].tolist())
    out += [lookahead.lift(left).poses[:, 0, 0].tolist() for left in moments[len(moments) - reach :]]
    return out


@pytest.mark.parametrize("lookahead_s", [0.1, 0.4, 1.0, 5.0])
def test_both_directions_cancel_each_others_lag(lookahead_s: float) -> None:
    moments = [moment(n, {7: 10.0 * n}) for n in range(25)]
    found = lifted_x(moments, min(lookahead_s, 2.0))
    assert len(found) == 25
    # Each direction lags by 5; at both ends one of them has not seen anything yet.
    np.testing.assert_allclose([x for (x,) in found[1:-1]], 10.0 * np.arange(1, 24), atol=2.6)
    assert np.mean([abs(x - 10 * n) for n, (x,) in enumerate(found)]) < 1.5


def test_people_who_come_and_go() -> None:
    crowd = [{}, {1: 5.0}, {2: 80.0, 1: 5.0}, {2: 80.0}, {}, {2: 80.0}]
    found = lifted_x([moment(n, xs) for n, xs in enumerate(crowd)], 0.3)
    assert found == [list(xs.values()) for xs in crowd]


def test_a_moment_that_was_never_lifted_is_forgotten() -> None:
    lookahead = Lookahead(Lagging(), Lagging(), H36M17, 0.2)
    moments = [moment(n, {0: float(n)}) for n in range(4)]
    for each in moments:
        lookahead.announce(each)
    assert lookahead.lift(moments[2]).poses[0, 0, 0] == pytest.approx(2.25)  # 2 forwards, (3 + 2) / 2 backwards
    lookahead.reset()
    lookahead.announce(moments[0])
    assert lookahead.lift(moments[0]).poses[0, 0, 0] == 0


def test_the_mean_of_directions_is_one() -> None:
    one = Lagging().lift_people(moment(0, {0: 1.0}).people, H36M17, CAMERA, [0], 0)
    other = Lifted(one.poses, one.roots, one.confidence, one.keypoints_2d, np.float32([[1, 0, 0]]))
    down = mean_of(one, other).down
    assert down is not None
    np.testing.assert_allclose(down, [[0.5**0.5, 0.5**0.5, 0]], atol=1e-6)


def test_somebody_with_left_and_right_exchanged_is_not_averaged() -> None:
    rng = np.random.default_rng(3)
    one = Lifted(
        rng.normal(size=(2, 17, 3)).astype(np.float32), np.zeros((2, 3), np.float32), np.ones((2, 17), np.float32),
        np.zeros((2, 17, 3), np.float32),
    )  # fmt: skip
    other = Lifted(one.poses + np.float32(0.02), one.roots, one.confidence, one.keypoints_2d)
    other.poses[1] = other.poses[1, H36M17.twins]
    found = mean_of(one, other).poses
    np.testing.assert_allclose(found[0], one.poses[0] + 0.01, atol=1e-6)
    np.testing.assert_array_equal(found[1], one.poses[1])
