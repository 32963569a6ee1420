"""Damage a tiny study in many ways, repair it, and compare it with an undisturbed one.

    python tests/workflow/fault_harness.py --kills 30 --folder /tmp/faults --out table.md

prints the table of docs/reliability.md. Linux; as root for the full disk, the other user and the
checkout that cannot be written, which are left out otherwise. ``--parts`` makes some rows alone,
``--kinds`` of the damaged files some kinds. The studies run on the cores of the environment
variable STUDY_CORES (2 by default).
"""

import argparse
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from fault_damage import HARMS, KINDS, damage, damage_checkpoints
from fault_disk import fill
from fault_kills import PAUSE, disturb, disturb_in_turn, disturb_training
from fault_power import lose_power
from fault_readonly import read_only
from fault_study import CORES, Row, bytes_different, finish, making, new_study, run
from fault_users import two_users

PARTS = (
    *("again", *HARMS, "checkpoints", "disk", "users", "readonly", "power", "training"),
    *("in turn", "signals"),
)

SIGNALS = (  # fault, signal, to Snakemake alone
    ("SIGKILL of Snakemake and its jobs", signal.SIGKILL, False),
    ("SIGKILL of Snakemake alone", signal.SIGKILL, True),
    ("SIGTERM to Snakemake", signal.SIGTERM, True),
    ("SIGTERM to Snakemake and its jobs", signal.SIGTERM, False),
    ("SIGINT to Snakemake", signal.SIGINT, True),
    ("SIGINT to Snakemake and its jobs (Ctrl-C)", signal.SIGINT, False),
)


def harm(
    folder: Path, parts: Sequence[str], kinds: Sequence[str], kills: int, others: int, seed: int
) -> Iterator[Row]:
    """Run everything, or some parts of it; the rows of the table, one by one.

    Args:
        folder: for the studies. The undisturbed one of an earlier call is used again.
        parts: of `PARTS`.
        kinds: of files to damage.
        kills: SIGKILLs of Snakemake and its jobs.
        others: of every other signal.
        seed: of the random moments.
    """
    undisturbed, again = folder / "undisturbed", folder / "again"
    if not (undisturbed / "results/report.html").exists():
        finish(new_study(undisturbed))
    harms = [how for how in HARMS if how in parts]
    if "again" in parts:
        status, printed = run(new_study(again), making().replace(f"--cores {CORES}", "--cores 1"))
        assert status == 0, printed
        different = bytes_different(again, undisturbed)
        cores = "" if CORES == "1" else f" on one core instead of {CORES}"
        yield Row(f"none, a second run{cores}", 1, int(different == 0), different)
    elif harms and not again.exists():
        shutil.copytree(undisturbed, again, symlinks=True)
    for how in harms:
        yield from damage(again, undisturbed, how, kinds)
    if "checkpoints" in parts:
        yield from damage_checkpoints(folder / "checkpoints", undisturbed)
    if os.geteuid() == 0 and "disk" in parts:
        yield fill(folder / "disk", undisturbed)
    if os.geteuid() == 0 and "users" in parts:
        yield from two_users(folder / "users")
    if os.geteuid() == 0 and "readonly" in parts:
        yield read_only(folder / "readonly", undisturbed)
    moments = random.Random(seed)
    if "power" in parts:
        yield from lose_power(folder / "power", others, moments, undisturbed)
    if "training" in parts:
        yield disturb_training(folder / "training", kills, moments)
    if "in turn" in parts:
        stop = (f"SIGSTOP of both, SIGCONT after {PAUSE:.0f} s", signal.SIGSTOP, False)
        yield from disturb_in_turn((*SIGNALS, stop), others, moments, undisturbed)
    for fault, send, alone in SIGNALS if "signals" in parts else ():
        times = kills if send == signal.SIGKILL and not alone else others
        yield disturb(fault, times, send, alone=alone, moments=moments, undisturbed=undisturbed)


def table(rows: list[Row]) -> str:
    """The rows as Markdown."""
    lines = ["| fault | times tried | times recovered | bytes different |", "|---|--:|--:|--:|"]
    lines += [f"| {' | '.join(map(str, row))} |" for row in rows]
    return "\n".join(lines) + "\n"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--folder", type=Path, required=True, help="for the studies")
    arguments.add_argument("--out", type=Path, required=True, help="the table, Markdown")
    arguments.add_argument("--kills", type=int, default=30, help="SIGKILLs of all processes")
    arguments.add_argument("--others", type=int, default=5, help="of every other signal")
    arguments.add_argument("--seed", type=int, default=0, help="of the random moments")
    arguments.add_argument(
        "--parts", nargs="+", choices=PARTS, default=PARTS, help="all by default"
    )
    arguments.add_argument("--kinds", nargs="+", choices=KINDS, default=tuple(KINDS))
    given = arguments.parse_args()
    started = time.monotonic()
    rows = []
    folder = given.folder.resolve()
    for row in harm(folder, given.parts, given.kinds, given.kills, given.others, given.seed):
        print(row, file=sys.stderr, flush=True)
        rows.append(row)
        given.out.write_text(table(rows))
    minutes = (time.monotonic() - started) / 60
    print(f"{table(rows)}{minutes:.0f} minutes", file=sys.stderr)
    raise SystemExit(any(row.recovered < row.tried or row.bytes_different for row in rows))


if __name__ == "__main__":
    main()
