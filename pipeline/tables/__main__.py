"""Command line of the tables: score files -> CSV, Markdown, LaTeX, and all of it as JSON."""

from collections.abc import Callable
from pathlib import Path

from pipeline.cli import add_section, main, parser, read_section
from pipeline.errors import UserError
from pipeline.files import atomic_path, read_json
from pipeline.settings import TablesJob
from pipeline.tables.accuracy import accuracy_table
from pipeline.tables.cues import cue_table
from pipeline.tables.formats import to_csv, to_latex, to_markdown
from pipeline.tables.scores import read_groups
from pipeline.tables.table import Table, save
from pipeline.tables.wsol import wsol_table

FORMATS: dict[str, Callable[[Table], str]] = {
    "csv": to_csv,
    "md": to_markdown,
    "tex": to_latex,
}


def run(argv: list[str]) -> None:
    """Write every table in every format, and tables.json with the sources of each row."""
    arguments = parser("pipeline.tables", "Write the tables of a study from its score files.")
    add_section(arguments, TablesJob)
    arguments.add_argument("--scores", nargs="+", required=True, help="score files, .json")
    arguments.add_argument(
        "--cue-datasets", nargs="*", default=[], help="data sets that --cue-checks belong to"
    )
    arguments.add_argument(
        "--cue-checks", nargs="*", default=[], help="check.json of their cues stage, in this order"
    )
    arguments.add_argument("--out", type=Path, required=True, help="folder of the tables")
    options = arguments.parse_args(argv)
    job = read_section(options.section, TablesJob)
    if len(options.cue_datasets) != len(options.cue_checks):
        raise UserError("--cue-checks: give one file for each of --cue-datasets.")

    groups = read_groups(options.scores)
    of_task = {
        task: [g for g in groups if g.task == task] for task in ("classification", "cues", "wsol")
    }
    checks = {
        dataset: read_json(path)
        for dataset, path in zip(options.cue_datasets, options.cue_checks, strict=True)
    }
    tables = [
        cue_table(of_task["cues"], checks, job),
        accuracy_table(of_task["classification"], job),
        wsol_table(of_task["wsol"], job),
    ]
    for table in tables:
        for suffix, write in FORMATS.items():
            with atomic_path(options.out / f"{table.name}.{suffix}") as temporary:
                temporary.write_text(write(table), encoding="utf-8")
    save(options.out / "tables.json", tables)


if __name__ == "__main__":
    main(run)
