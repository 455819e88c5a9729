"""What `fusion` learns from: people in motion, cameras, a detector's errors."""

from pathlib import Path

import numpy as np
import pytest
import torch

from rtpose.assets import small_pack
from rtpose.errors import InputError
from rtpose.geometry import standing_height
from rtpose.pose.lift.fusion_codec import BODY, COUNT, FEATURES, JOINTS, PLAIN, ROOT, THORAX, TWINS
from rtpose.train.lifters.fusion.errors import DetectedClips, detect, wander
from rtpose.train.lifters.fusion.motions import Motions
from rtpose.train.lifters.fusion.settings import BodySettings, ErrorSettings, ViewSettings
from rtpose.train.lifters.fusion.views import see

PLAIN_BODIES = BodySettings(bone_sd=0, hip_width=(1.0, 1.0), mirror=False, mixed_legs=0, seated=0)
EXACT = ErrorSettings(
    noise=(1e-6, 2e-6), bias=0, outliers=1e-6, missing=1e-6, without_ends=0, swapped=0, own=1.0, own_depth_m=0,
    own_plane_m=0, own_tilt_deg=0, own_turn_deg=0, own_flat=(0.999, 1.001), own_flips=1e-6,
)  # fmt: skip


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def steps(people: int, frames: int, fps: float = 30.0) -> torch.Tensor:
    dt = torch.full((people, frames), 1 / fps)
    dt[:, 0] = 0
    return dt


def detected(settings: ErrorSettings, people: int = 32, frames: int = 6, seed: int = 0) -> DetectedClips:
    g, dt = random(seed), steps(people, frames)
    joints, root = Motions({small_pack(): 1.0}).draw(people, dt.cumsum(1), g)
    return detect(see(joints, root, ViewSettings(), g), dt, settings, g)


def test_people_are_of_the_height_that_the_network_expects() -> None:
    joints, _ = Motions({small_pack(): 1.0}).draw(64, steps(64, 3).cumsum(1), random())
    assert joints.shape == (64, 3, COUNT, 3)
    heights = standing_height(joints[:, :, :BODY].numpy()).mean(1)
    np.testing.assert_allclose(heights, 1.7, rtol=1e-4)


def test_bodies_differ_but_both_sides_are_alike() -> None:
    joints, _ = Motions({small_pack(): 1.0}).draw(64, torch.zeros(64, 1), random())
    shins = [
        (joints[:, 0, JOINTS.index(f"{s}_foot")] - joints[:, 0, JOINTS.index(f"{s}_knee")]).norm(dim=-1)
        for s in ("left", "right")
    ]
    assert shins[0].std() > 0.01
    assert (shins[0] - shins[1]).abs().max() < 0.03


def test_mirrored_people_appear_with_their_sides_exchanged() -> None:
    plain = Motions({small_pack(): 1.0}, PLAIN_BODIES).draw(200, torch.zeros(200, 1), random(1))[0]
    mirrored = Motions({small_pack(): 1.0}, BodySettings(bone_sd=0, hip_width=(1, 1), mixed_legs=0, seated=0)).draw(
        200, torch.zeros(200, 1), random(1)
    )[0]
    image = plain[:, :, TWINS] * torch.tensor([-1.0, 1.0, 1.0])
    same = (mirrored - plain)[:, 0, :BODY].abs().amax((1, 2)) < 1e-4
    turned = (mirrored - image)[:, 0, :BODY].abs().amax((1, 2)) < 1e-4
    assert (same | turned).all()
    assert 60 < int(turned.sum()) < 140


def test_seated_people_have_their_knees_in_front_of_the_hips() -> None:
    bodies = BodySettings(bone_sd=0, hip_width=(1, 1), mirror=False, mixed_legs=0, seated=1.0)
    joints, _ = Motions({small_pack(): 1.0}, bodies).draw(64, torch.zeros(64, 1), random())
    thigh = joints[:, 0, JOINTS.index("left_knee")] - joints[:, 0, JOINTS.index("left_hip")]
    assert (thigh[:, 1].abs() < 0.6 * thigh.norm(dim=-1)).all()
    shin = joints[:, 0, JOINTS.index("left_foot")] - joints[:, 0, JOINTS.index("left_knee")]
    assert (shin[:, 1] < 0).all()


