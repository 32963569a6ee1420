import numpy as np
import pytest

from pipeline.evaluation.localisation.rows import Rows


@pytest.mark.parametrize("count", [0, 1, 1023, 1024, 1025, 2500])
def test_rows_come_back_in_order_in_blocks_and_as_one_array(count):
    expected = np.arange(count * 6, dtype=np.uint32).reshape(count, 2, 3)
    rows = Rows((2, 3), np.uint32)
    for row in expected:
        rows.append(row)
    np.testing.assert_array_equal(rows.array(), expected)
    assert rows.array().dtype == np.uint32
    assert sum(len(block) for block in rows.blocks()) == count
    np.testing.assert_array_equal(np.concatenate([*rows.blocks(), expected[:0]]), expected)


@pytest.mark.parametrize("cut", [0, 700, 1024, 1500])
def test_rows_of_two_tables_follow_each_other(cut):
    expected = np.random.default_rng(0).random((1500, 4))
    first, second = Rows((4,), np.float64), Rows((4,), np.float64)
    for row in expected[:cut]:
        first.append(row)
    for row in expected[cut:]:
        second.append(row)
    first.extend(second)
    np.testing.assert_array_equal(first.array(), expected)
    first.append(expected[3])
    np.testing.assert_array_equal(first.array()[-1], expected[3])
