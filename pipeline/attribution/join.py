"""Command line: the chunks of a method's maps -> one file that reads as if computed in one piece.

``python -m pipeline.attribution.join``. The maps stay in the chunks' files; see
`pipeline.artefacts.map_parts`.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.artefacts import hdf5
from pipeline.artefacts.files import sha256
from pipeline.artefacts.map_parts import Part, virtual_maps, write_parts
from pipeline.artefacts.maps import MapStore, write_columns
from pipeline.runtime import cli
from pipeline.runtime.errors import UserError


def join(paths: Sequence[Path], out: Path) -> None:
    """Join chunks of maps.

    Args:
        paths: files of the chunks, in the order of their rows.
        out: file to write; it names the chunks relative to its own folder, so that a folder that
            holds both can be moved.

    Raises:
        UserError: a chunk is missing or damaged, or chunks do not belong together.
    """
    parts: list[Part] = []
    rows: list[tuple[str, str]] = []
    probabilities: list[np.ndarray] = []
    scales: list[np.ndarray] = []
    about: dict[str, Any] = {}
    forwards = 0
    for path in paths:
        with MapStore.open(path) as store:
            if not len(store.maps):  # there are more chunks than batches
                continue
            own = store.attributes | {
                "shape": store.maps.shape[1:],
                "half": store.scale is not None,
            }
            forwards += int(own.pop("forwards"))
            about = about or own
            if own != about:
                raise UserError(
                    f"{path} belongs to other maps than {paths[0]}. Delete both and run again."
                )
            rows += zip(store.image_ids, store.targets, strict=True)
            probabilities.append(store.class_probability)
            if store.scale is not None:
                scales.append(store.scale)
            relative = os.path.relpath(path, out.parent)
            parts.append(Part(relative, len(store.maps), sha256(path)))
    if not parts:
        raise UserError(f"{out}: there is no map to join; the logs of its chunks say why.")
    if len(set(rows)) < len(rows):
        raise UserError(f"{out}: two chunks hold the same map. Delete them and run again.")
    shape, half = about.pop("shape"), about.pop("half")
    columns = {"class_probability": np.concatenate(probabilities)}
    if half:
        columns["scale"] = np.concatenate(scales)
    with hdf5.create(out) as file:
        file.attrs.update({**about, "forwards": forwards})
        dtype = np.dtype(np.float16 if half else np.float32)
        file.create_virtual_dataset("maps", virtual_maps(parts, shape, dtype))
        write_columns(file, rows)
        for name, column in columns.items():
            file.create_dataset(name, data=column, track_times=False)
        write_parts(file, parts)


def run(argv: list[str]) -> None:
    """Command line."""
    arguments = cli.parser("pipeline.attribution.join", "Join the chunks of a method's maps.")
    arguments.add_argument(
        "--chunks", type=Path, nargs="+", required=True, help="HDF5 files of maps, in their order"
    )
    arguments.add_argument("--out", type=Path, required=True, help="HDF5 file to write")
    given = arguments.parse_args(argv)
    join(given.chunks, given.out)


if __name__ == "__main__":
    cli.main(run)
