"""Shards behind http, streamed from a server on the loopback address."""

import errno
import io
import json
import os
import resource
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_images import draw_records
from shard_server import serve

from pipeline.artefacts import fetching
from pipeline.artefacts.caches import write_cache
from pipeline.artefacts.files import read_json, sha256, write_json
from pipeline.artefacts.remote import RemoteShards, Shard, VerifiedCache
from pipeline.artefacts.shards import Shards, open_shards, open_training
from pipeline.images import streaming
from pipeline.images.loading import eval_loader, train_loader
from pipeline.runtime.errors import UserError
from pipeline.settings import Images, ShardSource
from pipeline.sharding.remote import copy_manifest
from pipeline.sharding.writing import write_shards

STORED = Images(train_size=32, eval_size=24, shard_images=5, train_format="png")
COUNT = 43  # nine shards, the last of three


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    return draw_records(tmp_path_factory.mktemp("raw"), COUNT)


@pytest.fixture
def served(records, tmp_path):
    """Shards of train and test on a server: their folder, its address, its faults, its log."""
    for split in ("train", "test"):
        write_shards(records, STORED, split, tmp_path / "far" / "birds" / split)
    faults = {}
    with serve(tmp_path / "far", faults) as (address, asked):
        yield tmp_path / "far" / "birds", f"{address}/birds", faults, asked


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch):
    monkeypatch.setattr(fetching, "PAUSE", 0.01)


def copied(url, records, out, split="train", *, folder=None, gigabytes=None):
    manifest = out / split / "manifest.json"
    copy_manifest(records, url, STORED, split, manifest)
    if folder or gigabytes:
        write_cache(manifest.with_name("cache.json"), folder, gigabytes)
    return manifest


def epoch(shards, **changes):
    options = {"crop": 24, "flip": True, "batch_size": 6, "seed": 1, "epoch": 0, "workers": 0}
    return train_loader(shards, **(options | changes))


def by_id(*loaders):
    """Image id -> its image as it is given to the network, each once."""
    found = [
        (image_id, image)
        for loader in loaders
        for batch in loader
        for image_id, image in zip(batch.image_ids, batch.images, strict=True)
    ]
    assert len({image_id for image_id, _ in found}) == len(found)
    return dict(found)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("nodes", [1, 2])
def test_each_image_comes_once_and_cropped_as_from_local_shards(
    served, records, tmp_path, workers, nodes
):
    folder, url, _, _ = served
    shards = open_training(copied(url, records, tmp_path / "near"))
    assert isinstance(shards, RemoteShards)
    local = open_training(folder / "train" / "manifest.json")
    assert isinstance(local, Shards)
    assert shards.image_ids == local.image_ids
    assert np.array_equal(shards.labels, local.labels)
    loaders = [epoch(shards, workers=workers, rank=n, world_size=nodes) for n in range(nodes)]
    streamed, expected = by_id(*loaders), by_id(epoch(local))
    assert streamed.keys() == expected.keys()
    assert len(streamed) == COUNT
    assert all(torch.equal(streamed[name], expected[name]) for name in expected)
    # all nodes make equally many steps, of about the batch size together
    assert len({len(loader) for loader in loaders}) == 1
    assert sum(loaders[0].whole_sizes) == COUNT
    steps = [[len(batch.image_ids) for batch in loader] for loader in loaders]
    assert [sum(parts) for parts in zip(*steps, strict=True)] == loaders[0].whole_sizes
    assert max(loaders[0].whole_sizes) <= 6


def order(shards, **changes):
    return [name for batch in epoch(shards, **changes) for name in batch.image_ids]


