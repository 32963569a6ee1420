import argparse
import enum
import io
import sys
import types
import zipfile
from collections import OrderedDict, defaultdict, deque
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from pipeline.models import build_classifier, save_model
from pipeline.models.checkpoint_files import read_state_dict
from pipeline.models.tensor_names import fitted
from pipeline.runtime.errors import UserError
from pipeline.settings import Training, TrainJob

STATE = {"conv.weight": torch.arange(6.0).view(2, 3), "bn.num_batches_tracked": torch.tensor(7)}


def saved(folder, content, name="weights.pth", **options):
    torch.save(content, folder / name, **options)
    return folder / name


def assert_is_state(found):
    assert found.keys() == STATE.keys()
    for name, value in STATE.items():
        assert found[name].dtype == value.dtype
        assert torch.equal(found[name], value), name


@pytest.mark.parametrize("options", [{}, {"_use_new_zipfile_serialization": False}])
def test_a_state_dict_of_either_format(tmp_path, options):
    found = read_state_dict(saved(tmp_path, OrderedDict(STATE), **options))
    assert found.kind == "state_dict"
    assert_is_state(found.tensors)


@pytest.mark.parametrize(
    "key", ["state_dict", "model", "model_state_dict", "state_dict_ema", "model_ema", "ema"]
)
def test_weights_inside_a_checkpoint(tmp_path, key):
    content = {"epoch": 3, "optimizer": {"state": {}, "param_groups": [{"lr": 0.1}]}, key: STATE}
    found = read_state_dict(saved(tmp_path, content))
    assert found.kind == "checkpoint"
    assert_is_state(found.tensors)


def test_averaged_weights_come_first_however_deep(tmp_path):
    other = {name: value + 1 for name, value in STATE.items()}
    content = {"model": other, "ema": {"state_dict": STATE, "decay": 0.99}}
    assert_is_state(read_state_dict(saved(tmp_path, content)).tensors)


def test_an_average_that_is_none_is_passed_over(tmp_path):
    assert_is_state(read_state_dict(saved(tmp_path, {"ema": None, "model": STATE})).tensors)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "_orig_mod.module.", "module.module."])
def test_prefixes_of_wrappers_are_taken_off(tmp_path, prefix):
    wrapped = {prefix + name: value for name, value in STATE.items()}
    assert_is_state(read_state_dict(saved(tmp_path, wrapped)).tensors)


def test_torchs_own_wrappers(tmp_path):
    network = nn.Sequential(OrderedDict(conv=nn.Conv2d(3, 2, 1), bn=nn.BatchNorm2d(2)))
    averaged = torch.optim.swa_utils.AveragedModel(network)
    for wrapper in (nn.DataParallel(network), torch.compile(network), averaged):
        found = read_state_dict(saved(tmp_path, wrapper.state_dict())).tensors
        assert found.keys() == network.state_dict().keys()


def test_a_part_that_was_compiled_and_a_name_that_only_some_share(tmp_path):
    one = torch.ones(1)
    names = {"module.a": one, "net._orig_mod.b": one, "other.c": one}
    found = read_state_dict(saved(tmp_path, names)).tensors
    assert set(found) == {"module.a", "net.b", "other.c"}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_are_cast(tmp_path, dtype):
    state = {"w": torch.tensor([0.5, -2.0], dtype=dtype), "n": torch.tensor(3)}
    found = read_state_dict(saved(tmp_path, state)).tensors
    assert torch.equal(found["w"], torch.tensor([0.5, -2.0]))
    assert found["w"].dtype == torch.float32
    assert found["n"].dtype == torch.int64


class AttributeDict(dict):
    """As Lightning's, which keeps the hyperparameters."""


class Colour(enum.Enum):
    RED = 1


class Config:
    """A class of the user's own, with all that may be in it."""

    def __init__(self):
        self.path, self.colour, self.values = Path("x"), Colour.RED, np.float64(0.5)


@pytest.mark.parametrize("options", [{}, {"_use_new_zipfile_serialization": False}])
def test_a_lightning_checkpoint_with_objects_of_all_kinds(tmp_path, options):
    content = {
        "pytorch-lightning_version": "2.4.0",
        "state_dict": {f"model.{name}": value for name, value in STATE.items()},
        "hyper_parameters": AttributeDict(lr=0.1, config=Config()),
        "hparams_name": "kwargs",
        "callbacks": {"best": np.float64(0.7), "scores": deque([1.0])},
        "counts": defaultdict(list, a=1),
        "args": argparse.Namespace(data=Path("/data"), array=np.arange(3)),
        "loops": {"epoch_loop": {"state_dict": {}}},
    }
    found = read_state_dict(saved(tmp_path, content, "last.ckpt", **options))
    assert found.kind == "lightning"
    assert_is_state(fitted(found.tensors, STATE))


def test_nothing_in_a_file_is_imported_or_run(tmp_path, monkeypatch):
    module = types.ModuleType("someones_code")
    ran = []

    class Hidden:
        def __reduce__(self):
            return module.run, ("x",)

    def run(word):
        ran.append(word)
        return {}

    run.__module__, run.__qualname__ = "someones_code", "run"
    module.run = run
    monkeypatch.setitem(sys.modules, "someones_code", module)
    path = saved(tmp_path, {"state_dict": STATE, "extra": Hidden()})
    monkeypatch.delitem(sys.modules, "someones_code")
    assert_is_state(read_state_dict(path).tensors)
    monkeypatch.setitem(sys.modules, "someones_code", module)
    assert_is_state(read_state_dict(path).tensors)
    assert ran == []


