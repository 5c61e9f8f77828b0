"""The schema: migrations and tables say the same, on both databases."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from crocevia.errors import ConfigError, StoreError
from crocevia.store import Store, migrate, open_store
from crocevia.store.tables import metadata

PERSONAL = {
    "profiles",
    "claims",
    "interactions",
    "revisions",
    "bindings",
    "commands",
    "decisions",
    "reviews",
    "dead",
    "announcements",
    "journal_subjects",
    "merges",
    "claim_aliases",
    "consents",
}
"""Tables whose rows may say something about a customer. `journal` is keyed through `journal_subjects`, since one raw
may tell of several people; a `parked` row names its raw and is drained."""
IMPERSONAL = {
    "counters",
    "journal",
    "seen_keys",
    "aliases",
    "parked",
    "cursors",
    "listeners",
    "tallies",
    "connections",
    "leases",
    "moved",
    "apart",
    "backfills",
    "budgets",
}


@pytest.fixture
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database: a new file, or a new database on the server."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'fresh.db'}"
        return
    server = sa.make_url(request.getfixturevalue("postgres_url"))
    engine = sa.create_engine(server.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    name = f"{server.database}_fresh"
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    yield server.set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


def test_the_migrated_schema_is_the_one_that_the_tables_describe(store: Store) -> None:
    """No column, index or constraint differs."""
    with store.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_head_is_the_newest_script() -> None:
    """`migrate.HEAD` spares a migrated store the loading of Alembic, so it has to be kept by hand."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_heads() == [migrate.HEAD]


@pytest.mark.parametrize("fresh", ["sqlite", "postgresql"], indirect=True)
def test_an_empty_database_is_brought_to_head_and_opened_again(fresh: str) -> None:
    """The second time there is nothing to do."""
    for _ in range(2):
        opened = open_store(fresh)
        assert migrate.version(opened) == migrate.HEAD
        opened.close()


@pytest.mark.parametrize("fresh", ["sqlite", "postgresql"], indirect=True)
def test_two_processes_that_start_on_an_empty_database_at_once_both_come_up(fresh: str) -> None:
    """A fleet starts all its processes together."""
    failures: list[BaseException] = []
    stores = [Store(fresh) for _ in range(3)]
    barrier = threading.Barrier(3)

    def start(store: Store) -> None:
        barrier.wait()
        try:
            migrate.upgrade(store)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test shows it
            failures.append(error)

    threads = [threading.Thread(target=start, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    versions = [migrate.version(store) for store in stores]
    for store in stores:
        store.close()
    assert failures == []
    assert versions == [migrate.HEAD] * 3


def test_a_store_of_a_newer_version_is_refused(tmp_path: Path, migrated_sqlite: Path) -> None:
    """It is said which version to run; nothing is touched."""
    shutil.copy(migrated_sqlite, tmp_path / "newer.db")
    store = Store(f"sqlite:///{tmp_path / 'newer.db'}")
    with store.writing() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="schema 9999, this Crocevia knows"):
        migrate.upgrade(store)
    store.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://host/name", "expected sqlite"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
    ],
)
def test_another_database_is_refused(url: str, said: str) -> None:
    """A store in memory loses everything, so it is no store."""
    with pytest.raises((ConfigError, StoreError, sa.exc.NoSuchModuleError), match=said):
        Store(url)


def test_every_table_is_sorted_into_personal_or_not() -> None:
    """A new table has to say which it is."""
    assert set(metadata.tables) == PERSONAL | IMPERSONAL


def test_every_row_that_holds_personal_data_carries_the_profiles_key(store: Store) -> None:
    """Export and erasure are queries: the column is there, indexed or first in a key, in the database itself."""
    with store.reading() as connection:
        inspector = sa.inspect(connection)
        without = {
            name
            for name in PERSONAL - {"profiles"}
            if "profile_id" not in {column["name"] for column in inspector.get_columns(name)}
        }
    assert without == set()


def test_a_store_that_cannot_be_reached_says_so_without_its_password() -> None:
    """The password of the URL is in no message."""
    store = Store("postgresql://crocevia:s3cret@127.0.0.1:1/none")
    with pytest.raises(StoreError) as caught, store.reading():
        pass
    assert "s3cret" not in f"{caught.value} {store.url}"
    store.close()
