import numpy as np
import pytest

from pipeline.evaluation.bootstrap import resample_counts
from pipeline.evaluation.image_table import ImageTable, summarise
from pipeline.settings import Bootstrap

BOOTSTRAP = Bootstrap(replicates=40, seed=3)


def filled(first, last):
    """Images with a column that every third image lacks."""
    table = ImageTable(("always", "sometimes"))
    for number in range(first, last):
        sometimes = np.nan if number % 3 == 0 else number**2
        table.update(f"{number}.jpg", {"always": number, "sometimes": sometimes})
    return table


def test_means_are_over_the_images_with_a_number():
    assert filled(0, 6).compute() == {"always": 2.5, "sometimes": (1 + 4 + 16 + 25) / 4}
    assert filled(0, 1).compute() == {"always": 0.0}  # defined for no image: absent, not NaN


@pytest.mark.parametrize("cut", [0, 1, 5, 12])
def test_merged_parts_equal_the_whole(cut):
    whole, parts = filled(0, 12), filled(0, cut)
    parts.merge(filled(cut, 12))
    assert parts.image_ids == whole.image_ids
    assert parts.compute() == whole.compute()
    for name, replicates in whole.replicates(BOOTSTRAP).items():
        assert np.array_equal(parts.replicates(BOOTSTRAP)[name], replicates)
    with pytest.raises(ValueError, match="columns"):
        parts.merge(ImageTable(("other",)))


def test_replicates_are_the_means_of_the_images_that_each_draws():
    table = filled(0, 6)
    (counts,) = resample_counts(np.random.default_rng(3), 6, 40)
    expected = []
    for row in counts.astype(int):
        numbers = np.repeat(table.column("sometimes"), row)
        expected.append(np.nanmean(numbers))
    assert np.allclose(table.replicates(BOOTSTRAP)["sometimes"], expected, rtol=1e-6)


def test_a_replicate_that_draws_no_number_has_the_mean():
    table = ImageTable(("rare",))
    for number in range(4):
        table.update(str(number), {"rare": 7.0 if number == 0 else np.nan})
    assert (table.replicates(BOOTSTRAP)["rare"] == 7.0).all()


def test_the_result_holds_means_intervals_images_and_replicates():
    table = filled(0, 6)
    table.add_column("later", np.arange(6) / 10)
    result = summarise(
        table, BOOTSTRAP, compared=("later",), values=("sometimes", "later"), details={"more": 1}
    )
    assert result.values == {"sometimes": 11.5, "later": 0.25}
    assert set(result.intervals) == set(result.values)
    assert result.details == {"images": 6, "undefined": {"sometimes": 2}, "more": 1}
    assert list(result.arrays) == ["image_id", "always", "sometimes", "later", "replicates.later"]
    assert result.arrays["replicates.later"].shape == (40,)


def test_wrong_numbers_and_no_images_are_errors():
    with pytest.raises(ValueError, match="always"):
        ImageTable(("always",)).update("a.jpg", {"never": 1.0})
    with pytest.raises(ValueError, match="no image"):
        summarise(ImageTable(("a",)), BOOTSTRAP, compared=(), details={})
