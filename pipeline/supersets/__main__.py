"""Command line of the stage: a data set's classes -> its supersets and a check of them."""

from typing import Any

from pipeline import settings
from pipeline.artefacts.classes import read_class_names, wnids_of
from pipeline.artefacts.supersets import write_supersets
from pipeline.catalogue import imagenet
from pipeline.runtime.cli import add_section, main, parser, read_section
from pipeline.supersets.tree import (
    check_partition,
    classes_below,
    classes_of_roots,
    read_tree,
    supersets,
)


def _wordnet(
    section: settings.Supersets, names: list[str]
) -> tuple[dict[int, tuple[int, ...]], dict[str, Any]]:
    """Supersets of classes whose names begin with their wnids, and the check of them."""
    wnids = wnids_of(names)
    tree = read_tree(section.is_a or imagenet.IS_A, section.parents)
    roots = imagenet.read_annotation(section.annotation)
    below = classes_below(tree, wnids)
    check: dict[str, Any] = {
        "overlaps": [
            f"{roots[first]} {first} and {roots[second]} {second}: {len(classes)} classes"
            for first, second, classes in check_partition(tree, wnids, roots)
        ],
        "roots": [
            {
                "wnid": wnid,
                "name": roots[wnid],
                "classes": len(classes),
                "below": len(below[wnid]),
            }
            for wnid, classes in classes_of_roots(tree, wnids, roots).items()
        ],
        "table4": None,
    }
    if sorted(wnids) == sorted(imagenet.class_wnids()):
        rows = imagenet.compare_with_table4(below)
        wrong = [row for row in rows if row["printed"] != row["counted"]]
        check["table4"] = {
            "rows": len(rows),
            "compared": rows,
            "matching": len(rows) - len(wrong),
            "differing": [
                f"{row['name']} {row['wnid']}: printed {row['printed']}, counted {row['counted']}"
                for row in wrong
            ],
        }
    return supersets(tree, wnids, roots), check


def find(
    section: settings.Supersets, names: list[str]
) -> tuple[dict[int, tuple[int, ...]], dict[str, Any]]:
    """The supersets of a data set's classes.

    Args:
        section: of which kind.
        names: of classes 0, 1, ...; for WordNet they begin with their wnids.

    Returns:
        Class -> the classes of its superset, and the check of them.

    Raises:
        UserError: a file cannot be read, or a class is not in WordNet's tree.
    """
    everything = tuple(range(len(names)))
    check: dict[str, Any] = {"overlaps": [], "roots": [], "table4": None}
    if section.kind == "wordnet":
        sets, check = _wordnet(section, names)
    elif section.kind == "all":
        sets = dict.fromkeys(everything, everything)
    else:
        sets = {label: (label,) for label in everything}
    check["sets"] = len(set(sets.values()))
    check["singletons"] = sum(len(members) == 1 for members in sets.values())
    check["largest"] = max(len(members) for members in sets.values())
    return sets, check


def run(argv: list[str]) -> None:
    """Command line: write the supersets of a data set's classes and a check of them."""
    arguments = parser("pipeline.supersets", "Which classes a map is summed over.")
    add_section(arguments, settings.Supersets)
    arguments.add_argument("--classes", required=True, help="classes.csv (label, class_id, name)")
    arguments.add_argument("--out", required=True, help="JSON to write")
    options = arguments.parse_args(argv)
    section = read_section(options.section, settings.Supersets)
    names = read_class_names(options.classes)
    sets, check = find(section, names)
    write_supersets(options.out, section.kind, sets, check)
    print(f"{check['sets']} supersets of {len(names)} classes, {check['singletons']} singletons")
    for overlap in check["overlaps"]:
        print(f"overlap: {overlap}")
    if check["table4"]:
        table = check["table4"]
        print(f"Table 4 of the paper: {table['matching']} of {table['rows']} counts match")
        for row in table["differing"]:
            print(f"  {row}")


if __name__ == "__main__":
    main(run)
