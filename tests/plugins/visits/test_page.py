"""The page about visits tells what happens: its example is run as it is printed."""

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parents[3] / "docs" / "connectors" / "visits.md"


def test_the_example_prints_what_the_page_shows(tmp_path: Path) -> None:
    """The file is written, the command typed, and each line of the answer is there."""
    page = PAGE.read_text()
    [table] = re.findall(r"<!-- file: receipts.csv -->\n```csv\n(.*?)```", page, re.DOTALL)
    (tmp_path / "receipts.csv").write_text(table)
    [block] = re.findall(r"```console\n\$ (crocevia translate.*?)```", page, re.DOTALL)
    command, _, shown = block.partition("'\n")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    answer = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{command}'"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout == shown
