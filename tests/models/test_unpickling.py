"""Pickles that ask for far more than their size: refused in bounded time, by one message."""

import io
import pickle
import subprocess
import sys
import tarfile
import time
import zipfile
from collections import OrderedDict

import pytest
import torch
from torch import nn

from pipeline.models.checkpoint_files import read_state_dict
from pipeline.models.unpickling import check_cost
from pipeline.runtime.errors import UserError

OLD = {"_use_new_zipfile_serialization": False}
END = b"."
NO_KEYS = pickle.dumps([], 2)
TENSORS = {"w": torch.zeros(2)}


def doubled(times: int) -> bytes:
    """Operations that leave a tuple of twice the tuple before, ``times`` over."""
    return b")q\x00" + b"h\x00\x86q\x00" * times


def deep(times: int) -> bytes:
    """Operations that leave a tuple in a tuple, ``times`` over."""
    return b")" + b"\x85" * times


def text(length: int) -> bytes:
    return b"X" + length.to_bytes(4, "little") + b"a" * length


def as_key(key: bytes) -> bytes:
    return b"\x80\x02}" + key + b"Ns" + END


def copies(times: int) -> bytes:
    """A text of a megabyte that is encoded again and again."""
    call = b"c_codecs\nencode\nh\x00X\x06\x00\x00\x00latin1\x86R"
    return b"\x80\x02](" + text(2**20) + b"q\x00" + call * times + b"e" + END


def sets(times: int) -> bytes:
    """A list of 100 000 numbers of which sets are made again and again."""
    numbers = b"](" + b"".join(b"J" + n.to_bytes(4, "little") for n in range(100_000)) + b"eq\x00"
    return b"\x80\x02](" + numbers + b"cbuiltins\nset\nh\x00\x85R" * times + b"e" + END


def numbers_of_one_hash(count: int) -> bytes:
    modulus = sys.hash_info.modulus
    keys = ((n * modulus).to_bytes(12, "little") for n in range(1, count))
    return b"\x80\x02}(" + b"".join(b"\x8a\x0c" + key + b"N" for key in keys) + b"u" + END


HOSTILE = {
    "a key of 2**60 members": as_key(doubled(60)),
    "a key of a million levels": as_key(deep(10**6)),
    "a set of 2**60 members": b"\x80\x02cbuiltins\nset\n]" + doubled(60) + b"a\x85R" + END,
    "a storage of 2**60 members": b"\x80\x02" + doubled(60) + b"Q" + END,
    "attributes of 2**60 members": b"\x80\x02ccollections\nOrderedDict\n)R](" + doubled(60)
    + b"N\x86eb" + END,
    "a text copied 100 000 times": copies(100_000),
    "1000 sets of one list": sets(1000),
    "200 000 numbers of one hash": numbers_of_one_hash(200_000),
}  # fmt: skip


def in_zip(folder, content):
    """A file as PyTorch writes it, with another pickle."""
    torch.save(TENSORS, folder / "whole.pth")
    with (
        zipfile.ZipFile(folder / "whole.pth") as whole,
        zipfile.ZipFile(folder / "w.pth", "w") as made,
    ):
        for name in whole.namelist():
            made.writestr(name, content if name.endswith("/data.pkl") else whole.read(name))
    return folder / "w.pth"


def in_old_file(folder, content, *, keys=NO_KEYS):
    parts = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})
    path = folder / "w.pth"
    path.write_bytes(b"".join(pickle.dumps(part, 2) for part in parts) + content + keys)
    return path


def assert_refused(path):
    begun = time.process_time()
    with pytest.raises(UserError, match=r"^weights: .*w\.pth is not a PyTorch state dict"):
        read_state_dict(path)
    assert time.process_time() - begun < 20  # most take milliseconds


@pytest.mark.parametrize("wrap", [in_zip, in_old_file])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_pickle_that_asks_for_too_much_is_one_message(tmp_path, wrap, name):
    assert_refused(wrap(tmp_path, HOSTILE[name]))


def test_so_are_the_keys_at_the_end_of_an_old_file(tmp_path):
    keys = b"\x80\x02]" + doubled(60) + b"a" + END
    assert_refused(in_old_file(tmp_path, pickle.dumps({}, 2), keys=keys))


def test_what_is_refused_would_not_end(tmp_path):
    """The oracle: Python's own unpickler, in a process that is stopped."""
    path = tmp_path / "key.pkl"
    path.write_bytes(HOSTILE["a key of 2**60 members"])
    command = [sys.executable, "-c", f"import pickle; pickle.load(open({str(path)!r}, 'rb'))"]
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run(command, timeout=3)
    path.write_bytes(as_key(doubled(10)))
    assert len(pickle.loads(path.read_bytes())) == 1  # the operations are as they should be


def test_an_archive_of_the_oldest_format_is_refused(tmp_path):
    path = tmp_path / "w.pth"
    with tarfile.open(path, "w") as archive:
        # a name that is four pickles to whoever takes it for one
        archive.addfile(tarfile.TarInfo("N.N.N.N."), io.BytesIO())
    assert_refused(path)


@pytest.mark.parametrize("name", [(1, "w"), 3, 10**5000], ids=["tuple", "number", "large"])
@pytest.mark.parametrize("options", [{}, OLD])
def test_names_are_texts(tmp_path, name, options):
    torch.save({name: torch.zeros(2)}, tmp_path / "w.pth", **options)
    assert_refused(tmp_path / "w.pth")


@pytest.mark.parametrize("options", [{}, OLD])
def test_large_honest_checkpoints_are_far_from_the_bound(tmp_path, options, monkeypatch):
    """A thousand parameters with their optimizer's state, and keys as old PyTorch gave them."""
    parameters = [nn.Parameter(torch.zeros(2, 2)) for _ in range(1000)]
    optimizer = torch.optim.AdamW(parameters)
    for parameter in parameters:
        parameter.grad = torch.ones(2, 2)
    optimizer.step()
    state = optimizer.state_dict()
    state["state"] = {2**45 + 64 * n: value for n, value in state["state"].items()}
    content = {
        "model": OrderedDict((f"layer{n}.weight", p.data) for n, p in enumerate(parameters)),
        "ema": OrderedDict((f"layer{n}.weight", p) for n, p in enumerate(parameters)),
        "optimizer": state,
        "history": [0.1 * n for n in range(10_000)],
        "classes": tuple(f"class {n}" for n in range(1000)),
        "seen": {(n, str(n)) for n in range(100)},
    }
    if not options:  # whose pickles of networks hold their source code, which is not read
        content["network"] = nn.Sequential(*(nn.Conv2d(2, 2, 1) for _ in range(200)))
    torch.save(content, tmp_path / "w.pth", **options)
    monkeypatch.setattr("pipeline.models.unpickling._FREE", 2**17)
    monkeypatch.setattr("pipeline.models.unpickling._PER_BYTE", 1)
    check_cost(tmp_path / "w.pth", in_zip=not options)
    assert len(read_state_dict(tmp_path / "w.pth").tensors) == 1000
