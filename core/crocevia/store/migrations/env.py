"""Run by Alembic on the connection that `crocevia.store.migrate` hands over."""

from alembic import context

from crocevia.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=False)
with context.begin_transaction():
    context.run_migrations()