@pytest.mark.parametrize("workers", [0, 2])
def test_seed_and_epoch_decide_the_order(served, records, tmp_path, workers):
    shards = open_training(copied(served[1], records, tmp_path / "near"))
    first = order(shards, workers=workers)
    assert first == order(shards, workers=workers)
    assert first != order(shards, workers=workers, epoch=1)
    assert first != order(shards, workers=workers, seed=2)
    # samples are mixed, not only shards
    place = {name: row // 5 for row, name in enumerate(shards.image_ids)}
    assert len({place[name] for name in first[:5]}) > 1


def test_shards_are_fetched_once_and_again_where_a_copy_is_damaged(served, records, tmp_path):
    _, url, _, asked = served
    shards = open_training(copied(url, records, tmp_path / "near"))
    for number in range(2):
        assert len(order(shards, epoch=number)) == COUNT
    assert set(asked.values()) == {1}
    copy = tmp_path / "near/train/cache/00003.tar"
    copy.write_bytes(copy.read_bytes()[:-1] + b"?")
    assert len(order(shards)) == COUNT
    assert asked["/birds/train/00003.tar"] == 2
    assert asked["/birds/train/00002.tar"] == 1


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("missing", "no such file"),
        ("cut", "ended too early"),
        ("zeros", "SHA-256 differs"),
        ("drop", "closed the connection"),
    ],
)
def test_a_fault_is_one_message_and_no_shorter_epoch(
    served, records, tmp_path, workers, fault, message
):
    _, url, faults, asked = served
    shards = open_training(copied(url, records, tmp_path / "near"))
    faults["00004.tar"] = fault
    with pytest.raises(UserError, match=rf"^http.*/birds/train/00004\.tar: .*{message}.*run again"):
        order(shards, workers=workers)
    tries = 1 if fault == "missing" else fetching.TRIES
    assert asked["/birds/train/00004.tar"] == tries
    assert not list((tmp_path / "near/train/cache").glob("00004.tar*"))
    del faults["00004.tar"]
    assert len(order(shards, workers=workers)) == COUNT
    assert asked["/birds/train/00004.tar"] == tries + 1


@pytest.mark.parametrize("when", ["before it is opened", "before it is checked"])
def test_a_copy_that_another_job_removes_is_fetched_again(
    served, records, tmp_path, monkeypatch, when
):
    # an open copy stays, whatever its name leads to
    opened, fault, removed = VerifiedCache._open, Shard.fault, []

    def remove(path):
        if not removed:
            removed.append(Path(path).name)
            Path(path).unlink()

    def removing_first(self, shard, path):
        opened(self, shard, path).close()
        remove(path)
        return open(path, "rb")

    def removing_now(self, copy):
        remove(copy.name)
        return fault(self, copy)

    if when == "before it is opened":
        monkeypatch.setattr(VerifiedCache, "_open", removing_first)
    else:
        monkeypatch.setattr(Shard, "fault", removing_now)
    shards = open_training(copied(served[1], records, tmp_path / "near"))
    assert len(order(shards)) == COUNT
    times = 2 if when == "before it is opened" else 1
    assert served[3][f"/birds/train/{removed[0]}"] == times


def test_what_is_read_is_what_was_verified(served, records, tmp_path, monkeypatch):
    # another user of a shared cache puts another file there after the check
    fault = Shard.fault

    def replacing(self, copy):
        found = fault(self, copy)
        Path(copy.name).unlink()
        Path(copy.name).write_bytes(b"not what was verified")
        return found

    monkeypatch.setattr(Shard, "fault", replacing)
    shards = open_training(copied(served[1], records, tmp_path / "near"))
    assert len(order(shards)) == COUNT


@pytest.mark.parametrize("trap", ["link", "pipe"])
def test_what_another_user_puts_into_the_cache_is_not_used(served, records, tmp_path, trap):
    shards = open_training(copied(served[1], records, tmp_path / "near"))
    victim = tmp_path / "victim"
    victim.write_text("precious")
    shards.cache.mkdir(parents=True)
    for number in range(9):
        place = shards.cache / f"{number:05d}.tar"
        os.mkfifo(place) if trap == "pipe" else place.symlink_to(victim)
    assert len(order(shards)) == COUNT
    assert victim.read_text() == "precious"


def test_an_endless_answer_fills_no_disk(served, records, tmp_path, monkeypatch):
    _, url, faults, _ = served
    shards = open_training(copied(url, records, tmp_path / "near"))
    faults["00004.tar"] = "endless"
    size, written = shards.shards[4].size, []
    wanted = rf"00004\.tar: it has more than the {size} bytes that the manifest promises"
    monkeypatch.setattr(fetching, "_BLOCK", 1000)
    monkeypatch.setattr(fetching, "open", lambda path, _: Counted(path, written), raising=False)
    with pytest.raises(UserError, match=wanted):
        order(shards)
    assert written.count(size + 1) == fetching.TRIES
    assert max(written) == size + 1


class Counted(io.FileIO):
    """A new file that notes its size when it is closed."""

    def __init__(self, path, sizes):
        super().__init__(path, "xb")
        self.sizes = sizes

    def close(self):
        if not self.closed:
            self.sizes.append(self.tell())
        super().close()


