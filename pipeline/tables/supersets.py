"""The supersets of classes from WordNet's tree, and those of the paper's Table 4."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.artefacts.table import Block, Cell, Row, Table

_Check = Mapping[str, Any]


def superset_table(checks: Mapping[str, _Check]) -> Table:
    """A block for every data set: its supersets of several classes, the largest first.

    Args:
        checks: data set -> the check of its supersets
            (`pipeline.artefacts.supersets.read_superset_check`), for those from WordNet's tree.

    Returns:
        Supersets and how many classes each has; next to these the paper's numbers where the classes
        are the 1000 of ImageNet. The rows that only the paper has are published ones.
    """
    blocks = [
        Block(
            heading=f"{dataset}: {check['sets']} supersets, {check['singletons']} of them of one "
            "class",
            keys={"dataset": dataset},
            rows=tuple(_rows(check)),
        )
        for dataset, check in checks.items()
    ]
    return Table(
        name="supersets",
        title="Supersets of several classes, from WordNet's tree",
        names={"name": "Superset", "wnid": "WordNet ID"},
        columns={"classes": "Classes", "below": "Classes below the node", "paper": "Paper"},
        blocks=tuple(blocks),
        neither=("classes", "below", "paper"),
        plain=("classes", "below", "paper"),
        notes=(
            "The classes whose maps are added for localisation (+Y, section 5.4 and Appendix F). "
            "Below the node: all classes below it in the tree, also those of another superset.",
            *_notes(checks),
        ),
    )


def _rows(check: _Check) -> Iterator[Row]:
    paper = {row["wnid"]: row for row in (check["table4"] or {}).get("compared", ())}
    own = [root for root in check["roots"] if root["classes"] > 1]
    for root in sorted(own, key=lambda root: -root["classes"]):
        printed = paper.pop(root["wnid"], None)
        numbers = {"classes": root["classes"], "below": root["below"]}
        if printed:
            numbers["paper"] = printed["printed"]
        yield Row(kind="measured", names=(root["name"], root["wnid"]), cells=_cells(numbers))
    for printed in paper.values():
        numbers = {"below": printed["counted"], "paper": printed["printed"]}
        names = (f"{printed['name']} (published)", printed["wnid"])
        yield Row(kind="published", names=names, cells=_cells(numbers))


def _cells(numbers: Mapping[str, int]) -> dict[str, Cell]:
    return {column: Cell(value=float(number)) for column, number in numbers.items()}


def _notes(checks: Mapping[str, _Check]) -> Sequence[str]:
    notes = []
    for dataset, check in checks.items():
        if table := check["table4"]:
            wrong = "; ".join(table["differing"]) or "none"
            notes.append(
                f"{dataset}: {table['matching']} of the {table['rows']} different synsets in the "
                f"paper's Table 4 have as many classes below them as printed; not so: {wrong}. "
                "The paper speaks of 450 supersets, 120 of several classes and 330 of one; its "
                "table has 118 different ones, and two of these lie inside another."
            )
        if check["overlaps"]:
            notes.append(f"{dataset}, nodes with common classes: {'; '.join(check['overlaps'])}.")
    return notes
