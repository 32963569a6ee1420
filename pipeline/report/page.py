"""The page of the report: its template, styles and scripts, with everything embedded."""

import base64
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from pipeline.artefacts.drawings import read_drawing
from pipeline.artefacts.integrity import move_aside
from pipeline.report.facts import FILES, names_of
from pipeline.runtime.errors import UserError

ASSETS = Path(__file__).parent / "assets"
TEMPLATE = ASSETS / "report.html.j2"
_SCRIPTS = ("maps", "data", "drawings", "views")
INLINED = (
    "report.css",
    "report.js",
    *(f"explorer_{name}.js" for name in _SCRIPTS),
    "explorer.js",
)
_TYPES = {".png": "image/png", ".svg": "image/svg+xml"}
# kind of figure -> its title; of another kind its name is the title
TITLES = {
    "contrast": "Maps of two classes and their difference",
    "counterfactual": "Differences of two classes' maps",
    "cue_scores": "Cue localisation by number of differing parts",
    "reliability": "Reliability of the models' probabilities",
    "erase_curves": "Accuracy while pixels are erased",
    "sanity_curves": "Similarity to the maps of randomised models",
    "gallery": "Maps of test images",
    "kinds": "Every kind of map of one CALM",
    "superset_depth": "Maps of ever larger sets of classes",
    "training": "Training: loss and accuracy by epoch",
    "search": "Search of the training keys",
}
_LAST = ("training", "search")  # how the models came about stands behind what they show


def render(context: Mapping[str, Any]) -> str:
    """The report as HTML: equal contents give equal text."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["pretty"] = lambda value: json.dumps(value, indent=2, sort_keys=True)
    environment.filters["json_script"] = json_script
    # a number and its unit stay on one line
    environment.filters["unbroken"] = lambda text: text.replace(" %", "\u00a0%")
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    inlined = {
        name.replace(".", "_"): Markup((ASSETS / name).read_text(encoding="utf-8"))
        for name in INLINED
    }
    return template.render(**inlined, **context)


def json_script(value: Any) -> Markup:
    """A value as JSON that can stand in a ``<script>`` element: no text in it can close that."""
    return Markup(json.dumps(value, sort_keys=True).replace("<", "\\u003c"))


def figures(paths: Iterable[str | Path], captions: Mapping[str, str]) -> list[dict[str, str]]:
    """The figures for the template, in the order of the page."""
    found = [figure(path, captions) for path in paths]
    return sorted(found, key=lambda each: each["kind"] in _LAST)


def figure(path: str | Path, captions: Mapping[str, str]) -> dict[str, str]:
    """A figure for the template, from its path: DATASET/ARCHITECTURE/KIND[.VARIANT].png or .svg."""
    names = names_of(path, FILES.figure)
    dataset, architecture = names["dataset"], names["architecture"]
    kind, _, variant = Path(path).stem.partition(".")
    title = TITLES.get(kind, kind.replace("_", " ").capitalize())
    return {
        "kind": kind,
        "title": f"{title}: {variant}" if variant else title,
        "of": f"{dataset}, {architecture}",
        "file": f"{dataset}.{architecture}.{Path(path).name}",
        "caption": captions.get(kind, ""),
        "source": embedded(path),
    }


def embedded(path: str | Path) -> str:
    """A picture as a ``data:`` URI.

    The same picture of the other kind next to it, which people take for their papers, is checked
    as well.

    Raises:
        UserError: it cannot be read or is neither PNG nor SVG; or one of the two is damaged (it is
            moved aside, and this one with the other).
    """
    path = Path(path)
    if path.suffix not in _TYPES:
        raise UserError(f"--figures {path}: only .png and .svg can be embedded.")
    for twin in (path.with_suffix(suffix) for suffix in _TYPES):
        if twin != path and twin.is_file():
            try:
                read_drawing(twin)
            except UserError:
                move_aside(path)  # the page does not ask for the twin: one job draws both again
                raise
    content = base64.b64encode(read_drawing(path)).decode()
    return f"data:{_TYPES[path.suffix]};base64,{content}"
