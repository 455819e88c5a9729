import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rtpose.errors import ModelError
from rtpose.pose.lift.codec import DepthCodec, codec_from_facts


def _points(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(4, 17, 2)).astype(np.float32)


@given(st.integers(0, 50), st.floats(0.01, 100), st.floats(-50, 50))
def test_encoding_forgets_size_and_place(seed: int, factor: float, shift: float) -> None:
    points, codec = _points(seed), DepthCodec()
    plain, scale = codec.encode(points)
    moved, moved_scale = codec.encode(np.float32(factor) * points + np.float32(shift))
    np.testing.assert_allclose(moved, plain, atol=2e-3)
    np.testing.assert_allclose(moved_scale * factor, scale, rtol=2e-2)


def test_mean_joint_distance_is_one_over_c() -> None:
    encoded, _ = DepthCodec(distance=10).encode(_points(0))
    others = encoded.reshape(4, 17, 2)[:, 1:]
    np.testing.assert_allclose(np.linalg.norm(others, axis=-1).mean(1), 0.1, rtol=1e-5)
    assert (encoded[:, :2] == 0).all()


def test_decoding_inverts_the_projection() -> None:
    codec = DepthCodec(distance=10)
    pose = np.random.default_rng(1).normal(size=(3, 17, 3)).astype(np.float32) / 2
    pose[:, 0] = 0
    z = pose[..., 2] + 10
    points = (pose[..., :2] / z[..., None]).reshape(3, -1)
    np.testing.assert_allclose(codec.decode(points, pose[..., 2]) - [0, 0, 10], pose, atol=1e-5)


def test_numpy_and_torch_agree() -> None:
    codec, points = DepthCodec(), _points(2)
    depth = np.random.default_rng(3).normal(size=(4, 17)).astype(np.float32)
    encoded, scale = codec.encode(points)
    encoded_t, scale_t = codec.encode(torch.from_numpy(points))
    np.testing.assert_allclose(encoded_t.numpy(), encoded, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(scale_t.numpy(), scale, rtol=1e-5)
    decoded = codec.decode(encoded_t, torch.from_numpy(depth))
    np.testing.assert_allclose(decoded.numpy(), codec.decode(encoded, depth), rtol=1e-5, atol=1e-6)


def test_gradient_at_the_root_is_finite() -> None:
    points = torch.from_numpy(_points(4)).requires_grad_(True)
    DepthCodec().encode(points)[0].square().sum().backward()
    assert points.grad is not None
    assert points.grad.isfinite().all()


def test_facts_round_trip_and_unknown_codec() -> None:
    assert codec_from_facts(DepthCodec(7).facts()) == DepthCodec(7)
    with pytest.raises(ModelError, match="heatmap"):
        codec_from_facts({"codec": "heatmap"})
