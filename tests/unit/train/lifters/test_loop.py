"""Every method's training on the embedded pack, tiny."""

import csv
import dataclasses
import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from rtpose.assets import small_val_pack
from rtpose.errors import ConfigError, InputError, OutputError
from rtpose.modules.files import load_module
from rtpose.networks.options import LoadOptions
from rtpose.pose.lift.lifter import NetworkLifter
from rtpose.train.data.motion_pack import MotionPack, load_motion_pack
from rtpose.train.data.pack_evaluation import PackEvaluationSet
from rtpose.train.data.pack_training import PackLabelledInputs, PackTrainingSet
from rtpose.train.data.settings import NoiseSettings
from rtpose.train.lifters import svmac
from rtpose.train.lifters.catalogue import METHODS
from rtpose.train.lifters.loop import LifterProgress, TrainedLifter, cosine_learning_rate, train
from rtpose.train.lifters.settings import SvmacSettings, TrainSettings
from rtpose.train.lifters.shipping import export_trained

TINY: dict[str, Any] = {"width": 16, "batch_size": 8, "steps": 6, "validate_every": 2, "learning_rate": 1e-3}


@pytest.fixture(scope="module")
def pack() -> MotionPack:
    whole = load_motion_pack(small_val_pack())
    poses = whole.poses_m[::40]
    return dataclasses.replace(whole, poses_m=poses, starts=np.array([0, len(poses)]), clips=whole.clips[:1])


def tiny(name: str, **changes: Any) -> TrainSettings:
    return METHODS[name].settings(**{**TINY, **changes})


def run(
    name: str, pack: MotionPack, folder: Path, *, resume: bool = False, report: Any = None, **changes: Any
) -> TrainedLifter:
    options = {"report": report} if report else {}
    data, validation = PackTrainingSet(pack), PackEvaluationSet(pack)
    return train(METHODS[name].method, tiny(name, **changes), data, validation, folder, resume=resume, **options)


class KilledError(Exception):
    pass


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.slow
def test_a_killed_run_resumes_to_the_same_weights(name: str, pack: MotionPack, tmp_path: Path) -> None:
    straight = run(name, pack, tmp_path / "straight")

    def kill(progress: LifterProgress) -> None:
        if progress.step == 5:  # after the checkpoint of step 4
            raise KilledError

    with pytest.raises(KilledError):
        run(name, pack, tmp_path / "killed", report=kill)
    resumed = run(name, pack, tmp_path / "killed", resume=True)
    assert resumed.steps == straight.steps
    for part, value in straight.lifter.state_dict().items():
        assert torch.equal(value, resumed.lifter.state_dict()[part]), part
    logs = [(tmp_path / folder / "log.csv").read_text().splitlines() for folder in ("straight", "killed")]
    without_time = [[line.rsplit(",", 3)[0] for line in log] for log in logs]
    assert logs[0][0].endswith(",seconds,poses_per_second,not_matrix_share")
    assert without_time[0] == without_time[1]
    assert len(logs[0]) == 1 + 3


def test_a_log_of_an_earlier_version_is_gone_on_with(pack: MotionPack, tmp_path: Path) -> None:
    """It has no figures of speed: its rows get empty ones."""

    def kill(progress: LifterProgress) -> None:
        if progress.step == 5:
            raise KilledError

    with pytest.raises(KilledError):
        run("svmac", pack, tmp_path, report=kill)
    log = tmp_path / "log.csv"
    log.write_text("".join(f"{line.rsplit(',', 2)[0]}\n" for line in log.read_text().splitlines()))
    run("svmac", pack, tmp_path, resume=True)
    with log.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["step"] for row in rows] == ["2", "4", "6"]
    assert [bool(row["poses_per_second"]) for row in rows] == [False, False, True]
    assert all(float(row["val_mpjpe_mm"]) > 0 and None not in row for row in rows)


