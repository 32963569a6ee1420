import os
from pathlib import Path

import pytest

from pipeline.cues.class_pairs import class_pairs
from pipeline.datasets.check import Problems
from pipeline.datasets.lists import read_rows
from pipeline.runtime.errors import UserError
from pipeline.supersets.tree import read_tree

ATTRIBUTES = "attributes/class_attribute_labels_continuous.txt"


def attributes(pipe: Path) -> None:
    root = pipe.with_name("birds")
    (root / ATTRIBUTES).parent.mkdir(parents=True)
    (root / "attributes.txt").write_text("1 has_wing_color::red\n")
    pipe.rename(root / ATTRIBUTES)
    class_pairs(root)


READERS = {
    "list": lambda pipe: read_rows(pipe, (str,), Problems()),
    "edges": read_tree,
    "attributes": attributes,
}


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_a_pipe_is_refused_instead_of_waited_for(tmp_path, reader):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="no regular file"):
        reader(tmp_path / "pipe")
