"""Grid pointing game: in a grid of images of several classes, is each class found in its cell?

Boehle et al., "Convolutional Dynamic Alignment Networks for Interpretable Classifications", CVPR
2021. Unlike a box, the cell of a class is known to hold all evidence for it that the model can
rightly use.
"""

import copy
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pipeline.attribution.query import Query
from pipeline.evaluation.explaining import pixel_maps
from pipeline.evaluation.image_table import ImageTable, summarise
from pipeline.evaluation.subject import Chunk, Result, Subject
from pipeline.runtime.errors import UserError
from pipeline.settings import GridPointing

BATCH = 32  # images per forward pass, where grids are chosen


@torch.inference_mode()
def confidences(subject: Subject) -> np.ndarray:
    """p(y|x) of each image's label where it is the model's prediction, else 0: (N,) float64."""
    found = []
    for chunk in subject.chunks(BATCH):
        log_probs = subject.model.log_probs(chunk.images).double()  # (B, C)
        own = log_probs.gather(1, chunk.labels[:, None])[:, 0]
        correct = log_probs.argmax(dim=1) == chunk.labels
        found.append(torch.where(correct, own.exp(), 0.0).cpu())
    return torch.cat(found).numpy()


def choose_grids(
    labels: Sequence[int], confidence: np.ndarray, cells: int, grids: int
) -> list[list[int]]:
    """Images for grids of distinct classes, the most confident first, each image at most once.

    Args:
        labels: (N,) classes.
        confidence: (N,); images of 0 are not used.
        cells: images per grid.
        grids: at most this many grids.

    Returns:
        Lists of ``cells`` rows; fewer than ``grids`` where the classes of what is left do not
        suffice.
    """
    order = np.argsort(-confidence, kind="stable")
    free = [int(row) for row in order if confidence[row] > 0]
    chosen: list[list[int]] = []
    while len(chosen) < grids:
        grid: dict[int, int] = {}  # class -> row
        for row in free:
            grid.setdefault(int(labels[row]), row)
            if len(grid) == cells:
                break
        else:
            break
        chosen.append(list(grid.values()))
        free = [row for row in free if row not in chosen[-1]]
    return chosen


def tile(images: Tensor, side: int) -> Tensor:
    """Put images side by side, row by row: (side^2, 3, S, S) -> (1, 3, side S, side S)."""
    _, channels, size, _ = images.shape
    rows = images.view(side, side, channels, size, size).permute(2, 0, 3, 1, 4)  # (3, n, S, n, S)
    return rows.reshape(1, channels, side * size, side * size)


def cell_shares(maps: Tensor, side: int) -> np.ndarray:
    """How each map's positive part is spread over the cells of its grid.

    Args:
        maps: (K, side S, side S).
        side: cells along a side of the grid.

    Returns:
        (K, side^2) float64, rows summing to 1; to 0 if nothing is positive.
    """
    size = maps.shape[-1] // side
    positive = maps.clamp_min(0).view(-1, side, size, side, size)  # (K, n, S, n, S)
    cells = positive.sum(dim=(2, 4)).flatten(1)  # (K, n^2)
    total = cells.sum(dim=1, keepdim=True)
    return (cells / torch.where(total > 0, total, 1)).numpy()


def localisations(subject: Subject, chunk: Chunk, side: int) -> np.ndarray:
    """The share of each class's positive attribution that lies in its own cell: (side^2,).

    Args:
        subject: the model and the method.
        chunk: the images of one grid.
        side: cells along a side of the grid.
    """
    cells = side * side
    query = Query(
        subject.model,
        tile(chunk.images, side),
        torch.zeros(cells, dtype=torch.long, device=subject.device),
        [(label,) for label in chunk.labels.tolist()],
        ["|".join(chunk.image_ids)],
        subject.options,
    )
    maps = pixel_maps(query.maps(subject.method), side * subject.size)
    return cell_shares(maps, side).diagonal()


def measure(subject: Subject, section: GridPointing) -> Result:
    """Play the game on grids of images that the model classifies correctly and most confidently.

    Value: ``localisation``, the share of a class's positive attribution in its own cell, averaged
    over the cells of a grid, then over grids; in [0, 1]. The units of the interval are grids.
    Details: the chance level, and the number of grids where there are fewer than asked for.

    Raises:
        UserError: there is not a single grid's worth of classes.
    """
    cells = section.side**2
    confidence = confidences(subject)
    chosen = choose_grids(subject.records["label"].tolist(), confidence, cells, section.grids)
    if not chosen:
        classes = subject.records["label"][confidence > 0].nunique()
        raise UserError(
            f"evaluation.grid_pointing: a grid needs {cells} classes with an image that the model "
            f"classifies correctly; there are {classes}. Lower `side`, measure more `images`, or "
            "drop the evaluation."
        )
    in_grids = copy.copy(subject)
    in_grids.records = subject.records.iloc[np.concatenate(chosen)]
    table = ImageTable(("localisation",))
    of_cells = []
    for chunk in in_grids.chunks(cells):
        of_cells.append(localisations(subject, chunk, section.side))
        table.update("|".join(chunk.image_ids), {"localisation": of_cells[-1].mean()})
    result = summarise(
        table,
        section.bootstrap,
        compared=("localisation",),
        details={
            "chance": 1 / cells,
            "images": len(chosen) * cells,
            "grids": len(chosen),
            "grids_asked_for": section.grids,
            "least_confidence": float(confidence[np.concatenate(chosen)].min()),
            "correct_images": int((confidence > 0).sum()),
        },
    )
    result.arrays["localisation.cells"] = np.array(of_cells)  # (N, side^2)
    return result
