"""The pace of each account, shared by all processes on one database."""

from dataclasses import asdict, fields

from sqlalchemy import Connection, bindparam, select, text, update

from batchgen.core.pace import Pace
from batchgen.store.tables import paces

_FIELDS = tuple(field.name for field in fields(Pace))
_LOAD = select(*(paces.c[name] for name in _FIELDS)).where(paces.c.account == bindparam("of_account"))
_LOCK = _LOAD.with_for_update()
_SAVE = update(paces).where(paces.c.account == bindparam("of_account")).values({name: bindparam(name) for name in _FIELDS})
_COLUMNS, _VALUES = ", ".join(_FIELDS), ", ".join(f":{name}" for name in _FIELDS)
_NEW = text(f"INSERT INTO paces (account, {_COLUMNS}) VALUES (:of_account, {_VALUES}) ON CONFLICT DO NOTHING")  # noqa: S608


def find(tx: Connection, account: str) -> Pace | None:
    """What is known of an account, or None."""
    row = tx.execute(_LOAD, {"of_account": account}).first()
    return None if row is None else Pace(*row)


def hold(tx: Connection, account: str) -> Pace:
    """The pace of an account, made if there is none; nobody else changes it until the transaction ends."""
    row = tx.execute(_LOCK, {"of_account": account}).first()
    if row is None:
        # Another process may do the same at this moment; one of the two rows stays.
        tx.execute(_NEW, {"of_account": account, **asdict(Pace())})
        row = tx.execute(_LOCK, {"of_account": account}).one()
    return Pace(*row)


def save(tx: Connection, account: str, pace: Pace) -> None:
    """Keep what `hold` gave, changed."""
    tx.execute(_SAVE, {"of_account": account, **asdict(pace)})
