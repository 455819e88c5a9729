"""The training of `fusion`, small."""

from pathlib import Path

import pytest
import torch

from rtpose.assets import small_pack
from rtpose.errors import InputError, OutputError
from rtpose.networks.options import LoadOptions
from rtpose.networks.pool import NetworkPool
from rtpose.pose.lift.fusion_codec import FEATURES
from rtpose.train.lifters.fusion.export import export_fusion, running_form
from rtpose.train.lifters.fusion.loop import FusionProgress, train_fusion
from rtpose.train.lifters.fusion.packs import packs_of
from rtpose.train.lifters.fusion.settings import ClipPhaseSettings, FusionSettings, PhaseSettings

SMALL = FusionSettings(
    width=32, blocks=1, memory=16, glance=8, clip_frames=4, exercises=0, save_every=10,
    frames=PhaseSettings(steps=60, batch_size=64, learning_rate=3e-3, ema_decay=0.9),
    clips=ClipPhaseSettings(steps=20, batch_size=8, ema_decay=0.9),
)  # fmt: skip
PACKS = {small_pack(): 1.0}


def test_it_learns_and_says_how_far_it_is(tmp_path: Path) -> None:
    said: list[FusionProgress] = []
    train_fusion(SMALL, PACKS, tmp_path / "run", report=said.append)
    assert [p.step for p in said] == list(range(1, 81))
    assert said[-1].steps == 80
    assert said[59].error_mm < 0.8 * said[0].error_mm


@pytest.mark.parametrize("stop_at", [25, 60, 70])
@pytest.mark.slow
def test_an_interrupted_training_ends_with_the_same_weights(tmp_path: Path, stop_at: int) -> None:
    class StopError(Exception):
        pass

    def stop(progress: FusionProgress) -> None:
        if progress.step == stop_at + 1:
            raise StopError

    whole = train_fusion(SMALL, PACKS, tmp_path / "whole").state_dict()
    with pytest.raises(StopError):
        train_fusion(SMALL, PACKS, tmp_path / "parts", report=stop)
    resumed = train_fusion(SMALL, PACKS, tmp_path / "parts", resume=True).state_dict()
    for name, values in whole.items():
        torch.testing.assert_close(resumed[name], values, msg=name)


def test_a_folder_with_a_training_is_not_overwritten(tmp_path: Path) -> None:
    train_fusion(SMALL, PACKS, tmp_path)
    with pytest.raises(OutputError, match="already holds a training"):
        train_fusion(SMALL, PACKS, tmp_path)


@pytest.mark.slow
def test_the_file_says_what_the_network_says(tmp_path: Path) -> None:
    network = train_fusion(SMALL, PACKS, tmp_path / "run")
    file = tmp_path / "fusion.onnx"
    export_fusion(network, SMALL, PACKS, file)
    loaded = NetworkPool().load(file, LoadOptions(threads=1))
    assert loaded.metadata["error_factor"] == str(SMALL.error_factor)
    assert "cmu17_small.npz" in loaded.metadata["training_data"]
    torch.manual_seed(0)
    for people in (1, 3):
        x, last, hidden = torch.randn(people, FEATURES), torch.randn(people, 28, 3), torch.randn(people, 2, 16)
        out = loaded.run({"features": x.numpy(), "last_pose": last.numpy(), "hidden": hidden.numpy()})
        with torch.no_grad():
            expected = running_form(network)(x, last, hidden)
        for name, values in zip(("pose", "log_error", "down", "next_hidden"), expected, strict=True):
            torch.testing.assert_close(torch.from_numpy(out[name]), values, atol=2e-2, rtol=2e-2)


def test_packs_are_found_by_their_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"rtpose data exercises"):
        packs_of(tmp_path, FusionSettings())
    with pytest.raises(InputError, match=r"has no cmu17_train.npz"):
        packs_of(tmp_path, SMALL)
    for name in ("cmu17_train.npz", "exercises.npz"):
        (tmp_path / name).touch()
    assert list(packs_of(tmp_path, SMALL)) == [tmp_path / "cmu17_train.npz"]
    assert sum(packs_of(tmp_path, FusionSettings()).values()) == pytest.approx(1)