def scripted(monkeypatch: pytest.MonkeyPatch, *p_mpjpe_mm: float) -> None:
    """Validations that come out like this, one after the other."""
    scores = iter(p_mpjpe_mm)

    def evaluate(*_: Any, **__: Any) -> Any:
        means = {"mpjpe_mm": 0.0, "p_mpjpe_mm": next(scores)}
        return SimpleNamespace(means=lambda: means)

    monkeypatch.setattr("rtpose.train.lifters.loop.evaluate_depth", evaluate)


IMPATIENT: dict[str, Any] = {"steps": 20, "patience": 3}


@pytest.fixture
def stopped(
    pack: MotionPack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[TrainedLifter, list[LifterProgress]]:
    """Best in step 4, then three validations that are no better: an equal one is not."""
    scripted(monkeypatch, 50, 40, 41, 42, 40, 30)
    seen: list[LifterProgress] = []
    return run("svmac", pack, tmp_path / "straight", report=seen.append, **IMPATIENT), seen


def test_it_stops_when_patience_runs_out(
    stopped: tuple[TrainedLifter, list[LifterProgress]],
    pack: MotionPack,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trained, seen = stopped
    assert (trained.steps, trained.last_step, trained.stopped_early) == ((4,), 10, True)
    assert [(p.step, p.stopped_early) for p in seen] == [(step, step == 10) for step in range(1, 11)]
    again = run("svmac", pack, tmp_path / "straight", resume=True, report=seen.append, **IMPATIENT)
    assert len(seen) == 10  # no step is left to do
    assert (again.steps, again.last_step, again.stopped_early) == ((4,), 10, True)

    scripted(monkeypatch, 50, *[51] * 9)
    endless = run("svmac", pack, tmp_path / "endless", **{**IMPATIENT, "patience": 0})
    assert (endless.steps, endless.last_step, endless.stopped_early) == ((2,), 20, False)
    scripted(monkeypatch, *[50] * 10)
    whole = run("svmac", pack, tmp_path / "whole", **{**IMPATIENT, "patience": 9})
    assert (whole.last_step, whole.stopped_early) == (20, False)  # the last step is no early one


@pytest.mark.parametrize("between", [False, True])
def test_a_resumed_run_stops_where_an_uninterrupted_one_does(
    between: bool,
    stopped: tuple[TrainedLifter, list[LifterProgress]],
    pack: MotionPack,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """between: killed after best.pt of step 4 was written and before last.pt was."""
    folder = tmp_path / "killed"
    last_step, scores = (5, (40, 41, 42, 40, 30)) if between else (9, (40, 30))

    def kill(progress: LifterProgress) -> None:
        if progress.step == 3:
            shutil.copy(folder / "last.pt", tmp_path / "of step 2")
        if progress.step == last_step:
            raise KilledError

    scripted(monkeypatch, 50, 40, 41, 42)
    with pytest.raises(KilledError):
        run("svmac", pack, folder, report=kill, **IMPATIENT)
    if between:
        shutil.copy(tmp_path / "of step 2", folder / "last.pt")
    scripted(monkeypatch, *scores)
    resumed = run("svmac", pack, folder, resume=True, **IMPATIENT)
    assert (resumed.steps, resumed.last_step, resumed.stopped_early) == ((4,), 10, True)
    for part, value in stopped[0].lifter.state_dict().items():
        assert torch.equal(value, resumed.lifter.state_dict()[part]), part


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("svmac", {"angles": 3, "supervised_share": 0.05}),
        ("consistency", {}),
        ("consistency", {"synchronous": False}),
    ],
)
def test_no_tensor_of_a_step_stays_on_the_cpu(name: str, changes: dict[str, Any], pack: MotionPack) -> None:
    """Stands in for a GPU: "meta" has no numbers, but mixing it with the CPU is as wrong."""
    with torch.device("meta"):
        method = METHODS[name].method(tiny(name, noise=NoiseSettings(gap_share=0.1), **changes), PackTrainingSet(pack))
        terms = method.step(1, torch.Generator())
    assert {term.device.type for term in terms.values()} == {"meta"}
    assert {p.device.type for network in method.networks.values() for p in network.parameters()} == {"meta"}


def test_seeds_differ_and_repeat(pack: MotionPack, tmp_path: Path) -> None:
    runs = [run("svmac", pack, tmp_path / str(n), steps=2, seed=seed) for n, seed in enumerate((0, 0, 1))]
    weights = [r.lifter.state_dict()["pose.2.weight"] for r in runs]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("svmac", {"angles": 1}),
        ("svmac", {"angles": 3}),
        ("svmac", {"discriminator": False}),
        ("svmac", {"supervised_share": 0.05}),
        ("svmac", {"angles": 1, "reprojection_alone": False}),
        ("consistency", {"synchronous": False}),
        ("consistency", {"weighted_kcs": False}),
        ("consistency", {"dropout": 0.3, "flip_averaging": True}),
    ],
)
def test_variants_run(name: str, change: dict[str, Any], pack: MotionPack, tmp_path: Path) -> None:
    trained = run(name, pack, tmp_path / "run", steps=1, **change)
    assert all(p.isfinite().all() for p in trained.lifter.parameters())


