"""Pictures of people with labels, as training wants them, and batches of crops made of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rtpose.errors import InputError
from rtpose.pose.cascaded.crop_codec import CropCodec
from rtpose.pose.detect.roi import Roi
from rtpose.skeleton import H36M17
from rtpose.train.cascaded.settings import AugmentSettings
from rtpose.types import Camera, Float32, Image

SEEN_AT_LEAST = 6
"""Someone with fewer visible joints is no training example: nobody could say how the rest stands."""
LARGEST_BOX = 3.0
"""Longer side of a person's box in longer sides of the picture."""


class PersonLabels(Protocol):
    """One person of a picture, joints in h36m17."""

    @property
    def joints_px(self) -> Float32:
        """(17, 2) pixels; NaN for joints that are not labelled."""
        ...

    @property
    def joints_m(self) -> Float32 | None:
        """(17, 3) metres, camera space; None where only 2D is known."""
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
    """A picture with everyone in it."""

    @property
    def image(self) -> Image:
        """(H, W, 3) uint8 RGB."""
        ...

    @property
    def people(self) -> tuple[PersonLabels, ...]: ...

    @property
    def camera(self) -> Camera: ...


class Pictures(Protocol):
    """Rendered people, or a data set."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> LabelledPicture: ...


@dataclass(frozen=True)
class Example:
    """One crop with its labels. See `CropCodec`."""

    crop: Image
    """(S, S, 3) uint8."""
    joints: Float32
    """(17, 3) x, y, z in voxels; NaN where not labelled, z NaN without 3D."""
    pose: Float32
    """(17, 3) metres relative to the root, axes of the crop's view; NaN without 3D."""


@dataclass(frozen=True)
class Batch:
    """Crops and labels as tensors. Labels that there are not stand as 0."""

    image: Tensor
    """(N, 3, S, S) normalised."""
    joints: Tensor
    """(N, 17, 3) voxels."""
    pose: Tensor
    """(N, 17, 3) metres."""
    labelled: Tensor
    """(N, 17) bool: x and y are known."""
    inside: Tensor
    """(N, 17) bool: known and inside the crop."""
    has_depth: Tensor
    """(N,) bool."""

    def to(self, device: torch.device) -> Batch:
        """The same on another device."""
        return Batch(**{field.name: getattr(self, field.name).to(device) for field in fields(self)})


def example(picture: LabelledPicture, person: PersonLabels, roi: Roi, codec: CropCodec) -> Example:
    """Cut a person out."""
    plane = codec.encode_joints(person.joints_px, roi)
    if person.joints_m is None:
        pose = np.full((len(plane), 3), np.nan, np.float32)
    else:
        pose = codec.encode_pose(person.joints_m, roi, picture.camera)
    joints = np.concatenate([plane, codec.encode_depth(pose[:, 2:])], 1)
    return Example(codec.crop(picture.image, roi), joints, pose)


def flipped(one: Example, codec: CropCodec) -> Example:
    """Seen in a mirror: left joints become right ones."""
    joints, pose = one.joints[H36M17.twins].copy(), one.pose[H36M17.twins].copy()
    joints[:, 0] = codec.heatmap_px - 1 - joints[:, 0]
    pose[:, 0] *= -1
    return Example(np.ascontiguousarray(one.crop[:, ::-1]), joints, pose)


def augmented_roi(roi: Roi, settings: AugmentSettings, rng: np.random.Generator) -> Roi:
    """Another square around the same person: shifted, scaled, turned."""
    side = roi.side * (1 + settings.scale * rng.uniform(-1, 1))
    dx, dy = settings.shift * roi.side * rng.uniform(-1, 1, 2)
    turned = rng.random() < settings.rotation_share
    angle = math.radians(settings.rotation_deg) * rng.uniform(-1, 1) if turned else 0.0
    return Roi(roi.cx + dx, roi.cy + dy, side, roi.angle_rad + angle)


def repainted(crop: Image, settings: AugmentSettings, rng: np.random.Generator) -> Image:
    """Other colours, and perhaps a patch in front: the labels stay."""
    strength = 1 + settings.colour * rng.uniform(-1, 1, 3)
    out = np.clip(crop * strength.astype(np.float32), 0, 255).astype(np.uint8)
    if rng.random() < settings.occlusion_share:
        size = len(crop)
        area, shape = rng.uniform(0.01, 0.25) * size**2, math.exp(rng.uniform(-1, 1))
        width, height = (min(size - 1, max(1, round(math.sqrt(v)))) for v in (area * shape, area / shape))
        x, y = rng.integers(0, size - width), rng.integers(0, size - height)
        # From one colour to fine noise: coarse noise, blown up.
        cells = int(rng.integers(1, 9))
        patch = rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
        out[y : y + height, x : x + width] = cv2.resize(patch, (width, height), interpolation=cv2.INTER_LINEAR)
    return out


def random_example(
    pictures: Pictures, codec: CropCodec, settings: AugmentSettings, rng: np.random.Generator
) -> Example:
    """A random person of a random picture, augmented. Errors: `InputError` where nobody is to be found."""
    for _ in range(100):
        picture = pictures[int(rng.integers(len(pictures)))]
        people = [person for person in picture.people if usable(picture, person)]
        if people:
            break
    else:
        raise InputError("100 pictures in a row have nobody with visible, labelled joints: give other --data")
    person = people[int(rng.integers(len(people)))]
    one = example(picture, person, augmented_roi(codec.roi(person.box_px), settings, rng), codec)
    if settings.flip and rng.random() < 0.5:
        one = flipped(one, codec)
    return Example(repainted(one.crop, settings, rng), one.joints, one.pose)


def usable(picture: LabelledPicture, person: PersonLabels) -> bool:
    """Whether enough of someone is to be seen, and not only from so near that the crop would be nearly empty."""
    x0, y0, x1, y1 = person.box_px
    seen = person.visible & np.isfinite(person.joints_px).all(-1)
    return int(seen.sum()) >= SEEN_AT_LEAST and max(x1 - x0, y1 - y0) <= LARGEST_BOX * max(picture.image.shape)


def everyone(pictures: Pictures, order: Iterable[int] | None = None) -> Iterator[tuple[LabelledPicture, PersonLabels]]:
    """All usable people, picture by picture. order: of the pictures, where it is not their own."""
    for i in range(len(pictures)) if order is None else order:
        picture = pictures[i]
        for person in picture.people:
            if usable(picture, person):
                yield picture, person


def collate(examples: list[Example], codec: CropCodec) -> Batch:
    """Examples -> tensors."""
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
