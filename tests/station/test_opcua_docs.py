"""The OPC UA client that docs/station-first.md shows works as it stands there."""

import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import peers
from goodpart_station.tokens import Role
from opcua_site import OpcuaSite

PAGE = (Path(__file__).parents[2] / "docs" / "station-first.md").read_text()


def shown_client() -> str:
    """The script of the page, without its indentation."""
    (found,) = re.findall(r"(?m)^    // node gate\.js(?:.*\n|\n(?=    ))+?(?=^Then,)", PAGE)
    return re.sub(r"(?m)^    ", "", found)


def test_the_client_of_the_docs_lets_a_good_part_pass(tmp_path):
    modules = peers.npm_package("node-opcua-client").parent
    site = OpcuaSite(tmp_path)
    text = shown_client()
    # the port and the token's name of this station; a busy machine needs longer
    for there, here in (("127.0.0.1:4840", f"127.0.0.1:{site.port}"), ('"plc"', '"operator"'), ("4000", "60000")):
        assert text.count(there) == 1
        text = text.replace(there, here)
    (tmp_path / "gate.js").write_text(text)
    (tmp_path / "frames").mkdir()
    (tmp_path / "next.png").touch()
    command = [peers.program("node", "nodejs"), "gate.js", site.tokens[Role.OPERATOR], "part_7", "next.png"]
    # the library keeps certificates in the user's home
    variables = {**os.environ, "NODE_PATH": str(modules), "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    with site.running(), ThreadPoolExecutor(1) as camera:
        shown = camera.submit(site.picture, 1)
        ended = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=120)
        assert "part_7 GOOD pass" in ended.stdout.splitlines(), ended.stdout + ended.stderr
        shown.result(60)
    assert (tmp_path / "frames" / "part_7.png").exists()
