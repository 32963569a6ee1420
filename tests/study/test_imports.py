import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pipeline.study

ROOM = Path(pipeline.study.__file__).parent
MODULES = {
    ".".join(("pipeline.study", *path.relative_to(ROOM).with_suffix("").parts)): path
    for path in ROOM.rglob("*.py")
}


def imported(path):
    """Names of the room's modules that a file imports, wherever in it the import stands."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
            names.add(node.module)
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
    return names & MODULES.keys()


def test_no_module_of_the_room_imports_itself_by_way_of_others():
    graph = {name: imported(path) for name, path in MODULES.items()}
    assert "pipeline.study.search_space" in graph["pipeline.study.searches"]  # they are found
    [*TopologicalSorter(graph).static_order()]  # raises CycleError


def test_a_config_is_read_without_the_heavy_packages():
    code = (
        "import sys, pipeline.study.loading\n"
        "print({'torch', 'pandas', 'numpy', 'h5py', 'snakemake'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
