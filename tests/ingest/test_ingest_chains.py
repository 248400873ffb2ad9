"""Manifests whose rows take the results of others: who they are, and everything that is wrong with them by line and field."""

import asyncio

import pytest
from PIL import Image
from sqlalchemy import text

from batchgen.errors import ManifestError, NotAgreed
from batchgen.ingest.check import check

HEAD = "custom_id,prompt,image,n\n"


def refused(desk, rows, **more):
    with pytest.raises(ManifestError) as caught:
        desk.csv(HEAD + rows, **more)
    lines = str(caught.value).replace(f"{desk.folder}/", "").splitlines()
    return [line for line in lines if not line.endswith("nothing was stored")]


def dependencies(desk):
    with desk.database.read() as tx:
        query = text(
            "SELECT child.custom_id, parent.custom_id FROM dependencies JOIN jobs AS child ON child.id = job_id"
            " JOIN jobs AS parent ON parent.id = parent_id ORDER BY child.position, parent.position"
        )
        return [tuple(row) for row in tx.execute(query)]


def fingerprints(desk):
    return {name: desk.row(name)["fingerprint"] for name in (line.custom_id for line in desk.jobs("m"))}


def test_generate_edit_edit_again_is_three_rows(desk):
    """In any order of the file and any case; what is shown and exported is what was written."""
    desk.csv(HEAD + "twice,p,@ONCE,\nonce,p,@hero#2,\nhero,p,,2\n")
    assert dependencies(desk) == [("twice", "once"), ("once", "hero")]
    jobs = {job.custom_id: job for job in desk.jobs("m")}
    assert {name: (job.operation, job.inputs) for name, job in jobs.items()} == {
        "twice": ("edit", {"image": ["@ONCE"]}),
        "once": ("edit", {"image": ["@hero#2"]}),
        "hero": ("generate", {}),
    }
    assert {name: (desk.row(name)["waits_for"], desk.row(name)["has_children"]) for name in jobs} == {
        "twice": (1, 0),
        "once": (1, 1),
        "hero": (0, 1),
    }


def test_results_stand_beside_files_links_and_each_other(desk):
    """In a list, in columns of their own, the same one twice; each parent counts once."""
    Image.new("RGB", (8, 8)).save(desk.folder / "logo.png")
    lines = [
        "custom_id,prompt,image,image_1,image_2,n",
        "hero,p,,,,2",
        "list,p,@hero;logo.png;@hero#2,,,",
        "columns,p,,@hero,https://a.example/x.png,",
    ]
    desk.csv("\n".join(lines) + "\n")
    assert desk.jobs("m")[1].inputs["image"] == ["@hero", str(desk.folder / "logo.png"), "@hero#2"]
    assert dependencies(desk) == [("list", "hero"), ("columns", "hero")]


def test_a_row_without_an_id_is_found_by_the_one_it_gets(desk):
    """Equal ones by their numbers."""
    desk.csv("prompt\na fox\na fox\n")
    first, second = (job.custom_id for job in desk.jobs("m"))
    assert second == f"{first}-2"
    desk.csv(f"prompt,image\na fox,\na fox,\non a bus,@{second}\nat sea,@{first}\n")
    names = {job.inputs["image"][0]: job.custom_id for job in desk.jobs("m") if job.inputs}
    assert dependencies(desk) == [(names[f"@{second}"], second), (names[f"@{first}"], first)]


