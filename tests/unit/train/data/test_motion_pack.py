from pathlib import Path

import numpy as np
import pytest

from rtpose.assets import small_pack, small_val_pack
from rtpose.errors import InputError
from rtpose.train.data.motion_pack import find_pack, load_motion_pack


def test_embedded_packs_are_metres_with_y_up_and_share_no_subject() -> None:
    train, validation = load_motion_pack(small_pack()), load_motion_pack(small_val_pack())
    assert not set(train.subjects) & set(validation.subjects)
    assert train.poses_m.shape == (len(train.roots_m), 17, 3)
    assert train.starts[-1] == len(train.poses_m)
    assert len(train.clip_of_frame()) == len(train.poses_m)
    height = train.poses_m[..., 1].max(1) - train.poses_m[..., 1].min(1)
    assert 1.2 < np.median(height) < 1.7
    assert (train.poses_m[:, 0] == 0).all()


def test_a_folder_holds_the_splits(tmp_path: Path) -> None:
    (tmp_path / "cmu17_train.npz").touch()
    assert find_pack(tmp_path, "train").name == "cmu17_train.npz"
    with pytest.raises(InputError, match=r"no cmu17_val\.npz"):
        find_pack(tmp_path, "val")


@pytest.mark.parametrize("content", [b"", b"no zip", None])
def test_what_is_no_pack_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "odd.npz"
    if content is None:
        np.savez(path, joints=np.zeros(3))
    else:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"odd\.npz"):
        load_motion_pack(path)
    with pytest.raises(InputError, match="does not exist"):
        load_motion_pack(tmp_path / "gone.npz")


def test_other_joints_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "coco.npz"
    np.savez(path, joints=0, root=0, seg=0, meta="[]", joint_names=np.array(["nose"]))
    with pytest.raises(InputError, match="has the joints nose"):
        load_motion_pack(path)
