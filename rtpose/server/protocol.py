"""The socket's messages: bytes in, bytes out, no I/O.

1. The server's first message is JSON text, `hello`. It is sent again when something in it changes; the latest messages
   follow it.
2. Then binary messages, little-endian. Each starts with the 44-byte HEADER; `kind` says what follows:
   - KIND_POSES: `world_from_camera`, 16 float32 by rows, NaN until gravity and floor are known. Then `person_count`
     persons, each: PERSON (id, bounding box, root); joint_count rows of float32 `x y z confidence`: metres, camera
     axes, relative to the root joint, NaN where unknown; bone_count rows of float32 `w x y z length`: the
     bone's rotation relative to its parent (of the hips: to camera space) and metres; 4 float32 `contacts`, 0..1, of
     CONTACT_JOINTS. Bones and contacts are NaN for a person without a body.
   - KIND_PICTURE: `person_count` persons, each an int32 id and joint_count rows of float32 `x y score` (px of
     the picture as shown), then the preview as JPEG bytes to the end of the message.
3. The client sends JSON text: `{"ack": frame_id, "source": 0}` after it has drawn a frame of a source, and
   `{"record": true}` or `false` to start or stop a recording, if the hello has `can_record`. If it has `settings`,
   `{"settings": {"height_m": 1.8}}` changes them: omitted ones stay. If it has `takes_video`, `{"play": "sample"}`
   shows the built-in clip, `{"play": ""}` ends a video, and a page on the same computer may give any path.
   The newest recording is at `/recorded`, for pages with the token.
4. States are JSON text: of the run `{"type": "status", "text": "ok", …}`, of the recording
   `{"type": "recording", "file": "name or null", "text": ""}`.
5. If the hello has `takes_camera`, one page at a time may be the camera, over a separate socket, `/camera`. The
   server sends `{"type": "taken", "counter": -1}`. The page then sends a picture, a binary message of the CAMERA header
   and a JPEG, and waits for `taken` with the picture's counter before it sends the next: only one is ever in flight.
6. If the hello has `takes_video`, a page may upload a video over a separate socket, `/upload?size=BYTES&name=NAME`.
   The server sends `taken` with -1, and the page binary messages of at most MAX_CHUNK_BYTES, each after the `taken` of
   the one before, which counts them from 0. After the last one the server closes the socket and shows the video.

With `?format=json`, poses are sent as JSON text with the same fields, null for what is NaN, and there are no pictures.

The joints follow from the bones (forward kinematics), and the hello has all that a client needs for this. A bone
begins at `bone_bases[b]` x its parent's length in the frame of its parent, the hips at the root. A joint is at
`joint_places[j]` x the length of its bone `joint_bones[j]`, in the frame of that bone, from where it begins.

The page's TypeScript types are generated from the tables in this file: see `typescript`.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from rtpose.bones import (
    BONE_NAMES,
    BONE_PARENTS,
    BONES,
    CONTACT_JOINTS,
    JOINT_BONES,
    JOINT_PLACES,
    bone_offsets,
)
from rtpose.errors import InputError
from rtpose.skeleton import RTPOSE28, Skeleton
from rtpose.types import Person3D, Result

PROTOCOL_VERSION = 3
KIND_POSES = 1
KIND_PICTURE = 2
KIND_CAMERA = 3

# (field, struct code, meaning). The order is the order of the bytes.
HEADER_FIELDS: tuple[tuple[str, str, str], ...] = (
    ("version", "B", "protocol version"),
    ("kind", "B", "KIND_POSES or KIND_PICTURE"),
    ("person_count", "H", "persons in this message"),
    ("joint_count", "H", "joints of each person"),
    ("bone_count", "H", "bones of each person; 0 in a KIND_PICTURE"),
    ("source", "H", "index into the hello's sources"),
    ("reserved", "H", "0"),
    ("frame_id", "q", "frame of the source"),
    ("capture_ns", "q", "server's monotonic clock when the frame was captured"),
    ("estimate_ns", "q", "the same when the estimate was done"),
    ("send_ns", "q", "the same when the message was packed"),
)
PERSON_FIELDS: tuple[tuple[str, str, str], ...] = (
    ("track_id", "i", "stays with the person"),
    ("bbox", "4f", "x0 y0 x1 y1, px of the picture as shown"),
    ("root", "3f", "metres, camera space"),
)
CAMERA_FIELDS: tuple[tuple[str, str, str], ...] = (
    ("version", "B", "protocol version"),
    ("kind", "B", "KIND_CAMERA"),
    ("reserved", "H", "0"),
    ("counter", "I", "frames of the camera so far: gaps are frames that were not sent"),
    ("captured_ms", "d", "the page's clock when the picture was captured"),
    ("sent_ms", "d", "the same when this message was sent"),
)
HEADER = struct.Struct("<" + "".join(code for _, code, _ in HEADER_FIELDS))
PERSON = struct.Struct("<" + "".join(code for _, code, _ in PERSON_FIELDS))
CAMERA = struct.Struct("<" + "".join(code for _, code, _ in CAMERA_FIELDS))
POSE_COLUMNS = ("x", "y", "z", "confidence")
BONE_COLUMNS = ("w", "x", "y", "z", "length")
WORLD_FLOATS = 16
"""`world_from_camera`, behind the header of a KIND_POSES."""
PICTURE_COLUMNS = ("x", "y", "score")

MAX_CLIENT_MESSAGE_BYTES = 4096
"""A client sends short messages only; a longer one ends its connection."""
MAX_CAMERA_MESSAGE_BYTES = 2 * 1024 * 1024
"""For the page that is the camera: enough for 1920x1080 at high quality."""
MAX_PAGE_MS = 1e12
"""Largest time on a page's clock, which counts from when it was opened: 30 years."""
CAMERA_TAKEN = 4409
"""Close code of the camera's socket: another page is the camera."""