_WRONG = {
    "nobody": (
        "a,p,@herro,\n",
        ["m.csv:3: image: @herro: no row here has this custom_id; a file of that name is written ./@herro"],
    ),
    "no name": ("a,p,@,\n", ["m.csv:3: image: @: '' is empty, so it is no custom_id; a file of that name is written ./@"]),
    "an image too many": ("a,p,@hero#3,\n", ["m.csv:3: image: @hero#3: hero makes 2 images: name one of them, or raise its n"]),
    "the second of one": (
        "a,p,,\nb,p,@a#2,\n",
        ["m.csv:4: image: @a#2: a makes 1 image: name one of them, or raise its n"],
    ),
    "itself": ("a,p,@a,\n", ["m.csv:3: image: @a: @a is this row itself: name another one, or a file"]),
    "two": (
        "a,p,@b,\nb,p,@a,\n",
        ["m.csv:3: image: @b: goes in a circle (a needs b needs a): let one of them begin without the others"],
    ),
    "three, and one that only takes from them": (
        "last,p,@c,\na,p,@b,\nb,p,@c;@hero,\nc,p,@a,\nend,p,@last,\n",
        ["m.csv:4: image: @b: goes in a circle (a needs b needs c needs a): let one of them begin without the others"],
    ),
    "two circles": (
        "a,p,@b,\nb,p,@a,\nc,p,@c,\nd,p,@b;@c,\n",
        [
            "m.csv:3: image: @b: goes in a circle (a needs b needs a): let one of them begin without the others",
            "m.csv:5: image: @c: @c is this row itself: name another one, or a file",
        ],
    ),
    "several mistakes": (
        "a,p,@x;@hero#9;@hero,\nb,,@hero,\nc,p,@y,\n",
        [
            "m.csv:3: image: @x: no row here has this custom_id; a file of that name is written ./@x",
            "m.csv:3: image: @hero#9: hero makes 2 images: name one of them, or raise its n",
            "m.csv:4: prompt: is missing",
            "m.csv:5: image: @y: no row here has this custom_id; a file of that name is written ./@y",
        ],
    ),
    "a parent that cannot be stored itself": ("a,p,gone.png,\nb,p,@a#4,\n", ["m.csv:3: image: gone.png is not there"]),
    "an id that stands twice": (
        "a,p,@hero#3,\nHERO,p,,\n",
        ["m.csv:3: image: @hero#3: hero makes", "m.csv:4: custom_id: 'HERO' is also on line 2"],
    ),
}


@pytest.mark.parametrize("case", _WRONG)
def test_a_wrong_reference_is_named_by_line_and_field(desk, case):
    """With the remedy; all of them together, each once, and nothing is stored."""
    rows, wanted = _WRONG[case]
    told = refused(desk, f"hero,p,,2\n{rows}")
    assert len(told) == len(wanted)
    for line, words in zip(told, wanted, strict=True):
        assert line.startswith(words)
    assert desk.count("batches") == desk.count("jobs") == 0


def test_a_misspelt_row_is_guessed(desk):
    """In submit and in check, also of what the batch holds, with the image that was asked for; never the row itself."""
    desk.csv(f"{HEAD}hero,p,,2\n")
    rows = "scene,p,@hreo#2,\nscenes,p,@scene1,\nscene2,p,@zebra,\n"
    told = refused(desk, rows)
    assert [line.rpartition("; ")[2] for line in told] == [
        "do you mean @hero#2?",
        "do you mean @scene?",
        "a file of that name is written ./@zebra",
    ]
    (found,) = asyncio.run(check([(desk.manifest("m.csv", f"{HEAD}hero,p,,2\n{rows}"), desk.terms)]))
    assert found.warnings[0].endswith(
        ":3: image: @hreo#2: is no row of this file; submit looks for it in the batch; do you mean @hero#2?"
    )


def test_many_misspelt_rows_are_not_all_guessed(desk, monkeypatch):
    """Comparing each name with each other one would take minutes: so few are guessed, or none among too many."""
    rows = "".join(f"row-{n},p,@now-{n},\n" for n in range(30))
    assert sum("do you mean" in line for line in refused(desk, rows)) == 20
    monkeypatch.setattr("batchgen.ingest.chains._MOST_NAMES", 29)
    assert not any("do you mean" in line for line in refused(desk, rows))


def test_what_no_edit_takes_is_told_before_it_is_made(desk):
    """A parent that makes a moving picture."""
    rows = "custom_id,prompt,image,output_format,model\nhero,p,,gif,gpt-image-2.6-flare\na,p,@hero,,\n"
    with pytest.raises(ManifestError, match=r"m.csv:3: image: @hero: hero makes gif, and the API takes PNG, WebP and JPEG"):
        desk.csv(rows)


def test_a_long_circle_is_told_in_few_words(desk):
    """A thousand rows that end where they begin."""
    rows = "".join(f"r{n},p,@r{(n + 1) % 1000},\n" for n in range(1000))
    (told,) = refused(desk, rows)
    assert told.startswith(
        "m.csv:2: image: @r1: goes in a circle (r0 needs r1 needs r2 needs r3 needs r4 needs ... needs r999 needs r0)"
    )


