import hashlib
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from stick_people import StickPeople

from rtpose.errors import ConfigError, InputError, ModelError, OutputError
from rtpose.modules.cascaded import VARIANTS, Stages, resized_places
from rtpose.networks.backends import load_backend
from rtpose.networks.options import LoadOptions
from rtpose.pose.cascaded.crop_codec import CropCodec, crop_codec_from_facts
from rtpose.train.cascaded.loop import (
    CascadedProgress,
    TrainedCascaded,
    build_cascaded,
    prefetch,
    random_batch,
    stage_learning_rate,
    stage_one_optimiser,
    train_cascaded,
)
from rtpose.train.cascaded.losses import neck_to_knee
from rtpose.train.cascaded.pictures import Batch, collate, everyone, labelled_crop, shrunk
from rtpose.train.cascaded.pretrained import open_start
from rtpose.train.cascaded.settings import (
    CascadedSettings,
    NetworkSettings,
    StageSettings,
    TargetSettings,
)
from rtpose.train.cascaded.shipping import export_cascaded
from rtpose.train.cascaded.targets import joint_heatmaps
from rtpose.train.cascaded.terms import lifting_terms, stage_one_terms, stage_two_terms, weighted
from rtpose.train.cascaded.validation import validate

NETWORK = NetworkSettings(
    input_px=64, depth_channels=16, trunk="resnet18", trunk_width=0.125, width=16, lift_width=32, dropout=0.0
)
STAGE = StageSettings(epochs=2, steps_per_epoch=2)
TINY = CascadedSettings(
    network=NETWORK, targets=TargetSettings(joint_sigma_px=1.0, bone_sigma_px=(2.0, 1.0)), batch_size=4,
    stage_one=STAGE, stage_two=STAGE, validate_every=2, validation_people=3, bf16="off", device="cpu",
)  # fmt: skip


def tiny(**changes: Any) -> CascadedSettings:
    return msgspec.structs.replace(TINY, **changes)


def run(folder: Path, settings: CascadedSettings = TINY, **options: Any) -> TrainedCascaded:
    return train_cascaded(settings, StickPeople(6), StickPeople(3), folder, data='"sticks"', **options)


def batch_of(settings: CascadedSettings, *, flat: bool = False) -> Batch:
    codec = settings.codec()
    return random_batch(
        StickPeople(6), StickPeople(6, flat=True) if flat else None, settings, codec, np.random.default_rng(0)
    )


class KilledError(Exception):
    pass


