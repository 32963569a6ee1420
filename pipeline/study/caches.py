"""Where jobs keep the copies of shards that lie elsewhere, written down before the first job."""

from pathlib import Path

from pipeline.artefacts.caches import write_cache
from pipeline.artefacts.files import digest
from pipeline.artefacts.paths import Paths, fill
from pipeline.study.jobs import Study


def write_caches(study: Study, paths: Paths) -> None:
    """Write cache.json for each split of the data sets whose shards lie elsewhere.

    Data sets may share a `cache`: each address has a folder of its own in it.

    Raises:
        UserError: the results folder cannot be written.
    """
    for name, dataset in study.datasets.items():
        if source := dataset.shards:
            for split in ("train", "val", "test"):
                folder = Path(source.cache).absolute() if source.cache else None
                write_cache(
                    fill(paths.shard_cache, dataset=name, split=split),
                    folder and folder / digest(source.url) / split,
                    source.cache_gb,
                )
