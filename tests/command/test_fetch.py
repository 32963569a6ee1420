"""`calm fetch` as a user types it; what it fetches: tests/datasets/test_fetching.py."""

import pytest
import small_archives
import yaml
from archive_server import serve
from torchvision.datasets import OxfordIIITPet

from pipeline.command import fetch
from pipeline.command.__main__ import execute
from pipeline.runtime.errors import UserError


@pytest.fixture
def pets(tmp_path, monkeypatch):
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    sums = small_archives.pets(tmp_path / "packed", shelf)
    with serve(shelf) as (address, asked):
        resources = tuple((f"{address}/{name}", md5) for name, md5 in sums.items())
        monkeypatch.setattr(OxfordIIITPet, "_RESOURCES", resources)
        yield asked


def answer(monkeypatch, text):
    monkeypatch.setattr(fetch.sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: text)


def test_sizes_and_terms_come_before_the_question(pets, tmp_path, monkeypatch, capsys):
    answer(monkeypatch, "n")
    execute(["fetch", "pets", "--out", str(tmp_path / "pets")])
    said = capsys.readouterr().out
    assert "CC BY-SA 4.0" in said
    assert "0.81 GB, images.tar.gz, annotations.tar.gz, from 127.0.0.1:" in said
    assert said.endswith("Nothing was downloaded.\n")
    assert not pets
    assert not (tmp_path / "pets").exists()


def test_nobody_who_could_agree_is_an_error(pets, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch.sys.stdin, "isatty", lambda: False, raising=False)
    with pytest.raises(UserError, match="add --yes"):
        execute(["fetch", "pets", "--out", str(tmp_path / "pets")])
    assert not pets


@pytest.mark.parametrize("agreed", ["--yes", "answer"])
def test_what_was_agreed_to_is_fetched_and_a_config_shown(
    agreed, pets, tmp_path, monkeypatch, capsys
):
    root = tmp_path / "pets"
    answer(monkeypatch, "Yes")
    execute(["fetch", "pets", "--out", str(root), *(["--yes"] if agreed == "--yes" else [])])
    assert sorted(path.name for path in root.iterdir()) == ["masks", "test", "train"]
    said = capsys.readouterr().out
    shown = yaml.safe_load(said.partition("In a config:")[2].partition("Then:")[0])
    assert shown["datasets"]["pets"]["root"] == str(root)
    assert shown["datasets"]["pets"]["records"]["layout"] == "folder"
    assert len(pets) == 2
    execute(["fetch", "pets", "--out", str(root)])  # asks nothing
    assert "is there already" in capsys.readouterr().out
    assert len(pets) == 2


def test_cub_asks_for_its_address(tmp_path):
    with pytest.raises(UserError, match="--url"):
        execute(["fetch", "cub", "--yes", "--out", str(tmp_path / "cub")])
