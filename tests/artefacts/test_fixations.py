import pandas as pd
import pytest

from pipeline.artefacts.fixations import SCHEMA, read_fixations, write_fixations
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
    with pytest.raises(UserError, match="no readable Parquet"):
        read_fixations(tmp_path / "f.parquet")
    FIXATIONS[["x"]].to_parquet(tmp_path / "f.parquet", index=False)
    with pytest.raises(UserError, match="fixations of this version"):
        read_fixations(tmp_path / "f.parquet")