Network = Literal["lite", "full", "heavy"]


class LiveSettings(msgspec.Struct, forbid_unknown_fields=True):
    """What a page can change during a run; None: unchanged."""

    height_m: Annotated[float, msgspec.Meta(ge=0.5, le=2.6)] | None = None
    fov_deg: Annotated[float, msgspec.Meta(ge=10, le=150)] | None = None
    persons: Annotated[int, msgspec.Meta(ge=1, le=16)] | None = None
    network: Network | None = None


class Source(msgspec.Struct):
    """One camera or video."""

    name: str
    image_size: list[int]
    """width, height as shown; [0, 0] before the first frame."""


class Hello(msgspec.Struct, tag_field="type", tag="hello"):
    """The first message: everything needed to read the others."""

    protocol: int
    server_version: str
    skeleton: str
    joints: list[str]
    parents: list[int]
    """-1 at the root."""
    colors: list[str]
    """Hex colour of each joint."""
    bones: list[str]
    """Names as in VRM's humanoid."""
    bone_parents: list[int]
    """-1 at the hips. Parents come before their children."""
    bone_rests: list[list[float]]
    """Unit vector of each bone from base to end at rest: in a T-pose, x to the person's left, y up, z forwards."""
    bone_bases: list[list[float]]
    """Where each bone begins in the frame of its parent, in lengths of the parent."""
    joint_bones: list[int]
    """The bone that each joint is fixed to."""
    joint_places: list[list[float]]
    """Where, in the frame of that bone, from its base, in its lengths."""
    contacts: list[str]
    """The joints of `contacts`, in their order."""
    units: str
    axes: str
    sources: list[Source]
    """At least one."""
    live: bool
    """False for a recording that the page plays itself (see `recording`)."""
    estimator: str
    assumptions: list[str]
    server_ns: int
    """The server's monotonic clock now, to relate the times in the headers to the page's clock."""
    height_m: float | None = None
    """The standing height that sizes and distances depend on; None: unknown, as in some recordings."""
    height_from: str = ""
    """Where `height_m` comes from: "assumed", "as given", …"""
    recording: str | None = None
    """Path on this server of a poses.npz to play, for `rtpose view`."""
    video: str | None = None
    """Path on this server of the video that the recording was made from."""
    can_record: bool = False
    """Whether the page may start and stop recordings. They are written on the machine that runs rtpose."""
    takes_camera: bool = False
    """Whether a page may be the camera."""
    takes_video: bool = False
    """Whether a page may show a video."""
    settings: LiveSettings | None = None
    """The settings of the run that a page may change; None: it may not."""


