"""The documentation as a site: contents and links; `.ci/run` builds it with --strict."""

import importlib.util
import re
from pathlib import Path

import pytest

pytest.importorskip("mkdocs")
ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def hooks():
    spec = importlib.util.spec_from_file_location("hooks", ROOT / "docs" / "site" / "hooks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_contents_are_those_of_the_index(hooks):
    index = (
        "# Docs\n\nFirst steps:\n\n1. [a](a.md): one,\n   [b](../CHANGELOG.md)\n\nMore: [x](x.md)\n"
    )
    sections = [{"First steps": ["a.md", "CHANGELOG.md", "x.md"]}]
    reference = {"Python reference": ["python.md"]}
    assert hooks.contents(index) == ["README.md", *sections, reference]


def test_pages_outside_docs_are_in_the_contents(hooks):
    contents = hooks.contents((ROOT / "docs" / "README.md").read_text())
    listed = {page for section in contents[1:] for pages in section.values() for page in pages}
    assert {"config/README.md", "CONTRIBUTING.md"} <= listed & hooks.outside()


@pytest.mark.parametrize(
    ("page", "link", "expected"),
    [
        ("cli.md", "[x](losses.md#em)", "[x](losses.md#em)"),
        ("cli.md", "![x](images/a.png)", "![x](images/a.png)"),
        ("cli.md", "[x](../config/README.md)", "[x](config/README.md)"),
        ("cli.md", "[`x`](../config/cub.yaml)", "`x`"),
        ("cli.md", "[x](tables/cub50)", "x"),
        ("cli.md", "[x](https://pre-commit.com)", "[x](https://pre-commit.com)"),
        ("tables/cub50/wsol.md", "[x](../../losses.md)", "[x](../../losses.md)"),
        ("config/README.md", "[x](../docs/losses.md)", "[x](../losses.md)"),
        ("CONTRIBUTING.md", "[x](docs/losses.md)", "[x](losses.md)"),
        ("CONTRIBUTING.md", "[x](pipeline/calm.py)", "x"),
    ],
)
def test_links_lead_to_their_place_in_the_site(hooks, page, link, expected):
    copied = {"config/README.md", "CONTRIBUTING.md"}
    assert hooks.with_links_of_the_site(link, page, copied) == expected


def test_the_reference_has_every_promised_name(hooks):
    from pipeline import api

    assert re.findall(r"^::: pipeline\.api\.(\w+)$", hooks.reference(), re.M) == list(api.__all__)


@pytest.mark.parametrize(
    ("html", "loaded"),
    [
        ('<link rel="stylesheet" href="https://fonts.example/css">', ["https://fonts.example/css"]),
        ("<script src=//cdn.example/a.js></script>", ["//cdn.example/a.js"]),
        ('<img alt="x" src="http://other.example/x.png">', ["http://other.example/x.png"]),
        ('<script src="assets/a.js"></script><a href="https://example.org">link</a>', []),
    ],
)
def test_a_page_that_loads_from_another_host_is_found(hooks, html, loaded):
    assert hooks.loaded_from_elsewhere(html) == loaded
