"""Settings as methods of `rtpose eval --footage`: the whole pipeline over clips with measured truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from rtpose.bench import peer_mediapipe
from rtpose.capture import open_source
from rtpose.config import RunSettings
from rtpose.footage.judge import Estimate, peer_people
from rtpose.footage.measure import People
from rtpose.footage.sets import JOINTS, PEER_JOINTS, FootageSet, TruthCamera
from rtpose.session import Session
from rtpose.skeleton import H36M17
from rtpose.types import Person3D, Result

_JOINTS = H36M17.indices(*JOINTS)


def method_of(
    settings: RunSettings,
    *,
    on_clip: Callable[[FootageSet, TruthCamera], None] = lambda footage, camera: None,
    on_notice: Callable[[str], None] = lambda line: None,
) -> Estimate:
    """A method for `rtpose.footage.judge.judge_set`: it follows as many people as a set's truth holds, and is told of
    cameras and heights only what `settings` say. on_clip: called before each clip."""
    sessions: dict[int, Session] = {}

    def estimate(footage: FootageSet, camera: TruthCamera) -> People:
        if footage.people not in sessions:
            changed = msgspec.structs.replace(settings, persons=footage.people)
            sessions[footage.people] = Session(changed, on_notice=on_notice)
        on_clip(footage, camera)
        found: dict[int, Sequence[Person3D]] = {}

        def keep(result: Result) -> None:
            found[result.frame.frame_id] = result.persons

        session = sessions[footage.people]
        session.run(open_source(str(camera.clip)), on_result=keep)
        if session.stopped:  # by Ctrl-C: a part of a clip is no measure
            raise KeyboardInterrupt
        return gather(found, len(footage.world), footage.people)

    return estimate


def peer_method(on_clip: Callable[[FootageSet, TruthCamera], None] = lambda footage, camera: None) -> Estimate:
    """mediapipe, complexity 1: its rows of the truth file, or where that has none, mediapipe itself, run over the clip
    in an environment of its own. on_clip: called before it runs over a clip."""

    def estimate(footage: FootageSet, camera: TruthCamera) -> People:
        if np.isfinite(camera.peer_world).any():
            return peer_people(footage, camera)
        on_clip(footage, camera)
        python = peer_mediapipe.environment(None)
        with peer_mediapipe.reference(python, smooth=True) as peer:  # a new one: it remembers the last clip's person
            return _run_peer(peer, footage, camera)

    return estimate


def _run_peer(peer: peer_mediapipe.Reference, footage: FootageSet, camera: TruthCamera) -> People:
    frames = len(footage.world)
    world, pixels = np.full((frames, 1, len(JOINTS), 3), np.nan), np.full((frames, 1, len(JOINTS), 2), np.nan)
    source = open_source(str(camera.clip))
    try:
        while not source.ended:
            frame = source.read()
            if frame is not None and frame.frame_id < frames:
                landmarks = peer.landmarks(frame.image)
                if landmarks is not None:
                    pixels[frame.frame_id, 0] = landmarks[0][list(PEER_JOINTS), :2]
                    world[frame.frame_id, 0] = landmarks[1][list(PEER_JOINTS)]
    finally:
        source.close()
    there = np.isfinite(world).all((2, 3))
    return People(world, pixels, np.where(there, 0, -1))


def gather(found: dict[int, Sequence[Person3D]], frames: int, columns: int) -> People:
    """frame_id -> people -> arrays of `frames` rows and at most `columns` people, in the order of each frame."""
    poses = np.full((frames, columns, len(JOINTS), 3), np.nan)
    pixels = np.full((frames, columns, len(JOINTS), 2), np.nan)
    confidence = np.full((frames, columns, len(JOINTS)), np.nan)
    ids = np.full((frames, columns), -1, np.int64)
    for frame_id, persons in found.items():
        if frame_id < frames:
            for column, person in enumerate(persons[:columns]):
                poses[frame_id, column] = person.pose_3d[_JOINTS]
                pixels[frame_id, column] = person.keypoints_2d[_JOINTS, :2]
                confidence[frame_id, column] = person.confidence[_JOINTS]
                ids[frame_id, column] = person.track_id
    return People(poses, pixels, ids, confidence)
