"""Which tables a study has: one line each, read by the workflow without pandas.

The order is that of the report.
"""

from collections.abc import Collection

from pipeline.catalogue.evaluation_entries import Column
from pipeline.catalogue.evaluations import EVALUATIONS, OF_PREDICTIONS

_CUES = "cue_localization"
_RANKED: dict[str, tuple[Column, ...]] = {
    "wsol": (Column("class.maxboxaccv2", "MaxBoxAccV2"),),
} | {
    name: ranked
    for name, entry in EVALUATIONS.items()
    if (ranked := tuple(column for column in entry.columns if column.ranked))
}
RANKED = frozenset({_CUES, *_RANKED})  # the evaluations in the table of ranks


def ranked_columns(normalisation: str) -> dict[str, tuple[Column, ...]]:
    """Evaluation -> its columns of the table of ranks: the headlines of maps of single classes.

    Args:
        normalisation: of cue localisation's headline, the first of
            ``evaluation.cue_localization.normalisations``.
    """
    return {_CUES: (Column(f"mpxap_weighted_{normalisation}", "mPxAP"),), **_RANKED}


def columns_of(table: str) -> dict[str, tuple[Column, ...]]:
    """Evaluation -> its columns of a table, for those that have some."""
    return {
        name: columns
        for name, entry in (OF_PREDICTIONS | EVALUATIONS).items()
        if (columns := tuple(column for column in entry.columns if column.table == table))
    }


# name -> the evaluations that it shows, and of how many of them at least there must be scores
TABLES: dict[str, tuple[frozenset[str], int]] = {
    "cue_localization": (frozenset({"cue_localization"}), 1),
    "accuracy": (frozenset({"classification"}), 1),
    "calibration": (frozenset(columns_of("calibration")), 1),
    "wsol": (frozenset({"wsol"}), 1),
    "erasing": (frozenset(columns_of("erasing")), 1),
    "trunks": (frozenset({"wsol"}), 1),
    "supersets": (frozenset({"supersets"}), 1),  # no evaluation: where they come from a tree
    "faithfulness": (frozenset(columns_of("faithfulness")), 1),
    "gaze": (frozenset(columns_of("gaze")), 1),
    "axioms": (frozenset(columns_of("axioms")), 1),
    "rankings": (RANKED, 2),
}


def tables_of(evaluations: Collection[str]) -> list[str]:
    """The names of the tables that there are scores for."""
    return [
        name for name, (shown, least) in TABLES.items() if len(shown & set(evaluations)) >= least
    ]