def test_a_pack_without_feet_is_refused(tmp_path: Path) -> None:
    with np.load(small_pack()) as data:
        kept = {name: data[name] for name in data.files if not name.startswith("extra")}
    file = tmp_path / "bare.npz"
    np.savez(file, **kept)
    with pytest.raises(InputError, match="has no feet and hands"):
        Motions({file: 1.0})


def test_cameras_look_at_the_root_from_all_heights() -> None:
    g = random()
    joints, root = Motions({small_pack(): 1.0}).draw(400, torch.zeros(400, 1), g)
    seen = see(joints, root, ViewSettings(), g)
    at_root = seen.joints[:, :, ROOT]
    assert at_root[..., :2].abs().max() < 1e-3
    assert (seen.joints[..., 2] >= 0.19).all()
    distance = at_root[..., 2].flatten()
    assert 1.0 < distance.min() < 2.0
    assert 9.0 < distance.max() < 12.5
    # Gravity is down in the picture, and towards the far side for a camera that looks up.
    assert (seen.gravity[..., 1] > 0).all()
    np.testing.assert_allclose(seen.gravity[..., 2], seen.elevation.sin(), atol=1e-4)
    assert seen.elevation.min() < -0.2
    assert seen.elevation.max() > 0.7


def test_a_perfect_detector_is_told_exactly() -> None:
    batch = detected(EXACT)
    assert batch.features.shape == (32, 6, FEATURES)
    assert torch.isfinite(batch.features).all()
    # The torso is upright in what the network is given.
    flat = batch.features[..., : 2 * COUNT].unflatten(-1, (COUNT, 2))
    assert flat[..., THORAX, 0].abs().max() < 1e-3
    assert (flat[..., THORAX, 1] < 0).all()
    # Its own 3D is the truth at unit size.
    own = batch.features[..., PLAIN : PLAIN + 3 * COUNT].unflatten(-1, (COUNT, 3))
    size = batch.truth.pow(2).sum(-1).mean(-1).sqrt()
    assert (own * size[..., None, None] - batch.truth).abs().max() < 0.02


def test_turns_carry_one_frame_into_the_next() -> None:
    """The truth, brought back to axes that stand still, moves as slowly as people do."""
    batch = detected(EXACT, frames=8)
    carried = batch.truth[:, :-1] @ batch.turn[:, 1:].transpose(-1, -2)
    assert (carried - batch.truth[:, 1:]).norm(dim=-1).mean() < 0.05
    np.testing.assert_allclose(batch.turn[:, 0], torch.eye(3).expand(32, 3, 3))


def test_a_detector_without_feet_and_hands() -> None:
    import msgspec

    batch = detected(msgspec.structs.replace(EXACT, without_ends=1.0))
    known = batch.features[..., 2 * COUNT : 3 * COUNT]
    assert (known[..., JOINTS.index("left_toe")] == 0).all()
    assert (known[..., JOINTS.index("left_wrist")] == 1).all()
    assert (batch.features[..., PLAIN:] == 0).all()  # nor evidence


def test_exchanged_sides_do_not_change_the_truth() -> None:
    import msgspec

    plain, exchanged = detected(EXACT), detected(msgspec.structs.replace(EXACT, swapped=0.3))
    assert (plain.truth - exchanged.truth).abs().max() < 1e-6
    different = (plain.features[..., : 2 * COUNT] - exchanged.features[..., : 2 * COUNT]).abs().amax(-1) > 0.05
    assert 0.05 < different.float().mean() < 0.5
    assert not different[:, :2].any()


def test_the_same_seed_gives_the_same_people() -> None:
    one, other = detected(ErrorSettings()), detected(ErrorSettings())
    assert torch.equal(one.features, other.features)
    assert not torch.equal(one.features, detected(ErrorSettings(), seed=1).features)


def test_wandering_noise_keeps_its_size_and_forgets() -> None:
    dt = steps(4000, 31)
    noise = wander((4000, 31, 2), dt, torch.full((4000,), 0.1), random())
    np.testing.assert_allclose(noise.std(0).numpy(), 1, atol=0.05)
    after = (noise[:, 0] * noise[:, 3]).mean()
    assert after == pytest.approx(np.exp(-1), abs=0.06)
    assert (noise[:, 0] * noise[:, 30]).mean().abs() < 0.05
