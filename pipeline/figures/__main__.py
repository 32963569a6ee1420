"""Command line of the figures: ``python -m pipeline.figures NAME ... --out x.png x.svg``."""

from pathlib import Path

from pipeline.figures import (
    counterfactual,
    cue_scores,
    erase_curves,
    gallery,
    kinds,
    sanity_curves,
    search,
    style,
    superset_depth,
    training,
)
from pipeline.runtime.cli import add_section, main, parser, read_section
from pipeline.settings import Report

# A module has `add_arguments(arguments)` and `draw(given, section) -> Figure`; its first line is
# its help.
FIGURES = {
    "training": training,
    "gallery": gallery,
    "kinds": kinds,
    "superset_depth": superset_depth,
    "counterfactual": counterfactual,
    "cue_scores": cue_scores,
    "erase_curves": erase_curves,
    "sanity_curves": sanity_curves,
    "search": search,
}


def run(argv: list[str]) -> None:
    """Draw one figure and write it to every path of ``--out``."""
    arguments = parser("pipeline.figures", "Draw one figure of the report.")
    figures = arguments.add_subparsers(dest="name", required=True, metavar="NAME")
    for name, module in FIGURES.items():
        about = (module.__doc__ or name).splitlines()[0]
        figure = figures.add_parser(name, help=about, description=about)
        add_section(figure, Report)
        module.add_arguments(figure)
        figure.add_argument("--out", type=Path, nargs="+", required=True, help=".png or .svg")
    given = arguments.parse_args(argv)
    section = read_section(given.section, Report)
    style.use_style()
    style.save(FIGURES[given.name].draw(given, section), given.out, section.dpi)


if __name__ == "__main__":
    main(run)