def test_safetensors_of_a_study_and_of_others(tmp_path):
    save_file(STATE, tmp_path / "a.safetensors")
    found = read_state_dict(tmp_path / "a.safetensors")
    assert found.kind == "safetensors"
    assert_is_state(found.tensors)
    (tmp_path / "renamed.pth").write_bytes((tmp_path / "a.safetensors").read_bytes())
    assert_is_state(read_state_dict(tmp_path / "renamed.pth").tensors)
    job = TrainJob(trunk="resnet_small", weights="none", seed=0, training=Training(method="cam"))
    save_model(build_classifier(job, 3), tmp_path / "b.safetensors", {})
    found = read_state_dict(tmp_path / "b.safetensors")
    assert found.kind == "study"
    assert found.tensors["head.classes.weight"].shape == (3, 256, 1, 1)


def junk(kind):
    """Bytes that people have as weights.pth."""
    if kind == "cut":
        stream = io.BytesIO()
        torch.save({"w": torch.zeros(1000)}, stream)
        return stream.getvalue()[:2000]
    if kind in ("zip", "script"):
        stream = io.BytesIO()
        if kind == "script":
            torch.jit.save(torch.jit.script(nn.Linear(1, 1)), stream)
            return stream.getvalue()
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("weights/model.bin", b"x")
        return stream.getvalue()
    return {
        "html": b"\n<!DOCTYPE html><html><body>Quota exceeded</body></html>",
        "lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        "gzip": b"\x1f\x8b\x08\x00more",
        "text": b"no weights at all",
        "empty": b"",
    }[kind]


@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ("html", "web page"), ("lfs", "git lfs pull"), ("gzip", "gzip"), ("text", "another kind"),
        ("empty", "empty"), ("cut", "cut short"), ("zip", "zip archive"), ("script", "TorchScript"),
    ],
)  # fmt: skip
def test_junk_is_one_message_with_file_and_cure(tmp_path, kind, word):
    path = tmp_path / "weights.pth"
    path.write_bytes(junk(kind))
    with pytest.raises(UserError) as caught:
        read_state_dict(path)
    text = str(caught.value)
    assert text.startswith(f"weights: {path} is not a PyTorch state dict: ")
    assert word in text
    assert text.count(". ") >= 1  # the cure follows
    for advice in ("weights_only", "safe_globals", "trust", "Unpickl"):
        assert advice not in text


def test_a_whole_network_is_refused_without_opening_it(tmp_path):
    path = saved(tmp_path, nn.Linear(2, 2))
    with pytest.raises(UserError, match=r"whole network as a Python object.*state_dict\(\)"):
        read_state_dict(path)
    with pytest.raises(UserError, match="whole network"):
        read_state_dict(saved(tmp_path, {"epoch": 1, "model": nn.Linear(2, 2)}))


@pytest.mark.parametrize("content", [{}, {"epoch": 3}, {"model": {"a": 1}}, [1], torch.ones(2)])
def test_a_file_without_named_tensors(tmp_path, content):
    with pytest.raises(UserError, match="nor a checkpoint with one under"):
        read_state_dict(saved(tmp_path, content))


def test_a_dictionary_that_holds_itself_ends_in_the_message(tmp_path):
    content = {"epoch": 1}
    content["model"] = content
    with pytest.raises(UserError, match="nor a checkpoint with one under"):
        read_state_dict(saved(tmp_path, content))


def test_a_file_that_unpacks_to_far_more_than_itself_is_refused(tmp_path):
    path = saved(tmp_path, {"w": torch.zeros(50_000_000)})  # 200 MB
    packed = tmp_path / "packed.pth"
    with (
        zipfile.ZipFile(path) as archive,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as other,
    ):
        for name in archive.namelist():
            other.writestr(name, archive.read(name))
    path.unlink()
    assert packed.stat().st_size < 1_000_000
    with pytest.raises(UserError, match=r"packed\.pth .*unpacked it would have 200\d+ bytes"):
        read_state_dict(packed)


@pytest.mark.parametrize("options", [{}, {"_use_new_zipfile_serialization": False}])
def test_a_tensor_that_claims_more_than_it_holds_is_refused(tmp_path, options):
    state = {"w": torch.ones(1, dtype=torch.float16).expand(2**20, 2**20)}  # two terabytes
    path = saved(tmp_path, state, **options)
    assert path.stat().st_size < 10_000
    with pytest.raises(UserError, match="claim far more numbers than the file holds"):
        read_state_dict(path)


def test_a_missing_file(tmp_path):
    with pytest.raises(UserError, match=r"no\.pth is missing"):
        read_state_dict(tmp_path / "no.pth")


def test_weights_under_a_name_of_ones_own(tmp_path):
    path = tmp_path / "net.pth"
    weights = {"a.w": torch.ones(2)}
    torch.save({"net": weights, "acc": torch.tensor(91.5), "optimizer": {"state": {}}}, path)
    assert torch.equal(read_state_dict(path).tensors["a.w"], weights["a.w"])
    torch.save({"generator": weights, "critic": weights}, path)
    with pytest.raises(UserError, match="the entry 'generator' is not a tensor"):
        read_state_dict(path)


def test_a_note_that_is_a_tensor_does_not_hide_the_weights(tmp_path):
    path = tmp_path / "checkpoint.pth.tar"  # PyTorch's own ImageNet example writes such a file
    weights = {"a.w": torch.ones(2)}
    torch.save({"epoch": 1, "state_dict": weights, "best_acc1": torch.tensor(76.1)}, path)
    assert torch.equal(read_state_dict(path).tensors["a.w"], weights["a.w"])
