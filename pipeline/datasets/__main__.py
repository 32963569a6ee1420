"""Stage 1 on the command line: draw SynthBirds, check a folder and write its records, fixations."""

import os
from pathlib import Path

from pipeline import settings
from pipeline.artefacts.classes import write_classes
from pipeline.artefacts.files import write_json
from pipeline.artefacts.fixations import write_fixations
from pipeline.artefacts.paths import CHECK
from pipeline.artefacts.records import SPLITS, read_records, write_records
from pipeline.datasets.gaze import read_gaze
from pipeline.datasets.readers import reader_of
from pipeline.datasets.synthbirds import draw
from pipeline.runtime.cli import add_section, main, parser, read_section


def run(argv: list[str]) -> None:
    """Run one of the commands; ``argv`` as on the command line."""
    arguments = parser("pipeline.datasets", __doc__)
    commands = arguments.add_subparsers(dest="command", required=True)

    command = commands.add_parser("draw", help="draw SynthBirds in the layout of CUB-200-2011")
    add_section(command, settings.SynthBirds)
    command.add_argument("--out", required=True, help="folder to write")
    command.add_argument("--manifest", required=True, help="JSON file: counts and a checksum")

    command = commands.add_parser("records", help="check a folder and write its records")
    add_section(command, settings.RecordsJob)
    command.add_argument("--root", required=True, help="folder of the raw data")
    command.add_argument("--out", required=True, help="folder for the records of each split")

    workers = tuple(commands.choices.values())
    gaze = commands.add_parser("fixations", help="write where people looked in a split's images")
    gaze.add_argument("--gaze", required=True, help="CSV file, or the folder of CUB-GHA")
    gaze.add_argument("--root", required=True, help="folder of the raw data")
    gaze.add_argument("--records", required=True, help="of the split")
    gaze.add_argument("--out", required=True, help="file to write, .parquet")

    for command in workers:
        command.add_argument(
            "--workers",
            type=int,
            default=os.cpu_count() or 1,
            help="drawing processes or decoding threads (default: one per core)",
        )
    options = arguments.parse_args(argv)

    if options.command == "draw":
        drawn = read_section(options.section, settings.SynthBirds)
        write_json(options.manifest, draw(drawn, options.out, workers=options.workers))
        return
    if options.command == "fixations":
        images = read_records(options.records)
        write_fixations(options.out, read_gaze(options.gaze, options.root, images))
        return
    section = read_section(options.section, settings.RecordsJob)
    reader = reader_of(section.layout)
    records, classes, summary = reader.read(options.root, section, options.workers)
    out = Path(options.out)
    for split in SPLITS:
        write_records(out / f"{split}.parquet", records[records["split"] == split])
    write_classes(out / "classes.csv", classes)
    write_json(out / CHECK, summary, vouched=[out / "classes.csv"])


if __name__ == "__main__":
    main(run)
