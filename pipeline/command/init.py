"""``calm init``: the workflow of the installed package, laid out in a folder."""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.runtime.errors import UserError

PARTS = ("Snakefile", "workflow", "config", "profiles", "envs", "docs")
RECORD = ".calm-init.json"  # path -> SHA-256 of what was laid out
_RULES = ("Snakefile", "workflow/")  # what has to fit the package
_PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True)
class Laid:
    """What `lay_out` did: paths from the folder, sorted.

    Attributes:
        written: new files, and those that were brought up to date.
        kept: files that differ from the package's, since the user edited or wrote them.
    """

    written: list[str]
    kept: list[str]


def run(folder: Path) -> None:
    """Lay out the folder, which is made if it is missing, and say what comes next.

    Raises:
        UserError: the folder holds something else, or cannot be written.
    """
    laid = lay_out(folder)
    print(f"{folder}: {len(laid.written)} files written ({', '.join(PARTS)}).")
    if laid.kept:
        print(f"Kept, because they are yours: {', '.join(laid.kept)}")
    here = folder.resolve() == Path.cwd()
    print("Next:", *([] if here else [f"cd {folder}"]), "calm check", "calm run", sep="\n  ")


def lay_out(folder: Path) -> Laid:
    """Write the package's workflow into a folder; nothing of it if anything stands in the way.

    Every file is written elsewhere first, then renamed to its place. A file that is there already
    is replaced only if it still is what an earlier call wrote.

    Args:
        folder: a new one, an empty one (names that begin with a dot do not count), or one that was
            laid out before.

    Raises:
        UserError: the folder holds something else, or cannot be written.
    """
    shipped = _shipped()
    before = _record(folder)
    if before is None:
        _refuse_other(folder)
        before = {}
    there = {name: _digest(folder / name) for name in before | shipped}
    written: list[str] = []
    kept: list[str] = []
    gone: list[str] = []
    for name, now in sorted(there.items()):
        new = _digest(shipped[name]) if name in shipped else None
        if now == new:
            continue
        if now is not None and now != before.get(name):
            kept.append(name)
        else:
            (written if new else gone).append(name)
    record = {name: str(_digest(path)) for name, path in shipped.items()}
    try:
        _move_in(folder, {name: shipped[name] for name in written}, record)
        for name in gone:
            (folder / name).unlink()
    except OSError as error:
        raise UserError(f"Cannot lay out {folder}: {error.strerror}: {error.filename}.") from error
    return Laid(written, kept)


def problem_of_rules(folder: str | Path) -> str:
    """What is wrong if the rules in a folder are of another version than this package; else "".

    Folders that `lay_out` did not make are not looked at.
    """
    laid = _record(Path(folder))
    if laid is None:
        return ""
    shipped = {name: _digest(path) for name, path in _shipped().items()}
    names = [name for name in laid | shipped if name.startswith(_RULES)]
    if all(laid.get(name) == shipped.get(name) for name in names):
        return ""
    return (
        f"The rules in {folder} are of another version of calm-study than the one that is "
        f"installed. Bring them up to date: calm init {folder}"
    )


def _shipped() -> dict[str, Path]:
    """The files to lay out, by their path from the folder: the wheel's, or those of a checkout."""
    source = _PACKAGE / "laid_out"
    if not source.is_dir():
        source = _PACKAGE.parent
    if not (source / "Snakefile").is_file():
        raise UserError(
            f"The package in {_PACKAGE} came without its workflow. Install it from its wheel, or "
            "from a checkout."
        )
    found = [
        path
        for part in PARTS
        for path in [source / part, *(source / part).rglob("*")]
        if path.is_file() and "__pycache__" not in path.parts
    ]
    return {path.relative_to(source).as_posix(): path for path in found}


def _record(folder: Path) -> dict[str, str] | None:
    """What was laid out in a folder before; None if nothing was."""
    path = folder / RECORD
    try:
        record = json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {error}. Name a new folder.") from error
    return dict(record)


def _refuse_other(folder: Path) -> None:
    """Raise UserError unless the folder is new or holds hidden files alone."""
    if folder.is_dir():
        others = sorted(path.name for path in folder.iterdir() if path.name[0] != ".")
    else:
        others = [folder.name] if folder.exists() or folder.is_symlink() else []
    if others:
        more = ", ..." if len(others) > 3 else ""
        raise UserError(
            f"{folder} is not empty, and `calm init` did not lay it out: it holds "
            f"{', '.join(others[:3])}{more}. Name a new or an empty folder."
            if folder.is_dir()
            else f"{folder} is not a folder. Name a new or an empty folder."
        )


def _move_in(folder: Path, files: Mapping[str, Path], record: Mapping[str, str]) -> None:
    """Copy files to a folder next to their place, then rename them; a new folder as a whole."""
    new = not folder.exists()
    if new:
        folder.parent.mkdir(parents=True, exist_ok=True)
    stage = (folder.parent if new else folder) / f".calm-init-{os.getpid()}"
    stage.mkdir()
    try:
        for name, source in files.items():
            (stage / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, stage / name)
        (stage / RECORD).write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")
        if new:
            stage.rename(folder)
            return
        for name in [*files, RECORD]:  # the record last: until then the next call repairs
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (stage / name).replace(folder / name)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _digest(path: Path) -> str | None:
    """SHA-256 of a file; None if there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