@pytest.mark.slow
def test_four_pictures_are_overfitted() -> None:
    """Overfit the whole architecture to four pictures, at a small size, in both stages, without augmentation."""
    network_settings = msgspec.structs.replace(NETWORK, trunk_width=0.25, width=24, lift_width=64)
    settings = tiny(network=network_settings, early_lifting=False)
    codec, people = settings.codec(), StickPeople(4)
    examples = [labelled_crop(picture, person, codec.roi(person.box_px), codec) for picture, person in everyone(people)]
    batch = collate(examples, codec)
    torch.manual_seed(0)
    network = build_cascaded(settings).to(memory_format=torch.channels_last)
    optimiser, steps = torch.optim.Adam(network.before_lifting()), 150
    for step in range(1, steps + 1):
        optimiser.param_groups[0]["lr"] = 3e-3 * 0.5 * (1 + math.cos(math.pi * step / steps))
        network.train()
        loss = weighted(stage_one_terms(network, batch, settings, step // 18), settings)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    # What is before the lifting block stands still now, so its answers do; repeated, because batch normalisation
    # takes the variance of few rows for larger in use than in training.
    network.eval()
    with torch.no_grad():
        stages = network.stages(batch.image)
    rows = Batch(**{f: getattr(batch, f).repeat(64, *[1] * (getattr(batch, f).ndim - 1)) for f in vars(batch)})
    optimiser, steps = torch.optim.Adam(network.of_lifting()), 250
    for step in range(1, steps + 1):
        optimiser.param_groups[0]["lr"] = 3e-3 * 0.5 * (1 + math.cos(math.pi * step / steps))
        network.lifting.train()
        loss = lifting_terms(network, stages.joints.repeat(64, 1, 1), stages.pooled.repeat(64, 1), rows)["pose"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    scores = validate(network, examples, codec, 8, codec.input_px)
    assert scores["val_mpjpe_mm"] < 10
    assert scores["val_x_y_voxels"] < 0.5  # of 16
    assert scores["val_z_voxels"] < 0.6


def test_a_killed_run_resumes_to_the_same_weights(tmp_path: Path) -> None:
    """Killed in stage one, and at the first step of stage two."""
    straight = run(tmp_path / "straight")
    folder = tmp_path / "killed"
    for kill_at, resume in ((3, False), (5, True)):

        def kill(progress: CascadedProgress, kill_at: int = kill_at) -> None:
            if progress.step == kill_at:
                raise KilledError

        with pytest.raises(KilledError):
            run(folder, resume=resume, report=kill)
    resumed = run(folder, resume=True)
    assert resumed.step == straight.step
    for name, value in straight.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name]), name
    logs = [(tmp_path / name / "log.csv").read_text().splitlines() for name in ("straight", "killed")]
    straight_log, killed_log = ([line.rsplit(",", 1)[0] for line in log] for log in logs)
    assert straight_log == killed_log
    assert [line.split(",")[:2] for line in logs[0]] == [
        ["step", "stage"], ["2", "1"], ["4", "1"], ["6", "2"], ["8", "2"]
    ]  # fmt: skip
    assert list((folder / "tensorboard").glob("events.*"))


def test_stage_two_changes_the_lifting_block_alone() -> None:
    torch.manual_seed(0)
    network = build_cascaded(TINY)
    batch = batch_of(TINY)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    optimiser = torch.optim.Adam(network.of_lifting())
    weighted(stage_two_terms(network, batch), TINY).backward()
    optimiser.step()
    for name, value in network.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        assert torch.equal(before[name], value) != name.startswith("lifting."), name


def test_early_lifting_leaves_the_rest_alone() -> None:
    gradients = []
    for early in (True, False):
        settings = tiny(early_lifting=early)
        torch.manual_seed(0)
        network = build_cascaded(settings)
        terms = stage_one_terms(network, batch_of(settings), settings, 0)
        assert ("pose" in terms) == early
        weighted(terms, settings).backward()
        gradients.append([p.grad for p in network.before_lifting()])
    for with_it, without in zip(*gradients, strict=True):
        assert torch.equal(with_it, without)


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_variant_is_supervised_where_it_has_blocks(variant: Any) -> None:
    settings = tiny(network=msgspec.structs.replace(NETWORK, variant=variant))
    network = build_cascaded(settings)
    terms = stage_one_terms(network, batch_of(settings), settings, 0)
    expected = {"baseline": set(), "jh": {"joints"}, "bj": {"joints", "bones"}}
    expected["full"] = {"joints", "bones", "volume", "ordinal"}
    assert set(terms) == expected[variant] | {"coordinates", "pose"}
    weighted(terms, settings).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.before_lifting() if p.ndim > 1)


def test_2d_pictures_teach_no_depth() -> None:
    settings = tiny(share_2d=0.5)
    batch = batch_of(settings, flat=True)
    assert batch.has_depth.tolist() == [False, False, True, True]
    only_2d = Batch(**{f: getattr(batch, f)[:2] for f in vars(batch)})
    terms = stage_one_terms(build_cascaded(settings), only_2d, settings, 0)
    assert terms["volume"].item() == terms["ordinal"].item() == 0
    assert "pose" not in terms
    assert float(terms["joints"].detach()) > 0


