from pathlib import Path

import pytest
from workflow_config import study_of

from pipeline.artefacts.caches import cache_of
from pipeline.artefacts.files import write_json
from pipeline.artefacts.paths import Paths
from pipeline.runtime.errors import UserError
from pipeline.study.caches import write_caches


def kept(tmp_path, split="train", **source):
    """Where the copies of the data set `birds` are kept."""
    study = study_of({"draw": {}, "shards": {"url": "http://host/birds", **source}})
    write_caches(study, Paths(str(tmp_path)))
    return cache_of(tmp_path / "shards/birds" / split / "manifest.json")


def test_copies_lie_next_to_their_manifest(tmp_path):
    assert kept(tmp_path) == (tmp_path / "shards/birds/train/cache", 0)
    assert cache_of(tmp_path / "elsewhere/manifest.json").folder == tmp_path / "elsewhere/cache"


def test_addresses_and_splits_that_share_a_folder_have_their_own_in_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sources = ("http://host/birds", "http://other/birds")
    splits = ("train", "val", "test")
    folders = {
        kept(tmp_path, split, url=url, cache="copies", cache_gb=1.5).folder
        for url in sources
        for split in splits
    }
    assert len(folders) == 6
    assert all(folder.is_relative_to(Path.cwd() / "copies") for folder in folders)
    assert kept(tmp_path, cache="copies", cache_gb=1.5).size == 1_500_000_000


def test_data_sets_without_an_address_have_none(tmp_path):
    write_caches(study_of({"draw": {}}), Paths(str(tmp_path)))
    assert not list(tmp_path.iterdir())


def test_a_broken_file_is_named(tmp_path):
    write_json(tmp_path / "cache.json", {"folder": None})
    with pytest.raises(UserError, match=r"cache.json is broken.*Delete it"):
        cache_of(tmp_path / "manifest.json")
