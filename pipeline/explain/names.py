"""The classes of a model as people name them: forgiving of case, underscores and synonyms."""

import csv
import difflib
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from pipeline.artefacts.classes import WNID, plain, read_class_names, titles_of, wnids_of
from pipeline.artefacts.supersets import read_supersets
from pipeline.catalogue import imagenet
from pipeline.runtime.errors import UserError
from pipeline.supersets.tree import classes_below, read_tree

_SYNONYMS = imagenet.DATA / "synonyms.csv"


class Classes:
    """The classes of a model, found by name.

    Attributes:
        names: as the data set writes them, in order of the labels; a wnid may stand before.
        titles: the same for people: without numbers and underscores.
        groups: label -> labels of its superset in the study; {} where no study says.
    """

    def __init__(
        self,
        names: Sequence[str],
        titles: Sequence[str],
        groups: Mapping[int, Sequence[int]] | None = None,
    ) -> None:
        self.names = list(names)
        self.titles = list(titles)
        self.groups = dict(groups or {})

    @classmethod
    def read(cls, path: Path, supersets: Path | None = None) -> "Classes":
        """From a classes.csv and, if there is one, a supersets.json.

        Raises:
            UserError: a file is missing or broken.
        """
        groups = read_supersets(supersets) if supersets else None
        return cls.of_names(read_class_names(path, given=True), groups)

    @classmethod
    def of_names(
        cls, names: Sequence[str], groups: Mapping[int, Sequence[int]] | None = None
    ) -> "Classes":
        """From the names alone."""
        return cls(names, titles_of(names), groups)

    @classmethod
    def numbered(cls, count: int) -> "Classes":
        """Classes without names: ``class 0``, ``class 1``, ..."""
        names = [f"class {label}" for label in range(count)]
        return cls(names, names)

    def __len__(self) -> int:
        return len(self.names)

    def find(self, text: str | int) -> int:
        """The label of a class.

        Args:
            text: its name (case, underscores and hyphens do not matter), another name that WordNet
                has for it, its wnid, or its label, counted from 0.

        Raises:
            UserError: no class or several are called so; the message lists the nearest names.
        """
        text = str(text)
        if text.isdecimal() and str(int(text)) == text:
            if int(text) < len(self):
                return int(text)
            raise UserError(f"There is no class {text}: the labels are 0 to {len(self) - 1}.")
        for named in (self._by_wnid, self._by_name, self._by_synonym):
            if labels := named.get(plain(text)):
                return self._only(text, labels)
        raise UserError(f"There is no class {text!r}.{self._nearest(text)}")

    def superset(self, text: str) -> tuple[str, tuple[int, ...]]:
        """A set of classes and its name.

        Args:
            text: of classes with wnids, a synset of WordNet above them, such as ``dog``; of others
                the name of a class, for its superset in the study, or the words that the classes
                have in common, such as ``sparrow``.

        Returns:
            Its name, and the labels, ascending.

        Raises:
            UserError: there is no such set, or several.
        """
        if self._by_wnid:
            return self._synset(text)
        if (labels := self._by_name.get(plain(text))) and self.groups:
            label = self._only(text, labels)
            return f"the superset of {self.titles[label]}", tuple(self.groups[label])
        words = f" {plain(text)} "
        members = [n for n, title in enumerate(self.titles) if words in f" {plain(title)} "]
        if not members:
            raise UserError(f"No class has {text!r} in its name.{self._nearest(text)}")
        return text, tuple(members)

    def _synset(self, text: str) -> tuple[str, tuple[int, ...]]:
        below = classes_below(read_tree(imagenet.IS_A), wnids_of(self.names))
        first = {**_titles_by_wnid(self.names, self.titles), **imagenet.synset_names()}
        for named in (((wnid, wnid) for wnid in first), first.items(), _synonyms()):
            found = {wnid for wnid, name in named if wnid in below and plain(name) == plain(text)}
            if len(found) > 1:
                several = ", ".join(f"{wnid} ({len(below[wnid])} classes)" for wnid in found)
                raise UserError(f"WordNet has several {text!r}: {several}. Give one of these.")
            for wnid in found:
                return first[wnid], tuple(sorted(below[wnid]))
        near = _like(text, [name for wnid, name in first.items() if wnid in below])
        raise UserError(f"WordNet has no {text!r} above the classes of this model.{near}")

    @cached_property
    def _by_wnid(self) -> dict[str, list[int]]:
        if not all(WNID.match(name) for name in self.names):
            return {}
        return _by_plain(zip(wnids_of(self.names), range(len(self)), strict=True))

    @cached_property
    def _by_name(self) -> dict[str, list[int]]:
        both = zip(self.names, self.titles, strict=True)
        return _by_plain((text, label) for label, texts in enumerate(both) for text in texts)

    @cached_property
    def _by_synonym(self) -> dict[str, list[int]]:
        if not self._by_wnid:
            return {}
        return _by_plain(
            (name, label) for wnid, name in _synonyms() for label in self._by_wnid.get(wnid, ())
        )

    def _only(self, text: str, labels: Sequence[int]) -> int:
        if len(labels) > 1:
            several = ", ".join(f"{self.names[label]} (label {label})" for label in labels)
            raise UserError(f"Several classes are called {text!r}: {several}. Give the label.")
        return labels[0]

    def _nearest(self, text: str) -> str:
        return _like(text, self.titles)


def _like(text: str, names: Sequence[str]) -> str:
    """' Did you mean ...?': the names that share a word with ``text`` or are spelt like it."""
    of_plain = {plain(name): name for name in names}
    near = difflib.get_close_matches(plain(text), of_plain, n=3, cutoff=0.6)
    words = set(plain(text).split())
    shared = sorted(of_plain, key=lambda name: -len(words & {*name.split()}))
    near += [name for name in shared if words & {*name.split()} and name not in near]
    near = near[:6] or list(of_plain)[:6]
    return f" Did you mean {', '.join(repr(of_plain[name]) for name in near)}?"


def _titles_by_wnid(names: Sequence[str], titles: Sequence[str]) -> dict[str, str]:
    return dict(zip(wnids_of(names), titles, strict=True))


def _by_plain(named: Iterable[tuple[str, int]]) -> dict[str, list[int]]:
    """Plain name -> the labels that have it, each once."""
    found: dict[str, list[int]] = {}
    for name, label in named:
        labels = found.setdefault(plain(name), [])
        if label not in labels:
            labels.append(label)
    return found


def _synonyms() -> list[tuple[str, str]]:
    """(wnid, name) of WordNet's further names of the ImageNet classes and the synsets above."""
    with open(_SYNONYMS, newline="") as stream:
        return [(row["wnid"], row["name"]) for row in csv.DictReader(stream)]
