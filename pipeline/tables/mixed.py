"""A note below tables whose numbers were measured with different settings of their evaluation.

The workflow measures again what a changed config touches, unless files were marked as current by
hand (``snakemake --touch``): then scores of two protocols can meet in one table.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from pipeline.artefacts.table import Table
from pipeline.catalogue.tables import TABLES
from pipeline.tables.scores import Group

log = logging.getLogger(__name__)

SHOWN = 5  # files in the note


def with_mixed(table: Table, notes: Mapping[str, Sequence[str]]) -> Table:
    """The table with the notes of the evaluations that it shows."""
    shown = TABLES[table.name][0]
    found = (note for task in sorted(shown & notes.keys()) for note in notes[task])
    return table.model_copy(update={"notes": (*table.notes, *found)})


def mixed_notes(groups: Iterable[Group]) -> dict[str, list[str]]:
    """Evaluation -> a note for each data set whose scores do not all have the same settings.

    The files named are those with other settings than most; of equally many, than the first.
    """
    files: dict[tuple[str, str], dict[str, str]] = {}  # file -> digest of its settings
    for group in groups:
        of_task = files.setdefault((group.task, group.dataset), {})
        of_task |= {score["path"]: score["provenance"]["section"] for score in group.scores}
    notes: dict[str, list[str]] = {}
    for (task, dataset), digests in files.items():
        usual = Counter(digests.values()).most_common(1)[0][0]
        odd = [path for path, digest in digests.items() if digest != usual]
        if odd:
            more = f" and {len(odd) - SHOWN} more" if len(odd) > SHOWN else ""
            note = (
                f"NOT COMPARABLE: {len(odd)} of {len(digests)} scores of {task} on {dataset} "
                f"{'was' if len(odd) == 1 else 'were'} measured with other settings of the "
                "evaluation than the rest: "
                f"{', '.join(odd[:SHOWN])}{more}. Was a change of the config passed over by "
                "`snakemake --touch`? Delete these files and run again."
            )
            log.warning(note)
            notes.setdefault(task, []).append(note)
    return notes
