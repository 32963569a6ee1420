"""Command line of the figures: ``python -m pipeline.figures NAME ... --out x.png x.svg``."""

import importlib
from pathlib import Path

from pipeline.figures import style
from pipeline.figures.arguments import inputs_of
from pipeline.runtime.cli import add_section, main, parser, read_section
from pipeline.settings import Report

# Modules of this package, see `pipeline.figures.arguments`; a module's first line is its help.
FIGURES = (
    "training",
    "gallery",
    "kinds",
    "superset_depth",
    "contrast",
    "counterfactual",
    "cue_scores",
    "reliability",
    "erase_curves",
    "sanity_curves",
    "search",
)


def run(argv: list[str]) -> None:
    """Draw one figure and write it to every path of ``--out``."""
    arguments = parser("pipeline.figures", "Draw one figure of the report.")
    figures = arguments.add_subparsers(dest="name", required=True, metavar="NAME")
    # only the module that is named is imported; all of them for `--help` and for a wrong name
    chosen = argv[:1] if argv and argv[0] in FIGURES else FIGURES
    modules = {name: importlib.import_module(f"pipeline.figures.{name}") for name in chosen}
    for name, module in modules.items():
        about = (module.__doc__ or name).splitlines()[0]
        figure = figures.add_parser(name, help=about, description=about)
        add_section(figure, Report)
        module.add_arguments(figure)
        figure.add_argument("--out", type=Path, nargs="+", required=True, help=".png or .svg")
    given = arguments.parse_args(argv)
    section = read_section(given.section, Report)
    draw = modules[given.name].draw
    style.use_style()
    style.save(draw(**inputs_of(draw, given, section)), given.out, section.dpi)


if __name__ == "__main__":
    main(run)
