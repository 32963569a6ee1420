"""Hooks of MkDocs: contents from docs/README.md, pages outside docs/, the Python reference.

The pages are written for a repository, where a link may lead to any file. In the site, a link to a
page outside docs/ leads to its copy; one to a folder, or to any other file outside, is left as its
text.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from pipeline import api

ROOT = Path(__file__).parents[2]
DOCS = "docs/"
REFERENCE = "python.md"  # generated, of the names in pipeline.api

_SECTION = re.compile(r"^(\w.*):$", re.MULTILINE)
_LINK = re.compile(r"\[([^\]]*)\]\(([^)#\s:]+)(#[^)\s]*)?\)")
_LOADED = re.compile(
    r"""<(?:script|link|img|iframe)\b[^>]*?\b(?:src|href)=["']?((?:https?:)?//[^"'\s>]+)"""
)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Take the site's contents from the index of the documentation."""
    config.nav = contents((ROOT / DOCS / "README.md").read_text())
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages outside docs/ that are linked there, and the Python reference."""
    for name in sorted(outside()):
        files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    files.append(File.generated(config, REFERENCE, content=reference()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Make the links of a page lead to pages of the site."""
    return with_links_of_the_site(markdown, page.file.src_uri, outside())


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Refuse a page that would load something from another host."""
    if loaded := loaded_from_elsewhere(output):
        raise PluginError(f"{page.file.src_uri} loads from other hosts: {', '.join(loaded)}")
    return output


def contents(index: str) -> list[dict[str, list[str]] | str]:
    """The contents, from the index: "Section:" lines with the pages that are linked below each."""
    _title, *parts = _SECTION.split(index)
    sections: list[dict[str, list[str]] | str] = ["README.md"]
    for name, text in zip(parts[::2], parts[1::2], strict=True):
        pages = [place(DOCS + link) for _, link, _ in _LINK.findall(text) if link.endswith(".md")]
        sections.append({name: list(dict.fromkeys(pages))})
    sections.append({"Python reference": [REFERENCE]})
    return sections


def outside() -> set[str]:
    """Markdown files outside docs/ that its pages link, by their path in the repository."""
    links = (
        posixpath.normpath(DOCS + link)
        for page in (ROOT / DOCS).glob("*.md")
        for _, link, _ in _LINK.findall(page.read_text())
    )
    return {link for link in links if not link.startswith(DOCS) and link.endswith(".md")}


def place(path: str) -> str:
    """Where a file of the repository is in the site: docs/ is its root."""
    return posixpath.normpath(path).removeprefix(DOCS)


def with_links_of_the_site(markdown: str, page: str, copied: set[str]) -> str:
    """The text of a page with links for its place in the site.

    Args:
        markdown: as in the repository.
        page: its place in the site.
        copied: the files outside docs/ that are in the site.
    """
    folder = posixpath.dirname(page if page in copied else DOCS + page)

    def replaced(found: re.Match[str]) -> str:
        text, link, anchor = found.groups(default="")
        target = posixpath.normpath(posixpath.join(folder, link))
        if not (target.startswith(DOCS) or target in copied) or (ROOT / target).is_dir():
            return text
        return f"[{text}]({posixpath.relpath(place(target), posixpath.dirname(page))}{anchor})"

    return _LINK.sub(replaced, markdown)


def reference() -> str:
    """The page of the promised names, from their docstrings."""
    names = "\n".join(f"::: pipeline.api.{name}\n" for name in api.__all__)
    return (
        f"# Python reference\n\nThe names of `pipeline.api`; [examples](api.md) of each.\n\n{names}"
    )


def loaded_from_elsewhere(html: str) -> list[str]:
    """Addresses on other hosts that a page would load; links that a reader follows do not count."""
    return _LOADED.findall(html)
