"""Which tables a study has: one line a table, read by the workflow without pandas.

The order is that of the report.
"""

from collections.abc import Collection

_FAITHFULNESS = frozenset(
    {"insertion_deletion", "pointing_game", "grid_pointing", "infidelity", "sanity"}
)
_RANKED = frozenset({"cues", "wsol", "erase"}) | _FAITHFULNESS - {"sanity"}

# name -> tasks that it shows, and of how many of them at least there must be scores
TABLES: dict[str, tuple[frozenset[str], int]] = {
    "cue_localization": (frozenset({"cues"}), 1),
    "accuracy": (frozenset({"classification"}), 1),
    "wsol": (frozenset({"wsol"}), 1),
    "erasing": (frozenset({"erase"}), 1),
    "trunks": (frozenset({"wsol"}), 1),
    "faithfulness": (_FAITHFULNESS, 1),
    "axioms": (frozenset({"axioms"}), 1),
    "rankings": (_RANKED, 2),
}


def tables_of(tasks: Collection[str]) -> list[str]:
    """The names of the tables that there are scores for."""
    return [name for name, (shown, least) in TABLES.items() if len(shown & set(tasks)) >= least]
