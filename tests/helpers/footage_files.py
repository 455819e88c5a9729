"""Writes a set of footage with two people and two cameras, whose truth is known."""

from pathlib import Path

import numpy as np

from rtpose.footage.sets import JOINTS

FRAMES = 12


def write_set(folder: Path, *, people: int = 2, **changes: object) -> Path:
    """Two cameras 3 m away, one looking along +z, the other turned by 90 degrees; people who sway."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(1)
    body = rng.normal(0, 0.3, (people, len(JOINTS), 3)) + np.arange(people)[:, None, None] * [1.5, 0, 0]
    sway = 0.05 * np.sin(np.arange(FRAMES))[:, None, None, None] * np.array([1.0, 0.3, 0.5])
    turned = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    arrays: dict[str, object] = {
        "world12": body[None] + sway,
        "valid_joints": np.ones((FRAMES, people, len(JOINTS)), bool),
        "K": np.stack([np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]])] * 2),
        "R": np.stack([np.eye(3), turned]),
        "T": np.array([[0.0, 0, 4], [0, 0, 4]]),
        "dist": np.zeros((2, 5)),
        "fps": 30.0,
        "mediapipe_world": np.full((2, FRAMES, 33, 3), np.nan),
        "mediapipe_2d": np.full((2, FRAMES, 33, 3), np.nan),
    }
    arrays.update(changes)
    np.savez(folder / "truth.npz", **{k: v for k, v in arrays.items() if v is not None})  # type: ignore[arg-type]
    for number in (1, 2):
        (folder / f"cam{number:02d}.mp4").touch()
    return folder
