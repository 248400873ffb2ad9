"""Alembic's entry: the program hands in its own connection, inside its own transaction."""

from alembic import context

from batchgen.store.indexes import metadata

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("migrations run through the program: batchgen db upgrade")

context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
context.run_migrations()
