import io
import tarfile
import threading

import numpy as np
import pytest
import torch
from drawn_images import draw_records
from PIL import Image
from torchvision.transforms.v2.functional import normalize

from pipeline.artefacts.files import read_json, sha256, write_json
from pipeline.artefacts.shards import open_shards
from pipeline.images import loading
from pipeline.images.batches import MEAN, STD
from pipeline.images.loading import denormalise, eval_loader, normalise, train_loader
from pipeline.runtime.errors import UserError
from pipeline.settings import Images
from pipeline.sharding.writing import encode, write_shards

STORED = Images(train_size=32, eval_size=24, shard_images=5, train_format="png")


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    return draw_records(tmp_path_factory.mktemp("raw"), 23)


@pytest.fixture(scope="module")
def train(records, tmp_path_factory):
    return open_shards(write_shards(records, STORED, "train", tmp_path_factory.mktemp("train")))


@pytest.fixture
def manifest(records, tmp_path):
    """A manifest whose shards a test may damage."""
    return write_shards(records, STORED, "val", tmp_path / "shards")


def epoch(shards, **changes):
    options = {"crop": 24, "flip": True, "batch_size": 6, "seed": 1, "epoch": 0, "workers": 0}
    return train_loader(shards, **(options | changes))


def ids(loader):
    return [image_id for batch in loader for image_id in batch.image_ids]


def equal(first, second):
    return all(
        torch.equal(a.images, b.images)
        and torch.equal(a.labels, b.labels)
        and a.image_ids == b.image_ids
        for a, b in zip(first, second, strict=True)
    )


def test_samples_are_the_stored_ones(manifest, records):
    shards = open_shards(manifest)
    assert (shards.count, shards.side) == (23, 24)
    assert shards.image_ids == records["image_id"].tolist()
    assert shards.labels.dtype == np.int64
    assert shards.labels.tolist() == records["label"].tolist()
    for index in (0, 22, 4, 5, 11):
        image = shards.image(index)
        path = records["path"][index]
        np.testing.assert_array_equal(image, _decoded(encode(path, 24, STORED)))


def test_some_samples_are_read_from_their_own_shards_alone(manifest, records):
    whole = open_shards(manifest)  # shards of 5
    for name in ("00000.tar", "00004.tar"):
        (manifest.parent / name).unlink()
    rows = np.array([6, 7, 13, 19])
    part = open_shards(manifest, rows)
    assert part.image_ids == records["image_id"].iloc[rows].tolist()
    assert part.labels.tolist() == records["label"].iloc[rows].tolist()
    for index, row in enumerate(rows):
        assert whole.paths[whole.shard[row]] == part.paths[part.shard[index]]
        assert np.array_equal(part.image(index), whole.image(row))
    with pytest.raises(UserError, match=r"00004\.tar"):
        open_shards(manifest, np.array([6, 20]))


def test_samples_that_a_split_does_not_have_are_refused(manifest):
    with pytest.raises(UserError, match="has 23 samples, not 24"):
        open_shards(manifest, np.array([6, 23]))


def _decoded(stored):
    return np.asarray(Image.open(io.BytesIO(stored)))


def test_jpeg_shards_are_read_too(records, tmp_path):
    section = STORED.model_copy(update={"eval_format": "jpeg"})
    shards = open_shards(write_shards(records, section, "val", tmp_path))
    assert shards.image_ids == records["image_id"].tolist()
    expected = _decoded(encode(records["path"][13], 24, section, form="jpeg")).astype(int)
    assert np.abs(shards.image(13) - expected).max() <= 2


def test_evaluation_is_whole_images_in_order(manifest, records):
    shards = open_shards(manifest)
    loader = eval_loader(shards, batch_size=6, workers=2)
    batches = list(loader)
    assert len(loader) == 4
    assert [len(batch.image_ids) for batch in batches] == [6, 6, 6, 5]
    assert ids(batches) == records["image_id"].tolist()
    images = torch.cat([batch.images for batch in batches])
    assert images.dtype == torch.float32
    assert images.is_contiguous()
    expected = np.stack([shards.image(i) for i in range(23)])
    assert np.array_equal(denormalise(images).permute(0, 2, 3, 1), expected)
    assert equal(batches, eval_loader(shards, batch_size=6, workers=0))


def test_an_epoch_has_every_sample_once(train, records):
    loader = epoch(train)
    batches = list(loader)
    assert [len(batch.image_ids) for batch in batches] == [6, 6, 6, 5]
    assert len(loader) == 4
    assert sorted(ids(batches)) == sorted(records["image_id"])
    label = dict(zip(records["image_id"], records["label"], strict=True))
    for batch in batches:
        assert batch.images.shape == (len(batch.image_ids), 3, 24, 24)
        assert batch.labels.tolist() == [label[image_id] for image_id in batch.image_ids]


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_workers_change_nothing(train, workers):
    assert equal(epoch(train), epoch(train, workers=workers))


