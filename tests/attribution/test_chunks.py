import shutil

import numpy as np
import pytest
from tiny_study import tiny_study

from pipeline.artefacts.maps import MapStore
from pipeline.attribution import __main__ as stage
from pipeline.attribution.chunks import cut
from pipeline.attribution.join import join
from pipeline.attribution.plan import Plan
from pipeline.runtime.errors import UserError

IDS = [f"{n}.jpg" for n in range(22)]


def _plan(images):
    return Plan({image: ("0", "1") for image in images})


def _cut(plan, *how):
    """One plan's part and the samples."""
    plans, samples = cut({"class": plan}, IDS, *how)
    return plans["class"], samples


@pytest.mark.parametrize("chunks", [1, 2, 4, 6])
def test_every_map_is_in_one_chunk_and_cuts_fall_between_batches(chunks):
    parts = [_cut(_plan(IDS), 4, number, chunks) for number in range(chunks)]
    rows = [samples.tolist() for _, samples in parts]
    assert [row for of_chunk in rows for row in of_chunk] == list(range(22))
    assert all(of_chunk[0] % 4 == 0 for of_chunk in rows)
    assert max(map(len, rows)) - min(map(len, rows)) <= 4 + 2  # a batch, and the short last one
    for plan, samples in parts:
        assert list(plan.targets) == [IDS[row] for row in samples]
        assert set(plan.targets.values()) == {("0", "1")}


def test_batches_without_a_map_are_in_no_chunk():
    plan = _plan([IDS[1], IDS[6], IDS[21]])  # of the batches 0, 1 and 5
    parts = [_cut(plan, 4, number, 3) for number in range(3)]
    assert [samples.tolist() for _, samples in parts] == [[0, 1, 2, 3], [4, 5, 6, 7], [20, 21]]
    assert [list(part.targets) for part, _ in parts] == [[IDS[1]], [IDS[6]], [IDS[21]]]


def test_plans_of_several_kinds_are_cut_at_the_same_places():
    few = Plan({IDS[6]: ("0>1",)})
    for number, samples in ((0, range(12)), (1, range(12, 22))):
        plans, found = cut({"class": _plan(IDS), "counterfactual": few}, IDS, 4, number, 2)
        assert found.tolist() == list(samples)
        assert list(plans["class"].targets) == [IDS[row] for row in samples]
        assert plans["counterfactual"].targets == ({} if number else few.targets)


def test_where_there_are_more_chunks_than_batches_some_are_empty():
    parts = [_cut(_plan(IDS), 4, number, 8) for number in range(8)]
    assert [row for _, samples in parts for row in samples] == list(range(22))
    assert sorted(len(samples) for _, samples in parts) == [0, 0, 2, 4, 4, 4, 4, 4]
    assert sum(plan.forwards for plan, _ in parts) == 22


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return tiny_study(tmp_path_factory.mktemp("study"))  # 12 images, 5 per shard


def _run(study, folder, methods, *chunk):
    variant = "cam" if "cam" in methods else "calm_em"
    stage.run(
        [
            "--section", '{"noise": {"samples": 2}}', "--method", *methods,
            "--weights", str(study.weights[variant]), "--shards", str(study.shards),
            "--records", str(study.records), "--pairs", str(study.pairs),
            "--batch-size", "5", "--threads", "1", *(["--chunk", *chunk] if chunk else []),
            "--out", *[str(folder / f"{method}.h5") for method in methods],
        ]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("methods", "chunks"),
    [
        (["cam"], 3),
        (["joint"], 2),
        (["counterfactual"], 5),  # its maps are of two batches: three chunks are empty
        (["smoothgrad", "vargrad"], 4),
        (["joint", "saliency", "counterfactual"], 3),  # of the last, the third chunk has none
    ],
)
def test_joined_chunks_are_the_maps_of_one_job_to_the_last_bit(study, tmp_path, methods, chunks):
    _run(study, tmp_path / "whole", methods)
    for number in range(chunks):
        _run(study, tmp_path / "chunks" / str(number), methods, str(number), str(chunks))
    for name in methods:
        parts = [tmp_path / "chunks" / str(number) / f"{name}.h5" for number in range(chunks)]
        join(parts, tmp_path / f"{name}.h5")
        with (
            MapStore.open(tmp_path / "whole" / f"{name}.h5") as whole,
            MapStore.open(tmp_path / f"{name}.h5") as joined,
        ):
            assert np.array_equal(joined.maps[:], whole.maps[:])
            assert joined.maps[4].dtype == np.float32
            assert np.array_equal(joined.class_probability, whole.class_probability)
            assert joined.image_ids.tolist() == whole.image_ids.tolist()
            assert joined.targets.tolist() == whole.targets.tolist()
            assert joined.attributes == whole.attributes


def test_a_chunk_reads_its_own_shards_alone(study, tmp_path):
    shards = shutil.copytree(study.shards.parent, tmp_path / "shards")
    for name in ("00000.tar", "00002.tar"):
        (shards / name).unlink()
    study = study._replace(shards=shards / "manifest.json")
    _run(study, tmp_path, ["cam"], "1", "3")
    with pytest.raises(UserError, match=r"00002\.tar"):
        _run(study, tmp_path, ["cam"], "2", "3")
    with MapStore.open(tmp_path / "cam.h5") as store:
        assert sorted(set(store.image_ids)) == sorted(study.table["image_id"][5:10])
