import json

import pytest
from finished_study import JOB, cue_score, identity, score, wsol_score

from pipeline.artefacts.supersets import write_supersets
from pipeline.artefacts.table import load
from pipeline.report.headline import headline, short
from pipeline.settings import TablesJob
from pipeline.tables.__main__ import run
from pipeline.tables.scores import read_groups
from pipeline.tables.singletons import PREFIX, singleton_notes

# 10 + 20 + 30 + 40 images
CLASSES = [{"label": label, "images": 10 + 10 * label, "top1": 0.5} for label in range(4)]
ROOT = {"name": "bird", "wnid": "n1", "classes": 2, "below": 2}


def notes_of(folder, kind, sets=None, maps=("cam", "cam_superset")):
    """Table -> its notes on supersets, of a study with these maps of one model."""
    paths = [
        score(
            folder / "top1.json", "classification", identity("cam"), {"top1": 0.9},
            images=100, per_class=CLASSES,
        )
    ]  # fmt: skip
    for method in maps:
        who = identity("cam", method)
        target = "superset" if "superset" in method else "class"
        paths.append(wsol_score(folder / f"{method}.json", who, 0.5, target))
    paths.append(cue_score(folder / "cues.json", identity("cam", "cam"), 0.3))
    job = JOB | {"supersets": {"birds": kind}}
    options = ["--section", json.dumps(job), "--out", str(folder / "tables")]
    if sets:
        check = {"sets": 3, "singletons": 2, "overlaps": [], "roots": [ROOT], "table4": None}
        write_supersets(folder / "birds.json", kind, sets, check)
        options += ["--superset-datasets", "birds", "--supersets", str(folder / "birds.json")]
    run([*options, "--scores", *map(str, paths)])
    tables = load(folder / "tables" / "tables.json")
    first = headline(tables)
    return {
        table.name: [note.removeprefix(PREFIX) for note in table.notes if PREFIX in note]
        for table in (*tables.tables, first, short(first).model_copy(update={"name": "short"}))
    }


ALONE = "the superset is the class alone, and a map of it adds nothing to that of the class."


@pytest.mark.parametrize(
    ("kind", "sets", "said"),
    [
        ("all", None, "on birds they hold more than the class itself for all 100 test images."),
        (
            "singletons",
            None,
            f"on birds they hold more than the class itself for none of 100 test images: {ALONE}",
        ),
        # classes 1 and 3 share a superset, and have 20 + 40 images
        (
            "wordnet",
            {0: (0,), 1: (1, 3), 2: (2,), 3: (1, 3)},
            "on birds they hold more than the class itself for 60 of 100 test images; for the "
            f"others {ALONE}",
        ),
    ],
)
def test_tables_with_maps_of_supersets_count_the_images_on_which_these_are_the_class(
    tmp_path, kind, sets, said
):
    notes = notes_of(tmp_path, kind, sets)
    assert notes["wsol"] == notes["trunks"] == notes["headline"] == [said]
    assert notes["accuracy"] == notes["cue_localization"] == []


def test_without_maps_of_supersets_nothing_is_said(tmp_path):
    assert not any(notes_of(tmp_path, "singletons", maps=("cam", "gradient")).values())


def test_images_that_no_score_counts_are_not_counted():
    job = TablesJob.model_validate(JOB | {"supersets": {"birds": "singletons"}})
    assert singleton_notes(read_groups([]), job, {}) == {}
