"""What flows through the pipeline, and the protocols of its parts. numpy only.

Axes and units are those of docs/architecture.md, "Coordinates".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from rtpose.skeleton import Skeleton

Float32 = NDArray[np.float32]
Image = NDArray[np.uint8]


class DecodedPicture(Protocol):
    """A picture as its decoder left it. What is cut out of it is RGB without the rest ever being converted."""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels, as shown."""
        ...

    def rgb(self) -> Image:
        """The whole of it: (H, W, 3) uint8, RGB, upright as shown. Made at the first call; any thread may call."""
        ...

    def cut_out(self, picture_from_crop: NDArray[np.float64], out: Image, *, border: int) -> None:
        """See `rtpose.pose.detect.roi.cut_out`."""


Picture = Image | DecodedPicture
"""(H, W, 3) uint8, RGB, upright as shown; or what can become that."""


def picture_size(picture: Picture) -> tuple[int, int]:
    """(width, height) in pixels."""
    return (picture.shape[1], picture.shape[0]) if isinstance(picture, np.ndarray) else picture.size


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture with its time. Results carry `frame_id`, `t_ns` and `pts_s` along."""

    picture: Picture
    frame_id: int
    """Counts every frame that the source delivered, dropped ones too: gaps are dropped frames."""
    t_ns: int
    """When it was captured (live) or decoded (file): `time.monotonic_ns()`."""
    pts_s: float
    """Media time for files, seconds since the start for live sources. Strictly increasing."""
    source: int = 0
    """Which source it is of, where a run has several: their frames are counted and timed each by itself."""

    @property
    def image(self) -> Image:
        """(H, W, 3) uint8, RGB, upright as shown. Costs a conversion where the decoder's picture is another: who needs
        a part of it uses `picture`."""
        return self.picture if isinstance(self.picture, np.ndarray) else self.picture.rgb()

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return picture_size(self.picture)


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What a source knows about itself once it is open."""

    name: str
    """What the user called it: a path, a URL, "camera 0"."""
    live: bool
    """Live sources keep the newest frame and drop the rest; files deliver every frame."""
    size: tuple[int, int]
    """(width, height) as shown."""
    fps: float | None
    """Nominal rate; None if the source does not say."""
    frame_count: int | None
    """How many frames are expected, for the progress bar only; None if unknown."""
    fov_deg: float | None = None
    """Field of view across the longer side, by the source's own metadata; None if it does not say."""
    fov_origin: str = ""
    """Which metadata: "the picture's EXIF"."""


@dataclass(slots=True)
class SourceStats:
    """Counters of a source, by cause."""

    delivered: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    """cause -> frames, e.g. {"consumer busy": 12, "damaged": 1}."""
    reconnects: int = 0
    notes: list[str] = field(default_factory=list)
    """What was assumed or repaired, a line each, for people."""

    def note(self, line: str) -> None:
        """Keep a line, once."""
        if line not in self.notes:
            self.notes.append(line)

    def drop(self, cause: str, count: int = 1) -> None:
        """Count `count` lost frames under `cause`."""
        self.dropped[cause] = self.dropped.get(cause, 0) + count


@runtime_checkable
class FrameSource(Protocol):
    """Where frames come from. Opened by its constructor; a constructor that fails leaves nothing open."""

    info: SourceInfo
    stats: SourceStats

    def read(self, timeout_s: float = 1.0) -> Frame | None:
        """Next frame. Files: the next in order. Live: the newest that was not read yet.

        None when nothing came within `timeout_s` (live: the source may come back) or, for files, at the end;
        `ended` tells the two apart.
        """
        ...

    @property
    def ended(self) -> bool:
        """True once no frame will come any more."""
        ...

    @property
    def status(self) -> str:
        """One short line for people: "ok", "camera unplugged, trying again in 2 s"."""
        ...

    def close(self) -> None:
        """Release the camera or file. May be called twice, and from another thread than `read`."""
        ...