def test_the_scale_branch_learns_the_size() -> None:
    settings = tiny(network=msgspec.structs.replace(NETWORK, scale_branch=True))
    network, batch = build_cascaded(settings), batch_of(settings)
    optimiser = torch.optim.Adam(network.of_lifting(), 3e-3)
    network.eval()
    with torch.no_grad():
        stages = network.stages(batch.image)  # stage two does not change them
    first = last = 0.0
    for step in range(60):
        network.lifting.train()
        terms = lifting_terms(network, stages.joints, stages.pooled, batch)
        optimiser.zero_grad()
        weighted(terms, settings).backward()
        optimiser.step()
        last = float(terms["scale"].detach())
        first = last if step == 0 else first
    assert last < 0.3 * first
    # The shipped pose is of the person's size, not of the reference.
    _, pose, _ = network.eval()(batch.image)
    unit, log_scale = network.lift(stages.joints, stages.pooled)
    assert log_scale is not None
    torch.testing.assert_close(neck_to_knee(pose), neck_to_knee(unit) * log_scale.exp())


@pytest.mark.slow
def test_the_exported_network_is_equal_in_every_backend(tmp_path: Path) -> None:
    trained = run(tmp_path)
    path = export_cascaded(TINY, trained, {"train": "sticks"}, tmp_path)
    image = np.random.default_rng(0).normal(size=(3, 3, 64, 64)).astype(np.float32)
    with torch.no_grad():
        expected = trained.network(torch.from_numpy(image))
    for name in ("openvino", "torch"):
        backend = load_backend(path, LoadOptions(name))
        assert list(backend.output_names) == ["joints", "pose", "confidence"]
        for output, value in zip(backend.output_names, expected, strict=True):
            np.testing.assert_allclose(backend.run({"image": image})[output], value.numpy(), atol=0.05, rtol=0.02)
        codec = crop_codec_from_facts(msgspec.json.decode(backend.metadata["normalisation"]))
        assert codec == CropCodec(64, 16, 16)
    assert msgspec.json.decode(backend.metadata["metrics"])["val_mpjpe_mm"] == pytest.approx(
        trained.scores["val_mpjpe_mm"], abs=1e-3
    )


def test_learning_rates_by_hand() -> None:
    paper = StageSettings(epochs=20, steps_per_epoch=10, learning_rate=1e-3, drop_epoch=17)
    assert [stage_learning_rate(step, paper) for step in (1, 160, 161, 200)] == [1e-3, 1e-3, 1e-4, 1e-4]
    cosine = StageSettings(epochs=1, steps_per_epoch=100, learning_rate=1.0, schedule="cosine", warmup_steps=10)
    assert stage_learning_rate(5, cosine) == pytest.approx(0.5 * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * 0.05))))
    assert stage_learning_rate(50, cosine) == pytest.approx(0.505)
    assert stage_learning_rate(100, cosine) == pytest.approx(0.01)


@pytest.mark.parametrize("early_lifting", [True, False])
def test_the_trunk_has_a_rate_of_its_own(early_lifting: bool) -> None:
    settings = tiny(trunk_rate=0.25, early_lifting=early_lifting)
    network = build_cascaded(settings)
    others, trunk = stage_one_optimiser(network, settings).param_groups
    assert trunk["factor"] == 0.25
    assert "factor" not in others
    assert {id(p) for p in trunk["params"]} == {id(p) for p in network.trunk.parameters()}
    learned = {id(p) for p in (network.parameters() if early_lifting else network.before_lifting())}
    assert {id(p) for p in trunk["params"] + others["params"]} == learned


def test_the_trunk_stands_still_at_first(tmp_path: Path) -> None:
    """In the first of two epochs; what is saved after each tells."""
    saved: list[dict[str, torch.Tensor]] = []

    def look(progress: CascadedProgress) -> None:
        if progress.step <= 4:
            saved.append(torch.load(tmp_path / "run" / "last.pt", weights_only=True)["network"])

    stage = StageSettings(2, 2, 1e-3, "cosine")
    run(tmp_path / "run", tiny(trunk_from_epoch=1, validate_every=1, stage_one=stage), report=look)
    convolutions = [k for k in saved[0] if k.startswith("trunk.") and k.endswith("weight") and saved[0][k].ndim == 4]
    assert len(convolutions) > 10
    for name in convolutions:
        assert torch.equal(saved[0][name], saved[1][name])
        assert not torch.equal(saved[1][name], saved[3][name])
    assert not torch.equal(saved[0]["volumes.weight"], saved[1]["volumes.weight"])


