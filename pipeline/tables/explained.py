"""A note below every table that has maps of gradients: which function they explain."""

from pipeline.artefacts.table import Table
from pipeline.catalogue.methods import METHODS
from pipeline.settings import TablesJob


def with_explained(table: Table, job: TablesJob) -> Table:
    """The table with such a note, where one of its rows needs it."""
    place = list(table.names).index("method") if "method" in table.names else None
    methods = {
        row.names[place] for block in table.blocks for row in block.rows if place is not None
    }
    found = {name for name in methods & METHODS.keys() if "{score}" in METHODS[name].units}
    if not found:
        return table
    released = {name for name in found if "target" not in METHODS[name].options}
    always = f" ({', '.join(sorted(released))}: always)" if released else ""
    if job.target == "logit" or released == found:
        what = f"explain the logit of the class{always}; CALM has no logits, there log p(y|x)."
    else:
        logit = f"; the logit of CAM: {', '.join(sorted(released))}" if released else ""
        what = f"explain log p(y|x){logit}."
    note = f"Maps by gradients and occlusion {what}"
    return table.model_copy(update={"notes": (*table.notes, note)})