def test_an_epoch_can_be_repeated_and_differs_from_others(train):
    again = epoch(train)
    assert equal(again, again)
    for changes in ({"epoch": 1}, {"seed": 2}):
        assert ids(epoch(train, **changes)) != ids(again)
    first, other = _images(epoch(train)), _images(epoch(train, epoch=1))
    assert any(not torch.equal(first[image_id], other[image_id]) for image_id in first)


def test_augmentation_does_not_depend_on_the_batch_size(train):
    small, large = _images(epoch(train, batch_size=2)), _images(epoch(train, batch_size=23))
    assert all(torch.equal(small[image_id], large[image_id]) for image_id in large)


def _images(loader):
    return {
        image_id: image
        for batch in loader
        for image_id, image in zip(batch.image_ids, batch.images, strict=True)
    }


def _image(shards, image_id):
    """A stored image as (3, side, side)."""
    return torch.from_numpy(shards.image(shards.image_ids.index(image_id))).permute(2, 0, 1)


def test_crops_are_parts_of_the_image_or_mirrored_ones(train):
    places, mirrored = set(), []
    for number in range(4):
        for image_id, image in _images(epoch(train, epoch=number, crop=29)).items():
            whole = _image(train, image_id)
            crop = denormalise(image)
            found = [
                (top, left, flip)
                for top in range(4)
                for left in range(4)
                for flip in (False, True)
                if torch.equal(
                    crop.flip(2) if flip else crop, whole[:, top : top + 29, left : left + 29]
                )
            ]
            assert len(found) == 1
            places.add(found[0][:2])
            mirrored.append(found[0][2])
    assert len(places) == 16  # every place, the borders too
    assert 0.3 < np.mean(mirrored) < 0.7


def test_without_crop_and_flip_images_are_whole(train):
    for image_id, image in _images(epoch(train, crop=32, flip=False)).items():
        assert torch.equal(denormalise(image), _image(train, image_id))


def test_a_crop_larger_than_the_images_names_both_keys(train):
    with pytest.raises(UserError, match=r"crop: 33 .*train_size: 32"):
        epoch(train, crop=33)


@pytest.mark.parametrize("world_size", [2, 3])
@pytest.mark.parametrize("batch_size", [6, 12, 18])
def test_ranks_share_every_batch(train, records, world_size, batch_size):
    order = ids(epoch(train, batch_size=batch_size))  # of a single rank
    ranks = [
        epoch(train, batch_size=batch_size, rank=rank, world_size=world_size)
        for rank in range(world_size)
    ]
    done = 0
    for step, parts in enumerate(zip(*ranks, strict=True)):  # equally many steps
        shares = [len(part.image_ids) for part in parts]
        assert max(shares) - min(shares) <= 1
        assert min(shares) >= 2
        assert sum(shares) == batch_size or step == len(ranks[0]) - 1
        assert sorted(ids(parts)) == sorted(order[done : done + sum(shares)])
        done += sum(shares)
    assert done == len(records)


@pytest.mark.parametrize(
    ("batch_size", "world_size", "sizes"),
    [
        (11, 1, [11, 12]),  # a rest of 1 joins the batch before
        (7, 1, [7, 7, 7, 2]),  # a rest of 2 does not
        (10, 2, [10, 13]),  # unless there are two ranks
        (18, 2, [18, 5]),
        (1, 1, [1] * 23),
        (64, 1, [23]),
    ],
)
def test_rests_too_small_for_batch_normalisation_join_a_batch(train, batch_size, world_size, sizes):
    counts = np.zeros(len(sizes), int)
    for rank in range(world_size):
        loader = epoch(train, batch_size=batch_size, rank=rank, world_size=world_size)
        counts += [len(batch.image_ids) for batch in loader]
    assert counts.tolist() == sizes


def test_batches_that_cannot_be_shared_are_refused(train):
    with pytest.raises(UserError, match=r"batch_size: 7 .*multiple of 2"):
        epoch(train, batch_size=7, world_size=2)


@pytest.mark.parametrize("count", [0, 1])
def test_splits_too_small(records, tmp_path, count):
    shards = open_shards(write_shards(records[:count], STORED, "val", tmp_path))
    assert len(ids(eval_loader(shards, batch_size=4, workers=2))) == count
    assert len(eval_loader(shards, batch_size=4, workers=2)) == count
    with pytest.raises(UserError, match=f"has {count} images"):
        epoch(shards)


def test_order_mixes_shards_in_windows(train, monkeypatch):
    whole = loading._order(train, 0, 0)
    assert sorted(whole) == list(range(23))
    assert len(set(train.shard[whole[:8]])) > 2
    monkeypatch.setattr(loading, "WINDOW_SHARDS", 2)
    near = loading._order(train, 0, 0)
    assert sorted(near) == list(range(23))
    assert len(set(train.shard[near[:8]])) == 2
    assert len(set(train.shard[near])) == 5


def test_a_loader_left_early_stops_its_workers(train):
    before = threading.active_count()
    batches = iter(epoch(train, workers=3, batch_size=2))
    next(batches)
    del batches
    assert threading.active_count() == before


