"""Labelled pictures of people, and batches of augmented crops made from them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Protocol

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from rtpose.errors import InputError
from rtpose.pose.cascaded.crop_codec import CropCodec
from rtpose.pose.detect.roi import Roi
from rtpose.skeleton import H36M17
from rtpose.train.cascaded.settings import AugmentSettings
from rtpose.types import Camera, Float32, Image

SEEN_AT_LEAST = 6
"""People with fewer visible joints are not used for training: the rest of the pose would be a guess."""
LARGEST_BOX = 3.0
"""Largest size of a person's box relative to the picture (longer sides)."""


class PersonLabels(Protocol):
    """One person of a picture, joints in h36m17."""

    @property
    def joints_px(self) -> Float32:
        """(17, 2) pixels; NaN for joints that are not labelled."""
        ...

    @property
    def joints_m(self) -> Float32 | None:
        """(17, 3) metres, camera space; None without 3D labels."""
        ...

    @property
    def visible(self) -> NDArray[np.bool_]:
        """(17,)"""
        ...

    @property
    def box_px(self) -> Float32:
        """(4,) x0, y0, x1, y1."""
        ...


class LabelledPicture(Protocol):
    """A picture with the labels of everyone in it."""

    @property
    def image(self) -> Image:
        """(H, W, 3) uint8 RGB."""
        ...

    @property
    def people(self) -> tuple[PersonLabels, ...]: ...

    @property
    def camera(self) -> Camera: ...


class Pictures(Protocol):
    """A sequence of labelled pictures: rendered people or a data set."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> LabelledPicture: ...


@dataclass(frozen=True)
class LabelledCrop:
    """One crop with its labels. See `CropCodec`."""

    crop: Image
    """(S, S, 3) uint8."""
    joints: Float32
    """(17, 3) x, y, z in voxels; NaN where not labelled, z NaN without 3D."""
    pose: Float32
    """(17, 3) metres relative to the root, axes of the crop's view; NaN without 3D."""


@dataclass(frozen=True)
class Batch:
    """Crops and labels as tensors. Missing labels are 0."""

    image: Tensor
    """(N, 3, S, S) normalised."""
    joints: Tensor
    """(N, 17, 3) voxels."""
    pose: Tensor
    """(N, 17, 3) metres."""
    labelled: Tensor
    """(N, 17) bool: x and y are labelled."""
    inside: Tensor
    """(N, 17) bool: labelled and inside the crop."""
    has_depth: Tensor
    """(N,) bool."""

    def to(self, device: torch.device) -> Batch:
        """The same on another device."""
        return Batch(**{field.name: getattr(self, field.name).to(device) for field in fields(self)})


def labelled_crop(picture: LabelledPicture, person: PersonLabels, roi: Roi, codec: CropCodec) -> LabelledCrop:
    """Crop a person."""
    plane = codec.encode_joints(person.joints_px, roi)
    if person.joints_m is None:
        pose = np.full((len(plane), 3), np.nan, np.float32)
    else:
        pose = codec.encode_pose(person.joints_m, roi, picture.camera)
    joints = np.concatenate([plane, codec.encode_depth(pose[:, 2:])], 1)
    return LabelledCrop(codec.crop(picture.image, roi), joints, pose)


def flipped(one: LabelledCrop, codec: CropCodec) -> LabelledCrop:
    """The mirrored crop, with left and right joints swapped."""
    joints, pose = one.joints[H36M17.twins].copy(), one.pose[H36M17.twins].copy()
    joints[:, 0] = codec.heatmap_px - 1 - joints[:, 0]
    pose[:, 0] *= -1
    return LabelledCrop(np.ascontiguousarray(one.crop[:, ::-1]), joints, pose)


