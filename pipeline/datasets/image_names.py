"""Images by the names that files of annotations use."""

from collections.abc import Collection
from pathlib import Path, PurePosixPath


class ImageNames:
    """The image ids of a data set, found by their path in any of its usual spellings.

    Each look-up takes as many steps as a path has folders, however many images share a name.

    Args:
        image_ids: paths below the root.
        root: folder of the data set.
    """

    def __init__(self, image_ids: Collection[str], root: Path) -> None:
        self._ids = frozenset(image_ids)
        self._roots = {root.name, root.resolve().name} - {""}
        self._by_end: dict[str, list[str]] = {}
        for image_id in image_ids:
            for end in _ends(image_id)[1:]:
                found = self._by_end.setdefault(end, [])
                if len(found) < 2:  # two are ambiguous, however many more there are
                    found.append(image_id)

    def find(self, name: str) -> str | None:
        """The image of a path below the root, or of one that leads through the root's folder.

        Backslashes count as slashes, where no image has them in its name.
        """
        if name in self._ids:
            return name
        path = _plain(name)
        for end in _ends(path):
            before = path.removesuffix(end).rstrip("/").rpartition("/")[2]
            if end in self._ids and before in ("", ".", *self._roots):
                return end
        return None

    def find_by_end(self, name: str) -> list[str]:
        """The same, or the image whose path ends so: one, none, or two of several."""
        found = self.find(name)
        if found is not None:
            return [found]
        return self._by_end.get(_plain(name), [])


def _plain(name: str) -> str:
    """With single forward slashes only."""
    return str(PurePosixPath(name.replace("\\", "/")))


def _ends(path: str) -> list[str]:
    """``a/b/c`` -> ``a/b/c``, ``b/c``, ``c``."""
    parts = path.split("/")
    return ["/".join(parts[place:]) for place in range(len(parts))]