@pytest.mark.parametrize("fault", ["slow", "endless"])
def test_a_manifest_without_end_is_refused(served, records, tmp_path, monkeypatch, fault):
    _, url, faults, asked = served
    faults["manifest.json"] = fault
    monkeypatch.setattr(fetching, "LARGEST_TEXT", 100_000)
    monkeypatch.setattr(fetching, "STALLED", 1)
    message = {"slow": "does not answer in time", "endless": "more than 100000 bytes"}[fault]
    with pytest.raises(UserError, match=rf"train/manifest\.json: .*{message}"):
        copied(url, records, tmp_path / "near")
    assert asked["/birds/train/manifest.json"] == (fetching.TRIES if fault == "slow" else 1)


def test_a_server_that_sends_a_byte_now_and_then_is_given_up(
    served, records, tmp_path, monkeypatch
):
    _, url, faults, _ = served
    shards = open_training(copied(url, records, tmp_path / "near"))
    monkeypatch.setattr(fetching, "STALLED", 1)
    monkeypatch.setattr(fetching, "TRIES", 2)
    faults["00004.tar"] = "slow"
    begun = time.monotonic()
    with pytest.raises(UserError, match=r"00004\.tar: the server does not answer in time"):
        order(shards)
    assert time.monotonic() - begun < 30


def changed_manifest(folder, change):
    """A manifest of the server with other entries."""
    path = folder / "train/manifest.json"
    content = read_json(path)
    change(content)
    path.write_text(json.dumps(content))


NAMES = ("..", ".", "", "../0.tar", "/etc/passwd", "a b", "[0-9].tar", "{a,b}", "x;id", "-o", "\0")


@pytest.mark.parametrize("name", NAMES)
def test_shards_of_a_foreign_manifest_have_plain_names(served, records, tmp_path, name):
    changed_manifest(served[0], lambda content: content["shards"][2].update(name=name))
    with pytest.raises(UserError, match="is no manifest of shards"):
        copied(served[1], records, tmp_path / "near")


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.update(count=1e999),
        lambda content: content["shards"][0].update(bytes=-1),
        lambda content: content["shards"][0].update(bytes=1e999),
        lambda content: content["shards"][0].update(count=-5) or content.update(count=33),
        lambda content: content.update(more=1e999),
        lambda content: content.update(shards=content["shards"] * 2, count=2 * COUNT),
        lambda content: content.update(shards={"a": 1}),
    ],
    ids=range(7),
)
def test_numbers_that_no_manifest_has_are_one_message(served, records, tmp_path, change):
    changed_manifest(served[0], change)
    with pytest.raises(UserError, match="is no manifest of shards"):
        copied(served[1], records, tmp_path / "near")


def test_json_of_endless_depth_is_no_manifest(served, records, tmp_path):
    (served[0] / "train/manifest.json").write_text("[" * 10**6)
    with pytest.raises(UserError, match="is no manifest of shards"):
        copied(served[1], records, tmp_path / "near")


class FullDisk(io.FileIO):
    def write(self, data):
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("workers", [0, 2])
def test_a_disk_without_room_for_copies_is_said(served, records, tmp_path, monkeypatch, workers):
    monkeypatch.setattr(fetching, "open", FullDisk, raising=False)
    shards = open_training(copied(served[1], records, tmp_path / "near"))
    wanted = r"^Cannot keep http.*\.tar in .*: No space left.*another `shards.cache` folder"
    with pytest.raises(UserError, match=wanted):
        order(shards, workers=workers)
    assert set(served[3].values()) == {1}  # another try would be of no use
    assert not list((tmp_path / "near/train/cache").iterdir())


def test_a_folder_of_copies_that_cannot_be_made_is_said(served, records, tmp_path):
    (tmp_path / "file").touch()
    manifest = copied(served[1], records, tmp_path / "near", folder=tmp_path / "file" / "train")
    wanted = r"Cannot keep copies in .*/file/train: Not a directory.*`shards.cache` folder"
    with pytest.raises(UserError, match=wanted):
        order(open_training(manifest))
    with pytest.raises(UserError, match=wanted):
        open_shards(manifest)


@pytest.mark.parametrize("error", [MemoryError("x"), RuntimeError("can't allocate memory")])
def test_lack_of_memory_is_no_fault_of_the_shards(served, records, tmp_path, monkeypatch, error):
    def decode(*given):
        raise error

    monkeypatch.setattr(streaming, "decoded", decode)
    shards = open_training(copied(served[1], records, tmp_path / "near"))
    with pytest.raises(type(error), match=str(error)):
        order(shards)


