"""Clips on disk: what is written is read back, and a stopped run goes on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rtpose.errors import ConfigError, InputError, OutputError
from rtpose.train.synth.clip_detections import SHAPES, detection_arrays
from rtpose.train.synth.clip_shards import FORMAT, README, ClipProgress, load_clips, render_clips, write_clips
from rtpose.train.synth.clips import ClipTruth
from rtpose.train.synth.filming import Holding
from rtpose.types import Camera, Evidence, Person2D


def truth(seed: int, frames: int) -> ClipTruth:
    rng = np.random.default_rng(seed)
    joints = rng.uniform(-1, 1, (frames, 28, 3)).astype(np.float32) + np.float32([0, 0, 4])
    return ClipTruth(
        np.arange(frames) / 12, (320, 240), Camera(300.0, 300.0, 160.0, 120.0), np.tile(np.eye(4), (frames, 1, 1)),
        joints, rng.random((frames, 28)) < 0.5, 1.7, "squat", Holding.HAND, whole=True,
    )  # fmt: skip


def detections(seed: int, frames: int) -> dict[str, np.ndarray]:
    """Nobody in the first frame, somebody in the others."""
    rng = np.random.default_rng(seed)

    def some(*shape: int) -> np.ndarray:
        return rng.random(shape).astype(np.float32)

    def person() -> Person2D:
        return Person2D(some(33, 3), some(4), 0.9, Evidence(some(33), some(33, 3), some(33), some(33), some(33), 0.1))

    return detection_arrays([None, *(person() for _ in range(frames - 1))])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_clips(tmp_path / "shard-00000.npz", [(k, truth(k, 5 + k), {"full": detections(k, 5 + k)}) for k in range(2)])
    write_clips(tmp_path / "shard-00002.npz", [(9, truth(9, 4), {"full": detections(9, 4)})])
    (tmp_path / "shard-00003.part77").write_bytes(b"a stopped run's")
    return tmp_path


def test_what_is_written_is_read(folder: Path) -> None:
    clips = load_clips(folder)
    assert clips["starts"].tolist() == [0, 5, 11, 15]
    assert clips["index"].tolist() == [0, 1, 9]
    expected = truth(1, 6)
    part = slice(5, 11)
    assert np.array_equal(clips["joints_m"][part], expected.joints_m)
    assert np.array_equal(clips["visible"][part], expected.visible)
    projected = expected.joints_m[..., :2] / expected.joints_m[..., 2:] * 300 + [160, 120]
    assert np.allclose(clips["joints_px"][part], projected, atol=1e-3)
    assert clips["full_found"][part].tolist() == [False] + [True] * 5
    for name in SHAPES:
        assert np.array_equal(clips[f"full_{name}"][part], detections(1, 6)[name], equal_nan=True)
    assert clips["kind"].tolist() == ["squat"] * 3
    assert clips["camera"].shape == (3, 4)


def test_the_readme_names_every_array(folder: Path) -> None:
    for name in load_clips(folder):
        assert f"`{name.replace('full_', 'N_')}`" in README


def test_a_folder_without_clips_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="rtpose data clips"):
        load_clips(tmp_path)


def test_shards_of_format_1_are_read(tmp_path: Path) -> None:
    """They have other arrays for each network."""
    arrays = {"index": np.arange(2), "full_points": np.zeros((5, 33, 2)), "full_peak": np.ones((5, 33))}
    for k in range(2):
        np.savez(tmp_path / f"shard-0000{k}.npz", starts=np.array([0, 3, 5]), **arrays)
    clips = load_clips(tmp_path)
    assert clips["starts"].tolist() == [0, 3, 5, 8, 10]
    assert clips["full_peak"].shape == (10, 33)


def test_clips_of_other_settings_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "clips.json").write_text(json.dumps({"format": FORMAT, "seed": 5}), encoding="utf-8")
    with pytest.raises(OutputError, match="other settings"):
        render_clips(tmp_path, tmp_path / "angles.npz", 16)
    with pytest.raises(ConfigError, match="must be 1 or more"):
        render_clips(tmp_path, tmp_path / "angles.npz", 0)
    with pytest.raises(ConfigError, match="no network 'huge'"):
        render_clips(tmp_path, tmp_path / "angles.npz", 16, networks=["huge"])
    with pytest.raises(InputError, match="no motion pack"):
        render_clips(tmp_path / "new", tmp_path / "angles.npz", 16)
    assert not (tmp_path / "new").exists()


def test_a_finished_folder_costs_nothing(tmp_path: Path) -> None:
    about = {
        "format": FORMAT, "per_shard": 16, "frames": 24, "motions": "angles.npz", "split": "train", "seed": 0,
        "networks": ["full"], "positions": None,
    }  # fmt: skip
    (tmp_path / "clips.json").write_text(json.dumps(about), encoding="utf-8")
    write_clips(tmp_path / "shard-00000.npz", [(0, truth(0, 3), {})])
    end = render_clips(tmp_path, tmp_path / "angles.npz", 16)
    assert (end.done, end.count, end.made) == (16, 16, 0)
    assert isinstance(end, ClipProgress)
