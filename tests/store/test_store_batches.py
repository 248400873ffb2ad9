"""Batches: one name each without regard to case, real or simulated for ever."""

import pytest

from batchgen.errors import UnknownBatch, WrongUsage
from batchgen.store import batches
from batchgen.store.batches import ManifestFile


@pytest.fixture
def shelf(ledger):
    """Two real batches and two simulated ones."""
    for name in ("Shop", "Straße", "sandbox-Shop", "sandbox-demo"):
        ledger.submit(ledger.row("a"), batch=name, simulated=name.startswith("sandbox-"))
    return ledger


def _names(found):
    return [batch.name for batch in found]


@pytest.mark.parametrize("name", ["shop", "SHOP", "sHOp"])
def test_a_batch_is_known_without_regard_to_case(shelf, name):
    """However its name is written, it is the same batch, and it keeps the spelling it was given first."""
    with shelf.database.read() as tx:
        assert batches.by_name(tx, name).name == "Shop"
        assert batches.by_name(tx, f"{name}s") is None


def test_letters_beyond_ascii_are_folded_alike(ledger):
    """ß and ss, and an accent written either way, are one name on some disks and so here."""
    ledger.submit(ledger.row("a"), batch="Straße")
    ledger.submit(ledger.row("a"), batch="Cafe\u0301")
    with ledger.database.read() as tx:
        assert batches.by_name(tx, "STRASSE").name == "Straße"
        assert batches.by_name(tx, "CAF\u00c9").name == "Cafe\u0301"


def test_batches_come_in_the_order_they_are_named(shelf):
    """`named` keeps the order of the caller, `every` that of the ledger, all or of one kind."""
    with shelf.database.read() as tx:
        assert _names(batches.named(tx, ["sandbox-demo", "shop"])) == ["sandbox-demo", "Shop"]
        assert _names(batches.every(tx)) == ["Shop", "Straße", "sandbox-Shop", "sandbox-demo"]
        assert _names(batches.every(tx, simulated=False)) == ["Shop", "Straße"]
        assert _names(batches.every(tx, simulated=True)) == ["sandbox-Shop", "sandbox-demo"]


@pytest.mark.parametrize(
    ("there", "asked", "words"),
    [
        ([], "shop", "there is no batch 'shop', nor any other: submit a manifest first"),
        (["shop"], "shops", "there is no batch 'shops'; there are shop"),
        (["sandbox-Shop", "x"], "shop", "there is no batch 'shop'; there is sandbox-shop, made on the sandbox"),
        ([f"b{n}" for n in range(10)], "b", "there are b0, b1, b2, b3, b4, b5, b6, b7, b8, b9"),
        ([f"b{n}" for n in range(11)], "b", "there are b0, b1, b2, b3, b4, b5, b6, b7, b8, b9, ..."),
    ],
)
def test_an_unknown_name_tells_what_there_is(ledger, there, asked, words):
    """The message says what could have been meant, and stays short."""
    for name in there:
        ledger.submit(ledger.row("a"), batch=name, simulated=name.startswith("sandbox-"))
    with pytest.raises(UnknownBatch) as caught, ledger.database.read() as tx:
        batches.named(tx, [asked])
    assert str(caught.value).endswith(words)


@pytest.mark.parametrize(
    ("names", "simulated", "chosen", "found"),
    [
        ([], False, False, ["Shop", "Straße"]),
        ([], True, True, ["sandbox-Shop", "sandbox-demo"]),
        (["shop"], False, False, ["Shop"]),
        (["STRASSE", "shop"], False, True, ["Straße", "Shop"]),
        (["sandbox-demo"], False, False, ["sandbox-demo"]),
        (["sandbox-demo", "sandbox-shop"], True, True, ["sandbox-demo", "sandbox-Shop"]),
        (["shop", "SHOP", "shop"], False, False, ["Shop"]),
    ],
)
def test_a_run_works_on_what_is_named_or_on_all_of_a_kind(shelf, names, simulated, chosen, found):
    """Named batches decide for themselves unless a person chose the provider; each is worked once."""
    with shelf.database.read() as tx:
        assert _names(batches.in_scope(tx, names, simulated=simulated, chosen=chosen)) == found


@pytest.mark.parametrize(
    ("names", "simulated", "chosen", "words"),
    [
        (["shop", "sandbox-demo"], False, False, "sandbox-demo is simulated and cannot be part of a run on real ones"),
        (["sandbox-demo", "shop"], False, False, "Shop is real and cannot be part of a run on simulated ones"),
        (["sandbox-demo"], False, True, "sandbox-demo is simulated and cannot be part of a run on real ones"),
        (["shop"], True, True, "Shop is real and cannot be part of a run on simulated ones"),
        (["shop"], True, False, "Shop is real and cannot be part of a run on simulated ones"),
    ],
)
def test_real_and_simulated_never_meet(shelf, names, simulated, chosen, words):
    """No real run takes a simulated batch for done, and no sandbox answers for a real one."""
    with pytest.raises(WrongUsage, match=words), shelf.database.read() as tx:
        batches.in_scope(tx, names, simulated=simulated, chosen=chosen)


def test_an_unknown_name_is_out_of_every_scope(shelf):
    """One name that is not there stops the run before it begins."""
    with pytest.raises(UnknownBatch), shelf.database.read() as tx:
        batches.in_scope(tx, ["shop", "nobody"], simulated=False, chosen=False)


def test_a_batch_remembers_its_manifest(ledger):
    """The file it came from last, and all metadata columns there ever were, new ones behind."""
    ledger.submit(ledger.row("a"), at=3)
    new = ledger.batch()
    assert (new.manifest_path, new.metadata_columns, new.created_at, new.simulated) == (None, (), ledger.at(3), False)
    files = [ManifestFile("/a/shop.csv", "1" * 64, ("z", "a")), ManifestFile(None, "2" * 64, ("Ü", "a", "b"))]
    paths = []
    for manifest in files:
        with ledger.database.write() as tx:
            batches.record_manifest(tx, batches.named(tx, ["shop"])[0], manifest)
        paths.append(ledger.batch().manifest_path)
    assert paths == ["/a/shop.csv", None]
    assert ledger.batch().metadata_columns == ("z", "a", "Ü", "b")