class RunStatus(msgspec.Struct, tag_field="type", tag="status"):
    """The state of the run, for the user."""

    text: str
    """"ok", or what is wrong with the source."""
    ended: bool = False
    """True once there will be no more frames."""
    failures: list[str] = []
    """A line for each output that failed; the run continues without it."""


class RecordingState(msgspec.Struct, tag_field="type", tag="recording"):
    """Whether the run is being recorded."""

    file: str | None
    """Name of the file being written, without its folder."""
    text: str = ""
    """A message for the user: what was written, or what is wrong."""


class Taken(msgspec.Struct, tag_field="type", tag="taken"):
    """The server has received the camera's picture: the page may send the next."""

    counter: int
    """The picture's counter; -1 at the beginning."""


class Ack(msgspec.Struct):
    """The client has drawn this frame."""

    ack: int
    source: int = 0


class Record(msgspec.Struct):
    """The client asks to start (true) or stop a recording."""

    record: bool


class ChangeSettings(msgspec.Struct):
    """The client asks for other settings."""

    settings: LiveSettings


class PlayVideo(msgspec.Struct):
    """The client asks for a video: "sample", a path on the server's computer, or "" for none."""

    play: Annotated[str, msgspec.Meta(max_length=2000)]


ClientMessage = Ack | Record | ChangeSettings | PlayVideo
_BY_WORD: tuple[tuple[bytes, type[ClientMessage]], ...] = (
    (b'"play"', PlayVideo), (b'"settings"', ChangeSettings), (b'"record"', Record),
)  # fmt: skip


def hello(
    *,
    server_version: str,
    skeleton: Skeleton,
    sources: Sequence[tuple[str, tuple[int, int]]],
    live: bool,
    estimator: str,
    assumptions: Sequence[str],
    server_ns: int,
    height_m: float | None = None,
    height_from: str = "",
    recording: str | None = None,
    video: str | None = None,
    can_record: bool = False,
    takes_camera: bool = False,
    takes_video: bool = False,
    settings: LiveSettings | None = None,
) -> Hello:
    """The `hello` for `rtpose28`, or a part of it. sources: name and (width, height) of each; server_ns:
    `time.monotonic_ns()`."""
    joints = RTPOSE28.indices(*skeleton.joints)
    return Hello(
        protocol=PROTOCOL_VERSION,
        server_version=server_version,
        skeleton=skeleton.name,
        joints=list(skeleton.joints),
        parents=[int(p) for p in skeleton.parents],
        colors=list(skeleton.colors),
        bones=list(BONE_NAMES),
        bone_parents=BONE_PARENTS.tolist(),
        bone_rests=[list(bone.rest) for bone in BONES],
        bone_bases=bone_offsets(np.ones(len(BONES))).tolist(),
        joint_bones=JOINT_BONES[joints].tolist(),
        joint_places=JOINT_PLACES[joints].tolist(),
        contacts=list(CONTACT_JOINTS),
        units="metres",
        axes="camera: x right, y down, z away from the camera",
        sources=[Source(name, list(size)) for name, size in sources],
        live=live,
        estimator=estimator,
        assumptions=list(assumptions),
        server_ns=server_ns,
        height_m=height_m,
        height_from=height_from,
        recording=recording,
        video=video,
        can_record=can_record,
        takes_camera=takes_camera,
        takes_video=takes_video,
        settings=settings,
    )


def encode_json(message: Hello | RunStatus | RecordingState | Taken) -> str:
    """A text message."""
    return msgspec.json.encode(message).decode()


def _header(result: Result, kind: int, send_ns: int) -> bytes:
    joint_count = len(result.persons[0].pose_3d) if result.persons else 0
    bone_count = len(BONES) if kind == KIND_POSES else 0
    return HEADER.pack(
        PROTOCOL_VERSION, kind, len(result.persons), joint_count, bone_count, result.frame.source, 0,
        result.frame.frame_id, result.frame.t_ns, result.t_done_ns, send_ns,
    )  # fmt: skip


