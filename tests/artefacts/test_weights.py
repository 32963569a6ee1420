import os
import stat

import pytest
import torch
from safetensors.torch import save_file

from pipeline.artefacts.weights import read_own_weights, write_weights
from pipeline.runtime.errors import UserError


@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077])
def test_weights_may_be_read_by_whom_the_user_lets_read_new_files(tmp_path, mask):
    path = tmp_path / "weights.safetensors"
    before = os.umask(mask)
    try:
        write_weights(path, {"w": torch.ones(2)}, {"of": "a model"})
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask
    tensors, about = read_own_weights(path)
    assert tensors["w"].tolist() == [1, 1]
    assert about["of"] == "a model"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"model":"{', b'"modem":"{'),  # a flipped bit in the key of the description
        (b'"model":"{', b'"model":"3'),
        (b"sha256", b"sha257"),
        (b"__metadata__", b"__metadatb__"),
    ],
)
def test_a_lost_description_is_damage_and_moved_aside(tmp_path, old, new):
    path = tmp_path / "weights.safetensors"
    write_weights(path, {"w": torch.ones(2)}, {"of": "a model"})
    content = path.read_bytes()
    assert content.count(old) == 1
    path.write_bytes(content.replace(old, new))
    assert_damaged(path)


def test_a_description_that_is_none_is_damage(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file({"w": torch.ones(2)}, path, metadata={"model": "3"})
    assert_damaged(path)


def assert_damaged(path):
    with pytest.raises(UserError, match=r"weights\.safetensors is damaged.*Run again"):
        read_own_weights(path)
    assert path.with_name("weights.safetensors.damaged").exists()