def test_a_connection_that_is_dropped_once_is_tried_again(served, records, tmp_path):
    _, url, faults, asked = served
    faults["00004.tar"] = "drop once"
    shards = open_training(copied(url, records, tmp_path / "near"))
    assert len(order(shards)) == COUNT
    assert asked["/birds/train/00004.tar"] == 2


@pytest.mark.parametrize("workers", [0, 2])
def test_garbage_that_the_manifest_vouches_for_is_counted(served, records, tmp_path, workers):
    """WebDataset reads half a tar, or none of it, without an error."""
    folder, url, _, _ = served
    path = folder / "train/00004.tar"
    path.write_bytes(bytes(path.stat().st_size))
    manifest = read_json(folder / "train/manifest.json")
    manifest["shards"][4]["sha256"] = sha256(path)
    write_json(folder / "train/manifest.json", manifest)
    shards = open_training(copied(url, records, tmp_path / "near"))
    with pytest.raises(UserError, match=r"00004\.tar gave 0 of 5 images of the manifest"):
        order(shards, workers=workers)


def hostile(folder, split, entries, mode="w"):
    """Put another tar in the place of a shard, and its size and SHA-256 into the manifest."""
    path = folder / split / "00004.tar"
    with tarfile.open(path, mode) as archive:
        for name, content, about in entries:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            for key, value in about.items():
                setattr(member, key, value)
            archive.addfile(member, io.BytesIO(content))
    manifest = read_json(folder / split / "manifest.json")
    manifest["shards"][4] |= {"sha256": sha256(path), "bytes": path.stat().st_size}
    write_json(folder / split / "manifest.json", manifest)


