import base64
import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from finished_study import red_picture
from matplotlib import pyplot as plt

from pipeline.artefacts.files import write_json
from pipeline.artefacts.table import Table
from pipeline.artefacts.table import save as save_tables
from pipeline.catalogue.tables import TABLES
from pipeline.figures.__main__ import FIGURES
from pipeline.figures.style import save
from pipeline.report.facts import commit, date, versions
from pipeline.report.page import TITLES, embedded, figure, figures, json_script
from pipeline.runtime.errors import UserError

VOID = {"meta", "img", "br", "link", "input", "hr", "source", "col"}
CAPTIONS = sorted(Path(__file__).parents[2].glob("workflow/report/*.rst"))


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


def test_the_report_is_one_well_formed_file_that_asks_for_no_other(write_report, tmp_path):
    page = Page(write_report(tmp_path / "report.html"))
    assert "link" not in page.tags
    assert all(address.startswith(("data:", "#")) for address in page.addresses)
    anchors = [address for address in page.addresses if address.startswith("#")]
    assert len(anchors) == 6
    text = (tmp_path / "report.html").read_text()
    assert all(f'id="{anchor[1:]}"' in text for anchor in anchors)
    assert "url(" not in text
    assert "@import" not in text
    assert 'name="viewport"' in text
    assert "prefers-color-scheme: dark" in text


def test_the_report_has_equal_bytes_for_equal_inputs(write_report, tmp_path):
    assert write_report(tmp_path / "a.html") == write_report(tmp_path / "b.html")


def test_the_report_holds_numbers_figures_captions_and_provenance(inputs, write_report, tmp_path):
    text = write_report(tmp_path / "report.html")
    words = " ".join(" ".join(Page(text).words).split())
    for expected in (
        "29.0 to 34.0",  # the interval of CAM for one part
        "What was asked.",
        "What came out",
        "Figure 1. The main numbers of every map.",
        "Table 2. Cue localisation",
        "Figure 2. Maps of test images",
        "Commit of the code",
        commit(),
        date(inputs["tables"]),
        # values of each mean are equal in the fixture
        "Mean of columns equals Mean by pairs in every row",
        "ab" * 32,  # SHA-256 of an input of the scores
        "5ec7",  # digest of their config
        '"images_of_other_classes": 7',
        "protocol: corrected",
        versions()["torch"],
        "Test images drawn at random",
        "images of other classes",
        "1 min 15 s",  # what training took
        "2.0 GiB",
    ):
        assert expected in words
    assert base64.b64encode(inputs["figures"].read_bytes()).decode() in text
    assert "(published" not in words


def test_without_main_numbers_tables_and_figures_are_counted_from_one(write_report, tmp_path):
    table = Table(name="rankings", title="Ranks", names={}, columns={"x": "X"}, blocks=())
    save_tables(tmp_path / "tables.json", [table])
    text = write_report(tmp_path / "report.html", tables=tmp_path / "tables.json")
    words = " ".join(" ".join(Page(text).words).split())
    assert "Table 1. Ranks" in words
    assert "Figure 1. Maps of test images" in words
    assert "Figure 2." not in words


def test_text_from_the_config_is_escaped(inputs, write_report, tmp_path):
    text = write_report(tmp_path / "report.html", title="<script>alert(1)</script> & co")
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; co" in text


def test_what_cannot_be_embedded_is_named(inputs, write_report, tmp_path):
    with pytest.raises(UserError, match=r"none\.png"):
        embedded(tmp_path / "none.png")
    with pytest.raises(UserError, match=r"x\.gif"):
        embedded(tmp_path / "x.gif")
    write_json(tmp_path / "metrics.json", {})
    with pytest.raises(UserError, match=r"metrics\.json lacks 'last_epoch'"):
        write_report(tmp_path / "report.html", metrics=tmp_path / "metrics.json")


@pytest.mark.parametrize("suffix", [".png", ".svg"])
@pytest.mark.parametrize("damage", ["empty", "half", "a bit"])
def test_a_damaged_figure_is_named_and_moved_aside_instead_of_embedded(tmp_path, suffix, damage):
    paths = {kind: tmp_path / f"x{kind}" for kind in (".png", ".svg")}
    drawn, _ = plt.subplots()
    save(drawn, paths.values(), dpi=30)
    whole = paths[suffix].read_bytes()
    assert embedded(paths[".svg"]).startswith("data:image/svg+xml;base64,")
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    changed = {"empty": b"", "half": whole[: len(whole) // 2], "a bit": flipped}
    paths[suffix].write_bytes(changed[damage])
    with pytest.raises(UserError, match=rf"x\{suffix} is damaged.*moved aside"):
        embedded(paths[".svg"])  # the other one is checked as well
    # an input of the report: the job that draws it again draws both
    assert not paths[".svg"].exists()
    assert not paths[suffix].exists()


def test_a_caption_belongs_to_every_table_and_figure():
    names = {path.stem for path in CAPTIONS}
    assert names == {
        "report",
        "figure",  # of any figure, in Snakemake's own report
        *TABLES,
        *FIGURES,
    }


def test_a_figure_of_one_variant_has_the_caption_of_its_kind(tmp_path):
    folder = tmp_path / "figures" / "birds" / "net"
    folder.mkdir(parents=True)
    for name in ("gallery", "gallery.calm_em"):
        red_picture(folder / f"{name}.png")
    captions = {"gallery": "Test images."}
    whole, one = (figure(folder / f"{n}.png", captions) for n in ("gallery", "gallery.calm_em"))
    assert whole["of"] == one["of"] == "birds, net"
    assert whole["title"] == "Maps of test images"
    assert one["title"] == "Maps of test images: calm_em"
    assert one["file"] == "birds.net.gallery.calm_em.png"
    assert whole["caption"] == one["caption"] == "Test images."


def test_data_in_a_script_cannot_close_it_and_stays_the_same():
    value = {"name": "</script><!--", "x": [1.5, None]}
    text = json_script(value)
    assert "<" not in text
    assert json.loads(text) == value


def test_every_figure_has_a_title_of_its_own():
    assert TITLES.keys() == {*FIGURES}
    assert len(set(TITLES.values())) == len(TITLES)


def test_how_models_were_trained_stands_behind_what_they_show(tmp_path):
    folder = tmp_path / "figures" / "birds" / "net"
    folder.mkdir(parents=True)
    paths = [folder / f"{name}.png" for name in ("training", "gallery", "kinds")]
    for path in paths:
        red_picture(path)
    kinds = [each["kind"] for each in figures(paths, {})]
    assert kinds == ["gallery", "kinds", "training"]
