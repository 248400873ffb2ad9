"""`batchgen verify`: the images on disk against the ledger."""

from .conftest import Program, prompts


def _made(program: Program) -> None:
    program.write("signs.csv", prompts(6))
    program.run("run", "signs.csv", "--provider", "sandbox")


def test_what_was_made_is_as_it_was_stored(program: Program) -> None:
    """Right after a run, and after an update that moved an old image away, everything is sound."""
    _made(program)
    assert program.json("verify") == {"sound": 6, "wrong": [], "unknown": []}
    program.write("signs.csv", prompts(6).replace("number 2", "number two"))
    program.run("run", "signs.csv", "--provider", "sandbox", "--update")
    assert program.json("verify", "sandbox-signs") == {"sound": 7, "wrong": [], "unknown": []}


def test_every_kind_of_damage_is_named(program: Program) -> None:
    """Missing, cut short, another image, no image, a folder in its place: each with its path, exit 1; strangers are listed."""
    _made(program)
    folder = program.folder / "images" / "sandbox-signs"
    whole = (folder / "row-6.png").read_bytes()
    (folder / "row-1.png").unlink()
    (folder / "row-2.png").write_bytes((folder / "row-2.png").read_bytes()[:-20])
    (folder / "row-3.png").write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    (folder / "row-4.png").write_text("hello")
    (folder / "row-5.png").unlink()
    (folder / "row-5.png").mkdir()
    (folder / "notes.txt").write_text("mine")
    found = program.json("verify", code=1)
    problems = {wrong["custom_id"]: wrong["problem"] for wrong in found["wrong"]}
    assert found["sound"] == 1
    assert problems["row-1"] == "is missing"
    assert "bytes and was stored with" in problems["row-2"]
    assert problems["row-4"] == "is not an image"
    assert "cannot be read" in problems["row-5"]
    assert set(problems) == {f"row-{number}" for number in range(1, 6)}
    assert found["unknown"] == ["sandbox-signs/notes.txt"]


def test_strangers_alone_are_no_fault(program: Program) -> None:
    """A file that the ledger does not know is listed and does not fail a cron job."""
    _made(program)
    (program.folder / "images" / "sandbox-signs" / "Thumbs.db").write_text("x")
    assert "Thumbs.db: the ledger does not know this file" in program.run("verify").stdout


def test_another_image_of_the_same_size_is_noticed(program: Program) -> None:
    """The sha256 decides, not the size."""
    _made(program)
    path = program.folder / "images" / "sandbox-signs" / "row-1.png"
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(bytes(data))
    assert "sha256 differs" in program.run("verify", code=1).stdout
