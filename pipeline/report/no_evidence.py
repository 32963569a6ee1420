"""Sentences about numbers that are no evidence: those of models at chance, and no better ones."""

from collections.abc import Iterator, Mapping, Sequence

from pipeline.artefacts.table import Block, Row, Table, Tables
from pipeline.report.wording import kind_of, label, listed, measured, number, where
from pipeline.tables.formats import PERCENT, said, text
from pipeline.tables.weak import AtChance, Model, blind_of, blind_words, is_no_better

Chance = Mapping[Model, AtChance]


def no_better_maps(tables: Tables) -> list[str]:
    """A sentence for each main number and place where maps or models are no better than no image.

    It names the first block of each place: tables show further ones.
    """
    found: list[str] = []
    for table in tables.tables:
        for column in table.main:
            seen: set[str] = set()
            for block in table.blocks:
                if (place := where(block)) not in seen:
                    seen.add(place)
                    found += _below(table, block, column, place)
    return found


def _below(table: Table, block: Block, column: str, place: str) -> Iterator[str]:
    rows = [row for row in measured(block, column) if not blind_words(table, row)]
    below: dict[tuple[str, float], list[str]] = {}
    for row in rows:
        blind = blind_of(table, block, column, row.names[0])
        sign = -1 if column in table.lower else 1
        if blind and sign * (row.cells[column].value - blind[1]) <= 0:
            below.setdefault(blind, []).append(label(block, row))
    for (words, value), names in below.items():
        kind, words = kind_of(table), f"{words} ({said(value, column in table.plain)})"
        if len(rows) == 1:
            count = f"the only {kind} is"
        else:
            count = f"{len(names)} of {len(rows)} {kind}s {'is' if len(names) == 1 else 'are'}"
        measure = table.main[column].words
        yield f"On {place}, {count} no better in {measure} than {words}: {listed(names)}."


def no_best(
    table: Table, block: Block, ranked: Sequence[Row], column: str, chance: Chance, measure: str
) -> str:
    """Why none of a block's rows, all of them weak, is called the best: the end of a sentence.

    Args:
        table, block, column: the number.
        ranked: the measured rows, the best first.
        chance: the models that are at chance.
        measure: what the number is, as `` in MaxBoxAccV2``; empty where it was just said.
    """
    kind = kind_of(table)
    ahead = [row for row in ranked if not is_no_better(table, block, row, column)]
    blind = blind_of(table, block, column, (ahead or ranked)[0].names[0])
    than = f"{blind[0]} ({said(blind[1], column in table.plain)})" if blind else ""
    if not ahead:
        return f"no {kind} is clearly better{measure} than {than}"
    place = block.keys["dataset"], block.keys["architecture"]
    models = {row.names[0]: chance[*place, row.names[0]] for row in ahead}
    accuracies = [
        text(found.accuracy, unit=PERCENT) + (f" ({model})" if len(models) > 1 else "")
        for model, found in models.items()
    ]
    better = f", clearly better than {than}," if than else ""
    weak = "the models are" if len(models) > 1 else "its model is"
    (at_random,) = {found.chance for found in models.values()}
    others = any((*place, row.names[0]) not in chance for row in ranked)
    return (
        f"{label(block, ahead[0])} has {number(table, ahead[0], column)}{measure}{better} but no "
        f"{kind} is ranked: {weak} too weak, with a top-1 accuracy of {listed(accuracies)} where "
        f"chance has {said(at_random, False)}"
        + (f", and no {kind} of another model is clearly better than {than}" if others else "")
    )
