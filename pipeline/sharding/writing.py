"""Stage 2: images decoded once, resized and stored in WebDataset shards with a manifest.

A shard is a plain tar of samples ``{index:08d}.jpg`` (or ``.png``) + ``{index:08d}.json``, the
latter ``{"image_id": str, "label": int}``; ``index`` counts the stored order. ``manifest.json``, in
the same folder, holds counts, sizes and checksums, is written last, and is what later stages name
as their input. `pipeline.images.loading` reads both.
"""

import io
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image
from webdataset.writer import TarWriter

from pipeline.artefacts import files
from pipeline.artefacts.paths import MANIFEST
from pipeline.images.geometry import stored_part
from pipeline.images.opening import LARGE, ImageFault, opened, rgb
from pipeline.runtime.errors import UserError
from pipeline.runtime.progress import track
from pipeline.settings import Images
from pipeline.sharding.order import stored_order

SUFFIXES = {"jpeg": "jpg", "png": "png"}


def write_shards(
    records: pd.DataFrame, section: Images, split: str, folder: str | Path, workers: int = 1
) -> Path:
    """Write the images of a split as shards; equal inputs give equal bytes for any ``workers``.

    Args:
        records: one row per image, columns image_id, path, label and, where it is, upright (others
            are not read).
        section: size, resizing and format of the stored images.
        split: ``"train"`` is stored at ``train_size`` in a fixed shuffled order, so that every
            shard mixes classes; ``"val"`` and ``"test"`` at ``eval_size`` in the records' order.
        folder: shards and manifests of an earlier run in it are removed first.
        workers: threads that decode and encode (Pillow does both outside the interpreter lock).

    Returns:
        The manifest's path. No images give a manifest of zero shards.

    Raises:
        UserError: an image cannot be read (no manifest is left), or the disk is full.
    """
    folder = Path(folder)
    _remove_earlier(folder)
    training = split == "train"
    side = section.train_size if training else section.eval_size
    form = section.train_format if training else section.eval_format
    rows = records.reindex(columns=["image_id", "path", "label", "upright"])
    rows = rows.iloc[stored_order(len(records), split)]
    rows["upright"] = rows["upright"].eq(True)
    shards: list[dict[str, Any]] = []
    with ThreadPoolExecutor(max(workers, 1)) as pool:
        starts = range(0, len(rows), section.shard_images)
        for start in track(starts, len(starts), f"{split}: shards"):
            part = rows.iloc[start : start + section.shard_images]
            images = pool.map(
                lambda path, upright: encode(path, side, section, form=form, upright=upright),
                part["path"],
                part["upright"],
            )
            shards.append(
                _write_shard(folder / f"{len(shards):05d}.tar", start, part, images, form)
            )
    manifest = {
        "format": form,
        "side": side,
        "resize": section.resize,
        "count": len(rows),
        "shards": shards,
        "section": files.digest(section.model_dump(mode="json")),
    }
    files.write_json(folder / MANIFEST, manifest)
    return folder / MANIFEST


def encode(
    path: str | Path, side: int, section: Images, *, form: str = "png", upright: bool = False
) -> bytes:
    """Read an image and return it as a stored sample's bytes: RGB, ``side`` x ``side`` pixels.

    Resizing is Pillow's bilinear with antialiasing; :func:`pipeline.images.opening.rgb` says what
    becomes of grey, 16-bit and transparent images. A JPEG above `LARGE` pixels is decoded at the
    half, quarter or eighth of its size that is still four times ``side``. JPEG is written without
    chroma subsampling (4:4:4), as small coloured parts are the cues.

    Args:
        path: of the image.
        side: of the stored sample, pixels.
        section: resizing, and JPEG's quality.
        form: ``"jpeg"`` or ``"png"``.
        upright: turn the image as its EXIF orientation says; else boxes, keypoints and masks refer
            to the file's own pixels.

    Raises:
        UserError: the file is missing or cannot be used.
    """
    try:
        with opened(path) as picture:
            if picture.width * picture.height > LARGE:
                picture.draft("RGB", (4 * side, 4 * side))
            image = resize(rgb(picture, upright=upright), side, section.resize)
    except (FileNotFoundError, ImageFault) as error:
        reason = "it is missing" if isinstance(error, FileNotFoundError) else error
        raise UserError(
            f"Cannot read the image {path}: {reason}. Replace the file and run again."
        ) from error
    image.info.clear()  # comments and colour profiles would be written too
    stream = io.BytesIO()
    if form == "jpeg":
        image.save(stream, "JPEG", quality=section.quality, subsampling="4:4:4")
    else:
        image.save(stream, "PNG")
    return stream.getvalue()


def resize(image: Image.Image, side: int, how: str) -> Image.Image:
    """Resize to ``side`` x ``side`` pixels; ``how`` as in :class:`pipeline.settings.Images`."""
    part = stored_part(image.size, how)
    return image.resize((side, side), Image.Resampling.BILINEAR, box=part.box)


def _write_shard(
    path: Path, start: int, rows: pd.DataFrame, images: Iterable[bytes], form: str
) -> dict:
    """Write the samples numbered from ``start`` and return the shard's entry of the manifest."""
    suffix = SUFFIXES[form]
    with files.atomic_path(path) as temporary:
        with (
            open(temporary, "wb") as stream,
            # owner, mode and time are fixed, so that the bytes depend on the samples alone
            TarWriter(stream, user="calm", group="calm", mode=0o644, mtime=0, encoder=False) as tar,
        ):
            samples = zip(rows["image_id"], rows["label"], images, strict=True)
            for index, (image_id, label, image) in enumerate(samples, start):
                about = files.canonical_json({"image_id": image_id, "label": int(label)})
                tar.write({"__key__": f"{index:08d}", suffix: image, "json": about.encode()})
        entry = {
            "name": path.name,
            "count": len(rows),
            "bytes": temporary.stat().st_size,
            "sha256": files.sha256(temporary),
        }
    return entry


def _remove_earlier(folder: Path) -> None:
    """Remove the manifest, then shards and partial files, that an earlier run left."""
    try:
        (folder / MANIFEST).unlink(missing_ok=True)
        for pattern in ("[0-9]*.tar", ".*.partial.*"):
            for path in folder.glob(pattern):
                path.unlink()
    except OSError as error:
        raise UserError(f"Cannot clear the folder {folder}: {error}. Choose another.") from error
