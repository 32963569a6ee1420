import os
import stat

import pytest
import torch

from pipeline.artefacts.weights import read_own_weights, write_weights


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
