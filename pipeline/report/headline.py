"""The report's first table: the main number of every table, for each map of each model."""

from collections.abc import Iterator

from pipeline.artefacts.table import Block, Cell, Row, Table, Tables

_MAIN = (  # table, its column, what it is called outside of its table
    ("accuracy", "top1", "Top-1 accuracy"),
    ("cue_localization", "weighted", "Cues: mPxAP"),
    ("wsol", "maxboxaccv2", "MaxBoxAccV2"),
    ("wsol", "pxap", "PxAP"),
    ("erasing", "erase.auc.blur.most", "Erasing ↓"),
    ("faithfulness", "insertion_deletion.insertion", "Insertion"),
    ("faithfulness", "insertion_deletion.deletion", "Deletion ↓"),
    ("faithfulness", "pointing_game.hit_rate", "Pointing"),
    ("faithfulness", "grid_pointing.localisation", "Grid pointing"),
)


def headline(tables: Tables) -> Table | None:
    """A block for every (data set, architecture); None where no table has a main number.

    Cells keep their intervals. The accuracy, which is the model's, is repeated for all of its maps.
    Of a table's several blocks for one architecture the first is taken: estimated cue masks and the
    headline normalisation.
    """
    main = [
        (table, column, heading)
        for name, column, heading in _MAIN
        if (table := tables.get(name)) and column in table.columns
    ]
    places = dict.fromkeys(
        (block.keys["dataset"], block.keys["architecture"])
        for table, _, _ in main
        for block in table.blocks
        if any(row.kind == "measured" for row in block.rows)
    )
    if not places:
        return None
    return Table(
        name="headline",
        title="Main results (%)",
        names={"variant": "Model", "method": "Map"},
        columns={column: heading for _, column, heading in main},
        blocks=tuple(
            Block(
                heading=f"{dataset}, {architecture}",
                keys={"dataset": dataset, "architecture": architecture},
                rows=tuple(_rows([(t, c, _block(t, dataset, architecture)) for t, c, _ in main])),
            )
            for dataset, architecture in places
        ),
        lower=tuple(column for table, column, _ in main if column in table.lower),
    )


def _block(table: Table, dataset: str, architecture: str) -> Block | None:
    keys = {"dataset": dataset, "architecture": architecture}.items()
    return next((block for block in table.blocks if keys <= block.keys.items()), None)


def _rows(main: list[tuple[Table, str, Block | None]]) -> Iterator[Row]:
    """Rows of one architecture: maps of models first, then baselines; published ones never."""
    of_model: dict[str, dict[str, Cell]] = {}
    of_map: dict[tuple[str, str], dict[str, Cell]] = {}
    kinds: dict[tuple[str, str], Row] = {}
    for table, column, block in main:
        for row in block.rows if block else ():
            if row.kind == "published" or column not in row.cells:
                continue
            if "method" not in table.names:
                of_model.setdefault(row.names[0], {})[column] = row.cells[column]
                continue
            key = (row.names[0], row.names[1])
            kinds.setdefault(key, row)
            of_map.setdefault(key, {}).setdefault(column, row.cells[column])
    for model in of_model:
        if not any(variant == model for variant, _ in of_map):
            yield Row(kind="measured", names=(model, ""), cells=of_model[model])
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
