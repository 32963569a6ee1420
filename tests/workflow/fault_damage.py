"""Files of a finished study cut short, or with a bit flipped: found, named and made again."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from fault_kills import end
from fault_study import Row, bytes_different, finish, making, new_study, resuming, run, start

MODEL = "birds/small_pretrained/calm_em/seed0"
WEIGHTS = f"results/models/{MODEL}/weights.safetensors"
MAPS = f"results/maps/{MODEL}/test/joint.h5"
CUES = f"results/scores/cue_localization/{MODEL}/joint.json"
# what is damaged, its path, and a result that is made from it
DAMAGED = {
    "shard": ("results/shards/birds/test/00000.tar", MAPS),
    "weights": (WEIGHTS, MAPS),
    "HDF5 file of maps": (MAPS, CUES),
    "HDF5 file of part maps": ("results/cues/birds/part_maps.h5", CUES),
}


def cut(path: Path) -> None:
    """Keep the first half of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip_a_bit(path: Path) -> None:
    """Flip a bit in the middle of a file; its modification time stays, as on a failing disk."""
    times = path.stat()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


HARMS = {"cut short": cut, "a bit flipped": flip_a_bit}


def damage(finished: Path, undisturbed: Path) -> Iterator[Row]:
    """Damage each kind of file in each way, in a finished study; it is left mended."""
    for what, (path, made_from_it) in DAMAGED.items():
        for how, harm in HARMS.items():
            harm(finished / path)
            (finished / made_from_it).unlink()
            status, printed = run(finished, making(made_from_it))
            named = status != 0 and len(errors(printed, path)) == 1
            status, _ = run(finished, making(made_from_it))
            different = bytes_different(finished, undisturbed)
            mended = named and status == 0 and different == 0
            yield Row(f"{what}, {how}", 1, int(mended), different)


def errors(printed: str, path: str) -> list[str]:
    """The stages' error messages that name a file, in what Snakemake printed."""
    return [line for line in printed.splitlines() if line.startswith("error: ") and path in line]


def damage_checkpoints(folder: Path, undisturbed: Path) -> Iterator[Row]:
    """Kill a training after its second epoch and damage its last checkpoint; then another one."""
    study = new_study(folder)
    damaged: dict[str, Path] = {}
    for how, harm in HARMS.items():
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
    return {*study.glob("results/checkpoints/*/previous.pt")}
