"""Scores of maps in chunks are those of maps in one file, to the last byte."""

import pytest
from wsol_study import call, store, wsol_study

from pipeline.artefacts.maps import MapStore
from pipeline.artefacts.scores import per_image_path
from pipeline.attribution.join import join

WITHOUT_FILES = ("task", "identity", "values", "intervals", "details")  # not the maps' digest


def _in_chunks(folder, whole, starts):
    """The maps of a file, cut into chunks and joined again; the path of the joined file."""
    with MapStore.open(whole) as maps:
        rows = list(zip(maps.image_ids, maps.targets, strict=True))
        ends = [*starts[1:], len(rows)]
        paths = [folder / "chunks" / f"{start}.h5" for start in starts]
        for path, start, end in zip(paths, starts, ends, strict=True):
            store(path, rows[start:end], list(maps.maps[start:end]), maps.kind)
    joined = folder / "joined.h5"
    join(paths, joined)
    return str(joined)


@pytest.mark.parametrize("starts", [[0], [0, 5], [0, 1, 2, 11]])
def test_localisation_of_joined_chunks_equals_that_of_one_file(tmp_path, starts):
    folder, records, maps = wsol_study(tmp_path)
    rows = [(record["image_id"], str(record["label"])) for record in records]
    store(folder / "whole.h5", rows, list(maps.values()))
    sections = {"v1": True, "bootstrap": {"replicates": 50}}
    whole = call(folder, "--maps", str(folder / "whole.h5"), section=sections)
    arrays = per_image_path(folder / "score.json").read_bytes()
    joined = call(
        folder, "--maps", _in_chunks(folder, folder / "whole.h5", starts), section=sections
    )
    assert {key: joined[key] for key in WITHOUT_FILES} == {key: whole[key] for key in WITHOUT_FILES}
    assert per_image_path(folder / "score.json").read_bytes() == arrays
    assert joined["provenance"]["inputs"]["maps"] != whole["provenance"]["inputs"]["maps"]
