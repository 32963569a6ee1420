import pandas as pd
import pyarrow as pa
import pytest

from pipeline.artefacts.fixations import SCHEMA, read_fixations, write_fixations
from pipeline.artefacts.parquet import write_table
from pipeline.runtime.errors import UserError

FIXATIONS = pd.DataFrame(
    {"image_id": ["a", "b"], "viewer": ["1", "1"], "x": [1.5, 2], "y": [3.0, 4], "duration": 100.0}
)


def test_fixations_come_back_as_written(tmp_path):
    write_fixations(tmp_path / "f.parquet", FIXATIONS.assign(more=1))
    back = read_fixations(tmp_path / "f.parquet")
    assert list(back.columns) == SCHEMA.names
    pd.testing.assert_frame_equal(back, FIXATIONS)


def test_what_is_no_file_of_fixations_is_told(tmp_path):
    with pytest.raises(UserError, match="is missing"):
        read_fixations(tmp_path / "f.parquet")
    (tmp_path / "f.parquet").write_text("nothing")
    with pytest.raises(UserError, match="is damaged"):
        read_fixations(tmp_path / "f.parquet")
    x = pa.Table.from_pandas(FIXATIONS[["x"]], preserve_index=False)
    write_table(tmp_path / "f.parquet", x)
    with pytest.raises(UserError, match="columns missing: duration, image_id, viewer, y"):
        read_fixations(tmp_path / "f.parquet")
