"""Left and right over time."""

import numpy as np
import pytest

from rtpose.pose.lift.fusion_codec import COUNT, JOINTS, TWINS
from rtpose.pose.lift.sides import BELIEVED_AFTER_S, Sides

ARMS = [i for i, j in enumerate(JOINTS) if j.split("_")[-1] in ("shoulder", "elbow", "wrist", "index", "pinky", "ear")]


def someone(t_s: float) -> np.ndarray:
    """(28, 2): arms and legs spread, walking slowly across the picture."""
    rng = np.random.default_rng(0)
    points = rng.uniform(-1, 1, (COUNT, 2)) * 100
    for i, joint in enumerate(JOINTS):
        if joint.startswith("left"):
            points[i, 0] = abs(points[i, 0]) + 40
        elif joint.startswith("right"):
            points[i, 0] = -abs(points[i, 0]) - 40
        else:
            points[i, 0] = 0
    return points + np.array([300 + 30 * t_s, 200])


def followed(exchanged: list[str], fps: float = 30.0) -> list[np.ndarray]:
    """What `Sides` makes of frames in which the detector exchanged "-" nothing, "B" both, "a" the arms."""
    sides, out = Sides(), []
    for t, kind in enumerate(exchanged):
        points = someone(t / fps)
        if kind == "B":
            points = points[TWINS]
        elif kind == "a":
            points[ARMS] = points[TWINS][ARMS]
        order, _ = sides.order(7, points, 1 + t / fps)
        out.append(points[order] - someone(t / fps))
    return out


@pytest.mark.parametrize("kind", ["B", "a"])
@pytest.mark.parametrize("fps", [10.0, 60.0])
def test_exchanged_frames_are_put_right(kind: str, fps: float) -> None:
    frames = ["-"] * 4 + [kind] * 3 + ["-"] * 4
    assert max(np.abs(error).max() for error in followed(frames, fps)) == 0


def test_what_was_never_exchanged_stays() -> None:
    assert all(np.abs(error).max() == 0 for error in followed(["-"] * 40))


def test_a_detector_that_goes_on_is_believed() -> None:
    fps = 30.0
    errors = followed(["-"] * 20 + ["B"] * int(BELIEVED_AFTER_S * fps + 5), fps)
    assert np.abs(errors[21]).max() == 0  # undone at first
    assert np.abs(errors[-1]).max() > 50  # taken as it is in the end


def test_it_says_when_the_earlier_frames_were_wrong() -> None:
    sides = Sides()
    said = [sides.order(1, someone(0)[TWINS] if t == 0 else someone(t / 30), 1 + t / 30)[1] for t in range(10)]
    assert sum(said) == 1
    assert said.index(True) <= 4


def test_a_wrong_beginning_is_soon_forgotten() -> None:
    errors = followed(["B"] + ["-"] * 10)
    assert np.abs(errors[-1]).max() == 0
    assert sum(np.abs(error).max() > 0 for error in errors) <= 4


def test_people_and_gaps_are_kept_apart() -> None:
    sides = Sides()
    sides.order(1, someone(0), 1.0)
    exchanged = someone(0)[TWINS]
    assert (sides.order(2, exchanged, 1.03)[0] == np.arange(COUNT)).all()  # somebody else
    assert (sides.order(1, exchanged, 5.0)[0] == np.arange(COUNT)).all()  # long after
    sides.order(1, someone(0), 5.03)
    sides.reset()
    assert (sides.order(1, exchanged, 5.06)[0] == np.arange(COUNT)).all()


def test_missing_joints_do_not_matter() -> None:
    sides = Sides()
    points = someone(0)
    points[JOINTS.index("left_wrist")] = np.nan
    points[JOINTS.index("right_knee")] = np.nan
    sides.order(1, points, 1.0)
    order, _ = sides.order(1, points[TWINS], 1.03)
    np.testing.assert_array_equal(points[TWINS][order][~np.isnan(points[TWINS][order])], points[~np.isnan(points)])
