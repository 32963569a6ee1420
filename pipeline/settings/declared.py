"""Options that a method declares in its own file: a class there becomes a section of the config.

The settings are read without PyTorch, which the file of a method imports. So only a part of the
file is imported: the class, with the imports that any section has.
"""

import ast
from collections.abc import Callable, Mapping
from importlib.abc import InspectLoader
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pydantic import create_model

from pipeline.settings.base import Section

_PACKAGES = Path(__file__).parents[2]
_LIGHT = ("typing", "pydantic", "pipeline.settings.base", "pipeline.settings.evaluation")
_Kind = TypeVar("_Kind", bound=Section)


class Entry(Protocol):
    """What the catalogues' entries have in common."""

    @property
    def code(self) -> str:
        """The dotted name of the module."""

    @property
    def section(self) -> str:
        """The name of the class of its options there; empty if it has none."""


class _Light(InspectLoader):
    """Imports a part of a module: one class, and what any section imports."""

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name

    def get_source(self, fullname: str) -> str:
        """The text of that part."""
        kept: list[ast.stmt] = [
            node
            for node in ast.parse(self.path.read_text(), filename=str(self.path)).body
            if (isinstance(node, ast.ClassDef) and node.name == self.name)
            or (isinstance(node, ast.ImportFrom) and node.module in _LIGHT)
        ]
        return ast.unparse(ast.Module(kept, []))


def declared(module: str, name: str) -> Any:
    """The section that a module declares.

    Args:
        module: dotted name.
        name: of the class. It may use `_LIGHT` alone, which the file imports with ``from``.

    Raises:
        NameError: the module has no such class, or the class uses something else.
    """
    path = _PACKAGES.joinpath(*module.split(".")).with_suffix(".py")
    loader = _Light(path, name)
    part = module_from_spec(ModuleSpec(module, loader, origin=str(path)))
    try:
        loader.exec_module(part)
        return getattr(part, name)
    except (NameError, AttributeError) as error:
        raise NameError(
            f"{path} declares no section {name} of names from {', '.join(_LIGHT)}: {error}"
        ) from error


def with_declared(catalogue: Mapping[str, Entry]) -> Callable[[type[_Kind]], type[_Kind]]:
    """A decorator: a section gets a key for each entry of a catalogue that declares options."""

    def extend(section: type[_Kind]) -> type[_Kind]:
        kinds = {
            name: declared(entry.code, entry.section)
            for name, entry in catalogue.items()
            if entry.section
        }
        if not kinds:
            return section
        fields: dict[str, Any] = {name: (kind, kind()) for name, kind in kinds.items()}
        return create_model(
            section.__name__,
            __base__=section,
            __doc__=section.__doc__,
            __module__=section.__module__,
            **fields,
        )

    return extend
