"""Which of our modules a stage is made of: its code inputs, and their digest.

Snakemake does not see edits in imported modules. Every rule therefore has a list of the modules
that its stage imports as an input (`pipeline.study.code_lists`). They are found here by reading
import statements (nothing is imported).
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[1]

# Imported everywhere, but without effect on what a stage writes: a setting's value reaches a job
# through its parameters, a path as an input or output, and messages and progress are not results.
WITHOUT_EFFECT = frozenset(
    {
        "artefacts.paths",
        "catalogue.evaluations",
        "catalogue.layouts",
        "catalogue.methods",
        "catalogue.training_methods",
        "runtime.cli",
        "runtime.codegraph",
        "runtime.errors",
        "runtime.machine",
        "runtime.orphans",
        "runtime.progress",
        "runtime.progress_files",
        "runtime.validation",
        "settings",
        "training.events",
    }
)


def code_of(*modules: str) -> list[str]:
    """Paths of the files that ``modules`` (such as ``"pipeline.training"``) consist of, sorted.

    Imports are followed through the package; a package's ``__init__`` and, for a stage that is a
    package, its ``__main__`` belong to it.
    """
    found: set[Path] = set()
    waiting = [path for module in modules for path in _files(module)]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting.extend(_imports(path))
    return sorted(str(path) for path in found)


def code_digest(*modules: str) -> str:
    """Hex digest (16 characters) of the contents of `code_of` these modules."""
    total = hashlib.sha256()
    for path in code_of(*modules):
        total.update(Path(path).relative_to(PACKAGE).as_posix().encode() + b"\0")
        total.update(hashlib.sha256(Path(path).read_bytes()).digest())
    return total.hexdigest()[:16]


@cache
def _imports(path: Path) -> tuple[Path, ...]:
    """Files of our package that the file at ``path`` imports itself."""
    names: list[str] = []
    for node in _statements(ast.parse(path.read_text(), filename=str(path))):
        if isinstance(node, ast.Import):
            names.extend(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
            names.extend(f"{node.module}.{alias.name}" for alias in node.names)
    return tuple(file for name in names for file in _files(name, entry_point=False))


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """The statements below a node, those inside others too: `ast.walk` without the expressions."""
    for name in ("body", "orelse", "finalbody", "handlers", "cases"):
        for child in getattr(node, name, ()):
            yield child
            yield from _statements(child)


@cache
def _files(module: str, *, entry_point: bool = True) -> tuple[Path, ...]:
    """Files behind a dotted name of our package; none for other names (a function, say)."""
    package, *parts = module.split(".")
    above = {".".join(parts[:depth]) for depth in range(1, len(parts) + 1)}
    if package != PACKAGE.name or not parts or above & WITHOUT_EFFECT:
        return ()
    files: list[Path] = []
    for depth in range(1, len(parts) + 1):
        place = PACKAGE.joinpath(*parts[:depth])
        files.extend(p for p in (place.with_suffix(".py"), place / "__init__.py") if p.is_file())
    if entry_point and (PACKAGE.joinpath(*parts) / "__main__.py").is_file():
        files.append(PACKAGE.joinpath(*parts) / "__main__.py")
    return tuple(files)
