"""Command line of the stage: the records of a split -> shards and their manifest."""

import logging

from pipeline.artefacts import files
from pipeline.artefacts.records import read_records
from pipeline.runtime import cli
from pipeline.settings import Images
from pipeline.sharding.writing import write_shards

log = logging.getLogger(__name__)


def run(argv: list[str]) -> None:
    """Command line of the stage."""
    arguments = cli.parser("pipeline.sharding", "Store the images of a split in WebDataset shards.")
    cli.add_section(arguments, Images)
    arguments.add_argument("--records", required=True, help="records of the split, a parquet file")
    arguments.add_argument("--split", required=True, choices=("train", "val", "test"))
    arguments.add_argument("--out", required=True, help="folder of the shards and manifest.json")
    arguments.add_argument("--workers", type=int, default=1, help="threads (default: 1)")
    options = arguments.parse_args(argv)
    section = cli.read_section(options.section, Images)
    records = read_records(options.records)
    manifest = files.read_json(
        write_shards(records, section, options.split, options.out, options.workers)
    )
    size = sum(shard["bytes"] for shard in manifest["shards"])
    log.info(
        "%s: %d images in %d shards, %.1f MB",
        options.out,
        manifest["count"],
        len(manifest["shards"]),
        size / 1e6,
    )


if __name__ == "__main__":
    cli.main(run)
