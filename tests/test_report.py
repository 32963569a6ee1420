import base64
import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from finished_study import history, metrics, tables_json
from PIL import Image

from pipeline.errors import UserError
from pipeline.figures.__main__ import FIGURES
from pipeline.report import embedded, figure, run, versions
from pipeline.summary import finding, findings, overlap
from pipeline.tables.catalogue import TABLES
from pipeline.tables.table import Block, Cell, Row, Table, load

VOID = {"meta", "img", "br", "link", "input", "hr", "source", "col"}
CAPTIONS = sorted(Path(__file__).parent.parent.glob("workflow/report/*.rst"))


class Page(HTMLParser):
    """Checks that tags nest, and collects tags, addresses and text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.addresses, self.words = [], [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "srcset")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """The inputs of a report."""
    folder = tmp_path_factory.mktemp("study")
    figure = folder / "figures" / "birds" / "net" / "gallery.png"
    figure.parent.mkdir(parents=True)
    Image.new("RGB", (3, 2), "red").save(figure)
    check = folder / "check.json"
    check.write_text('{"skipped": 7}')
    return {
        "tables": tables_json(folder),
        "figures": figure,
        "metrics": metrics(folder / "cam" / "seed0" / "metrics.json"),
        "checks": check,
        "manifests": history(folder / "any.csv"),
    }


def report(inputs, out, title="A study", **more):
    study = {"title": title, "protocol": "corrected", "seeds": [0], "datasets": {"birds": {}}}
    given = ["--study", json.dumps(study), "--out", str(out), "--captions", *map(str, CAPTIONS)]
    for name, path in (inputs | more).items():
        given += [f"--{name}", str(path)]
    run(given)
    return out.read_text()


def row(value, *, trained="cam", low=None, high=None, kind="measured", names=("a", "b")):
    cell = Cell(value=value, low=low, high=high)
    return Row(kind=kind, names=names, cells={"x": cell}, trained=trained)


def test_the_report_is_one_well_formed_file_that_asks_for_no_other(inputs, tmp_path):
    page = Page(report(inputs, tmp_path / "report.html"))
    assert "script" not in page.tags
    assert "link" not in page.tags
    assert all(address.startswith(("data:", "#")) for address in page.addresses)
    anchors = [address for address in page.addresses if address.startswith("#")]
    assert len(anchors) == 5
    text = (tmp_path / "report.html").read_text()
    assert all(f'id="{anchor[1:]}"' in text for anchor in anchors)
    assert "url(" not in text
    assert "@import" not in text
    assert 'name="viewport"' in text
    assert "prefers-color-scheme: dark" in text


def test_the_report_has_equal_bytes_for_equal_inputs(inputs, tmp_path):
    assert report(inputs, tmp_path / "a.html") == report(inputs, tmp_path / "b.html")


def test_the_report_holds_numbers_figures_captions_and_provenance(inputs, tmp_path):
    text = report(inputs, tmp_path / "report.html")
    words = " ".join(" ".join(Page(text).words).split())
    for expected in (
        "29.0–34.0",  # the interval of CAM for one part
        "calm_em (published)",
        "another setting",
        "ab" * 32,  # SHA-256 of an input of the scores
        "5ec7",  # digest of their config
        '"skipped": 7',
        "protocol: corrected",
        versions()["torch"],
        "Test images drawn at random",
    ):
        assert expected in words
    assert base64.b64encode(inputs["figures"].read_bytes()).decode() in text


def test_text_from_the_config_is_escaped(inputs, tmp_path):
    text = report(inputs, tmp_path / "report.html", title="<script>alert(1)</script> & co")
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; co" in text


def test_what_cannot_be_embedded_is_named(inputs, tmp_path):
    with pytest.raises(UserError, match=r"none\.png"):
        embedded(tmp_path / "none.png")
    with pytest.raises(UserError, match=r"x\.gif"):
        embedded(tmp_path / "x.gif")
    (tmp_path / "metrics.json").write_text("{}")
    with pytest.raises(UserError, match=r"metrics\.json lacks 'last_epoch'"):
        report(inputs, tmp_path / "report.html", metrics=tmp_path / "metrics.json")


def test_a_caption_belongs_to_every_table_and_figure():
    names = {path.stem for path in CAPTIONS}
    assert names == {
        "report",
        *TABLES,
        *FIGURES,
    }


def test_findings_are_computed_from_the_tables(inputs):
    sentences = findings(load(inputs["tables"]))
    assert sentences[0] == (
        "On birds (net), against estimated cue masks, calm_ml · joint has the highest mPxAP "
        "averaged over pairs: 52.0 [50.0, 55.0]. The best of CAM is cam: 32.0 [30.0, 35.0]; their "
        "intervals do not overlap. For comparison: chance 12.0 [10.0, 15.0], always pointing at "
        "the head 22.0 [20.0, 25.0]."
    )
    assert sum("true cue masks" in sentence for sentence in sentences) == 2
    (accuracy,) = (sentence for sentence in sentences if "top-1" in sentence)
    assert "cam has the highest top-1 accuracy: 90.0 [88.0, 93.0]" in accuracy
    assert not any("published" in sentence for sentence in sentences)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ((30, 25, 35), "their intervals overlap"),
        ((30, 29, 40), "their intervals overlap"),
        ((30, 29, 38.5), "their intervals overlap"),
        ((30, 29, 37.9), "their intervals do not overlap"),
        ((50, 42.1, 60), "their intervals do not overlap"),
        ((30, None, None), "there are no intervals to compare"),
    ],
)
def test_overlap_of_intervals(other, words):
    value, low, high = other
    first = row(40, low=30 if value == 30 and low == 25 else 38, high=42)
    second = row(value, low=low, high=high)
    assert overlap(first, second, "x") == overlap(second, first, "x") == words


def table_of(keys, rows, lower=()):
    """A table of one block, and the block."""
    block = Block(heading="", keys=keys, rows=rows)
    about = {"name": "t", "title": "", "names": {}, "columns": {"x": "X"}}
    return Table(**about, blocks=(block,), lower=lower), block


def test_where_low_is_good_the_lowest_is_named():
    rows = (row(40, names=("cam", "cam")), row(35, names=("cam", "gradient")))
    text = finding(*table_of({}, rows, lower=("x",)), "x", "score", "birds")
    assert text.startswith("On birds, cam · gradient has the lowest score: 35.0")


def test_a_finding_compares_the_best_of_cam_and_of_calm():
    rows = (
        row(40, names=("cam", "cam"), low=38, high=42),
        row(35, names=("calm_em", "joint"), trained="calm_em", low=33, high=39),
        row(20, names=("calm_ml", "joint"), trained="calm_ml", low=18, high=22),
        row(90, names=("baseline", "center_gaussian"), kind="baseline", trained=None),
    )
    keys = {"dataset": "birds", "architecture": "net"}
    text = finding(*table_of(keys, rows), "x", "score", "birds")
    assert text == (
        "On birds, cam has the highest score: 40.0 [38.0, 42.0]. The best of CALM is calm_em · "
        "joint: 35.0 [33.0, 39.0]; their intervals overlap. For comparison: a Gaussian in the "
        "centre 90.0."
    )
    tied = (*rows, row(40, names=("calm_em", "posterior"), trained="calm_em", low=38, high=42))
    text = finding(*table_of(keys, tied), "x", "score", "birds")
    assert text.startswith("On birds, cam and calm_em · posterior share the highest score: 40.0")
    assert "The best of CALM is calm_em · posterior: 40.0" in text
    third = (*rows, row(50, names=("adl", "cam"), trained="adl", low=48, high=52))
    text = finding(*table_of(keys, third), "x", "score", "birds")
    assert text.startswith(
        "On birds, adl · cam has the highest score: 50.0 [48.0, 52.0]. The best of CAM is cam: "
        "40.0 [38.0, 42.0]. The best of CALM is calm_em · joint: 35.0 [33.0, 39.0]; their "
        "intervals overlap."
    )
    alone = finding(*table_of(keys, rows[:1]), "x", "score", "birds")
    assert alone == "On birds, cam has the highest score: 40.0 [38.0, 42.0]."


def test_a_figure_of_one_variant_has_the_caption_of_its_kind(tmp_path):
    folder = tmp_path / "figures" / "birds" / "net"
    folder.mkdir(parents=True)
    for name in ("gallery", "gallery.calm_em"):
        Image.new("RGB", (3, 2), "red").save(folder / f"{name}.png")
    captions = {"gallery": "Test images."}
    whole, one = (figure(folder / f"{n}.png", captions) for n in ("gallery", "gallery.calm_em"))
    assert (whole["title"], one["title"]) == ("birds, net", "birds, net, calm_em")
    assert whole["caption"] == one["caption"] == "Test images."
