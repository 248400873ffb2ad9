"""The tables. The database itself refuses impossible rows; `migrations/` brings it here step by step, with the `indexes`."""

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.engine.interfaces import Dialect

from batchgen.core.job import State


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC time in Python, a plain UTC timestamp in the database."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Drop the zone, which is always UTC."""
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the zone back."""
        return None if value is None else value.replace(tzinfo=UTC)


# Made once: `json.dumps` would make one for every value.
_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class JsonText(TypeDecorator[Any]):
    """A JSON value as text, so that both databases keep the order of its keys and its numbers as they were."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:
        """Encode; what does not fit into ASCII stays readable."""
        # Most values are empty, and the encoder takes its time to begin.
        return "{}" if value == {} else "[]" if value == [] else _compact.encode(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Decode; an absent row of an outer join is an empty object."""
        return {} if value is None else json.loads(value)


class ForeignText(TypeDecorator[str]):
    """Words of a provider: what a database cannot hold (NUL, half a character) is marked and never stops the ledger."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Put a mark in the place of what cannot be stored."""
        return None if value is None else value.replace("\0", "\ufffd").encode(errors="replace").decode()


Id = BigInteger().with_variant(Integer, "sqlite")
_STATES = ", ".join(f"'{state}'" for state in State)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

batches = Table(
    "batches",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(200), nullable=False),
    Column("name_key", String(400), nullable=False),  # NFC and casefold of the name
    Column("simulated", Boolean, nullable=False),
    Column("provider", String(100), nullable=False),  # who makes what does not name one; empty: that of the settings
    Column("manifest_path", Text, nullable=True),  # NULL: standard input
    Column("manifest_sha256", String(64), nullable=False),
    Column("metadata_columns", JsonText, nullable=False),  # names in the order of the file, for the head of an export
    Column("created_at", UtcTime, nullable=False),
    UniqueConstraint("name_key"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Id, primary_key=True),
    Column("batch_id", Id, ForeignKey("batches.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("custom_id", String(200), nullable=False),
    Column("custom_id_key", String(400), nullable=False),
    Column("operation", String(20), nullable=False),
    Column("model", Text, nullable=False),
    Column("provider", String(100), nullable=False),  # as its row says; empty: that of the batch
    Column("request", JsonText, nullable=False),  # prompt and parameters
    Column("metadata", JsonText, nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("priority", Integer, nullable=False),  # more comes first
    Column("rewritten", JsonText, nullable=False),  # notes: what the request says in other words than its row
    Column("copy_size", String(20), nullable=False),  # WxH of the copy that belongs beside each image; empty: none does
    Column("state", String(10), nullable=False),
    Column("attempt", Integer, nullable=False),  # of the newest attempt: the fencing token, it only grows
    Column("failures", Integer, nullable=False),  # since a person last queued the job
    Column("unknowns", Integer, nullable=False),  # those of the failures that may have been billed
    Column("available_at", UtcTime, nullable=False),
    Column("lease_owner", String(100), nullable=True),
    Column("lease_expires_at", UtcTime, nullable=True),
    Column("cancel_requested", Boolean, nullable=False),
    Column("waits_for", Integer, nullable=False),  # how many of its parents have not succeeded
    Column("has_children", Boolean, nullable=False),  # whether others may wait for it
    Column("failed_by", Id, nullable=True),  # the job without whose result it could not be made; NULL: it failed by itself
    Column("forgotten", Integer, nullable=False),  # what attempts up to this one have made is not used again for other jobs
    Column("created_at", UtcTime, nullable=False),
    Column("finished_at", UtcTime, nullable=True),
    UniqueConstraint("batch_id", "custom_id_key"),
    CheckConstraint(f"state IN ({_STATES})", name="state"),
    CheckConstraint("(state = 'running') = (lease_owner IS NOT NULL)", name="running_iff_leased"),
    CheckConstraint("(lease_owner IS NULL) = (lease_expires_at IS NULL)", name="lease_has_an_end"),
    CheckConstraint("(state IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL)", name="final_iff_finished"),
)

dependencies = Table(
    "dependencies",
    metadata,
    Column("job_id", Id, ForeignKey("jobs.id"), nullable=False),
    Column("parent_id", Id, ForeignKey("jobs.id"), nullable=False),  # the job whose result it takes, of the same batch
    PrimaryKeyConstraint("job_id", "parent_id"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("job_id", Id, ForeignKey("jobs.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("batch_id", Id, nullable=False),  # the job's, which never changes: for sums that do not look the job up
    Column("model", Text, nullable=False),
    Column("provider", String(100), nullable=True),  # who was asked, whatever the job says later; NULL: before that was kept
    Column("fingerprint", String(64), nullable=False),
    Column("worker", String(100), nullable=False),
    Column("lane", String(10), nullable=False),  # sync
    Column("started_at", UtcTime, nullable=False),
    Column("sent_at", UtcTime, nullable=True),  # NULL: the body never began to go, so nothing can have been billed
    Column("finished_at", UtcTime, nullable=True),
    Column("outcome", String(20), nullable=True),  # NULL: open
    Column("http_status", Integer, nullable=True),
    Column("error_code", ForeignText, nullable=True),
    Column("error_message", ForeignText, nullable=True),
    Column("provider_request_id", ForeignText, nullable=True),
    Column("input_text_tokens", BigInteger, nullable=True),
    Column("input_image_tokens", BigInteger, nullable=True),
    Column("output_tokens", BigInteger, nullable=True),
    Column("output_text_tokens", BigInteger, nullable=True),
    Column("cost_micros", BigInteger, nullable=True),  # NULL: not known; 0: free
    Column("cost_basis", String(10), nullable=True),  # computed, estimated, unknown; NULL: open
    Column("reserved_micros", BigInteger, nullable=True),  # the most it can cost; NULL: the model has no price
    Column("remark", ForeignText, nullable=True),  # what is not wrong and yet worth knowing: images of another size, ...
    Column("origin_job_id", Id, nullable=True),  # whose images are used again, and which attempt made them; NULL: nobody's
    Column("origin_attempt", Integer, nullable=True),
    PrimaryKeyConstraint("job_id", "number"),
    CheckConstraint("(outcome IS NULL) = (finished_at IS NULL)", name="closed_iff_finished"),
)

artifacts = Table(
    "artifacts",
    metadata,
    Column("job_id", Id, ForeignKey("jobs.id"), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("ordinal", Integer, nullable=False),  # from 1 within the job
    Column("path", Text, nullable=False),  # below the storage root, with forward slashes
    Column("media_type", String(40), nullable=False),
    Column("width", Integer, nullable=True),  # NULL: the format has no pixels (svg)
    Column("height", Integer, nullable=True),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("replaced_at", UtcTime, nullable=True),  # a newer request's image took its place, and it lies in .previous/
    PrimaryKeyConstraint("job_id", "attempt", "ordinal"),
)

paces = Table(
    "paces",
    metadata,
    Column("account", String(500), primary_key=True),  # the provider's address and the name of the key, or the sandbox
    *(Column(name, Float, nullable=False) for name in ("images_at", "requests_at", "tokens_at", "paused_until")),
    Column("rate", Float, nullable=True),  # images a minute; NULL: nothing slows
    Column("too_fast", Float, nullable=False),
    Column("told_images", Integer, nullable=False),
    Column("told_requests", Integer, nullable=False),
    Column("is_opening", Boolean, nullable=False),
    Column("watched_since", Float, nullable=False),
    Column("let_through", Integer, nullable=False),
    Column("learned_at", Float, nullable=False),
    Column("day", Integer, nullable=False),
    Column("day_images", Integer, nullable=False),
)