def _bone_rows(person: Person3D) -> NDArray[np.float32]:
    """(B, 5) `BONE_COLUMNS`, NaN without a body."""
    if person.body is None:
        return np.full((len(BONES), len(BONE_COLUMNS)), np.nan, np.float32)
    return np.concatenate([person.body.rotations, person.body.bone_lengths[:, None]], axis=1)


def encode_poses(result: Result, send_ns: int) -> bytes:
    """A KIND_POSES message. send_ns: `time.monotonic_ns()`."""
    world = np.full(WORLD_FLOATS, np.nan) if result.world_from_camera is None else result.world_from_camera
    parts = [_header(result, KIND_POSES, send_ns), world.astype("<f4").tobytes()]
    for person in result.persons:
        contacts = np.full(len(CONTACT_JOINTS), np.nan) if person.body is None else person.body.contacts
        parts.append(PERSON.pack(person.track_id, *person.bbox.tolist(), *person.root_3d.tolist()))
        rows = np.concatenate([person.pose_3d, person.confidence[:, None]], axis=1)
        parts += [part.astype("<f4").tobytes() for part in (rows, _bone_rows(person), contacts)]
    return b"".join(parts)


def encode_picture(result: Result, jpeg: bytes, send_ns: int) -> bytes:
    """A KIND_PICTURE message with the 2D joints that belong to the picture."""
    parts = [_header(result, KIND_PICTURE, send_ns)]
    for person in result.persons:
        parts.append(struct.pack("<i", person.track_id))
        parts.append(person.keypoints_2d.astype("<f4").tobytes())
    parts.append(jpeg)
    return b"".join(parts)


def encode_poses_json(result: Result, send_ns: int) -> str:
    """KIND_POSES as JSON text, for clients with `?format=json`."""
    persons = [
        {
            "track_id": p.track_id,
            "bbox": p.bbox.tolist(),
            "root": p.root_3d.tolist(),
            "joints": np.concatenate([p.pose_3d, p.confidence[:, None]], axis=1).tolist(),
            "bones": None if p.body is None else _bone_rows(p).tolist(),
            "contacts": None if p.body is None else p.body.contacts.tolist(),
        }
        for p in result.persons
    ]
    message = {
        "type": "poses",
        "version": PROTOCOL_VERSION,
        "source": result.frame.source,
        "frame_id": result.frame.frame_id,
        "capture_ns": result.frame.t_ns,
        "estimate_ns": result.t_done_ns,
        "send_ns": send_ns,
        "world_from_camera": None if result.world_from_camera is None else result.world_from_camera.tolist(),
        "persons": persons,
    }
    return msgspec.json.encode(message).decode()


def decode_client_message(text: str | bytes) -> ClientMessage:
    """A client's message. Errors: `InputError` for anything else."""
    try:
        data = text.encode() if isinstance(text, str) else text
        kind: type[ClientMessage] = next((kind for word, kind in _BY_WORD if word in data), Ack)
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeError, RecursionError) as error:
        raise InputError(f"a client sent an unknown message: {error}") from None


def decode_camera(data: bytes) -> tuple[dict[str, Any], bytes]:
    """A message of the page that is the camera: the CAMERA header's fields, and the rest, which should be a JPEG.

    Errors: `InputError` for anything else.
    """
    if len(data) < CAMERA.size:
        raise InputError(f"a picture of {len(data)} bytes is shorter than its header")
    header = dict(zip((name for name, _, _ in CAMERA_FIELDS), CAMERA.unpack_from(data), strict=True))
    if header["version"] != PROTOCOL_VERSION or header["kind"] != KIND_CAMERA:
        raise InputError(f"expected a camera picture of protocol {PROTOCOL_VERSION}: reload the page")
    if not (abs(header["captured_ms"]) < MAX_PAGE_MS and abs(header["sent_ms"]) < MAX_PAGE_MS):  # false for NaN
        raise InputError("a picture without a valid time")
    return header, data[CAMERA.size :]