@dataclass(frozen=True, slots=True)
class Camera:
    """Pinhole camera of the picture as shown, without distortion."""

    fx: float
    fy: float
    cx: float
    cy: float

    def as_array(self) -> NDArray[np.float64]:
        """(4,) float64: fx, fy, cx, cy in pixels."""
        return np.array([self.fx, self.fy, self.cx, self.cy], dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a detector's network says about a person's depth, beside the 2D joints: its joints in its own skeleton."""

    image_z_px: Float32
    """(J,): depth relative to the middle of the hips, away from the camera, in the scale of x and y: pixels of the
    picture."""
    world_m: Float32
    """(J, 3): the network's own 3D joints, metres, in camera axes, relative to the middle of the hips. As the network
    sees only a crop, they are as if the camera looked straight at the person."""
    visibility: Float32
    """(J,): 0..1, that the joint is in sight, not hidden."""
    presence: Float32
    """(J,): 0..1, that the joint is inside the network's square."""
    spread_px: Float32 | None
    """(J,): root mean square distance of the heatmap's mass from its centre, pixels of the picture. None: not measured,
    as where nothing depends on it."""
    angle_rad: float
    """By how much the network's square was turned in the picture, clockwise as seen; already undone in `world_m`."""


@dataclass(frozen=True, slots=True)
class Person2D:
    """One person seen by a detector."""

    keypoints: Float32
    """(J, 3): x px, y px, score 0..1, in the detector's own skeleton."""
    bbox: Float32
    """(4,): x0, y0, x1, y1 px around the person; may reach beyond the picture."""
    score: float
    """0..1, that this is a person."""
    evidence: Evidence | None = None
    """None from a detector whose network says nothing about depth."""
    appearance: Float32 | None = None
    """(2, bins): colours of trunk and thighs, see `rtpose.pose.detect.appearance`. None: not looked at."""


LEAST_CONFIDENCE = 0.1
"""A 3D joint below it was not seen: its position is a guess, which is not drawn and no fact for other programs."""


@dataclass(frozen=True, slots=True)
class BodyPose:
    """A person as a kinematic skeleton of B bones (`rtpose.bones`); `pose_3d` is what `joints_of_bones` makes of it."""

    rotations: Float32
    """(B, 4) quaternions w x y z, of each bone relative to its parent; of the hips relative to camera space."""
    bone_lengths: Float32
    """(B,) metres."""
    contacts: Float32
    """(4,) 0..1, that left heel, left toe, right heel, right toe stand on something."""


@dataclass(frozen=True, slots=True)
class Person3D:
    """One person of a result. J joints: those of `rtpose28`, or of `h36m17` in old recordings. A joint that nothing
    gives is NaN, with confidence and score 0."""

    track_id: int
    """Stays with the person."""
    bbox: Float32
    """(4,): x0, y0, x1, y1 px."""
    keypoints_2d: Float32
    """(J, 3): x px, y px, score 0..1."""
    pose_3d: Float32
    """(J, 3): metres, camera axes, relative to the root joint."""
    root_3d: Float32
    """(3,): metres, camera space."""
    confidence: Float32
    """(J,): 0..1 of each 3D joint."""
    body: BodyPose | None = None
    """None where no body was fitted."""
    error_m: Float32 | None = None
    """(J,): the lifter's own estimate of each joint's error, metres. None: it does not say."""
    down: Float32 | None = None
    """(3,): unit vector, camera axes: where gravity points, as far as the pose shows it. None: not known."""

    def joint(self, name: str) -> Float32:
        """Where a joint is: (3,) metres, camera space. Errors: `ConfigError` for a joint that the skeleton lacks."""
        from rtpose.skeleton import skeleton_of_person

        (index,) = skeleton_of_person(len(self.pose_3d)).indices(name)
        place: Float32 = self.pose_3d[index] + self.root_3d
        return place


@dataclass(frozen=True, slots=True)
class Result:
    """All people of one frame."""

    frame: Frame
    camera: Camera
    persons: tuple[Person3D, ...]
    t_done_ns: int
    """When the estimate was finished, `time.monotonic_ns()`."""
    world_from_camera: NDArray[np.float64] | None = None
    """(4, 4): world space is metres, y up, the floor at 0, x right as the camera sees it. None until gravity and floor
    are known."""


class Detector(Protocol):
    """Image -> 2D joints with scores, for each person."""

    @property
    def skeleton(self) -> Skeleton: ...

    def detect(self, frame: Frame) -> list[Person2D]:
        """People in the frame, best first. May keep state between frames of one source."""

    def reset(self) -> None:
        """Forget all state: another source, or a jump in time."""


def is_guess(confidence: Float32, scores: Float32) -> NDArray[np.bool_]:
    """Joints that are no facts for other programs: nobody saw them, or nobody knows where they are. confidence: of the
    3D joints; scores: of the same joints in the picture, both 0..1 and of one shape."""
    return np.asarray((confidence < LEAST_CONFIDENCE) | (scores < LEAST_CONFIDENCE))


@dataclass(frozen=True, slots=True)
class Lifted:
    """The P people of a frame in 3D. J joints, those of `h36m17` first; camera axes: x right, y down, z away."""

    poses: Float32
    """(P, J, 3) metres, relative to the root."""
    roots: Float32
    """(P, 3) metres, camera space."""
    confidence: Float32
    """(P, J) 0..1."""
    keypoints_2d: Float32
    """(P, J, 3) x px, y px, score: the joints of the detector that the lifter used."""
    down: Float32 | None = None
    """(P, 3) unit vectors: where gravity points, as far as each pose shows it. None: the lifter does not say."""
    error_m: Float32 | None = None
    """(P, J) metres: the expected error of each joint relative to the root. None: the lifter does not say."""


class Lifter(Protocol):
    """2D joints and evidence -> 3D people in camera space."""

    @property
    def remembers(self) -> bool:
        """Whether it smooths over time by itself, because it remembers people by their track ids."""
        ...

    def lift_people(
        self, people: Sequence[Person2D], skeleton: Skeleton, camera: Camera, track_ids: Sequence[int], t_s: float
    ) -> Lifted:
        """people: everybody in a frame, their joints in the detector's `skeleton`. track_ids: who they are. t_s: the
        frame's time."""
        ...

    def reset(self) -> None:
        """Forget everybody: another source, or a jump in time."""
        ...

    def describe(self) -> dict[str, object]:
        """For the files' `meta`: `lifter`, its name, and `lifter_sha256`, of its file."""
        ...


class Estimator(Protocol):
    """Image -> 3D people with their ids, in two steps: the second of one frame runs beside the first of the next."""

    def begin(self, frame: Frame, camera: Camera) -> Callable[[], list[Person3D]]:
        """Everything that the next frame needs: where people are now. The returned function does the rest. It is
        called once, in the order of the frames, possibly in another thread while the next frame is begun."""
        ...

    def estimate(self, frame: Frame, camera: Camera) -> list[Person3D]:
        """Both steps."""
        ...

    def reset(self) -> None:
        """Forget everybody: another source, or a jump in time."""
        ...

    def describe(self) -> dict[str, object]:
        """For the files' `meta`: names, weights' sha256, assumptions."""
        ...


class Tracker(Protocol):
    """Gives people their ids, by 2D joints and colours. Also called for frames without people."""

    def update(
        self, keypoints_2d: Float32, bboxes: Float32, t_s: float, appearances: Sequence[Float32 | None] | None = None
    ) -> list[int]:
        """keypoints_2d: (P, J, 3) px, score; bboxes: (P, 4) px; appearances: P, see `Person2D`. Returns P ids."""

    def reset(self) -> None: ...


class Smoother(Protocol):
    """Removes jitter from tracked people, by real time."""

    def smooth(self, persons: Sequence[Person3D], t_s: float) -> list[Person3D]: ...

    def reset(self) -> None: ...


class BodyFitter(Protocol):
    """Turns each person's joints into a body with constant bones, and finds the floor that all of them share."""

    def fit(
        self, persons: Sequence[Person3D], camera: Camera, t_s: float
    ) -> tuple[list[Person3D], NDArray[np.float64] | None]:
        """The same people with bodies, and `world_from_camera` (4, 4), None until it is known. Called once a frame,
        also when nobody is seen."""
        ...

    def reset(self) -> None:
        """Forget everybody and the floor: another source, or a jump in time."""
        ...


class Sink(Protocol):
    """Takes results: a file, a page, a window. Runs in a thread of its own."""

    def write(self, result: Result) -> None: ...

    def close(self) -> None:
        """Finish the output. Called once, also after Ctrl-C."""
        ...


class Backend(Protocol):
    """A loaded network: named arrays in, named arrays out. It never normalises."""

    input_shapes: Mapping[str, tuple[int, ...]]
    """-1 where a dimension is free."""
    output_names: Sequence[str]
    """In the order of the file, or of the outputs that were asked for."""
    metadata: Mapping[str, str]
    """The facts that the model file carries about itself (ONNX `metadata_props`); empty for TFLite."""

    def run(self, inputs: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
        """One forward pass. The returned arrays are the caller's own."""
        ...
