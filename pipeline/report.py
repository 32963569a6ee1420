"""Stage 8: report.html, one file that needs nothing else: findings, tables, figures, provenance."""

import base64
import importlib.metadata
import json
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jinja2
import yaml

from pipeline.cli import main, parser
from pipeline.errors import UserError
from pipeline.files import atomic_path, read_json, sha256
from pipeline.summary import findings
from pipeline.tables.formats import best, digits, leads
from pipeline.tables.table import load

TEMPLATE = Path(__file__).parent / "data" / "report.html.j2"
PACKAGES = (
    "torch", "torchvision", "lightning-fabric", "numpy", "numba", "h5py", "pandas",
    "webdataset", "pillow", "matplotlib",
)  # fmt: skip
_TYPES = {".png": "image/png", ".svg": "image/svg+xml"}


def embedded(path: str | Path) -> str:
    """A picture as a ``data:`` URI; UserError if it cannot be read or is neither PNG nor SVG."""
    path = Path(path)
    if path.suffix not in _TYPES:
        raise UserError(f"--figures {path}: only .png and .svg can be embedded.")
    try:
        content = base64.b64encode(path.read_bytes()).decode()
    except OSError as error:
        raise UserError(f"Cannot read {path}: {error.strerror}. Draw the figure again.") from error
    return f"data:{_TYPES[path.suffix]};base64,{content}"


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide results."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "unknown"  # installed without metadata, as by some conda builds
    return found


def figure(path: str | Path, captions: dict[str, str]) -> dict[str, str]:
    """A figure for the template, from its path: DATASET/ARCHITECTURE/KIND[.VARIANT].png or .svg."""
    *_, dataset, architecture, _ = Path(path).parts
    kind, *variant = Path(path).stem.split(".", 1)
    return {
        "kind": kind,
        "title": ", ".join((dataset, architecture, *variant)),
        "caption": captions.get(kind, ""),
        "source": embedded(path),
    }


def model(path: str | Path) -> dict[str, Any]:
    """A trained model for the template, from its metrics.json."""
    metrics = read_json(path)
    try:
        return {
            "path": str(path),
            "last_epoch": metrics["last_epoch"],
            "provenance": metrics["provenance"],
        }
    except (KeyError, TypeError) as error:
        raise UserError(f"{path} lacks {error}. Delete it and train again.") from error


def render(context: dict[str, Any]) -> str:
    """The report as HTML: equal contents give equal text."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["pretty"] = lambda value: json.dumps(value, indent=2, sort_keys=True)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(context)


def _captions(paths: Iterable[str]) -> dict[str, str]:
    """Name of a table or kind of figure -> caption."""
    return {Path(path).stem: " ".join(Path(path).read_text().split()) for path in paths}


def run(argv: list[str]) -> None:
    """Write the report."""
    arguments = parser("pipeline.report", "Write report.html, which needs no other file.")
    arguments.add_argument("--study", required=True, help="the whole config, JSON")
    arguments.add_argument("--tables", required=True, help="tables.json")
    arguments.add_argument("--figures", nargs="*", default=[], help="PNG and SVG files")
    arguments.add_argument("--captions", nargs="*", default=[], help="texts, NAME.rst")
    arguments.add_argument("--metrics", nargs="*", default=[], help="metrics.json of the models")
    arguments.add_argument("--checks", nargs="*", default=[], help="check.json of data and cues")
    arguments.add_argument("--manifests", nargs="*", default=[], help="manifests of the data")
    arguments.add_argument("--out", type=Path, required=True, help="report.html")
    options = arguments.parse_args(argv)
    study, tables = json.loads(options.study), load(options.tables)
    captions = _captions(options.captions)

    page = render(
        {
            "study": study,
            "config": yaml.safe_dump(study, sort_keys=True, allow_unicode=True),
            "findings": findings(tables),
            "tables": tables.tables,
            "best": best,
            "digits": digits,
            "leads": leads,
            "captions": captions,
            "figures": [figure(path, captions) for path in options.figures],
            "models": [model(path) for path in options.metrics],
            "checks": {str(path): read_json(path) for path in options.checks},
            "manifests": {str(path): sha256(path) for path in options.manifests},
            "versions": versions(),
        }
    )
    with atomic_path(options.out) as temporary:
        temporary.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main(run)