def test_a_circle_through_what_the_batch_holds(desk):
    """A row that is gone from the file still waits for one that is in it."""
    desk.csv(f"{HEAD}a,p,,\nold,p,@a,\nolder,p,@old,\n")
    told = refused(desk, "a,p,@older,\n", update=True)
    assert told == [
        "m.csv:2: image: @older: goes in a circle (a needs older needs old needs a): let one of them begin without the others"
    ]
    desk.csv(f"{HEAD}a,p,,\nnew,p,@old,\nnewer,p,@new;@older,\n")
    assert sorted(dependencies(desk)) == [("new", "old"), ("newer", "new"), ("newer", "older"), ("old", "a"), ("older", "old")]


def test_a_batch_is_asked_for_what_the_file_does_not_have(desk):
    """Its rows count with their images; another batch's do not."""
    desk.csv(f"{HEAD}hero,p,,2\n")
    desk.submit(desk.manifest("other.csv", f"{HEAD}villain,p,,\n"))
    assert refused(desk, "a,p,@hero#3,\nb,p,@villain,\n") == [
        "m.csv:2: image: @hero#3: hero makes 2 images: name one of them, or raise its n",
        "m.csv:3: image: @villain: no row here has this custom_id; a file of that name is written ./@villain",
    ]
    desk.csv(f"{HEAD}a,p,@hero#2,\n")
    assert dependencies(desk) == [("a", "hero")]


def test_a_parent_is_part_of_its_children(desk):
    """Its request and which image of it, through all generations; in the same words it is the same request again."""
    rows = "hero,{},,2\na,p,@hero{},\nb,p,@a,\nalone,p,,\n"
    desk.csv(HEAD + rows.format("p", ""))
    first = fingerprints(desk)
    assert desk.csv(HEAD + rows.format("p", "#1")).comparison.changed.count == 0
    assert desk.csv(HEAD + rows.format("p", "#2"), update=True).comparison.changed.first == ("a", "b")
    assert desk.csv(HEAD + rows.format("another", ""), update=True).comparison.changed.first == ("hero", "a", "b")
    changed = fingerprints(desk)
    assert {name for name in first if first[name] == changed[name]} == {"alone"}
    desk.csv(HEAD + rows.format("p", ""), update=True)
    assert fingerprints(desk) == first


def test_the_order_of_the_file_is_nothing_of_a_request(desk):
    """Parents first or last: the same fingerprints."""
    rows = [f"r{n},p {n},{f'@r{n - 1}' if n else ''},\n" for n in range(30)]
    desk.csv(HEAD + "".join(rows))
    assert desk.csv(HEAD + "".join(reversed(rows))).comparison.changed.count == 0


def _done(desk, *names):
    for name in names:
        desk.put(name, "state = 'succeeded', attempt = 1, finished_at = '2026-11-21 12:00:00'")


def test_what_was_made_from_a_changed_row_is_made_again_only_if_a_person_agrees(desk):
    """--update is about the row itself: without another word nothing is stored, and what would be made again is named."""
    rows = "hero,{},,\na,p,@hero,\nb,p,@a,\nc,p,@hero,\n"
    desk.csv(HEAD + rows.format("p"))
    _done(desk, "hero", "a", "b")
    with pytest.raises(
        NotAgreed, match=r"made from rows that have changed: 2 rows \(a, b\); --yes makes that again, too"
    ) as caught:
        desk.csv(HEAD + rows.format("another"), update=True)
    assert str(caught.value).endswith("nothing was stored")
    assert desk.row("hero")["state"] == "succeeded"
    desk.csv(HEAD + rows.format("another"), update=True, children=True)
    assert {name: (desk.row(name)["state"], desk.row(name)["waits_for"]) for name in ("hero", "a", "b", "c")} == {
        "hero": ("pending", 0),
        "a": ("pending", 1),
        "b": ("pending", 1),
        "c": ("pending", 1),
    }


def test_what_the_file_leaves_out_follows_a_changed_parent(desk):
    """What is not made yet asks for the new result, so that the whole file finds it right; what is made is named, and stays."""
    hero, rest = "hero,{},,\n", "a,p,@hero,\nb,p,@a,\nboth,p,@a;@hero,\nc,p,@hero,\nd,p,@c,\n"
    desk.csv(HEAD + hero.format("p") + rest)
    _done(desk, "hero", "c")
    before = fingerprints(desk)
    left = desk.csv(HEAD + hero.format("another"), update=True).left
    assert (left.count, left.first) == (1, ("c",))
    after = fingerprints(desk)
    assert {name for name in before if before[name] == after[name]} == {"c", "d"}
    assert desk.row("c")["state"] == "succeeded"
    whole = desk.csv(HEAD + hero.format("another") + rest, update=True, children=True)
    assert (whole.comparison.changed.first, whole.left.count) == (("c", "d"), 0)
    assert desk.csv(HEAD + hero.format("another") + rest).comparison.changed.count == 0


