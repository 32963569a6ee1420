"""Shards that lie elsewhere, in the workflow: a copy of their manifest stands for them."""

import shutil

from shard_server import serve
from workflow_run import edit_config, plan, snakemake

from pipeline.artefacts.shards import open_shards

SPLITS = ("train", "val", "test")


def test_the_copy_of_a_manifest_is_made_once_and_stands_for_the_shards(checkout, tmp_path):
    manifests = [f"results/shards/birds/{split}/manifest.json" for split in SPLITS]
    status, output = snakemake(checkout, "--cores", "1", *manifests)
    assert status == 0, output
    expected = [open_shards(checkout / path) for path in manifests]
    shutil.move(checkout / "results/shards", tmp_path / "far")
    with serve(tmp_path, {}) as (address, asked):
        edit_config(checkout, datasets__birds__shards={"url": f"{address}/far/birds"})
        jobs = {f"remote_shards birds/{split}" for split in SPLITS}
        assert plan(checkout, *manifests) == jobs
        status, output = snakemake(checkout, "--cores", "1", *manifests)
        assert status == 0, output
        assert set(asked) == {f"/far/birds/{split}/manifest.json" for split in SPLITS}
        found = [open_shards(checkout / path) for path in manifests]
    assert plan(checkout, *manifests) == set()
    for one, other in zip(found, expected, strict=True):
        assert one.image_ids == other.image_ids
        assert one.labels.tolist() == other.labels.tolist()
    # where copies are kept reruns nothing, and does not change what trainings note of their data
    before = {path: (checkout / path).read_bytes() for path in manifests}
    planned = plan(checkout)
    source = {"url": f"{address}/far/birds", "cache": "copies", "cache_gb": 3}
    edit_config(checkout, datasets__birds__shards=source)
    assert plan(checkout, *manifests) == set()
    assert plan(checkout) == planned
    status, output = snakemake(checkout, "--cores", "1", "results/datasets/birds/classes.csv")
    assert status == 0, output
    for path in manifests:
        assert (checkout / path).read_bytes() == before[path]
    assert "train birds/small_pretrained/cam/seed0" in planned
    assert "calibration birds/small_pretrained/cam/seed0" in planned
    assert not {job for job in planned if job.startswith(("shards birds", "remote_shards"))}
