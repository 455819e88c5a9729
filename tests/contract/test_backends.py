"""All backends give the same numbers on every shipped lifter."""

import numpy as np
import pytest

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
        assert backend.input_shapes == {"points": (-1, 34)}
        assert backend.metadata["skeleton"] == "h36m17"
        outputs[name] = backend.run({"points": points})["depth"]
        assert backend.run({"points": points[:1]})["depth"].shape == (1, 17)
    reference = outputs.pop("openvino")
    for name, output in outputs.items():
        np.testing.assert_allclose(output, reference, atol=TOLERANCE, err_msg=name)


def test_something_is_shipped_and_small_enough() -> None:
    assert {"baseline", "svmac"} <= set(shipped_lifters())
    for lifter in shipped_lifters():
        assert lifter_file(lifter).stat().st_size <= 15_000_000