def test_what_the_file_leaves_out_must_still_be_possible(desk):
    """A parent that makes less, or another format, is refused with the job that needs it, and not when it is paid for."""
    hero, rest = "custom_id,prompt,image,n,output_format\n", "a,p,@hero#2,,\nb,p,@hero,,\nc,p,@hero#3,,\nd,p,@hero#3,,\n"
    desk.csv(f"{hero}hero,p,,3,\n{rest}")
    _done(desk, "hero", "d")
    desk.put("c", "state = 'cancelled', finished_at = '2026-11-21 12:00:00'")
    before = fingerprints(desk)
    remedy = "a is not in this file: bring its row along, or cancel it first"
    with pytest.raises(ManifestError) as caught:
        desk.csv(f"{hero}hero,p,,1,\n", update=True)
    (line, last) = str(caught.value).splitlines()
    told = "batch m: a takes @hero#2: hero makes 1 image: name one of them, or raise its n"
    assert (line.endswith(f"m.csv: {told}; {remedy}"), last) == (True, "nothing was stored")
    with pytest.raises(ManifestError, match=r"b takes @hero: hero makes gif, and the API takes PNG"):
        desk.csv(f"{hero}hero,p,,3,gif\n".replace("n,", "model,n,").replace("3,gif", "gpt-image-2.6-flare,3,gif"), update=True)
    assert fingerprints(desk) == before
    left = desk.csv(f"{hero}hero,p,,2,\n", update=True).left
    assert (left.count, left.first) == (1, ("d",))


def test_without_update_nothing_changes(desk):
    """Whoever agrees to more than was asked has not said what comes first."""
    rows = "hero,{},,\na,p,@hero,\n"
    desk.csv(HEAD + rows.format("p"))
    _done(desk, "hero", "a")
    with pytest.raises(ManifestError, match=r"2 rows \(hero, a\); --update makes that again") as caught:
        desk.csv(HEAD + rows.format("another"), children=True)
    assert not isinstance(caught.value, NotAgreed)


def test_nobody_is_asked_where_nothing_was_made(desk):
    """Children that still wait, and a child that is changed for itself."""
    rows = "hero,{},,\nwaits,p,@hero,\nown,{},@hero,\n"
    desk.csv(HEAD + rows.format("p", "p"))
    _done(desk, "hero")
    desk.csv(HEAD + rows.format("another", "p"), update=True)
    _done(desk, "hero", "waits", "own")
    assert desk.csv(HEAD + rows.format("another", "q"), update=True).comparison.changed.first == ("own",)


def test_check_knows_chains(desk):
    """What will be sent names the row; a row that the file does not have may be in the batch."""
    (found,) = asyncio.run(check([(desk.manifest("m.csv", f"{HEAD}hero,p,,\na,p,@hero,\nb,p,@old,\nc,p,@c,\n"), desk.terms)]))
    assert [str(problem).rpartition("/")[2] for problem in found.problems] == [
        "m.csv:5: image: @c: @c is this row itself: name another one, or a file"
    ]
    (warning,) = found.warnings
    assert warning.endswith("m.csv:4: image: @old: is no row of this file; submit looks for it in the batch")
    assert [one.source for one in found.first[1].request.inputs] == ["@hero"]


def test_a_deep_chain_and_a_broad_one(desk):
    """More rows of one parent than are looked at together, and edits of edits: the first one is part of all of them."""
    rows = "d0,{},,\n" + "".join(f"d{n},p,@d{n - 1},\n" for n in range(1, 60)) + "".join(f"b{n},p,@d0,\n" for n in range(1100))
    desk.csv(HEAD + rows.format("p"))
    assert desk.count("dependencies") == 59 + 1100
    assert desk.csv(HEAD + rows.format("another"), update=True).comparison.changed.count == 60 + 1100
    assert desk.csv(HEAD + rows.format("another")).comparison.changed.count == 0
