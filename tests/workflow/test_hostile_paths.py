"""A study whose folders have hostile names, on a machine without a network."""

import os
import shutil
import subprocess
import sys
from urllib.parse import urlsplit

from torchvision.models import SqueezeNet1_1_Weights
from workflow_run import edit_config, snakemake

HOSTILE = 'it\'s "mine" & $HOME; touch owned; `touch owned` #'

# Python reads this module when it starts; the rules put the checkout on its path. Connections to
# other machines are refused and noted.
WITHOUT_NETWORK = """
import socket
from pathlib import Path


def refuse(*arguments, **named):
    with Path(__file__).with_name("connections.txt").open("a") as stream:
        print(*arguments, file=stream)
    raise OSError("there is no network")


class Socket(socket.socket):
    def connect(self, address):
        return super().connect(address) if self.family == socket.AF_UNIX else refuse(address)

    connect_ex = connect


socket.socket, socket.create_connection, socket.getaddrinfo = Socket, refuse, refuse
Path(__file__).with_name("started.txt").touch()
"""


def test_hostile_folders_and_no_network_give_the_same_study(finished, checkout):
    (checkout / "sitecustomize.py").write_text(WITHOUT_NETWORK)
    place = checkout.rename(checkout.with_name(HOSTILE))
    data = place / f"data {HOSTILE}"
    shutil.copytree(finished / "results" / "raw" / "birds", data)
    # Snakemake would read braces as wildcards
    edit_config(place, results=f"results {HOSTILE}", title="On {dataset} {birds}")
    edit_config(place, datasets__birds__root=str(data), datasets__birds__draw=None)

    status, output = snakemake(place, "--cores", "2")
    assert status == 0, output
    results = place / f"results {HOSTILE}"
    assert "On {dataset} {birds}" in (results / "report.html").read_text()
    for table in sorted((finished / "results" / "tables").glob("*.csv")):
        assert (results / "tables" / table.name).read_bytes() == table.read_bytes()
    assert not list(place.rglob("owned"))
    assert (place / "started.txt").exists()
    assert not (place / "connections.txt").exists()


def test_a_network_is_asked_for_torchvisions_weights_alone(tmp_path):
    # that the connections above would have been noted
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_NETWORK)
    source = "torchvision:SqueezeNet1_1_Weights.IMAGENET1K_V1"
    program = f"from pipeline.models.pretrained import read_weights; read_weights({source!r})"
    path = os.pathsep.join([str(tmp_path), os.getcwd()])
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": path, "TORCH_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert "UserError" in done.stderr
    assert "Download them where there is a network and give the file instead" in done.stderr
    host = urlsplit(SqueezeNet1_1_Weights.IMAGENET1K_V1.url).hostname
    assert host in (tmp_path / "connections.txt").read_text()