def test_batches_are_made_ahead_in_order() -> None:
    made: list[int] = []

    def make(step: int) -> int:
        made.append(step)
        return step

    batches = prefetch(make, range(3, 7))
    for i, batch in enumerate(batches):
        assert batch == 3 + i
        assert len(made) <= i + 2  # one ahead at most
    assert made == [3, 4, 5, 6]
    assert list(prefetch(make, range(0))) == []


def test_growing_pictures(tmp_path: Path) -> None:
    """Two epochs of 32 px, then the full 64: only full-size weights are shipped, and places mean the same."""
    stage = StageSettings(epochs=3, steps_per_epoch=2, growing=((32, 2),))
    assert [stage.picture_px(epoch, 64) for epoch in range(4)] == [32, 32, 64, 64]
    assert StageSettings(growing=((32, 1), (64, 3))).picture_px(2, 128) == 64
    trained = run(tmp_path, tiny(stage_one=stage, stage_two=StageSettings(epochs=1, steps_per_epoch=2)))
    assert trained.step in (6, 8)
    rows = [line.split(",") for line in (tmp_path / "log.csv").read_text().splitlines()]
    column = rows[0].index("picture_px")
    assert [row[column] for row in rows[1:]] == ["32", "32", "64", "64"]
    with pytest.raises(ValueError, match="multiples of 32"):
        StageSettings(growing=((50, 1),))
    with pytest.raises(ValueError, match="growing to 96 px: the network's pictures have 64"):
        tiny(stage_one=StageSettings(growing=((96, 1),)))
    with pytest.raises(ValueError, match="no epoch at full size"):
        tiny(stage_two=StageSettings(epochs=2, growing=((32, 2),)))


def test_smaller_pictures_have_the_labels_of_the_full_size() -> None:
    """A network whose volumes peak at one place of the picture says the same joints for both sizes."""
    network = build_cascaded(TINY).eval()
    torch.nn.init.zeros_(network.volumes.weight)
    torch.nn.init.zeros_(network.volumes.bias)
    for side in (64, 32):  # flat volumes: the middle of the picture
        joints = network.stages(shrunk(torch.rand(2, 3, 64, 64), side)).joints
        assert torch.allclose(joints, torch.full_like(joints, 7.5), atol=1e-4)
    places = torch.tensor([[0.0, 7.5, 15.0]])
    assert torch.allclose(resized_places(places, 16, 8), torch.tensor([[-0.25, 3.5, 7.25]]))
    assert torch.allclose(resized_places(resized_places(places, 16, 8), 8, 16), places)


def test_small_targets_are_where_the_joints_are() -> None:
    """The heatmap loss of perfect heatmaps is zero for both sizes: labels and pictures shrink together."""
    batch = batch_of(TINY)
    for side in (64, 32):
        small = replace(batch, image=shrunk(batch.image, side))
        size = side // 4
        plane = resized_places(batch.joints[..., :2], 16, size)
        perfect = joint_heatmaps(plane, size, TINY.targets.joint_sigma_px)

        class Perfect(torch.nn.Module):
            def stages(self, image: torch.Tensor, perfect: torch.Tensor = perfect) -> Stages:
                return Stages(None, perfect, None, None, batch.joints, torch.zeros(len(image), 4))

        terms = stage_one_terms(Perfect(), small, tiny(early_lifting=False), 0)  # type: ignore[arg-type]
        assert float(terms["joints"]) == pytest.approx(0, abs=1e-9)