ZEROS = bytes(20_000_000)
BOMBS = {
    "traversal": ([("../../00000020.png", b"x", {})], "w"),
    "absolute": ([("/etc/00000020.png", b"x", {})], "w"),
    "link": ([("00000020.png", b"", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"})], "w"),
    "pipe": ([("00000020.png", b"", {"type": tarfile.FIFOTYPE})], "w"),
    "large": ([("00000020.png", ZEROS, {})], "w"),
    "compressed": ([("00000020.png", ZEROS, {})], "w:gz"),
    "sparse": (
        [
            (
                "00000020.png",
                b"",
                {"pax_headers": {"GNU.sparse.size": "1" * 12, "GNU.sparse.map": ""}},
            )
        ],
        "w",
    ),
    "many": ([(f"00000020.{n}", b"x", {}) for n in range(1000)], "w"),
    "list": ([("00000020.json", b"[" * 5000 + b"]" * 5000, {}), ("00000020.png", b"", {})], "w"),
    "word": ([("00000020.json", b'"a"', {}), ("00000020.png", b"", {})], "w"),
    "negative": ([("-1.json", b"{}", {}), ("-1.png", b"", {})], "w"),
}


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("bomb", BOMBS)
def test_hostile_shards_that_the_manifest_vouches_for(served, records, tmp_path, bomb, split):
    """Streamed (train) and read at random (test): one message that names the shard."""
    hostile(served[0], split, *BOMBS[bomb])
    manifest = copied(served[1], records, tmp_path / "near", split)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError, match=rf"^http.*/{split}/00004\.tar "):
        order(open_training(manifest)) if split == "train" else open_shards(manifest)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KiB
    assert manifest.is_file()  # it is not at fault here; to fetch it again would change nothing
    assert not [path for path in tmp_path.rglob("0000002*") if path.is_file()]


def test_shards_of_other_records_are_refused(served, records, tmp_path):
    other = records.assign(label=(records["label"] + 1) % 2)
    shards = open_training(copied(served[1], other, tmp_path / "near"))
    with pytest.raises(UserError, match=r"train/0000\d\.tar does not hold the samples"):
        order(shards)
    with pytest.raises(UserError, match=f"has {COUNT} images, the records of split train 40"):
        copied(served[1], records[:40], tmp_path / "near")


@pytest.mark.parametrize("changed", ["label", "image_id"])
def test_val_and_test_shards_of_other_records_are_refused(served, records, tmp_path, changed):
    other = records.assign(**{changed: records[changed].iloc[::-1].to_numpy()})
    assert not other.equals(records)
    manifest = copied(served[1], other, tmp_path / "near", "test")
    with pytest.raises(UserError, match=r"test/0000\d\.tar does not hold the samples.*same data"):
        open_shards(manifest)
    assert manifest.is_file()  # it is not at fault


@pytest.mark.parametrize("stored", ["short_side", None])
def test_shards_that_were_resized_in_another_way_are_refused(served, records, tmp_path, stored):
    folder, url, _, _ = served
    manifest = read_json(folder / "train/manifest.json")
    assert manifest.pop("resize") == "square"
    write_json(folder / "train/manifest.json", manifest | ({"resize": stored} if stored else {}))
    with pytest.raises(UserError, match=r"resized by .*but `images.resize` is square. Set `images"):
        copied(url, records, tmp_path / "near")


def test_other_sizes_and_addresses_without_a_manifest_are_refused(served, records, tmp_path):
    _, url, faults, _ = served
    out = tmp_path / "manifest.json"
    with pytest.raises(UserError, match="images of 32 pixels, but `images` asks for 256"):
        copy_manifest(records, url, Images(), "train", out)
    with pytest.raises(UserError, match=r"val/manifest\.json: the server has no such file"):
        copy_manifest(records, url, STORED, "val", out)
    faults["manifest.json"] = "zeros"
    with pytest.raises(UserError, match="is no manifest of shards"):
        copy_manifest(records, url, STORED, "train", out)


def test_too_few_shards_for_the_devices(served, records, tmp_path):
    shards = open_training(copied(served[1], records, tmp_path / "near"))
    with pytest.raises(UserError, match=r"9 shards .* cannot be shared by 10 device"):
        epoch(shards, batch_size=20, world_size=10)


def test_what_is_read_at_random_is_fetched_where_it_is_asked_for(served, records, tmp_path):
    folder, url, faults, asked = served
    manifest = copied(url, records, tmp_path / "near", "test", folder=tmp_path / "copies/test")
    rows = np.array([7, 8, 12])  # of the second and third shard
    near = open_shards(manifest, rows)
    far = open_shards(folder / "test" / "manifest.json", rows)
    for index in range(3):
        assert np.array_equal(near.image(index), far.image(index))
    assert {name for name in asked if name.endswith("tar")} == {
        "/birds/test/00001.tar", "/birds/test/00002.tar",
    }  # fmt: skip
    assert sorted(path.name for path in (tmp_path / "copies/test").iterdir()) == [
        "00001.tar", "00002.tar",
    ]  # fmt: skip
    everything = open_shards(manifest)
    batches = list(eval_loader(everything, batch_size=10, workers=0))
    assert [name for batch in batches for name in batch.image_ids] == records["image_id"].tolist()
    faults["00001.tar"] = "missing"
    (tmp_path / "copies/test/00001.tar").unlink()
    with pytest.raises(UserError, match=r"00001\.tar: the server has no such file"):
        open_shards(manifest)
    assert manifest.is_file()


def test_the_oldest_copies_go_where_the_cache_is_full(served, records, tmp_path, monkeypatch):
    size = (served[0] / "train/00000.tar").stat().st_size
    manifest = copied(served[1], records, tmp_path / "near", gigabytes=2.5 * size / 1e9)
    shards = open_training(manifest)
    opener = shards.opener()
    opener.cleaner.interval = None  # it looks every half a minute else
    for shard in shards.shards:
        opener.opened(shard.url).close()
    assert len(list((tmp_path / "near/train/cache").glob("*.tar"))) <= 4
    assert len(order(shards)) == COUNT


def test_other_addresses_are_opened_by_fsspec(served, records, tmp_path):
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    for path in (served[0] / "test").iterdir():
        memory.pipe(f"/bucket/birds/test/{path.name}", path.read_bytes())
    manifest = copied("memory://bucket/birds", records, tmp_path / "near", "test")
    assert open_shards(manifest).image_ids == records["image_id"].tolist()
    with pytest.raises(UserError, match="s3:// is missing"):
        copied("s3://bucket/birds", records, tmp_path / "near", "test")


@pytest.mark.parametrize(
    "url",
    [
        *("file:///data", "local:///data", "pipe:cat x", "pipe:///bin/ls;id>owned"),
        *("/data/shards", "http://x/", "http://x/{a}", "http://a b"),
    ],
)
def test_addresses_that_are_none(url):
    with pytest.raises(ValueError, match="url"):
        ShardSource(url=url)
