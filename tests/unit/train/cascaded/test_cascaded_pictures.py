from dataclasses import replace

import numpy as np
import pytest
import torch
from stick_people import StickPeople

from rtpose.errors import InputError
from rtpose.pose.cascaded.crop_codec import CropCodec
from rtpose.pose.detect.roi import Roi
from rtpose.skeleton import H36M17
from rtpose.train.cascaded.pictures import (
    augmented_roi,
    collate,
    everyone,
    flipped,
    labelled_crop,
    random_crop,
    repainted,
    usable,
)
from rtpose.train.cascaded.settings import AugmentSettings

CODEC = CropCodec(input_px=64, heatmap_px=16, depth_channels=16)
NOTHING = AugmentSettings(rotation_deg=0, flip=False, scale=0, shift=0, colour=0, occlusion_share=0)


def one_person() -> tuple:
    picture = StickPeople(3)[1]
    return picture, picture.people[0]


def test_an_example_agrees_in_2d_and_3d() -> None:
    """z of the 2.5D joints is the pose's, in channels of 2 m / 16."""
    picture, person = one_person()
    one = labelled_crop(picture, person, CODEC.roi(person.box_px), CODEC)
    np.testing.assert_allclose(one.joints[:, 2], one.pose[:, 2] * 8 + 7.5, atol=1e-4)
    assert (one.pose[0] == 0).all()
    assert one.crop.shape == (64, 64, 3)
    assert ((one.joints[:, :2] > 0) & (one.joints[:, :2] < 15)).all()


def test_a_flip_is_a_mirror() -> None:
    """Cutting out of the mirrored picture, with the mirrored labels, gives what flipping the example gives."""
    picture, person = one_person()
    one = flipped(labelled_crop(picture, person, Roi(64, 60, 100), CODEC), CODEC)
    width = picture.image.shape[1]
    joints_px = person.joints_px[H36M17.twins].copy()
    joints_px[:, 0] = width - 1 - joints_px[:, 0]
    joints_m = person.joints_m[H36M17.twins] * np.array([-1, 1, 1], np.float32)
    mirrored = replace(
        picture, image=np.ascontiguousarray(picture.image[:, ::-1]),
        camera=replace(picture.camera, cx=width - picture.camera.cx),
    )  # fmt: skip
    other = labelled_crop(mirrored, replace(person, joints_px=joints_px, joints_m=joints_m), Roi(64, 60, 100), CODEC)
    np.testing.assert_allclose(other.pose, one.pose, atol=1e-4)
    np.testing.assert_allclose(other.joints[:, 2], one.joints[:, 2], atol=1e-3)
    # Pixel 0 mirrors to pixel 127, the square's middle to itself: half a heatmap pixel apart at most.
    np.testing.assert_allclose(other.joints[:, :2], one.joints[:, :2], atol=0.5)


def test_two_flips_are_none() -> None:
    picture, person = one_person()
    one = labelled_crop(picture, person, CODEC.roi(person.box_px), CODEC)
    twice = flipped(flipped(one, CODEC), CODEC)
    np.testing.assert_array_equal(twice.crop, one.crop)
    np.testing.assert_allclose(twice.joints, one.joints, atol=1e-5)
    np.testing.assert_allclose(twice.pose, one.pose)
    left, right = H36M17.indices("left_wrist", "right_wrist")
    np.testing.assert_allclose(flipped(one, CODEC).pose[left], one.pose[right] * [-1, 1, 1])


def test_a_turn_turns_labels_with_the_picture() -> None:
    picture, person = one_person()
    upright = labelled_crop(picture, person, Roi(64, 64, 120), CODEC)
    turned = labelled_crop(picture, person, Roi(64, 64, 120, 0.4), CODEC)
    c, s = np.cos(0.4), np.sin(0.4)
    back = np.array([[c, s], [-s, c]])  # crop axes are turned by the angle, so coordinates by its inverse
    np.testing.assert_allclose(turned.pose[:, :2], upright.pose[:, :2] @ back.T, atol=1e-5)
    np.testing.assert_allclose(turned.pose[:, 2], upright.pose[:, 2], atol=1e-5)
    centre = 7.625  # crop pixel 32
    np.testing.assert_allclose(turned.joints[:, :2] - centre, (upright.joints[:, :2] - centre) @ back.T, atol=1e-3)


def test_augmented_squares_stay_in_their_range() -> None:
    settings, rng = AugmentSettings(rotation_share=0.9), np.random.default_rng(0)
    rois = [augmented_roi(Roi(50, 60, 100), settings, rng) for _ in range(300)]
    for values, middle, reach in (
        ([r.cx for r in rois], 50, 6), ([r.cy for r in rois], 60, 6), ([r.side for r in rois], 100, 20),
        ([np.degrees(r.angle_rad) for r in rois], 0, 30),
    ):  # fmt: skip
        assert np.abs(np.array(values) - middle).max() <= reach
        assert np.abs(np.array(values) - middle).max() > 0.9 * reach
    assert augmented_roi(Roi(50, 60, 100), NOTHING, rng) == Roi(50, 60, 100)


def test_patches_cover_what_they_say() -> None:
    crop, rng = np.full((64, 64, 3), 7, np.uint8), np.random.default_rng(0)
    assert (repainted(crop, NOTHING, rng) == crop).all()
    settings = AugmentSettings(colour=0, occlusion_share=0.99)
    shares = [(repainted(crop, settings, rng) != 7).any(-1).mean() for _ in range(100)]
    assert 0.1 < np.mean(shares) < 0.16
    assert max(shares) <= 0.26


def test_random_examples_repeat_by_seed() -> None:
    people = StickPeople(4)
    first, again, other = (
        random_crop(people, CODEC, AugmentSettings(), np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.crop, again.crop)
    np.testing.assert_array_equal(first.pose, again.pose)
    assert not np.array_equal(first.pose, other.pose)


def test_a_batch_marks_what_is_not_labelled() -> None:
    flat = StickPeople(2, flat=True)[0]
    person = flat.people[0]
    joints_px = person.joints_px.copy()
    joints_px[5] = np.nan
    joints_px[6] = -1000
    person = replace(person, joints_px=joints_px)
    deep, deep_person = one_person()
    batch = collate(
        [
            labelled_crop(flat, person, Roi(64, 64, 128), CODEC),
            labelled_crop(deep, deep_person, CODEC.roi(deep_person.box_px), CODEC),
        ],
        CODEC,
    )
    assert (~batch.labelled[0]).nonzero().flatten().tolist() == [5]
    assert (~batch.inside[0]).nonzero().flatten().tolist() == [5, 6]
    assert batch.inside[1].all()
    assert batch.has_depth.tolist() == [False, True]
    assert torch.isfinite(batch.joints).all()
    assert (batch.pose[0] == 0).all()
    assert batch.image.shape == (2, 3, 64, 64)


def test_people_who_cannot_be_seen_are_left_out() -> None:
    picture, person = one_person()
    assert usable(picture, person)
    hidden = replace(person, visible=np.arange(17) < 5)
    near = replace(person, box_px=np.array([0, 0, 128 * 3.1, 10], np.float32))
    assert not usable(picture, hidden)
    assert not usable(picture, near)
    pictures = [replace(picture, people=(hidden, person)), replace(picture, people=(near,))]
    assert [p.box_px.tolist() for _, p in everyone(pictures)] == [person.box_px.tolist()]
    with pytest.raises(InputError, match="no people"):
        random_crop(pictures[1:], CODEC, NOTHING, np.random.default_rng(0))
