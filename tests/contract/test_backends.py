"""All backends give the same numbers on every shipped lifter."""

from pathlib import Path

import numpy as np
import pytest
import torch
from cascaded_files import untrained, write_cascaded
from lifter_files import write_temporal_lifter

from rtpose.backends import REGISTRY, load_backend
from rtpose.weights import lifter_file, shipped_lifters

TOLERANCE = 2e-3
"""Mean joint distances (about 1 mm): fp32 on both sides, other orders of summation."""


@pytest.mark.parametrize("lifter", shipped_lifters())
def test_backends_agree(lifter: str) -> None:
    points = np.random.default_rng(0).normal(scale=0.1, size=(64, 34)).astype(np.float32)
    outputs = {}
    for name in REGISTRY:
        backend = load_backend(name, lifter_file(lifter))
        assert backend.input_shapes["points"] == (-1, 34)
        assert backend.metadata["skeleton"] == "h36m17"
        state = {n: np.zeros((64, *s[1:]), np.float32) for n, s in backend.input_shapes.items() if n != "points"}
        outputs[name] = backend.run({"points": points, **state})["depth"]
        first = {input_name: values[:1] for input_name, values in state.items()}
        assert backend.run({"points": points[:1], **first})["depth"].shape == (1, 17)
    reference = outputs.pop("openvino")
    for name, output in outputs.items():
        np.testing.assert_allclose(output, reference, atol=TOLERANCE, err_msg=name)


def test_backends_agree_on_a_temporal_lifter(tmp_path: Path) -> None:
    """Depth, corrected points and state, over several frames, from each backend's own state."""
    path, _ = write_temporal_lifter(tmp_path / "temporal.onnx")
    backends = {name: load_backend(name, path) for name in REGISTRY}
    states = {
        name: {i: np.zeros((3, *s[1:]), np.float32) for i, s in b.input_shapes.items()} for name, b in backends.items()
    }
    frames = np.random.default_rng(0).normal(scale=0.1, size=(12, 3, 34)).astype(np.float32)
    for points in frames:
        results = {name: backend.run({**states[name], "points": points}) for name, backend in backends.items()}
        for name, result in results.items():
            for output, values in result.items():
                np.testing.assert_allclose(values, results["openvino"][output], atol=1e-5, err_msg=f"{name}: {output}")
            states[name] = {output.removeprefix("next_"): values for output, values in result.items()}
            states[name] = {i: values for i, values in states[name].items() if i in backends[name].input_shapes}
    assert any(np.abs(values).max() > 0 for values in states["torch"].values())


def test_backends_agree_on_a_network_for_pictures(tmp_path: Path) -> None:
    """With one another, and with the module that was written; batches of one and of several."""
    path = write_cascaded(tmp_path)
    images = np.random.default_rng(0).normal(size=(3, 3, 64, 64)).astype(np.float32)
    with torch.no_grad():
        expected = dict(zip(("joints", "pose", "confidence"), untrained()(torch.from_numpy(images)), strict=True))
    outputs = {name: load_backend(name, path).run({"image": images}) for name in REGISTRY}
    for name, output in outputs.items():
        assert set(output) == set(expected)
        for key, values in output.items():
            np.testing.assert_allclose(values, outputs["openvino"][key], atol=1e-3, err_msg=f"{name}: {key}")
            # The file's weights are halves.
            np.testing.assert_allclose(values, expected[key].numpy(), atol=0.02, err_msg=f"{name}: {key}")
        alone = load_backend(name, path).run({"image": images[1:2]})
        np.testing.assert_allclose(alone["pose"], output["pose"][1:2], atol=1e-4, err_msg=name)


def test_something_is_shipped_and_small_enough() -> None:
    assert {"baseline", "svmac"} <= set(shipped_lifters())
    for lifter in shipped_lifters():
        assert lifter_file(lifter).stat().st_size <= 15_000_000
