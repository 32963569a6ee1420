"""Supersets: which classes an attribution map is summed over (paper, section 5.4, Appendix F).

A superset holds the classes that share one structure of parts, such as all birds. For ImageNet it
comes from WordNet's is-a tree and an annotation of its nodes (pipeline/catalogue/imagenet.py).
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Literal, NamedTuple

from pipeline.artefacts.classes import WNID
from pipeline.runtime.errors import UserError

Tree = dict[str, tuple[str, ...]]  # child -> parents, by wnid


class Overlap(NamedTuple):
    """Two roots that cover the same classes."""

    first: str
    second: str
    classes: tuple[int, ...]


def read_tree(is_a_path: str | Path, parents: Literal["last", "all"] = "last") -> Tree:
    """Read WordNet's is-a edges, one ``parent child`` per line.

    Args:
        is_a_path: the full edge list or a part of it.
        parents: "last": of a synset's parents only the one of its last line (this reproduces the
            paper's Table 4); "all": every parent.

    Returns:
        Child wnid -> parent wnids, in the order of the file.

    Raises:
        UserError: the file cannot be read, or a line is not an edge.
    """
    if Path(is_a_path).exists() and not Path(is_a_path).is_file():  # a pipe would be waited for
        raise UserError(f"The is-a edges {is_a_path} are no regular file. Put a text file there.")
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

    Args:
        tree: child wnid -> parent wnids.
        class_wnids: wnid of class 0, 1, ...
        roots: wnids of the nodes marked ``hom``.

    Returns:
        Class index -> the class indices of its superset, ascending, itself included; a class below
        no root is a superset of its own.

    Raises:
        UserError: a class or a root is not in the tree.
    """
    members: dict[int, tuple[int, ...]] = {index: (index,) for index in range(len(class_wnids))}
    for taken in classes_of_roots(tree, class_wnids, roots).values():
        members.update(dict.fromkeys(taken, taken))
    return members


def classes_of_roots(
    tree: Mapping[str, Sequence[str]], class_wnids: Sequence[str], roots: Iterable[str]
) -> dict[str, tuple[int, ...]]:
    """The classes of every annotated root that the walk reaches.

    The walk of Appendix F: breadth first from the top of the tree; at a root, every class below it
    that has none yet belongs to it, and the walk goes no deeper there. So a class below two roots
    belongs to the one nearest to the top, and the result is always a partition.

    Args:
        tree: child wnid -> parent wnids.
        class_wnids: wnid of class 0, 1, ...
        roots: wnids of the nodes marked ``hom``.

    Returns:
        Root -> its class indices, ascending; roots without a class are left out.

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
    found: dict[str, tuple[int, ...]] = {}
    free = set(range(len(class_wnids)))
    queue = deque(node for node in children if node not in tree)  # the tops
    seen = set(queue)
    while queue:
        node = queue.popleft()
        if node in roots:
            taken = tuple(sorted(free.intersection(below.get(node, ()))))
            free.difference_update(taken)
            if taken:
                found[node] = taken
            continue
        for child in children.get(node, ()):
            if child not in seen:
                seen.add(child)
                queue.append(child)
    return found


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