def test_normalise_is_torchvisions(train):
    images = torch.randint(0, 256, (2, 3, 5, 4), dtype=torch.uint8)
    expected = normalize(images / 255, MEAN, STD)
    torch.testing.assert_close(normalise(images), expected)
    every = torch.arange(256, dtype=torch.uint8).expand(3, 1, 256)
    assert torch.equal(denormalise(normalise(every)), every)


def _cut(shard):
    shard.write_bytes(shard.read_bytes()[:-1024])


def _garbage(shard):
    stored = bytearray(shard.read_bytes())
    stored[1024:2048] = b"\xa5" * 1024
    shard.write_bytes(stored)


def _zeros(shard):
    shard.write_bytes(bytes(shard.stat().st_size))


def _flip_a_bit(shard):
    with tarfile.open(shard) as tar:
        image = tar.getmember("00000011.png")
    stored = bytearray(shard.read_bytes())
    stored[image.offset_data + image.size // 2] ^= 4
    shard.write_bytes(stored)


def _empty(shard):
    shard.write_bytes(b"")


def _remove(shard):
    shard.unlink()


def _folder(shard):
    shard.unlink()
    shard.mkdir()


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (_cut, r"has \d+ bytes instead of \d+"),
        (_empty, r"has 0 bytes instead of \d+"),
        (_garbage, "is damaged"),
        (_zeros, "is damaged"),
        (_flip_a_bit, "is damaged"),
        (_remove, "No such file"),
        (_folder, "Is a directory"),
    ],
)
def test_a_damaged_shard_is_named_with_the_cure(manifest, damage, problem):
    shard = manifest.parent / "00002.tar"
    damage(shard)
    with pytest.raises(UserError, match=f"{manifest} is damaged .*{shard}.* {problem}.* again"):
        open_shards(manifest)
    assert not manifest.exists()  # the next run writes the shards again


@pytest.mark.parametrize("damage", [_cut, _garbage, _zeros, _empty])
def test_counts_are_checked_by_themselves(manifest, damage):
    # the manifest is made to agree with the damaged file, so that only its samples are wrong
    content = read_json(manifest)
    shard = manifest.parent / "00001.tar"
    if damage is _cut:
        with tarfile.open(shard) as tar:
            end = tar.getmembers()[-2].offset
        shard.write_bytes(shard.read_bytes()[:end])
    else:
        damage(shard)
    content["shards"][1] |= {"bytes": shard.stat().st_size, "sha256": sha256(shard)}
    write_json(manifest, content)
    with pytest.raises(UserError, match=f"{manifest} is damaged .*{shard} .* again"):
        open_shards(manifest)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.update(count=22), "promises 22 samples"),
        (lambda content: content["shards"].pop(), "promises 23 samples"),
        (lambda content: content["shards"][0].update(count=4), r"00000\.tar holds 5 samples"),
        (lambda content: content.pop("side"), "not a manifest"),
        (lambda content: content.update(shards=3), "not a manifest"),
    ],
)
def test_a_wrong_manifest_is_named(manifest, change, message):
    content = read_json(manifest)
    change(content)
    write_json(manifest, content)
    with pytest.raises(UserError, match=f"{manifest} is damaged .*{message}.* again"):
        open_shards(manifest)


def test_a_missing_manifest_is_named(tmp_path):
    with pytest.raises(UserError, match=r"manifest\.json is missing"):
        open_shards(tmp_path / "manifest.json")


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("damage", [_empty, _remove, _zeros])
def test_a_shard_that_breaks_while_in_use_is_named(manifest, workers, damage):
    shards = open_shards(manifest)
    damage(manifest.parent / "00003.tar")
    with pytest.raises(UserError, match=r"00003\.tar.* Run again"):
        list(eval_loader(shards, batch_size=4, workers=workers))


def test_a_lack_of_memory_is_not_taken_for_a_changed_shard(train, monkeypatch):
    def fail(why):
        def decode(*_):
            raise RuntimeError(why)

        monkeypatch.setattr("pipeline.images.loading.decoded", decode)

    fail("Image is corrupt")
    with pytest.raises(UserError, match="was changed while it was in use"):
        next(iter(epoch(train)))
    fail("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")
    with pytest.raises(RuntimeError, match="can't allocate memory"):
        next(iter(epoch(train)))


def test_a_picture_that_was_changed_while_in_use_is_not_shown(train, monkeypatch):
    assert train.image(0).shape == (32, 32, 3)
    monkeypatch.setattr(type(train), "encoded", lambda *_: b"no image")
    with pytest.raises(UserError, match=r"00000\.tar was changed while it was in use"):
        train.image(0)


def test_pictures_and_batches_are_decoded_alike(records, tmp_path):
    """By Pillow and by torchvision, whose results are those of one JPEG library."""
    section = STORED.model_copy(update={"eval_format": "jpeg"})
    shards = open_shards(write_shards(records, section, "val", tmp_path))
    (batch,) = eval_loader(shards, batch_size=23, workers=0)
    pictures = np.stack([shards.image(index) for index in range(23)])
    assert np.array_equal(denormalise(batch.images).permute(0, 2, 3, 1), pictures)