def test_only_2d_reaches_the_losses_of_svmac(pack: MotionPack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The losses are called with (N, 34) tensors alone, two numbers for each joint; no labels are made."""
    seen: list[tuple[int, ...]] = []
    for name in ("generator_loss", "critic_loss"):
        original = getattr(svmac.Svmac, name)

        def spy(self: svmac.Svmac, *given: Any, original: Any = original) -> Any:
            seen.extend(tuple(t.shape) for t in given if isinstance(t, torch.Tensor))
            return original(self, *given)

        monkeypatch.setattr(svmac.Svmac, name, spy)
    monkeypatch.setattr(PackTrainingSet, "labelled", None)
    run("svmac", pack, tmp_path / "run", steps=2)
    assert seen == [(8, 34)] * 6


def test_the_supervised_share_sees_so_many_frames(pack: MotionPack) -> None:
    method = svmac.Svmac(SvmacSettings(width=8, supervised_share=0.05), PackTrainingSet(pack))
    assert method.labels is not None
    assert isinstance(method.labels, PackLabelledInputs)
    assert len(method.labels._views._poses) == round(0.05 * len(pack.poses_m))


@pytest.mark.parametrize("name", METHODS)
def test_every_network_learns(name: str, pack: MotionPack) -> None:
    torch.manual_seed(0)
    method = METHODS[name].method(tiny(name), PackTrainingSet(pack))
    before = {part: [p.clone() for p in network.parameters()] for part, network in method.networks.items()}
    method.step(1, torch.Generator().manual_seed(0))
    for part, network in method.networks.items():
        assert any(not torch.equal(a, b) for a, b in zip(before[part], network.parameters(), strict=True)), part


def test_the_reprojection_network_is_taught_by_the_critic_or_by_the_input(pack: MotionPack) -> None:
    """Syn and Sep give it different gradients from the same start."""
    moved = []
    for synchronous in (True, False):
        torch.manual_seed(0)
        method = METHODS["consistency"].method(tiny("consistency", synchronous=synchronous), PackTrainingSet(pack))
        torch.manual_seed(1)
        method.step(1, torch.Generator().manual_seed(0))
        moved.append(torch.cat([p.detach().flatten() for p in method.reprojection.parameters()]))
    assert not torch.equal(*moved)


def test_a_used_folder_is_not_clobbered(pack: MotionPack, tmp_path: Path) -> None:
    run("svmac", pack, tmp_path / "run", steps=1)
    with pytest.raises(OutputError, match="--resume"):
        run("svmac", pack, tmp_path / "run", steps=1)
    with pytest.raises(ConfigError, match="differs from the given settings"):
        run("svmac", pack, tmp_path / "run", resume=True)
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        run("svmac", pack, tmp_path / "file" / "run", steps=1)


def test_other_data_and_damaged_checkpoints_are_reported(pack: MotionPack, tmp_path: Path) -> None:
    run("svmac", pack, tmp_path, steps=1)
    other = dataclasses.replace(pack, poses_m=pack.poses_m[:50], starts=np.array([0, 50]))
    with pytest.raises(ConfigError, match="different data"):
        run("svmac", other, tmp_path, steps=1, resume=True)
    (tmp_path / "last.pt").write_bytes(b"half")
    with pytest.raises(InputError, match=r"last\.pt is damaged"):
        run("svmac", pack, tmp_path, steps=1, resume=True)


def test_a_checkpoint_that_cannot_be_written(pack: MotionPack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OutputError, match="No space left"):
        run("svmac", pack, tmp_path, steps=1)


def test_the_learning_rate_decays() -> None:
    settings = TrainSettings(steps=100, learning_rate=1.0, final_learning_rate=0.1)
    assert cosine_learning_rate(50, settings) == pytest.approx(0.55)
    assert cosine_learning_rate(100, settings) == pytest.approx(0.1)


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_the_exported_network_knows_itself_and_runs(name: str, pack: MotionPack, tmp_path: Path) -> None:
    trained = run(name, pack, tmp_path, steps=1)
    data, validation = PackTrainingSet(pack), PackEvaluationSet(pack)
    path = export_trained(METHODS[name].method(tiny(name, steps=1), data), trained, data, validation, tmp_path)
    points = np.random.default_rng(0).normal(scale=0.1, size=(5, 34)).astype(np.float32)
    with torch.no_grad():
        expected = trained.lifter(torch.from_numpy(points)).numpy()
    weights = path.with_suffix(".safetensors")
    for file, backend, tolerance in ((path, "openvino", 2e-3), (path, "torch", 2e-3), (weights, "torch", 0)):
        lifter = NetworkLifter(str(file), options=LoadOptions(backend))
        np.testing.assert_allclose(lifter.depth(points), expected, atol=tolerance, rtol=0)
    assert path.stem == lifter.facts["name"] == name
    assert lifter.facts["settings"]["width"] == 16
    assert lifter.facts["training_data"]["train_subjects"] == pack.subjects
    assert "NSF EIA-0196217" in lifter.facts["training_data"]["acknowledgement"]


@pytest.mark.parametrize("name", METHODS)
def test_several_networks_are_the_mean_of_trainings_with_their_seeds(
    name: str, pack: MotionPack, tmp_path: Path
) -> None:
    def kill(progress: LifterProgress) -> None:
        if progress.step == TINY["steps"] + 3:
            raise KilledError

    with pytest.raises(KilledError):
        run(name, pack, tmp_path / "both", networks=2, seed=5, report=kill)
    seen: list[LifterProgress] = []
    both = run(name, pack, tmp_path / "both", networks=2, seed=5, resume=True, report=seen.append)
    assert {p.steps for p in seen} == {2 * TINY["steps"]}
    assert seen[-1].step == 2 * TINY["steps"]
    each = [run(name, pack, tmp_path / str(seed), seed=seed) for seed in (5, 6)]
    points = torch.randn(4, 34, generator=torch.Generator().manual_seed(0))
    depths = [one.lifter(points) for one in each]
    assert not torch.allclose(*depths)
    torch.testing.assert_close(both.lifter(points), sum(depths) / 2)
    assert both.steps == (*each[0].steps, *each[1].steps)

    data, validation = PackTrainingSet(pack), PackEvaluationSet(pack)
    settings = tiny(name, networks=2, seed=5)
    file = export_trained(METHODS[name].method(settings, data), both, data, validation, tmp_path / "both")
    for written in (file, file.with_suffix(".safetensors")):
        np.testing.assert_allclose(
            load_module(written).module(points).numpy(), both.lifter(points).detach().numpy(), atol=2e-3
        )
    assert json.loads(load_module(file).metadata["step"]) == list(both.steps)
