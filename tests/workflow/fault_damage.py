"""Files of a finished study emptied, cut short, or with a bit flipped: found, named, made again."""

import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from fault_kills import end
from fault_study import Row, bytes_different, finish, making, new_study, resuming, run, start

MODEL = "birds/small_pretrained/calm_em/seed0"
TRAINING = f"results/models/{MODEL}"
MAPS = f"results/maps/{MODEL}/test/joint.h5"
CUES = f"results/scores/cue_localization/{MODEL}/joint.json"
FIGURES = "results/figures/birds/small_pretrained"
SUPERSETS = "results/supersets/birds.json"
SHARDS = "results/shards/birds/test/manifest.json"
TABLES = "results/tables/tables.json"
REPORT = "results/report.html"


class Kind(NamedTuple):
    """A kind of file.

    Attributes:
        path: of one such file.
        read_by: a result whose job reads it; it is made anew.
    """

    path: str
    read_by: str


# every kind of file that a stage of the tiny study writes and another one reads
KINDS = {
    "records": Kind("results/datasets/birds/test.parquet", SHARDS),
    "list of classes": Kind("results/datasets/birds/classes.csv", SUPERSETS),
    "check of the data": Kind("results/datasets/birds/check.json", SUPERSETS),
    "manifest of shards": Kind(SHARDS, MAPS),
    "shard": Kind("results/shards/birds/test/00000.tar", MAPS),
    "class pairs": Kind("results/cues/birds/pairs.csv", CUES),
    "check of the cues": Kind("results/cues/birds/check.json", CUES),
    "HDF5 file of part maps": Kind("results/cues/birds/part_maps.h5", CUES),
    "weights": Kind(f"{TRAINING}/weights.safetensors", MAPS),
    "history": Kind(f"{TRAINING}/history.csv", f"{FIGURES}/training.svg"),
    "metrics": Kind(f"{TRAINING}/metrics.json", f"{FIGURES}/training.svg"),
    "resolved section": Kind(f"{TRAINING}/section.json", REPORT),
    "HDF5 file of maps": Kind(MAPS, CUES),
    "score": Kind(CUES, TABLES),
    "results per image": Kind(CUES.replace(".json", ".npz"), TABLES),
    "tables": Kind(TABLES, REPORT),
    "table as CSV": Kind("results/tables/cue_localization.csv", REPORT),
    "table as LaTeX": Kind("results/tables/cue_localization.tex", REPORT),
    "figure, SVG": Kind(f"{FIGURES}/training.svg", REPORT),
    "figure, PNG": Kind(f"{FIGURES}/training.png", REPORT),
    "data of the explorer": Kind("results/explorer/birds/small_pretrained.json", REPORT),
}


def empty(path: Path) -> None:
    """Leave no byte, as a power failure may of a file that was renamed before it was written."""
    path.write_bytes(b"")


def cut(path: Path) -> None:
    """Keep the first half of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip_a_bit(path: Path) -> None:
    """Flip a bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def unnoticed(harm: Callable[[Path], None], path: Path) -> None:
    """Do something to a file whose modification time stays, as on a failing disk.

    Else Snakemake would make again what was made from it, and so read it.
    """
    times = path.stat()
    harm(path)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


HARMS = {"emptied": empty, "cut short": cut, "a bit flipped": flip_a_bit}


def damage(
    finished: Path, undisturbed: Path, how: str, kinds: Iterable[str] = KINDS
) -> Iterator[Row]:
    """Damage each kind of file in one way, in a finished study; it is left mended."""
    for what in kinds:
        path, read_by = KINDS[what]
        unnoticed(HARMS[how], finished / path)
        (finished / read_by).unlink()
        status, printed = run(finished, making(read_by))
        named = status != 0 and len(errors(printed, path)) == 1
        aside = (finished / f"{path}.damaged").exists() or path.endswith(".tar")
        status, _ = run(finished, making(read_by))  # the same command again
        different = bytes_different(finished, undisturbed)
        mended = named and aside and status == 0 and different == 0
        yield Row(f"{what}, {how}", 1, int(mended), different)


def errors(printed: str, path: str) -> list[str]:
    """The stages' error messages that name a file, in what Snakemake printed."""
    return [line for line in printed.splitlines() if line.startswith("error: ") and path in line]


def damage_checkpoints(folder: Path, undisturbed: Path) -> Iterator[Row]:
    """Kill a training after its second epoch and damage its last checkpoint; then another one."""
    study = new_study(folder)
    damaged: dict[str, Path] = {}
    harms = {how: HARMS[how] for how in ("cut short", "a bit flipped")}  # two checkpoints are kept
    for how, harm in harms.items():
        process = start(study, resuming())
        while not (found := _second_checkpoints(study) - {*damaged.values()}):
            assert process.poll() is None, "no training was caught after its second epoch"
            time.sleep(0.002)
        end(process, signal.SIGKILL, alone=False)
        (damaged[how],) = found
        harm(damaged[how].with_name("last.pt"))
    finish(study)
    logs = "".join(path.read_text() for path in study.glob("results/logs/train/**/*.log"))
    different = bytes_different(study, undisturbed)
    for how, previous in damaged.items():
        last = previous.with_name("last.pt").relative_to(study)
        mended = f"{last} is damaged" in logs and different == 0
        yield Row(f"checkpoint, {how}", 1, int(mended), different)


def _second_checkpoints(study: Path) -> set[Path]:
    found = study.glob("results/checkpoints/*/previous.pt")
    return {path for path in found if path.with_name("last.pt").exists()}  # not between renames
