"""Make `rtpose/pose/body/shapes.npz` and print the joint positions for `rtpose/bones.py`: the proportions of adults.

    python scripts/make_body_shapes.py

They are those of random adults of the body model anny, whose data is CC0 (extra `synth`). A body's size is
`rtpose.geometry.standing_height` of its joints, because a lifter scales people by it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtpose.geometry import standing_height
from rtpose.pose.body.lengths import FREE_BONES, SHAPES_FILE
from rtpose.skeleton import H36M17, RTPOSE28
from rtpose.train.synth.body import BodyModel, Pose, Shape
from rtpose.train.synth.sampling import random_phenotype

PEOPLE = 600
COMPONENTS = 4
NOTICE = "Proportions of random adults of the body model anny (https://github.com/naver/anny), whose data is CC0."

Array = NDArray[np.float64]


def joints_of(model: BodyModel, shape: Shape) -> dict[str, Array]:
    """Joint of rtpose28 -> (3,) metres at rest; x left, y up, z forwards."""
    still = np.tile(np.eye(3), (len(model.bones), 1, 1))
    joints = model.joints28(shape, Pose(still, np.zeros((len(model.bones), 3))))
    return dict(zip(RTPOSE28.joints, joints, strict=True))


def lengths_of(at: dict[str, Array]) -> dict[str, float]:
    """The free lengths in metres."""

    def apart(a: str, b: str) -> float:
        return float(np.linalg.norm(at[a] - at[b]))

    hand = (at["left_index"] + at["left_pinky"]) / 2 - at["left_wrist"]
    return {
        "hips": apart("left_hip", "right_hip"),
        "spine": apart("root", "thorax") / 2,
        "chest": apart("root", "thorax") / 2,
        "neck": apart("thorax", "neck_base"),
        "head": apart("neck_base", "head"),
        "Shoulder": apart("left_shoulder", "right_shoulder") / 2,
        "UpperArm": apart("left_shoulder", "left_elbow"),
        "LowerArm": apart("left_elbow", "left_wrist"),
        "Hand": float(np.linalg.norm(hand)),
        "UpperLeg": apart("left_hip", "left_knee"),
        "LowerLeg": apart("left_knee", "left_foot"),
        "Foot": apart("left_foot", "left_toe"),
    }


def places_of(at: dict[str, Array], lengths: dict[str, float]) -> dict[str, Array]:
    """Places of joints in the frames of their bones, in lengths of these bones; rest directions of neck and foot."""
    up = at["head"] - at["thorax"]
    out = {"rest of neck and head": up / np.linalg.norm(up)}
    for joint in ("nose", "left_ear"):
        out[joint] = (at[joint] - at["neck_base"]) / lengths["head"]
    forwards = (at["left_toe"] - at["left_heel"]) * [1, 0, 1]
    forwards /= np.linalg.norm(forwards)
    foot = np.stack([np.cross([0, 1, 0], forwards), [0, 1, 0], forwards])  # rows: x, y, z of the foot
    for joint in ("left_toe", "left_heel"):
        out[joint] = foot @ (at[joint] - at["left_foot"]) / lengths["Foot"]
    along = (at["left_index"] + at["left_pinky"]) / 2 - at["left_wrist"]
    along /= np.linalg.norm(along)
    across = at["left_index"] - at["left_pinky"]
    across -= (across @ along) * along
    across /= np.linalg.norm(across)
    hand = np.stack([along, np.cross(across, along), across])
    for joint in ("left_index", "left_pinky"):
        out[joint] = hand @ (at[joint] - at["left_wrist"]) / lengths["Hand"]
    return out


def main() -> None:
    """Write the table."""
    rng = np.random.default_rng(0)
    model = BodyModel()
    logs, places = [], []
    for _ in range(PEOPLE):
        phenotype = random_phenotype(rng)
        phenotype["age"] = float(rng.uniform(0.6, 1.0))
        at = joints_of(model, model.shape(phenotype))
        lengths = lengths_of(at)
        body = np.stack([at[joint] for joint in H36M17.joints])
        size = float(standing_height(body.astype(np.float32)))
        logs.append([np.log(lengths[bone] / size) for bone in FREE_BONES])
        places.append(places_of(at, lengths))
    shares = np.array(logs)
    mean = shares.mean(0)
    _, spread, components = np.linalg.svd(shares - mean, full_matrices=False)
    deviations = spread[:COMPONENTS] / np.sqrt(PEOPLE - 1)
    rest = shares - mean - (shares - mean) @ components[:COMPONENTS].T @ components[:COMPONENTS]
    scaled = components[:COMPONENTS] * deviations[:, None]
    np.savez_compressed(
        Path(SHAPES_FILE), bones=np.array(FREE_BONES), mean=mean, components=scaled, rest=rest.std(0),
        notice=np.array(NOTICE),
    )  # fmt: skip
    for bone, share, deviation in zip(FREE_BONES, np.exp(mean), shares.std(0), strict=True):
        print(f"{bone:10} {share:.3f} of the size, {100 * deviation:.1f} % standard deviation")
    print("deviations of the shape numbers:", deviations.round(4))
    for name in places[0]:
        values = np.array([place[name] for place in places])
        print(f"{name:22} {values.mean(0).round(3)} +- {values.std(0).round(3)}")


if __name__ == "__main__":
    main()
