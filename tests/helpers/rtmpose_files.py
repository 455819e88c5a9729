"""Small networks with RTMPose's and YOLOX's inputs and outputs, which see painted people.

A painted person is a blue rectangle with 17 blocks on it, one for each joint of COCO, each of a redness of its own.
The person detector sees blue in the channel where a BGR picture has it, the other redness where an RGB one has it,
after ImageNet's normalisation: a picture in the wrong order or of the wrong range is seen by neither.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from rtpose.types import Float32, Image

SIDE = 96
CROP = (192, 256)
BLOCK = 7
RED_MEAN, RED_DEVIATION = 123.675, 58.395
SURE = 0.9
PLACES = np.array([
    (0.5, 0.06), (0.35, 0.04), (0.65, 0.04), (0.2, 0.08), (0.8, 0.08), (0.25, 0.22), (0.75, 0.22), (0.15, 0.36),
    (0.85, 0.36), (0.1, 0.5), (0.9, 0.5), (0.35, 0.53), (0.65, 0.53), (0.32, 0.74), (0.68, 0.74), (0.3, 0.94),
    (0.7, 0.94),
], np.float32)  # fmt: skip
"""Of the joints, in parts of the rectangle."""

Shapes = dict[str, tuple[int | str, ...]]
"""Of outputs by name; a name in place of a number is a size that differs from run to run."""


def redness(joint: int) -> int:
    return 40 + 12 * joint


@dataclass
class Painted:
    """A person at x0, y0 of width x height px."""

    x0: int
    y0: int
    width: int = 70
    height: int = 180

    @property
    def joints(self) -> Float32:
        """(17, 2) px."""
        return np.float32((self.x0, self.y0)) + PLACES * np.float32((self.width, self.height))


def picture_of(people: Sequence[Painted], size: tuple[int, int] = (320, 240)) -> Image:
    """(H, W, 3) RGB, grey where nobody is."""
    picture = np.full((size[1], size[0], 3), 90, np.uint8)
    for person in people:
        picture[person.y0 : person.y0 + person.height, person.x0 : person.x0 + person.width] = (0, 0, 255)
        for joint, (x, y) in enumerate(person.joints.round().astype(int)):
            reach = BLOCK // 2
            picture[y - reach : y + reach + 1, x - reach : x + reach + 1] = (redness(joint), 0, 255)
    return picture


def write_finder(path: Path, box: Sequence[float] | None = None) -> Path:
    """A person detector that finds one person in the left half of its input and one in the right. box: x0, y0, x1, y1
    in pixels of the input, of somebody who is found whatever the picture shows."""
    if box is not None:
        dets = np.array([[[*box, SURE]]], np.float32)
        nodes = [
            helper.make_node("ReduceMean", ["input"], ["mean"], keepdims=0),
            helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
            helper.make_node("Add", ["boxes", "nothing"], ["dets"]),
            helper.make_node("Identity", ["kinds"], ["labels"]),
        ]
        constants: dict[str, NDArray[Any]] = {
            "boxes": dets, "zero": np.array(0, np.float32), "kinds": np.zeros((1, 1), np.int64)
        }  # fmt: skip
        return _write(path, nodes, constants, SIDE, SIDE, {"dets": (1, 1, 5)}, {"labels": (1, 1)})
    nodes = [
        helper.make_node("Slice", ["input", "0", "1", "channel"], ["blue"]),
        helper.make_node("Greater", ["blue", "much"], ["is_blue"]),
        helper.make_node("Cast", ["is_blue"], ["mask"], to=TensorProto.FLOAT),
    ]
    rows = []
    for half, begin in (("left", "0"), ("right", "middle")):
        nodes += [
            helper.make_node("Slice", ["mask", begin, f"{half}_end", "columns"], [half]),
            helper.make_node("ReduceMax", [half], [f"{half}_x"], axes=[0, 1, 2], keepdims=0),
            helper.make_node("ReduceMax", [half], [f"{half}_y"], axes=[0, 1, 3], keepdims=0),
            helper.make_node("ReduceMax", [half], [f"{half}_any"], keepdims=0),
            helper.make_node("Mul", [f"{half}_any", "sure"], [f"{half}_score"]),
        ]
        for axis, places in (("x", f"{half}_places"), ("y", "places")):
            name = f"{half}_{axis}"
            nodes += [
                helper.make_node("Greater", [name, "nothing"], [f"{name}_on"]),
                helper.make_node("Where", [f"{name}_on", places, "far"], [f"{name}_low"]),
                helper.make_node("ReduceMin", [f"{name}_low"], [f"{name}0"], keepdims=0),
                helper.make_node("Where", [f"{name}_on", places, "near"], [f"{name}_high"]),
                helper.make_node("ReduceMax", [f"{name}_high"], [f"{name}1_inside"], keepdims=0),
                helper.make_node("Add", [f"{name}1_inside", "sure_one"], [f"{name}1"]),
            ]
        parts = [f"{half}_x0", f"{half}_y0", f"{half}_x1", f"{half}_y1", f"{half}_score"]
        nodes += [helper.make_node("Unsqueeze", [part, "0"], [f"{part}_u"]) for part in parts]
        nodes.append(helper.make_node("Concat", [f"{part}_u" for part in parts], [f"{half}_box"], axis=0))
        nodes.append(helper.make_node("Unsqueeze", [f"{half}_box", "first_two"], [f"{half}_dets"]))
        rows.append(f"{half}_dets")
    # As in the real network, only those who are there come out: there may be none.
    nodes += [
        helper.make_node("Concat", rows, ["all"], axis=1),
        helper.make_node("Concat", ["left_score_u", "right_score_u"], ["scores"], axis=0),
        helper.make_node("Greater", ["scores", "nothing"], ["there"]),
        helper.make_node("Compress", ["all", "there"], ["dets"], axis=1),
        helper.make_node("Compress", ["kinds", "there"], ["labels"], axis=1),
    ]
    places = np.arange(SIDE, dtype=np.float32)
    constants = {
        "0": np.array([0]), "1": np.array([1]), "channel": np.array([1]), "columns": np.array([3]),
        "middle": np.array([SIDE // 2]), "left_end": np.array([SIDE // 2]), "right_end": np.array([SIDE]),
        "first_two": np.array([0, 1]), "kinds": np.zeros((1, 2), np.int64),
        "much": np.array(200, np.float32), "nothing": np.array(0.5, np.float32), "sure": np.array(SURE, np.float32),
        "sure_one": np.array(1, np.float32), "far": np.array(1e4, np.float32), "near": np.array(-1e4, np.float32),
        "places": places, "left_places": places[: SIDE // 2], "right_places": places[SIDE // 2 :],
    }  # fmt: skip
    return _write(path, nodes, constants, SIDE, SIDE, {"dets": (1, "n", 5)}, {"labels": (1, "n")})


def write_joints(path: Path) -> Path:
    """A network for the joints: a bin is as likely as the joint's redness fills three pixels around its own."""
    width, height = CROP
    levels = (np.array([redness(joint) for joint in range(17)], np.float32) - RED_MEAN) / RED_DEVIATION
    nodes = [
        helper.make_node("Slice", ["input", "0", "1", "channel"], ["red"]),
        helper.make_node("Sub", ["red", "levels"], ["off"]),
        helper.make_node("Abs", ["off"], ["distance"]),
        helper.make_node("MaxPool", ["distance"], ["largest"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("Mul", ["largest", "steepness"], ["lack"]),
        helper.make_node("Sub", ["sure", "lack"], ["raw"]),
        helper.make_node("Relu", ["raw"], ["likely"]),
        helper.make_node("ReduceMax", ["likely"], ["along_x"], axes=[2], keepdims=0),
        helper.make_node("ReduceMax", ["likely"], ["along_y"], axes=[3], keepdims=0),
        helper.make_node("Resize", ["along_x", "", "twice"], ["simcc_x"], mode="nearest"),
        helper.make_node("Resize", ["along_y", "", "twice"], ["simcc_y"], mode="nearest"),
    ]
    constants = {
        "0": np.array([0]), "1": np.array([1]), "channel": np.array([1]), "levels": levels[None, :, None, None],
        "steepness": np.array(RED_DEVIATION / 5, np.float32), "sure": np.array(SURE, np.float32),
        "twice": np.array([1, 1, 2], np.float32),
    }  # fmt: skip
    return _write(
        path, nodes, constants, height, width, {"simcc_x": (1, 17, 2 * width), "simcc_y": (1, 17, 2 * height)}
    )


def zipped(path: Path, network: Path, folder: str = "20230831/some_name") -> Path:
    """As the networks are kept on the web."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{folder}/deploy.json", "{}")
        archive.write(network, f"{folder}/end2end.onnx")
    return path


def _write(
    path: Path,
    nodes: list[Any],
    constants: dict[str, NDArray[Any]],
    height: int,
    width: int,
    outputs: Shapes,
    kinds: Shapes | None = None,
    *,
    batch: int | str = 1,
) -> Path:
    graph = helper.make_graph(
        nodes, path.stem,
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [batch, 3, height, width])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()]
        + [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name, shape in (kinds or {}).items()],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    return path
