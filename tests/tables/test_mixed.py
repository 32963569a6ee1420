import json
import logging

from finished_study import JOB, cue_score, identity, score

from pipeline.artefacts.table import load
from pipeline.tables.__main__ import run


def notes_of(folder, *sections):
    """Table -> its notes, of a study of one model whose accuracy was measured with these seeds."""
    paths = [
        score(
            folder / f"seed{seed}.json", "classification", identity("cam", seed=seed),
            {"top1": 0.9}, images=100, section=section,
        )
        for seed, section in enumerate(sections)
    ]  # fmt: skip
    paths += [
        cue_score(folder / f"cues{seed}.json", identity("cam", "cam", seed=seed), 0.3)
        for seed in range(len(sections))
    ]
    options = ["--section", json.dumps(JOB), "--out", str(folder / "tables")]
    run([*options, "--scores", *map(str, paths)])
    return {table.name: table.notes for table in load(folder / "tables/tables.json").tables}


def test_scores_of_two_protocols_are_named_below_their_table(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        notes = notes_of(tmp_path, "new", "old", "new")
    (note,) = (note for note in notes["accuracy"] if "NOT COMPARABLE" in note)
    assert "1 of 3 scores of classification on birds was measured with other settings" in note
    assert str(tmp_path / "seed1.json") in note
    assert "seed0.json" not in note
    assert note in caplog.text
    assert not any("NOT COMPARABLE" in each for each in notes["cue_localization"])


def test_many_are_counted(tmp_path):
    (note,) = (
        note for note in notes_of(tmp_path, *8 * ["a"], *7 * ["b"])["accuracy"] if "NOT" in note
    )
    assert "7 of 15 scores of classification on birds were" in note
    assert "and 2 more" in note


def test_scores_of_one_protocol_need_no_note(tmp_path):
    assert not any("NOT COMPARABLE" in each for each in notes_of(tmp_path, "a", "a")["accuracy"])
