"""Supersets: which classes an attribution map is summed over (paper, section 5.4, Appendix F).

A superset holds the classes that share one structure of parts, such as all birds. For ImageNet it
comes from WordNet's is-a tree and an annotation of its nodes (pipeline/imagenet.py).
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pipeline import imagenet, settings
from pipeline.class_list import WNID, read_class_names, wnids_of
from pipeline.cli import add_section, main, parser, read_section
from pipeline.errors import UserError
from pipeline.files import write_json

Tree = dict[str, tuple[str, ...]]  # child -> parents, by wnid


class Overlap(NamedTuple):
    """Two roots that cover the same classes."""

    first: str
    second: str
    classes: tuple[int, ...]


def read_tree(is_a_path: str | Path, parents: Literal["last", "all"] = "last") -> Tree:
    """Read WordNet's is-a edges, one ``parent child`` a line.

    Args:
        is_a_path: the full edge list or a part of it.
        parents: "last": of a synset's parents only the one of its last line (this reproduces the
            paper's Table 4); "all": every parent.

    Returns:
        Child wnid -> parent wnids, in the order of the file.

    Raises:
        UserError: the file cannot be read, or a line is no edge.
    """
    try:
        lines = Path(is_a_path).read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"Cannot read the is-a edges {is_a_path}: {error}. Set supersets.is_a to WordNet's "
            "edge list, or leave it out for the shipped one."
        ) from error
    tree: Tree = {}
    for number, line in enumerate(lines, start=1):
        edge = line.split()
        if not edge:
            continue
        if len(edge) != 2 or not all(WNID.fullmatch(wnid) for wnid in edge):
            raise UserError(
                f"{is_a_path}, line {number}: expected two wnids, parent and child: {line!r}"
            )
        parent, child = edge
        tree[child] = (parent,) if parents == "last" else (*tree.get(child, ()), parent)
    return tree


def supersets(
    tree: Mapping[str, Sequence[str]], class_wnids: Sequence[str], roots: Iterable[str]
) -> dict[int, tuple[int, ...]]:
    """The superset of every class: the classes below the same annotated root.

    The walk of Appendix F: breadth first from the top of the tree; at a root, every class below it
    that has none yet belongs to it, and the walk goes no deeper there. So a class below two roots
    belongs to the one nearest to the top, and the result is always a partition. A class below no
    root is a superset of its own.

    Args:
        tree: child wnid -> parent wnids.
        class_wnids: wnid of class 0, 1, ...
        roots: wnids of the nodes marked ``hom``.

    Returns:
        Class index -> the class indices of its superset, ascending, itself included.

    Raises:
        UserError: a class or a root is not in the tree.
    """
    roots = set(roots)
    _check_nodes(tree, class_wnids, roots)
    below = classes_below(tree, class_wnids)
    children: dict[str, list[str]] = {}
    for child, parents in tree.items():
        for parent in parents:
            children.setdefault(parent, []).append(child)
    members: dict[int, tuple[int, ...]] = {index: (index,) for index in range(len(class_wnids))}
    free = set(members)
    queue = deque(node for node in children if node not in tree)  # the tops
    seen = set(queue)
    while queue:
        node = queue.popleft()
        if node in roots:
            taken = tuple(sorted(free.intersection(below.get(node, ()))))
            members.update(dict.fromkeys(taken, taken))
            free.difference_update(taken)
            continue
        for child in children.get(node, ()):
            if child not in seen:
                seen.add(child)
                queue.append(child)
    return members


def check_partition(
    tree: Mapping[str, Sequence[str]], class_wnids: Sequence[str], roots: Iterable[str]
) -> list[Overlap]:
    """Pairs of roots that cover a class both, in the order of ``roots``; none for a partition."""
    below = classes_below(tree, class_wnids)
    overlaps = []
    for first, second in combinations(dict.fromkeys(roots), 2):
        both = below.get(first, set()) & below.get(second, set())
        if both:
            overlaps.append(Overlap(first, second, tuple(sorted(both))))
    return overlaps


def classes_below(
    tree: Mapping[str, Sequence[str]], class_wnids: Sequence[str]
) -> dict[str, set[int]]:
    """Node -> the classes at or below it."""
    below: dict[str, set[int]] = {}
    for index, wnid in enumerate(class_wnids):
        stack = [wnid]
        while stack:
            node = stack.pop()
            classes = below.setdefault(node, set())
            if index not in classes:
                classes.add(index)
                stack.extend(tree.get(node, ()))
    return below


def _check_nodes(
    tree: Mapping[str, Sequence[str]], class_wnids: Sequence[str], roots: set[str]
) -> None:
    missing = [wnid for wnid in class_wnids if wnid not in tree]
    if missing:
        raise UserError(
            f"The is-a edges lack {len(missing)} of {len(class_wnids)} classes, such as "
            f"{missing[0]}: set supersets.is_a to WordNet's full edge list."
        )
    nodes = set(tree).union(*tree.values())
    unknown = sorted(roots - nodes)
    if unknown:
        raise UserError(f"Annotated roots that are not in the is-a edges: {', '.join(unknown)}.")


def _wordnet(
    section: settings.Supersets, names: list[str]
) -> tuple[dict[int, tuple[int, ...]], dict[str, Any]]:
    """Supersets of classes whose names begin with their wnids, and the check of them."""
    wnids = wnids_of(names)
    tree = read_tree(section.is_a or imagenet.IS_A, section.parents)
    roots = imagenet.read_annotation(section.annotation)
    check: dict[str, Any] = {
        "overlaps": [
            f"{roots[first]} {first} and {roots[second]} {second}: {len(classes)} classes"
            for first, second, classes in check_partition(tree, wnids, roots)
        ],
        "table4": None,
    }
    if sorted(wnids) == sorted(imagenet.class_wnids()):
        rows = imagenet.compare_with_table4(classes_below(tree, wnids))
        wrong = [row for row in rows if row["printed"] != row["counted"]]
        check["table4"] = {
            "rows": len(rows),
            "matching": len(rows) - len(wrong),
            "differing": [
                f"{row['name']} {row['wnid']}: printed {row['printed']}, counted {row['counted']}"
                for row in wrong
            ],
        }
    return supersets(tree, wnids, roots), check


def run(argv: list[str]) -> None:
    """Command line: write the supersets of a data set's classes and a check of them."""
    arguments = parser("pipeline.supersets", "Which classes a map is summed over.")
    add_section(arguments, settings.Supersets)
    arguments.add_argument("--classes", required=True, help="classes.csv (label, class_id, name)")
    arguments.add_argument("--out", required=True, help="JSON to write")
    options = arguments.parse_args(argv)
    section = read_section(options.section, settings.Supersets)
    names = read_class_names(options.classes)
    everything = tuple(range(len(names)))
    check: dict[str, Any] = {"overlaps": [], "table4": None}
    if section.kind == "wordnet":
        sets, check = _wordnet(section, names)
    elif section.kind == "all":
        sets = dict.fromkeys(everything, everything)
    else:
        sets = {label: (label,) for label in everything}
    check["sets"] = len(set(sets.values()))
    check["singletons"] = sum(len(members) == 1 for members in sets.values())
    check["largest"] = max(len(members) for members in sets.values())
    write_json(
        options.out,
        {
            "kind": section.kind,
            "supersets": {str(label): list(members) for label, members in sets.items()},
            "check": check,
        },
    )
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
