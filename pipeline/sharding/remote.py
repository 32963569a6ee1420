"""Shards that lie elsewhere: their manifest is fetched, and checked against the study's records."""

import json
import logging
from pathlib import Path

import pandas as pd
import pyarrow as pa

from pipeline.artefacts.fetching import fetch
from pipeline.artefacts.files import canonical_json, write_json
from pipeline.artefacts.parquet import write_table
from pipeline.artefacts.paths import MANIFEST, SAMPLES
from pipeline.artefacts.records import read_records
from pipeline.artefacts.remote import SAMPLE, listed
from pipeline.runtime import cli
from pipeline.runtime.errors import UserError
from pipeline.settings import Images
from pipeline.sharding.order import stored_order

log = logging.getLogger(__name__)

# what JSON of any other kind raises, however deep and large its numbers
_NO_MANIFEST = (
    KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError,
)  # fmt: skip


def copy_manifest(
    records: pd.DataFrame, source: str, images: Images, split: str, out: Path
) -> None:
    """Fetch the manifest of a split; write a copy that knows its address, and `SAMPLES` next to it.

    Args:
        records: of the split; they were what the shards were made from.
        source: address of the folder that holds those of each split in a folder of its own.
        images: says how the stored images must have been resized.
        split: ``"train"``, ``"val"`` or ``"test"``.
        out: the copy to write.

    Raises:
        UserError: there is no manifest, or one of other images.
    """
    url = f"{source}/{split}"
    address = f"{url}/{MANIFEST}"
    text = fetch(address)
    try:
        manifest = json.loads(text)
        shards = listed(manifest, url)
        count, side = int(manifest["count"]), int(manifest["side"])
        if sum(shard.count for shard in shards) != count:
            raise ValueError(f"it promises {count} samples, its shards hold another number")
        canonical_json(manifest)  # can it be written again?
    except _NO_MANIFEST as error:
        raise UserError(
            f"{address} is no manifest of shards ({error}). `shards.url` must be the address of a "
            "folder as `shards/DATASET` of a study's results."
        ) from error
    wanted = images.train_size if split == "train" else images.eval_size
    if side != wanted:
        raise UserError(
            f"{address}: images of {side} pixels, but `images` asks for {wanted} in split {split}."
        )
    if manifest.get("resize") != images.resize:
        stored = str(manifest.get("resize") or "an unknown way (an older version wrote them)")
        raise UserError(
            f"{address}: images resized by {stored[:80]}, but `images.resize` is {images.resize}. "
            "Set `images.resize` to theirs, or write the shards again with this one."
        )
    if count != len(records):
        raise UserError(
            f"{address} has {count} images, the records of split {split} {len(records)}. Shards "
            "and records must come from the same data with the same keys of `records`."
        )
    rows = records.iloc[stored_order(len(records), split)]
    samples = pa.Table.from_pandas(rows[SAMPLE.names], schema=SAMPLE, preserve_index=False)
    write_table(out.with_name(SAMPLES), samples)
    write_json(out, manifest | {"url": url})


def run(argv: list[str]) -> None:
    """Command line of the stage where the shards lie elsewhere."""
    arguments = cli.parser("pipeline.sharding.remote", "Fetch the manifest of shards elsewhere.")
    cli.add_section(arguments, Images)
    arguments.add_argument("--url", required=True, help="folder that holds one for each split")
    arguments.add_argument("--records", required=True, help="records of the split, a parquet file")
    arguments.add_argument("--split", required=True, choices=("train", "val", "test"))
    arguments.add_argument("--out", type=Path, required=True, help="manifest.json to write")
    given = arguments.parse_args(argv)
    images = cli.read_section(given.section, Images)
    copy_manifest(read_records(given.records), given.url, images, given.split, given.out)
    log.info("%s: a copy of %s/%s/%s", given.out, given.url, given.split, MANIFEST)


if __name__ == "__main__":
    cli.main(run)
