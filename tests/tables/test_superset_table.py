import pytest

from pipeline.artefacts.files import write_json
from pipeline.artefacts.supersets import read_superset_check
from pipeline.catalogue import imagenet
from pipeline.runtime.errors import UserError
from pipeline.settings import Supersets
from pipeline.supersets.__main__ import find, run
from pipeline.tables.formats import to_markdown
from pipeline.tables.supersets import superset_table

DOGS = ("n02088094", "n02091831")


@pytest.fixture(scope="module")
def imagenet_check():
    return find(Supersets(kind="wordnet"), imagenet.class_names())[1]


def rows_of(check):
    return {row.names[1]: row for row in superset_table({"imagenet": check}).blocks[0].rows}


def test_table_4_has_the_supersets_of_imagenet_and_the_papers_counts_beside(imagenet_check):
    rows = rows_of(imagenet_check)
    assert {name: cell.value for name, cell in rows["n01503061"].cells.items()} == {
        "classes": 52, "below": 52, "paper": 52,
    }  # fmt: skip
    # what covers all dogs is `dog`; the paper prints 116 for canine, below which the tree has 12
    assert rows["n02084071"].cells["classes"].value == 116
    assert "paper" not in rows["n02084071"].cells
    assert rows["n02083346"].kind == "published"
    assert {n: c.value for n, c in rows["n02083346"].cells.items()} == {"below": 12, "paper": 116}
    # bovid and swine lie inside ungulate
    assert {rows[wnid].kind for wnid in ("n02401031", "n02395003")} == {"published"}
    assert rows["n02370806"].cells["classes"].value == 17


def test_the_sets_are_a_partition(imagenet_check):
    rows = rows_of(imagenet_check)
    several = [row for row in rows.values() if row.kind == "measured"]
    covered = sum(row.cells["classes"].value for row in several)
    assert covered + imagenet_check["singletons"] == 1000
    assert len(several) + imagenet_check["singletons"] == imagenet_check["sets"] == 446
    counts = [row.cells["classes"].value for row in several]
    assert counts == sorted(counts, reverse=True)


def test_the_table_names_counts_and_the_rows_that_differ(imagenet_check):
    text = to_markdown(superset_table({"imagenet": imagenet_check}))
    assert "## imagenet: 446 supersets, 330 of them of one class" in text
    assert "| bird | n01503061 | 52 | 52 | 52 |" in text
    assert "117 of the 118 different synsets" in text
    assert "canine n02083346: printed 116, counted 12" in text
    assert "**" not in text  # no count is better than another


def test_of_some_classes_there_are_no_published_counts(tmp_path):
    names = [name for name in imagenet.class_names() if name.split()[0] in DOGS]
    path = tmp_path / "classes.csv"
    lines = [f'{label},{label + 1},"{name}"' for label, name in enumerate(names)]
    path.write_text("\n".join(["label,class_id,name", *lines]) + "\n")
    out = tmp_path / "supersets.json"
    run(["--section", '{"kind": "wordnet"}', "--classes", str(path), "--out", str(out)])
    table = superset_table({"dogs": read_superset_check(out)})
    (row,) = table.blocks[0].rows
    assert row.names == ("dog", "n02084071")
    assert {column: cell.value for column, cell in row.cells.items()} == {"classes": 2, "below": 2}


def test_a_file_of_another_version_is_refused(tmp_path):
    path = tmp_path / "supersets.json"
    write_json(path, {"supersets": {}, "check": {"sets": 1}})
    with pytest.raises(UserError, match="another version"):
        read_superset_check(path)
