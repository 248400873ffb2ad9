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
    (folder / "row-4.png").write_bytes(bytes(len((folder / "row-4.png").read_bytes())))
    (folder / "row-5.png").unlink()
    (folder / "row-5.png").mkdir()
    (folder / "notes.txt").write_text("mine")
    found = program.json("verify", code=1)
    problems = {wrong["custom_id"]: wrong["problem"] for wrong in found["wrong"]}
    assert found["sound"] == 1
    assert problems["row-1"] == "is missing"
    assert "bytes and was stored with" in problems["row-2"]
    assert problems["row-4"] == "is not an image"
    assert problems["row-5"] == "is not a file"
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


def test_repair_puts_moved_images_back(program: Program) -> None:
    """By their content, from a folder, another batch's folder and another name; nothing is bought, nothing is overwritten."""
    _made(program)
    root = program.folder / "images"
    folder = root / "sandbox-signs"
    whole = {path.name: path.read_bytes() for path in folder.iterdir()}
    (root / "elsewhere" / "deep").mkdir(parents=True)
    (folder / "row-1.png").rename(root / "elsewhere" / "deep" / "holiday.png")
    (folder / "row-2.png").rename(folder / "renamed.png")
    (folder / "row-3.png").rename(root / "row-3.png")
    (folder / "row-3.png").write_text("damaged")
    found = program.json("verify", "--repair")
    assert sorted((one["path"], one["found"]) for one in found["adopted"]) == [
        ("sandbox-signs/row-1.png", "elsewhere/deep/holiday.png"),
        ("sandbox-signs/row-2.png", "sandbox-signs/renamed.png"),
        ("sandbox-signs/row-3.png", "row-3.png"),
    ]
    assert (found["sound"], found["wrong"], found["queued"]) == (6, [], 0)
    assert {path.name: path.read_bytes() for path in folder.glob("*.png")} == whole
    assert [path.read_text() for path in (folder / ".previous").iterdir()] == ["damaged"]


def test_repair_asks_before_it_buys_and_buys_what_is_missing_only(program: Program) -> None:
    """Of a job with three images one is gone: its price is told, nobody agrees by default, and the run asks for one."""
    program.write("signs.csv", "custom_id,prompt,quality,n\nthree,a sign,low,3\none,a sign,low,1\n")
    program.run("run", "signs.csv", "--provider", "sandbox")
    folder = program.folder / "images" / "sandbox-signs"
    kept = (folder / "three.png").read_bytes()
    (folder / "three~2.png").unlink()
    declined = program.run("verify", "--repair", code=1)
    assert "to be bought again: 1 image of 1 job, for about $0.00" in declined.stderr
    assert "--yes" in declined.stderr
    assert program.json("status", "sandbox-signs")["jobs"]["succeeded"] == 2
    agreed = program.json("verify", "--repair", "--yes")
    assert (agreed["to_buy"]["images"], agreed["queued"], len(agreed["wrong"])) == (1, 1, 1)
    attempts = program.json("status", "sandbox-signs")["attempts"]
    program.run("run", "--batch", "sandbox-signs")
    assert program.json("status", "sandbox-signs")["attempts"] == attempts + 1
    assert program.json("show", "sandbox-signs", "three")["attempts"][-1]["output_tokens"] == _tokens_of_one(program)
    assert program.json("verify") == {"sound": 4, "wrong": [], "unknown": []}
    assert (folder / "three.png").read_bytes() == kept


def _tokens_of_one(program: Program) -> int:
    tokens: int = program.json("show", "sandbox-signs", "one")["attempts"][0]["output_tokens"]
    return tokens


def test_repair_forgets_what_nobody_needs(program: Program) -> None:
    """An old image that made room and was deleted is not made again."""
    _made(program)
    program.write("signs.csv", prompts(6).replace("number 2", "number two"))
    program.run("run", "signs.csv", "--provider", "sandbox", "--update")
    (old,) = (program.folder / "images" / "sandbox-signs" / ".previous").iterdir()
    old.unlink()
    found = program.json("verify", "--repair", "--yes")
    assert (found["to_buy"]["images"], found["queued"]) == (0, 0)
    assert program.json("verify") == {"sound": 6, "wrong": [], "unknown": []}


def test_repair_of_a_sound_batch_does_nothing(program: Program) -> None:
    """Strangers are listed and left alone."""
    _made(program)
    (program.folder / "images" / "sandbox-signs" / "Thumbs.db").write_text("x")
    assert program.json("verify", "--repair", "--yes") == {
        "sound": 6,
        "wrong": [],
        "unknown": ["sandbox-signs/Thumbs.db"],
        "adopted": [],
        "queued": 0,
    }


def test_a_folder_that_is_not_there_is_no_reason_to_buy_everything_again(program: Program) -> None:
    """A disk that is not mounted looks like a loss of all: nothing is queued."""
    _made(program)
    (program.folder / "images").rename(program.folder / "elsewhere")
    refused = program.run("verify", "--repair", "--yes", code=2)
    assert "is its disk mounted?" in refused.stderr
    assert program.json("status", "sandbox-signs")["jobs"]["succeeded"] == 6