def test_beginning_with_an_earlier_training(tmp_path: Path) -> None:
    """With steps too small to change anything, what comes out is what went in; other settings may differ."""
    earlier = run(tmp_path / "earlier")
    start = open_start(tmp_path / "earlier")
    assert start.about["step"] == earlier.step
    assert start.about["training_data"] == "sticks"
    assert msgspec.convert(start.about["settings"], CascadedSettings) == tiny()
    assert start.about["weights_sha256"] == hashlib.sha256((tmp_path / "earlier" / "best.pt").read_bytes()).hexdigest()
    still = StageSettings(1, 1, 1e-12)
    later = run(tmp_path / "later", tiny(stage_one=still, stage_two=still, seed=5), start=start)
    for name, value in earlier.network.named_parameters():
        assert torch.allclose(value, later.network.get_parameter(name), atol=1e-6), name
    for other in (msgspec.structs.replace(NETWORK, width=8), msgspec.structs.replace(NETWORK, variant="jh")):
        with pytest.raises(ConfigError, match="--start has another network"):
            run(tmp_path / f"{other.width}{other.variant}", tiny(network=other), start=start)


def test_beginning_with_a_file(tmp_path: Path) -> None:
    """The file has the weights of the training, in half precision, but no ordinal scores: these begin anew."""
    earlier = run(tmp_path / "earlier", tiny(flip_averaging=True))
    file = export_cascaded(tiny(flip_averaging=True), earlier, {"train": "sticks"}, tmp_path)
    start = open_start(file)
    assert start.about["step"] == earlier.step
    assert start.about["training_data"]["train"] == "sticks"
    assert start.about["weights_sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    still = StageSettings(1, 1, 1e-12)
    later = run(tmp_path / "later", tiny(stage_one=still, stage_two=still, seed=5), start=start)
    for name, value in earlier.network.named_parameters():
        same = torch.allclose(value, later.network.get_parameter(name), rtol=1e-3, atol=1e-6)
        assert same != name.startswith("depth_centric.ordinal."), name
    other = msgspec.structs.replace(NETWORK, width=8)
    with pytest.raises(ConfigError, match="--start has another network"):
        run(tmp_path / "narrower", tiny(network=other), start=start)
    with pytest.raises(ModelError, match=r"other\.onnx does not exist"):
        open_start(tmp_path / "other.onnx")


def test_native_pictures_are_trained_on_at_twice_the_side() -> None:
    """Pictures of 128 px, heatmaps of 16: labels and heatmaps agree, and so do the losses' sizes."""
    network = msgspec.structs.replace(NETWORK, trunk="blazepose", trunk_width=1.0)
    settings = tiny(network=network, native_pictures=True)
    codec, batch = settings.codec(), batch_of(settings)
    assert (codec.input_px, codec.heatmap_px, tuple(batch.image.shape)) == (128, 16, (4, 3, 128, 128))
    enlarging = batch_of(tiny(network=network))
    torch.testing.assert_close(batch.joints, enlarging.joints, atol=0.3, rtol=0)
    terms = stage_one_terms(build_cascaded(settings), batch, settings, 0)
    assert all(float(term.detach()) > 0 for term in terms.values())
    with pytest.raises(ValueError, match="growing to 160 px: the network's pictures have 128"):
        tiny(network=network, native_pictures=True, stage_one=StageSettings(growing=((160, 1),)))


def test_weights_for_the_trunk_from_a_file(tmp_path: Path) -> None:
    torch.manual_seed(1)
    torch.save(build_cascaded(TINY).trunk.state_dict(), tmp_path / "imagenet.pth")
    settings = tiny(imagenet=str(tmp_path / "imagenet.pth"), trunk_learns="nothing")
    trained = run(tmp_path / "run", settings)
    for name, value in torch.load(tmp_path / "imagenet.pth", weights_only=True).items():
        if name in dict(trained.network.trunk.named_parameters()) and value.dim() == 4:
            assert torch.equal(trained.network.trunk.get_parameter(name), value), name


def test_what_cannot_be_begun_with(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        open_start(tmp_path)
    (tmp_path / "best.pt").write_bytes(b"no checkpoint")
    with pytest.raises(InputError, match="not a training of cascaded"):
        open_start(tmp_path)


def test_wrong_folders_and_data(tmp_path: Path) -> None:
    run(tmp_path / "run", tiny(stage_one=StageSettings(1, 1), stage_two=StageSettings(1, 1)))
    with pytest.raises(OutputError, match="--resume"):
        run(tmp_path / "run")
    other = tmp_path / "other"
    with pytest.raises(InputError, match="no people with 3D"):
        train_cascaded(TINY, StickPeople(2), StickPeople(2, flat=True), other, data="sticks")
    with pytest.raises(InputError, match="--data-2d"):
        train_cascaded(TINY, StickPeople(2, flat=True), StickPeople(2), other, data="sticks")
    with pytest.raises(InputError, match=r"gone\.pth"):
        run(other, tiny(imagenet="gone.pth"))
    with pytest.raises(ConfigError, match="trunk_learns: late"):
        run(other, tiny(trunk_learns="late"))
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="no usable GPU"):
            run(other, tiny(device="cuda"))
    assert not other.exists(), "a first mistake leaves nothing that stands in the next try's way"


def test_validation_people_are_spread_over_the_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A data set begins with one video, and its pictures may hold several people."""
    asked: list[int] = []

    class Pairs(StickPeople):
        def __getitem__(self, index: int) -> Any:
            asked.append(index)
            picture = super().__getitem__(index)
            return replace(picture, people=picture.people * 2)

    seen: list[int] = []

    def noted(network: Any, people: list[Any], *rest: Any) -> dict[str, float]:
        seen.append(len(people))
        return {"val_mpjpe_mm": 1.0}

    monkeypatch.setattr("rtpose.train.cascaded.loop.validate", noted)
    train_cascaded(tiny(validation_people=10), StickPeople(6), Pairs(9), tmp_path, data="sticks")
    assert seen == [10] * len(seen)
    assert len(asked) == len(set(asked)) == 5
    assert max(asked) >= 6, "the first pictures alone"
    assert min(asked) <= 2


def test_a_training_that_diverges_is_reported(tmp_path: Path) -> None:
    mad = StageSettings(1, 2, 1e30)
    with pytest.raises(ConfigError, match="diverged"):
        run(tmp_path / "run", tiny(stage_one=mad, stage_two=StageSettings(1, 1)))


def test_pictures_with_2d_labels_are_for_stage_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`share_2d` of its batches; stage two, the lifting block's, sees 3D labels alone."""
    shares: list[float] = []

    def noted(network: Any, batch: Batch, *rest: Any) -> dict[str, torch.Tensor]:
        shares.append(float(batch.has_depth.float().mean()))
        return terms_of[len(rest) == 0](network, batch, *rest)

    terms_of = {True: stage_two_terms, False: stage_one_terms}
    monkeypatch.setattr("rtpose.train.cascaded.loop.stage_one_terms", noted)
    monkeypatch.setattr("rtpose.train.cascaded.loop.stage_two_terms", noted)
    run(tmp_path, tiny(share_2d=0.25), pictures_2d=StickPeople(4, flat=True))
    assert shares == [0.75] * 4 + [1.0] * 4


def test_mixed_precision_learns_as_well(tmp_path: Path) -> None:
    """bfloat16 has 8 bits: the same steps end near the same place, not at it."""
    ends = [run(tmp_path / bf16, tiny(bf16=bf16, stage_one=StageSettings(1, 3))) for bf16 in ("on", "off")]
    on, off = (torch.cat([p.flatten() for p in end.network.parameters()]) for end in ends)
    assert on.dtype == off.dtype == torch.float32
    assert not torch.equal(on, off), "bf16=on changes nothing"
    assert float((on - off).abs().max()) < 0.02
