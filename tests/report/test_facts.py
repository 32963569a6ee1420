import os
import subprocess

import pytest

from pipeline.artefacts.files import write_json
from pipeline.report.facts import commit, date, duration, durations, left_out

STUDY = {"datasets": {"birds": {"architectures": ["net"], "variants": {"cam": {}}}}}


def benchmark(folder, name, *lines):
    path = folder / f"{name}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["s\th:m:s\tmax_rss", *lines]) + "\n")


def test_durations_are_summed_by_stage_and_data_set_and_leave_out_other_studies(tmp_path):
    benchmark(tmp_path, "draw/birds", "1.5\t0:00:01\t-")
    benchmark(tmp_path, "wsol/birds/net/cam/seed0/cam", "10.0\t0:00:10\t100.0")
    benchmark(tmp_path, "wsol/birds/net/cam/seed0/gradient", "20.0\t0:00:20\t300.0")
    benchmark(tmp_path, "wsol/birds/net/calm_em/seed0/joint", "999\t0:16:39\t900.0")
    benchmark(tmp_path, "train/cars/net/cam/seed0", "999\t0:16:39\t900.0")
    assert durations(tmp_path, STUDY) == [
        {"stage": "wsol", "dataset": "birds", "jobs": 2, "seconds": 30.0, "memory": 300.0},
        {"stage": "draw", "dataset": "birds", "jobs": 1, "seconds": 1.5, "memory": None},
    ]
    assert durations(tmp_path / "none", STUDY) == []


@pytest.mark.parametrize("text", ["", "s\th:m:s\n1.0\t0:00:01\n", "s\tmax_rss\n1.", "\0\0\0"])
def test_a_damaged_benchmark_file_is_left_out(tmp_path, text, caplog):
    benchmark(tmp_path, "draw/birds", "1.5\t0:00:01\t-")
    benchmark(tmp_path, "train/birds/net/cam/seed0")
    (tmp_path / "train/birds/net/cam/seed0.tsv").write_text(text)
    assert [row["stage"] for row in durations(tmp_path, STUDY)] == ["draw"]
    assert ("seed0.tsv is damaged" in caplog.text) == bool(text.strip("\0"))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (75.2, "1 min 15 s"),
        (3599.7, "1 h 0 min"),
        (8000, "2 h 13 min"),
    ],
)
def test_a_duration_in_words(seconds, text):
    assert duration(seconds) == text


def test_what_the_checks_count_is_listed_the_most_first(tmp_path):
    check = {
        "classes": 50,
        "images": {"test": 9},
        "without_boxes": 2,
        "skipped": {"images_of_other_classes": 5},
        "image_pairs_skipped": {"1": 3, "2": 4},
        "masks_without_foreground": {"count": 1, "first": ["a.png"]},
    }
    path = tmp_path / "cues" / "birds" / "check.json"
    path.parent.mkdir(parents=True)
    write_json(path, check)
    rows = left_out([path])
    assert [(row["what"], row["count"]) for row in rows] == [
        ("image pairs skipped", 7),
        ("images of other classes", 5),
        ("without boxes", 2),
        ("masks without foreground", 1),
    ]
    assert {(row["stage"], row["dataset"]) for row in rows} == {("cues", "birds")}


def test_the_date_is_that_of_the_file_not_of_the_page(tmp_path):
    path = tmp_path / "tables.json"
    path.write_text("{}")
    os.utime(path, (1_633_941_000, 1_633_941_000))
    assert date(path) == "2021-10-11 08:30 UTC"


def test_the_commit_is_known_in_a_checkout_and_unknown_without_git(monkeypatch):
    assert commit() == "unknown" or len(commit().removesuffix("-dirty")) >= 7

    def fails(*_, **__):
        raise subprocess.CalledProcessError(128, "git")

    monkeypatch.setattr(subprocess, "run", fails)
    assert commit() == "unknown"
