"""`make connectors`: write the README's table of connectors anew."""

from tests.connectors.table import README, rows, with_table

README.write_text(with_table(README.read_text(), rows()))
