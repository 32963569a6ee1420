"""The pages of the documentation: their links and code, and the files a repository is known by."""

import ast
import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "config/README.md"])
_LINK = re.compile(r"\]\(([^)#\s]+)")
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    text = _FENCE.sub("", page.read_text())
    targets = [link for link in _LINK.findall(text) if "://" not in link]
    missing = [link for link in targets if not (page.parent / link).exists()]
    assert not missing


def test_every_page_is_in_the_index():
    linked = set(_LINK.findall((ROOT / "docs/README.md").read_text()))
    assert {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"} <= linked


_PATH = re.compile(
    r"(?<![\w/.{}-])((?:pipeline|tests|docs|config|workflow|bench|envs|profiles)/[\w./*-]*\w)"
)
_MODULE = re.compile(r"`(pipeline(?:\.\w+)+)`")
_WRITTEN = re.compile(r"^# (pipeline/\S+)$|^Write a config, here `(\S+)`", re.MULTILINE)


def sources():
    """Every text of the repository that names its files.

    The history of changes may name files that have gone, and this file invents some.
    """
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    left_out = {"CHANGELOG.md", "tests/test_docs.py"}
    suffixes = {".md", ".py", ".smk", ".yaml", ".toml", ".cff", ".rst", ".j2"}
    names = listed.stdout.split() or pytest.skip("not a checkout of git")
    texts = (name for name in names if Path(name).suffix in suffixes or name.endswith("Snakefile"))
    return {name: (ROOT / name).read_text() for name in texts if name not in left_out}


def missing(texts, root=ROOT):
    """What texts name and the repository lacks: "file: path or module"."""
    # a page may tell its reader to write a file
    written = {
        path for text in texts.values() for both in _WRITTEN.findall(text) for path in both if path
    }
    for name, text in texts.items():
        for path in _PATH.findall(text):
            is_source = Path(path).suffix in ("", ".py", ".smk", ".md", ".yaml")
            is_source &= not path.startswith("pipeline/laid_out")  # there in the wheel alone
            if is_source and path not in written and not any(root.glob(path)):
                yield f"{name}: {path}"
        for module in _MODULE.findall(text):
            *parts, last = module.split(".")
            file = root.joinpath(*parts)
            owner = file / "__init__.py" if file.is_dir() else file.with_suffix(".py")
            path = root.joinpath(*parts, last)
            known = path.is_dir() or path.with_suffix(".py").is_file()
            # a name in a module, or an attribute of one of its classes
            while not owner.is_file() and parts:
                parts.pop()
                owner = root.joinpath(*parts).with_suffix(".py")
            if not known and not (owner.is_file() and re.search(rf"\b{last}\b", owner.read_text())):
                yield f"{name}: {module}"


def test_every_file_and_module_that_is_named_exists():
    assert sorted(missing(sources())) == []


def test_a_file_or_module_that_has_gone_is_found(tmp_path):
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline" / "calm.py").write_text("def joint(): ...\nclass A: value = 1\n")
    gone = ("pipeline/stage.py", "`pipeline.calm.other`", "`pipeline.stage`", "`pipeline.stage.x`")
    there = (
        "pipeline/calm.py",
        "pipeline/*.py",
        "`pipeline.calm.joint`",
        "`pipeline.calm.A.value`",
    )
    for text in gone:
        assert list(missing({"page": f"see {text}"}, tmp_path)) == [f"page: {text.strip('`')}"]
    for text in there:
        assert list(missing({"page": f"see {text}"}, tmp_path)) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_can_be_parsed(page):
    for language, text in _FENCE.findall(page.read_text()):
        if language == "python":
            ast.parse(text)
        elif language in ("yaml", "json"):
            yaml.safe_load(text)


def test_the_citation_names_the_version_and_the_paper():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    pyproject = (ROOT / "pyproject.toml").read_text()
    assert f'version = "{citation["version"]}"' in pyproject
    (paper,) = citation["references"]
    assert [author["family-names"] for author in paper["authors"]] == ["Kim", "Choe", "Akata", "Oh"]


def test_hooks_fetch_nothing_and_run_what_is_installed():
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert [repository["repo"] for repository in config["repos"]] == ["local"]
    hooks = config["repos"][0]["hooks"]
    assert {hook["language"] for hook in hooks} == {"system"}
    constraints = (ROOT / "constraints.txt").read_text()
    for hook in hooks:
        tool = hook["entry"].split()[0].removeprefix(".venv/bin/")
        assert tool == "python" or f"\n{tool}==" in constraints


def test_issue_forms_have_what_a_form_needs():
    forms = [
        yaml.safe_load(path.read_text()) for path in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml")
    ]
    forms = [form for form in forms if "body" in form]
    assert len(forms) == 3
    for form in forms:
        assert {"name", "description", "body"} <= set(form)
        for field in form["body"]:
            assert field["type"] == "markdown" or {"id", "attributes"} <= set(field)


def test_github_runs_the_checks_of_this_repository():
    content = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    (job,) = content["jobs"].values()
    assert job["steps"][-1] == {"run": ".ci/run"}
    assert (ROOT / ".ci/run").stat().st_mode & 0o100


def test_the_catalogue_finds_what_it_looks_for():
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert usage["software-stack-deployment"] == {"conda": True}
    assert usage["mandatory-flags"].keys() == {"desc", "flags"}
    for name in ("workflow/Snakefile", "config/config.yaml", "config/README.md"):
        assert (ROOT / name).is_file()
