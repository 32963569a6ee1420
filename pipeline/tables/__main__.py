"""Command line of the tables: score files -> CSV, Markdown, LaTeX, and all of it as JSON."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.artefacts.files import atomic_path, read_json
from pipeline.artefacts.supersets import Supersets, read_superset_check, read_supersets
from pipeline.artefacts.table import Table, save
from pipeline.catalogue.tables import tables_of
from pipeline.runtime.cli import add_section, main, parser, read_section
from pipeline.runtime.errors import UserError
from pipeline.settings import TablesJob
from pipeline.tables.accuracy import accuracy_table
from pipeline.tables.cues import cue_table
from pipeline.tables.explained import with_explained
from pipeline.tables.formats import to_csv, to_latex, to_markdown
from pipeline.tables.metrics import TITLES, metric_table
from pipeline.tables.mixed import mixed_notes, with_mixed
from pipeline.tables.rankings import rank_table
from pipeline.tables.scores import Group, read_groups
from pipeline.tables.singletons import singleton_notes, with_singletons
from pipeline.tables.supersets import superset_table
from pipeline.tables.trunks import trunk_table
from pipeline.tables.weak import with_weak
from pipeline.tables.wsol import wsol_table

FORMATS: dict[str, Callable[[Table], str]] = {
    "csv": to_csv,
    "md": to_markdown,
    "tex": to_latex,
}


def build(
    groups: Sequence[Group],
    checks: Mapping[str, Any],
    job: TablesJob,
    supersets: Mapping[str, Mapping[str, Any]] | None = None,
    trees: Mapping[str, Supersets] | None = None,
) -> list[Table]:
    """Every table that there are scores for, in the order of the report.

    Args:
        groups: all scores.
        checks: data set -> check.json of its cues stage.
        job: what the tables need to know of the config.
        supersets: data set -> check of its supersets, for those from a tree of classes.
        trees: data set -> these supersets.
    """
    of_task: dict[str, list[Group]] = {"supersets": []} if supersets else {}
    for group in groups:
        of_task.setdefault(group.task, []).append(group)
    builders: dict[str, Callable[[], Table]] = {
        "cue_localization": lambda: cue_table(of_task["cue_localization"], checks, job),
        "accuracy": lambda: accuracy_table(of_task["classification"], job),
        "wsol": lambda: wsol_table(of_task["wsol"], job),
        "trunks": lambda: trunk_table(of_task["wsol"], job),
        "rankings": lambda: rank_table(groups, job),
        "supersets": lambda: superset_table(supersets or {}),
    }
    builders |= {name: partial(metric_table, name, groups, job) for name in TITLES}
    notes = singleton_notes(of_task.get("classification", []), job, trees or {})
    mixed = mixed_notes(groups)
    built = (with_explained(builders[name](), job) for name in tables_of(of_task))
    return with_weak([with_mixed(with_singletons(table, notes), mixed) for table in built])


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
    arguments.add_argument(
        "--superset-datasets", nargs="*", default=[], help="data sets that --supersets belong to"
    )
    arguments.add_argument(
        "--supersets", nargs="*", default=[], help="supersets.json from a tree, in this order"
    )
    arguments.add_argument("--out", type=Path, required=True, help="folder of the tables")
    options = arguments.parse_args(argv)
    job = read_section(options.section, TablesJob)
    for files, names in (("cue_checks", "cue_datasets"), ("supersets", "superset_datasets")):
        if len(getattr(options, files)) != len(getattr(options, names)):
            words = (each.replace("_", "-") for each in (files, names))
            raise UserError("--{}: give one file for each of --{}.".format(*words))

    checks = {
        dataset: read_json(path)
        for dataset, path in zip(options.cue_datasets, options.cue_checks, strict=True)
    }
    of_trees = dict(zip(options.superset_datasets, map(Path, options.supersets), strict=True))
    supersets = {dataset: read_superset_check(path) for dataset, path in of_trees.items()}
    trees = {dataset: read_supersets(path) for dataset, path in of_trees.items()}
    tables = build(read_groups(options.scores), checks, job, supersets, trees)
    texts = []
    for table in tables:
        for suffix, write in FORMATS.items():
            texts.append(options.out / f"{table.name}.{suffix}")
            with atomic_path(texts[-1]) as temporary:
                temporary.write_text(write(table), encoding="utf-8")
    save(options.out / "tables.json", tables, texts)


if __name__ == "__main__":
    main(run)
