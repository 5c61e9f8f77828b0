"""The page about visits tells what happens: its example is run as it is printed."""

import os
import re
import subprocess
import sys
from pathlib import Path

from crocevia_visits import Visits
from tests.plugins.road_settings import named_in, printed

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


def test_the_settings_of_the_page_are_settings() -> None:
    """Each block is read as the daemon reads it, and every setting is named somewhere."""
    first, detailed, posted = printed("visits.md", Visits)
    assert (str(first.files), first.programme) == ("/srv/tills/*.csv", "casa")
    assert detailed.headings("receipt") == ("nr. doc.",)
    assert detailed.headings("type") == ("",)
    assert posted.secret is not None
    assert named_in("visits.md", Visits) == set()
