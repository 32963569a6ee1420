"""Command line of the report: findings, tables, figures, explorer and provenance on one page."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import yaml

from pipeline.artefacts.files import atomic_path, read_json, sha256
from pipeline.artefacts.table import Block, load
from pipeline.report.chance import no_better
from pipeline.report.facts import commit, date, duration, durations, left_out, model, versions
from pipeline.report.findings import findings, leads
from pipeline.report.glossary import glossary
from pipeline.report.headline import has_weak, headline, of_models, short
from pipeline.report.no_evidence import no_better_maps
from pipeline.report.page import figures, render
from pipeline.report.plot import Panel, panels, standalone
from pipeline.report.views import data_uri, repeats_another, view
from pipeline.runtime.cli import main, parser
from pipeline.tables import formats


def _captions(paths: Iterable[str]) -> dict[str, str]:
    """Name of a table or kind of figure -> caption, without the marks of reStructuredText."""
    return {
        Path(path).stem: " ".join(Path(path).read_text().replace("`", "").split()) for path in paths
    }


def _plot_files(plots: Sequence[tuple[Block, Sequence[Panel]]]) -> Iterator[tuple[str, str]]:
    """Names and texts of the files of the report's first figure."""
    for block, drawn in plots:
        yield "{dataset}.{architecture}.headline.svg".format_map(block.keys), standalone(drawn)


def run(argv: list[str]) -> None:
    """Write the report."""
    arguments = parser("pipeline.report", "Write report.html, which needs no other file.")
    arguments.add_argument("--study", required=True, help="the whole config, JSON")
    arguments.add_argument("--tables", required=True, help="tables.json")
    arguments.add_argument("--figures", nargs="*", default=[], help="PNG and SVG files")
    arguments.add_argument(
        "--explorers", nargs="*", default=[], help="JSON of pipeline.report.explorer"
    )
    arguments.add_argument("--captions", nargs="*", default=[], help="texts, NAME.rst")
    arguments.add_argument("--metrics", nargs="*", default=[], help="metrics.json of the models")
    arguments.add_argument("--checks", nargs="*", default=[], help="check.json of data and cues")
    arguments.add_argument("--manifests", nargs="*", default=[], help="manifests of the data")
    arguments.add_argument("--benchmarks", type=Path, required=True, help="folder of the .tsv")
    arguments.add_argument("--out", type=Path, required=True, help="report.html")
    options = arguments.parse_args(argv)
    study, tables = json.loads(options.study), load(options.tables)
    captions = _captions(options.captions)
    models = [model(path) for path in options.metrics]
    main_results = headline(tables)
    is_short = main_results is not None and short(main_results) is not main_results
    shown = [table for table in tables.tables if not repeats_another(table)]
    plots = (
        [(each, panels(main_results, each, of_models(tables))) for each in main_results.blocks]
        if main_results
        else []
    )
    took = durations(options.benchmarks, study)

    page = render(
        {
            "study": study,
            "config": yaml.safe_dump(study, sort_keys=True, allow_unicode=True),
            "findings": findings(tables),
            "leads": leads(tables),
            "headline": main_results and view(main_results, 2),
            "short": main_results and view(short(main_results), 1),
            "is_short": is_short,
            "weak": main_results and has_weak(main_results),
            "plots": plots,
            "plot_files": {name: data_uri(name, text) for name, text in _plot_files(plots)},
            "glossary": glossary(main_results) if main_results else [],
            "views": [
                view(table, number, captions.get(table.name, ""))
                for number, table in enumerate(shown, 1 + bool(main_results) + is_short)
            ],
            "tables": tables.tables,
            "best": formats.best,
            "digits": formats.digits,
            "leads_block": formats.leads,
            "figures": figures(options.figures, captions),
            "explorers": [read_json(path) for path in options.explorers],
            "models": models,
            "no_better": [*no_better(models), *no_better_maps(tables)],
            "checks": {str(path): read_json(path) for path in options.checks},
            "left_out": left_out(options.checks),
            "durations": took,
            "took": duration(sum(row["seconds"] for row in took)),
            "date": date(options.tables),
            "commit": commit(),
            "duration": duration,
            "manifests": {str(path): sha256(path) for path in options.manifests},
            "versions": versions(),
        }
    )
    with atomic_path(options.out) as temporary:
        temporary.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main(run)
