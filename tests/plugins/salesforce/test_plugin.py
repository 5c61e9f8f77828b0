"""Without simple-salesforce the plugin says what to install, and the others run."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
sys.modules[{name!r}] = None
try:
    import crocevia_salesforce
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize("name", ["simple_salesforce", "jwt", "phonenumbers"])
def test_an_absent_library_is_named_with_what_to_install(name: str) -> None:
    """As the loader records and shows it."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(name=name)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )

    assert done.stdout == f"PluginError the Salesforce connector needs {name}: install crocevia[salesforce]\n"
