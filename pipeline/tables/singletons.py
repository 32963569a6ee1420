"""A note below every table that has maps of supersets: on how many images these have more classes.

The superset of some classes, or of every class where a data set has no groups of them, is the
class alone. Its maps are measured like those of others.
"""

from collections.abc import Mapping, Sequence

from pipeline.artefacts.supersets import Supersets
from pipeline.artefacts.table import Block, Row, Table
from pipeline.catalogue.methods import METHODS
from pipeline.settings import TablesJob
from pipeline.tables.scores import Group

PREFIX = "Supersets: "  # of these notes; the report repeats them below its main results


def with_singletons(table: Table, notes: Mapping[str, str]) -> Table:
    """The table with the notes of those data sets of which it has a map of supersets."""
    place = list(table.names).index("method") if "method" in table.names else None
    datasets = {
        dataset
        for block in table.blocks
        for row in block.rows
        if place is not None and _is_of_superset(row.names[place])
        for dataset in _datasets(block, row)
    }
    found = tuple(note for dataset, note in notes.items() if dataset in datasets)
    return table.model_copy(update={"notes": (*table.notes, *found)})


def singleton_notes(
    groups: Sequence[Group], job: TablesJob, trees: Mapping[str, Supersets]
) -> dict[str, str]:
    """Data set -> on how many of its test images superset and class differ.

    Args:
        groups: the scores of classification, which count the images of each class.
        job: it has the kind of every data set's supersets.
        trees: data set -> supersets of its classes, for those from a tree of classes.
    """
    found = {}
    for dataset, kind in job.supersets.items():
        images = _images(dataset, groups)
        sizes = {label: len(members) for label, members in trees.get(dataset, {}).items()}
        more = [n for label, n in images.items() if kind == "all" or sizes.get(label, 1) > 1]
        if images:
            found[dataset] = f"{PREFIX}on {dataset} {_counted(sum(images.values()), sum(more))}."
    return found


def _images(dataset: str, groups: Sequence[Group]) -> dict[int, int]:
    """The test images of each class; none where no model was measured."""
    of_dataset = (group for group in groups if group.dataset == dataset)
    found = next((group.scores[0]["details"].get("per_class", ()) for group in of_dataset), ())
    return {each["label"]: each["images"] for each in found}


def _counted(images: int, several: int) -> str:
    if several == images:
        return f"they hold more than the class itself for all {images} test images"
    alone = "the superset is the class alone, and a map of it adds nothing to that of the class"
    if not several:
        return f"they hold more than the class itself for none of {images} test images: {alone}"
    return (
        f"they hold more than the class itself for {several} of {images} test images; for the "
        f"others {alone}"
    )


def _is_of_superset(method: str) -> bool:
    return method in METHODS and METHODS[method].targets == "superset"


def _datasets(block: Block, row: Row) -> set[str]:
    """The data sets of a row: the block's, or those in the names of its columns."""
    if "dataset" in block.keys:
        return {block.keys["dataset"]}
    return {column.partition("/")[0] for column in row.cells}
