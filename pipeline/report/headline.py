"""The report's first table: the main numbers of every table, for each map of each model."""

from collections.abc import Iterator

from pipeline.artefacts.table import Block, Cell, Row, Table, Tables
from pipeline.tables.singletons import PREFIX

ROWS = 8  # of a data set and architecture; where there are more, the first table is a short one


def headline(tables: Tables) -> Table | None:
    """A block for every (data set, architecture); None where no table has a main number.

    Numbers of models come first, then those of maps, each in the order of the tables. Cells keep
    their intervals. A model's number is repeated for all of its maps. Of a table's several blocks
    for one architecture the first is taken: estimated cue masks and the headline normalisation.
    Baselines stand below, and the notes on maps of supersets, of which there may be rows.
    """
    main = [
        (table, column)
        for table in sorted(tables.tables, key=lambda table: "method" in table.names)
        for column in table.main
    ]
    places = dict.fromkeys(
        (block.keys["dataset"], block.keys["architecture"])
        for table, _ in main
        for block in table.blocks
        if any(row.kind == "measured" for row in block.rows)
    )
    if not places:
        return None
    return Table(
        name="headline",
        title="Main results (%)",
        names={"variant": "Model", "method": "Map"},
        columns={column: _heading(table, column) for table, column in main},
        blocks=tuple(
            Block(
                heading=f"{dataset}, {architecture}",
                keys={"dataset": dataset, "architecture": architecture},
                rows=tuple(_rows([(t, c, _block(t, dataset, architecture)) for t, c in main])),
            )
            for dataset, architecture in places
        ),
        main={column: table.main[column] for table, column in main},
        lower=tuple(column for table, column in main if column in table.lower),
        plain=tuple(column for table, column in main if column in table.plain),
        notes=tuple(
            dict.fromkeys(
                note for table, _ in main for note in table.notes if note.startswith(PREFIX)
            )
        ),
    )


def of_models(tables: Tables) -> set[str]:
    """The main numbers that are of models, not of their maps."""
    return {
        column for table in tables.tables if "method" not in table.names for column in table.main
    }


def has_weak(table: Table) -> bool:
    """Whether one of its numbers is no evidence."""
    return any(
        cell.weak for block in table.blocks for row in block.rows for cell in row.cells.values()
    )


def short(table: Table) -> Table:
    """The headline with one map of each model, the first that the config names, and all baselines.

    A table in which no block has more than `ROWS` measured rows stays whole: which map is shown
    must not depend on the results.
    """
    if all(sum(r.kind == "measured" for r in block.rows) <= ROWS for block in table.blocks):
        return table
    return table.model_copy(
        update={
            "title": "Main results, one map of each model (%)",
            "blocks": tuple(
                block.model_copy(update={"rows": tuple(_first_maps(block))})
                for block in table.blocks
            ),
        }
    )


def _first_maps(block: Block) -> Iterator[Row]:
    seen = set()
    for row in block.rows:
        if row.kind != "measured" or row.names[0] not in seen:
            seen.add(row.names[0])
            yield row


def _heading(table: Table, column: str) -> str:
    return table.main[column].heading + (" ↓" if column in table.lower else "")


def _block(table: Table, dataset: str, architecture: str) -> Block | None:
    keys = {"dataset": dataset, "architecture": architecture}.items()
    return next((block for block in table.blocks if keys <= block.keys.items()), None)


def _rows(main: list[tuple[Table, str, Block | None]]) -> Iterator[Row]:
    """Rows of one architecture: maps of models first, then baselines; published ones never."""
    of_model: dict[str, dict[str, Cell]] = {}
    trained: dict[str, str | None] = {}
    of_map: dict[tuple[str, str], dict[str, Cell]] = {}
    kinds: dict[tuple[str, str], Row] = {}
    for table, column, block in main:
        for row in block.rows if block else ():
            if row.kind == "published" or column not in row.cells:
                continue
            if row.kind == "baseline":
                key = ("baseline", row.names[1] if "method" in table.names else row.names[0])
            elif "method" in table.names:
                key = (row.names[0], row.names[1])
            else:
                of_model.setdefault(row.names[0], {})[column] = row.cells[column]
                trained.setdefault(row.names[0], row.trained)
                continue
            kinds.setdefault(key, row)
            of_map.setdefault(key, {}).setdefault(column, row.cells[column])
    for model in of_model:
        if not any(variant == model for variant, _ in of_map):
            yield Row(
                kind="measured", names=(model, ""), cells=of_model[model], trained=trained[model]
            )
    models = list(dict.fromkeys(model for model, _ in of_map))
    for key in sorted(
        of_map, key=lambda key: (kinds[key].kind != "measured", models.index(key[0]))
    ):
        yield Row(
            kind=kinds[key].kind,
            names=key,
            cells={**of_model.get(key[0], {}), **of_map[key]},
            trained=kinds[key].trained,
        )
