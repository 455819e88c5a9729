"""All backends that run here give the same numbers on every shipped network."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from cascaded_files import untrained, write_cascaded
from runnable import RUNNABLE

from rtpose.assets import sample_clip
from rtpose.capture import open_source
from rtpose.networks import model_files
from rtpose.networks.backends import load_backend
from rtpose.networks.backends.openvino import devices
from rtpose.networks.options import LoadOptions
from rtpose.networks.weights import FUSION, depth_lifters, lifter_file, shipped_lifters

TOLERANCES = {"fp32": 2e-3, "bf16": 0.2}
"""Of a depth, in mean joint distances (0.2 m or so): fp32 other orders of summation, about 1 mm at most; bf16 the mean
over all joints, weights and sums with 8 binary digits."""


def _precisions(backend: str) -> list[str]:
    """What a backend computes in on this machine's CPU, without an engine."""
    if backend == "torch":
        return ["fp32", "bf16"]
    if backend == "openvino":
        return [precision for precision in devices()["cpu"][1] if precision in ("fp32", "bf16")]
    return ["fp32"]


def test_every_backend_with_its_extra_is_tried() -> None:
    assert {"openvino", "torch", "onnxruntime"} <= set(RUNNABLE)


@pytest.mark.parametrize("lifter", depth_lifters())
def test_backends_agree(lifter: str) -> None:
    points = np.random.default_rng(0).normal(scale=0.1, size=(64, 34)).astype(np.float32)
    outputs = {}
    for name in RUNNABLE:
        for precision in _precisions(name):
            backend = load_backend(lifter_file(lifter), LoadOptions(name, precision=precision))
            assert backend.input_shapes["points"] == (-1, 34)
            assert backend.metadata["skeleton"] == "h36m17"
            outputs[name, precision] = backend.run({"points": points})["depth"]
            assert backend.run({"points": points[:1]})["depth"].shape == (1, 17)
    reference = outputs.pop(("openvino", "fp32"))
    assert len(outputs) >= 3
    for (name, precision), output in outputs.items():
        distances = np.abs(output - reference)
        worst = distances.max() if precision == "fp32" else distances.mean()
        assert worst < TOLERANCES[precision], f"{name}, {precision}: {worst}"


def test_backends_agree_on_fusion() -> None:
    rng = np.random.default_rng(0)
    outputs = {}
    for name in ("openvino", "onnxruntime"):
        backend = load_backend(FUSION, LoadOptions(name))
        inputs = {n: rng.normal(size=(3, *s[1:])).astype(np.float32) for n, s in backend.input_shapes.items()}
        outputs[name] = backend.run(inputs)
        rng = np.random.default_rng(0)
    for name, values in outputs["openvino"].items():
        np.testing.assert_allclose(values, outputs["onnxruntime"][name], atol=2e-4, err_msg=name)
    alone = load_backend(FUSION, LoadOptions(rows=1))
    assert alone.input_shapes["last_pose"] == (1, 28, 3)
    for name, values in alone.run({n: array[1:2] for n, array in inputs.items()}).items():
        np.testing.assert_allclose(values, outputs["openvino"][name][1:2], atol=1e-5, err_msg=name)


@pytest.mark.slow
def test_backends_agree_on_a_network_for_pictures(tmp_path: Path) -> None:
    """With one another, and with the module that was written; batches of one and of several."""
    path = write_cascaded(tmp_path)
    images = np.random.default_rng(0).normal(size=(3, 3, 64, 64)).astype(np.float32)
    with torch.no_grad():
        expected = dict(zip(("joints", "pose", "confidence"), untrained()(torch.from_numpy(images)), strict=True))
    outputs = {name: load_backend(path, LoadOptions(name)).run({"image": images}) for name in RUNNABLE}
    for name, output in outputs.items():
        assert set(output) == set(expected)
        for key, values in output.items():
            np.testing.assert_allclose(values, outputs["openvino"][key], atol=1e-3, err_msg=f"{name}: {key}")
            # The file's weights are halves.
            np.testing.assert_allclose(values, expected[key].numpy(), atol=0.02, err_msg=f"{name}: {key}")
        alone = load_backend(path, LoadOptions(name)).run({"image": images[1:2]})
        np.testing.assert_allclose(alone["pose"], output["pose"][1:2], atol=1e-4, err_msg=name)


@pytest.mark.parametrize("name", [file.name for file in model_files.files_of()])
def test_blazepose_in_bf16_stays_near_fp32(name: str) -> None:
    """Only OpenVINO reads TFLite files. The mean distance, in parts of the output's own spread."""
    path = model_files.path_of(name)
    if not path.is_file():
        pytest.skip(f"{name} is not in the cache: `rtpose models pull`")
    if "bf16" not in devices()["cpu"][1]:
        pytest.skip("this processor does not compute in bf16")
    used = ("Identity", "Identity_1")
    exact, near = (load_backend(path, LoadOptions(precision=p, outputs=used)) for p in ("fp32", "bf16"))
    ((_, shape),) = exact.input_shapes.items()
    frame = open_source(str(sample_clip())).read()
    assert frame is not None
    person = cv2.resize(frame.image[:, 80:560], shape[1:3])
    picture = (person[None] / np.float32(255)).astype(np.float32)
    for output, values in exact.run({"input_1": picture}).items():
        if values.size > 1:
            distance = np.abs(near.run({"input_1": picture})[output] - values).mean()
            assert distance < 0.05 * values.std(), output


def test_something_is_shipped_and_small_enough() -> None:
    assert shipped_lifters() == ["consistency", "fusion", "svmac"]
    for lifter in shipped_lifters():
        assert lifter_file(lifter).stat().st_size <= 15_000_000
