"""Which layouts of raw data there are: one entry each, read by the config without pandas.

A layout is a module of ``pipeline.datasets`` with a function ``read(root, section, workers)`` and a
text ``LAYOUT`` that says what the folder must hold. Where it also has ``class_names(root,
section)``, models from elsewhere are compared with the classes before anything is read.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Layout:
    """One layout.

    Attributes:
        module: of its reader, in ``pipeline.datasets``.
        about: what the root looks like, for the config's reference.
        annotations: files below the root, or below `metadata` where the layout has such a folder,
            that say whether the data changed; those that are absent do not count.
        section: name of the class of its own options, a section in its module, if it has any.
    """

    module: str
    about: str
    annotations: tuple[str, ...]
    section: str = ""

    @property
    def code(self) -> str:
        """The dotted name of its reader's module."""
        return f"pipeline.datasets.{self.module}"


LAYOUTS: dict[str, Layout] = {
    "cub": Layout(
        "cub",
        "CUB-200-2011",
        (
            "images.txt",
            "image_class_labels.txt",
            "train_test_split.txt",
            "bounding_boxes.txt",
            "classes.txt",
            "parts/part_locs.txt",
            "attributes/class_attribute_labels_continuous.txt",
        ),
    ),
    "wsol": Layout(
        "wsol",
        "images that the WSOL benchmark's lists in `metadata` name",
        tuple(
            f"{split}/{name}.txt"
            for split in ("train", "val", "test")
            for name in ("image_ids", "class_labels", "image_sizes", "localization")
        ),
    ),
    "folder": Layout(
        "folder",
        "your own images as {train,val,test}/CLASS/*.jpg, or as CLASS/*.jpg, or test images that "
        "all lie in the root and are named WNID_name.JPEG (any of ImageNet's 1000 classes)",
        ("boxes.csv",),
    ),
}
