import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from pipeline.artefacts.records import SCHEMA, read_records, write_records
from pipeline.runtime.errors import UserError


@pytest.fixture
def records():
    return pd.DataFrame(
        {
            "image_id": ["1.a/x.jpg", "2.b/y.jpg"],
            "path": ["root/images/1.a/x.jpg", "root/images/2.b/y.jpg"],
            "class_id": [1, 2],
            "label": [0, 1],
            "width": [30, 40],
            "height": [20, 50],
            "boxes": [[1.0, 2.0, 3.5, 4.0], [0.0, 0.0, 9.0, 9.0, 5.0, 5.0, 6.0, 6.0]],
            "segmentation": ["", "masks/y.png"],
            "masks": [["a.png", "b.png"], []],
            "ignore": ["i.png", ""],
            "keypoints": [[], list(range(45))],
            "true_parts": ["", ""],
            "split": ["train", "test"],
        }
    )


def test_records_come_back_as_written(records, tmp_path):
    write_records(tmp_path / "r.parquet", records)
    back = read_records(tmp_path / "r.parquet")
    assert list(back.columns) == SCHEMA.names
    for column in (
        "image_id",
        "path",
        "class_id",
        "label",
        "width",
        "height",
        "segmentation",
        "ignore",
    ):
        assert back[column].tolist() == records[column].tolist()
    assert np.array_equal(back.boxes[1].reshape(-1, 4), [[0, 0, 9, 9], [5, 5, 6, 6]])
    assert back.keypoints[0].shape == (0,)
    assert back.segmentation.tolist() == records.segmentation.tolist()
    assert back.masks.map(list).tolist() == [["a.png", "b.png"], []]
    assert np.array_equal(back.keypoints[1].reshape(15, 3)[1], [3, 4, 5])


def test_same_records_give_same_bytes(records, tmp_path):
    for name in ("a", "b"):
        write_records(tmp_path / name, records)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_no_rows_keep_their_columns(records, tmp_path):
    write_records(tmp_path / "r.parquet", records.iloc[:0])
    back = read_records(tmp_path / "r.parquet")
    assert len(back) == 0
    assert list(back.columns) == SCHEMA.names


def test_bad_files_are_named(records, tmp_path):
    path = tmp_path / "r.parquet"
    with pytest.raises(UserError, match=r"r\.parquet is missing"):
        read_records(path)
    write_records(path, records)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match=r"r\.parquet is damaged \(its SHA-256"):
        read_records(path)
    assert not path.exists()
    pq.write_table(pq.read_table(sealed(records, path)), path)  # whole, but of another writer
    with pytest.raises(UserError, match="its SHA-256 is not the one in its metadata"):
        read_records(path)
    path.touch()
    with pytest.raises(UserError, match=r"is damaged.*r\.parquet\.damaged"):
        read_records(path)


def sealed(records, path):
    write_records(path, records)
    return path


def test_records_of_other_columns_are_refused(records, tmp_path, monkeypatch):
    path = tmp_path / "r.parquet"
    fewer = SCHEMA.remove(SCHEMA.get_field_index("boxes"))
    with monkeypatch.context() as patch:
        patch.setattr("pipeline.artefacts.records.SCHEMA", fewer)
        write_records(path, records)
    with pytest.raises(UserError, match="columns missing: boxes"):
        read_records(path)


def test_every_flipped_bit_is_found(records, tmp_path):
    content = sealed(records, tmp_path / "r.parquet").read_bytes()
    path = tmp_path / "x.parquet"
    for place in range(0, len(content), 3):
        flipped = bytearray(content)
        flipped[place] ^= 1 << place % 8
        path.write_bytes(flipped)
        with pytest.raises(UserError, match="damaged"):
            read_records(path)


def test_text_like_an_unknown_checksum_stays(records, tmp_path):
    records["image_id"] = ["0" * 64, "b"]
    back = read_records(sealed(records, tmp_path / "r.parquet"))
    assert back["image_id"].tolist() == ["0" * 64, "b"]


_WITHOUT_THREADS = """
import resource, sys
from pipeline.artefacts.records import read_records
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (4 << 20),) * 2)  # less than a thread's stack
print(len(read_records(sys.argv[1])))
"""


def test_records_are_read_where_no_thread_can_start(records, tmp_path):
    path = tmp_path / "r.parquet"
    write_records(path, records)
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_THREADS, path], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "2", done.stderr
