import dataclasses

import numpy as np
import torch

from rtpose.assets import small_val_pack
from rtpose.lift.codec import DepthCodec
from rtpose.train.cameras import EVALUATION_CAMERAS_DEG, camera_from_world, unit_poses
from rtpose.train.evaluate import evaluate_depth
from rtpose.train.joints_2d import as_detected
from rtpose.train.motion_pack import load_motion_pack


def test_the_true_depth_has_no_error_and_a_flat_one_has() -> None:
    whole = load_motion_pack(small_val_pack())
    pack = dataclasses.replace(whole, poses_m=whole.poses_m[::200])
    unit, _ = unit_poses(as_detected(torch.from_numpy(pack.poses_m)))
    truths = []
    for azimuth, elevation in EVALUATION_CAMERAS_DEG:
        angles = torch.deg2rad(torch.tensor([azimuth, elevation, 0.0]))
        rotation = camera_from_world(angles[0:1], angles[1:2], angles[2:3])
        truths.append((unit @ rotation.transpose(1, 2))[..., 2])
    queue = iter(truths)
    perfect = evaluate_depth(lambda points: next(queue), pack, DepthCodec())
    # The codec's unit is the mean joint distance in the picture, which is a little less than the body's own, so
    # the true depth is nearly, not wholly, right in it.
    assert perfect.p_mpjpe_mm.mean() < 15
    assert len(perfect.p_mpjpe_mm) == 5 * len(pack.poses_m)
    flat = evaluate_depth(lambda points: torch.zeros(len(points), 17), pack, DepthCodec())
    assert flat.p_mpjpe_mm.mean() > 60
    assert (flat.p_mpjpe_mm <= flat.mpjpe_mm).mean() > 0.9
    assert np.isclose(flat.means()["p_mpjpe_mm"], flat.p_mpjpe_mm.mean())