def augmented_roi(roi: Roi, settings: AugmentSettings, rng: np.random.Generator) -> Roi:
    """A randomly shifted, scaled and rotated square around the same person."""
    side = roi.side * (1 + settings.scale * rng.uniform(-1, 1))
    dx, dy = settings.shift * roi.side * rng.uniform(-1, 1, 2)
    turned = rng.random() < settings.rotation_share
    angle = math.radians(settings.rotation_deg) * rng.uniform(-1, 1) if turned else 0.0
    return Roi(roi.cx + dx, roi.cy + dy, side, roi.angle_rad + angle)


def repainted(crop: Image, settings: AugmentSettings, rng: np.random.Generator) -> Image:
    """Random colour changes, and sometimes an occluding patch. Labels do not change."""
    strength = 1 + settings.colour * rng.uniform(-1, 1, 3)
    out = np.clip(crop * strength.astype(np.float32), 0, 255).astype(np.uint8)
    if rng.random() < settings.occlusion_share:
        size = len(crop)
        area, shape = rng.uniform(0.01, 0.25) * size**2, math.exp(rng.uniform(-1, 1))
        width, height = (min(size - 1, max(1, round(math.sqrt(v)))) for v in (area * shape, area / shape))
        x, y = rng.integers(0, size - width), rng.integers(0, size - height)
        # Upscaled noise: from a single colour to fine noise.
        cells = int(rng.integers(1, 9))
        patch = rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
        out[y : y + height, x : x + width] = cv2.resize(patch, (width, height), interpolation=cv2.INTER_LINEAR)
    return out


def random_crop(
    pictures: Pictures, codec: CropCodec, settings: AugmentSettings, rng: np.random.Generator
) -> LabelledCrop:
    """A random person from a random picture, augmented. Errors: `InputError` if 100 pictures have no usable person."""
    for _ in range(100):
        picture = pictures[int(rng.integers(len(pictures)))]
        people = [person for person in picture.people if usable(picture, person)]
        if people:
            break
    else:
        raise InputError("100 random pictures have no people with visible, labelled joints: choose other --data")
    person = people[int(rng.integers(len(people)))]
    one = labelled_crop(picture, person, augmented_roi(codec.roi(person.box_px), settings, rng), codec)
    if settings.flip and rng.random() < 0.5:
        one = flipped(one, codec)
    return LabelledCrop(repainted(one.crop, settings, rng), one.joints, one.pose)


def usable(picture: LabelledPicture, person: PersonLabels) -> bool:
    """Whether enough joints are visible, and the person is not so close that the crop would be nearly empty."""
    x0, y0, x1, y1 = person.box_px
    seen = person.visible & np.isfinite(person.joints_px).all(-1)
    return int(seen.sum()) >= SEEN_AT_LEAST and max(x1 - x0, y1 - y0) <= LARGEST_BOX * max(picture.image.shape)


def everyone(pictures: Pictures, order: Iterable[int] | None = None) -> Iterator[tuple[LabelledPicture, PersonLabels]]:
    """All usable people, picture by picture. order: indices of the pictures; None: all in order."""
    for i in range(len(pictures)) if order is None else order:
        picture = pictures[i]
        for person in picture.people:
            if usable(picture, person):
                yield picture, person


def collate(examples: list[LabelledCrop], codec: CropCodec) -> Batch:
    """Crops -> tensors."""
    joints = torch.from_numpy(np.stack([one.joints for one in examples]))
    pose = torch.from_numpy(np.stack([one.pose for one in examples]))
    plane = joints[..., :2]
    image = torch.from_numpy(codec.encode(np.stack([one.crop for one in examples])))
    return Batch(
        image=image.to(memory_format=torch.channels_last),
        joints=joints.nan_to_num(),
        pose=pose.nan_to_num(),
        labelled=plane.isfinite().all(-1),
        inside=((plane >= -0.5) & (plane <= codec.heatmap_px - 0.5)).all(-1),  # False for NaN
        has_depth=pose.isfinite().all(-1).all(-1),
    )


def shrunk(images: Tensor, side: int) -> Tensor:
    """(N, 3, S, S) -> (N, 3, side, side); side is at most S."""
    if side == images.shape[-1]:
        return images
    return F.interpolate(images, (side, side), mode="bilinear", antialias=True)
