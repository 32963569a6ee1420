"""A hand-made data set in the layout of the WSOL benchmark: two classes, five small images."""

import numpy as np
from PIL import Image

SIZE = (40, 30)
SPLITS = {
    "train": ["train/ant/1.jpg", "train/bee/2.jpg"],
    "val": ["val/ant/3.jpg"],
    "test": ["test/ant/4.jpg", "test/bee/5.jpg"],
}


def picture(path, size=SIZE):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (90, 120, 30)).save(path)


def mask(path, box, size=SIZE, mode="L"):
    """A mask whose pixels inside ``box`` (x0, y0, x1, y1; None: none) are set."""
    pixels = np.zeros(size[::-1], np.uint8)
    if box is not None:
        x0, y0, x1, y1 = box
        pixels[y0:y1, x0:x1] = 255
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).convert(mode).save(path)


def write_list(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines))  # as the benchmark's: no line end after the last


def tiny_wsol(folder):
    """Write images and lists, boxes for val and test; returns (root, metadata)."""
    root, metadata = folder / "images", folder / "lists"
    for split, names in SPLITS.items():
        for name in names:
            picture(root / name)
        write_list(metadata / split / "image_ids.txt", names)
        labels = [f"{name},{int('bee' in name)}" for name in names]
        write_list(metadata / split / "class_labels.txt", labels)
        if split != "train":
            sizes = [f"{name},{SIZE[0]},{SIZE[1]}" for name in names]
            write_list(metadata / split / "image_sizes.txt", sizes)
            boxes = [f"{names[0]},2,3,20,25", *(f"{name},5,5,39,29" for name in names)]
            write_list(metadata / split / "localization.txt", boxes)
    return root, metadata


def masks_for_test(root, metadata):
    """Give the test images masks instead of boxes: two and an ignore mask, and one."""
    first, second = (name.removesuffix(".jpg") for name in SPLITS["test"])
    mask(root / f"{first}_a.png", (2, 3, 20, 25))
    mask(root / f"{first}_b.png", (30, 3, 35, 8))
    mask(root / f"{first}_ignore.png", (25, 20, 40, 30))
    mask(root / f"{second}_a.png", (0, 0, 40, 30))
    write_list(
        metadata / "test" / "localization.txt",
        [
            f"{first}.jpg,{first}_a.png,{first}_ignore.png",
            f"{first}.jpg,{first}_b.png,",
            f"{second}.jpg,{second}_a.png,",
        ],
    )
