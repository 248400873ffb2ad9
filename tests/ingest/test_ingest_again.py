"""Submitting again: what is new, what changed, what is gone, and what nothing changes."""

import pytest

from batchgen.core.assembly import BUILT_IN
from batchgen.errors import ManifestError, WrongUsage
from batchgen.store import batches

THREE = "id,prompt,size,shelf\nfox,A fox,1024x1024,a\nowl,An owl,,b\nhare,A hare,,c\n"
NAMELESS = "prompt,size,shelf\nA fox,1024x1024,a\nAn owl,,b\nA hare,,c\n"


def _what(submitted) -> tuple[int, int, int, int]:
    found = submitted.comparison
    return found.rows, found.new, found.changed.count, found.gone.count


def _ids(desk, batch: str = "m") -> dict[str, str]:
    return {job.request["prompt"]: job.custom_id for job in desk.jobs(batch)}


@pytest.mark.parametrize("content", [THREE, NAMELESS])
def test_the_same_rows_are_nothing_new(desk, content):
    """Any number of times: 0 new, nothing changed, nothing gone, the same jobs."""
    assert _what(desk.csv(content)) == (3, 3, 0, 0)
    before = desk.jobs("m")
    for _ in range(2):
        assert _what(desk.csv(content)) == (3, 0, 0, 0)
    assert desk.jobs("m") == before


def test_finished_jobs_stay_finished(desk):
    """Submitting the same file again makes nothing due."""
    desk.csv(THREE)
    desk.put("fox", "state = 'succeeded', finished_at = '2026-11-21 12:00:00', attempt = 1")
    before = desk.row("fox")
    desk.csv(THREE)
    desk.csv(THREE, update=True)
    assert desk.row("fox") == before


@pytest.mark.parametrize("content", [THREE, NAMELESS])
def test_how_an_image_comes_is_taken_over_and_makes_nothing_again(desk, content):
    """As a column or as an option: the same jobs under the same names, asked for in another way from now on."""
    desk.csv(content)
    names = _ids(desk)
    header, *rows = content.splitlines()
    streamed = "\n".join([f"{header},stream", *(f"{row},TRUE" for row in rows)]) + "\n"
    for text, defaults in ((streamed, {}), (content, {"stream": True, "partial_images": 2})):
        assert _what(desk.csv(text, defaults={**BUILT_IN, **defaults})) == (3, 0, 0, 0)
        assert _ids(desk) == names
        assert [job.request["stream"] for job in desk.jobs("m")] == [True] * 3
    assert _what(desk.csv(content)) == (3, 0, 0, 0)
    assert ["stream" in job.request for job in desk.jobs("m")] == [False] * 3


def test_new_rows_are_added(desk):
    """Rows that were added are queued; the others are as they were."""
    desk.csv(THREE)
    assert _what(desk.csv(THREE + "bear,A bear,,d\n")) == (4, 1, 0, 0)
    assert [job.custom_id for job in desk.jobs("m")] == ["fox", "owl", "hare", "bear"]


SAME = [
    ("moved", "prompt,size,shelf\nA hare,,c\nA fox,1024x1024,a\nAn owl,,b\n"),
    ("inserted at the top", "prompt,size,shelf\nA bear,,d\nA fox,1024x1024,a\nAn owl,,b\nA hare,,c\n"),
    ("metadata changed", "prompt,size,shelf\nA fox,1024x1024,x\nAn owl,,y\nA hare,,\n"),
    ("a metadata column added", "prompt,size,shelf,price\nA fox,1024x1024,a,5\nAn owl,,b,5\nA hare,,c,5\n"),
    ("columns turned", "shelf,size,prompt\na,1024x1024,A fox\nb,,An owl\nc,,A hare\n"),
    ("an empty request column added", "prompt,size,shelf,quality\nA fox,1024x1024,a,\nAn owl,,b,\nA hare,,c,\n"),
    ("another dialect", "prompt;size;shelf\r\nA fox;1024x1024;a\r\n\r\nAn owl;;b\r\nA hare;;c\r\n"),
    ("blanks around a word", "prompt,size,shelf\nA fox, 1024x1024 ,a\nAn owl,,b\nA hare,,c\n"),
]


@pytest.mark.parametrize("content", [content for _, content in SAME], ids=[name for name, _ in SAME])
def test_nobody_is_renamed(desk, content):
    """Derived ids depend on the row's own request cells alone."""
    desk.csv(NAMELESS)
    before = _ids(desk)
    found = desk.csv(content).comparison
    assert (found.changed.count, found.gone.count) == (0, 0)
    after = _ids(desk)
    assert {prompt: after[prompt] for prompt in before} == before


def test_place_and_metadata_follow_the_file(desk):
    """The ledger shows the rows in the order and with the metadata of the newest file."""
    desk.csv(THREE)
    desk.csv("id,prompt,size,shelf,price\nhare,A hare,,c2,9\nfox,A fox,1024x1024,,\nowl,An owl,,b,\n")
    assert [(job.custom_id, dict(job.metadata)) for job in desk.jobs("m")] == [
        ("hare", {"shelf": "c2", "price": "9"}),
        ("fox", {}),
        ("owl", {"shelf": "b"}),
    ]


def test_equal_rows_are_told_apart_by_an_ordinal(desk):
    """Three equal rows are three jobs; a fourth is one more, and other rows between them change nothing."""
    desk.csv("prompt\nA fox\nA fox\nA fox\n")
    names = [job.custom_id for job in desk.jobs("m")]
    assert names == [names[0], f"{names[0]}-2", f"{names[0]}-3"]
    found = desk.csv("prompt\nAn owl\nA fox\nA fox\nA hare\nA fox\nA fox\n").comparison
    assert (found.new, found.changed.count, found.gone.count) == (3, 0, 0)
    assert {*names, f"{names[0]}-4"} < {job.custom_id for job in desk.jobs("m")}


def test_a_changed_row_is_refused_and_named(desk):
    """Another prompt under a known id is never bought without being asked for; nothing of the file is stored."""
    desk.csv(THREE)
    before = desk.jobs("m")
    changed = THREE.replace("An owl", "A brown owl").replace("fox,A fox,1024x1024", "FOX,A fox,1536x1024") + "bear,A bear,,d\n"
    with pytest.raises(ManifestError) as caught:
        desk.csv(changed)
    told = str(caught.value)
    assert "not what batch m holds, by a cell, an option, a default or a job file: 2 rows (fox, owl)" in told
    assert "--update" in told
    assert told.endswith("nothing was stored")
    assert desk.jobs("m") == before


def test_a_changed_default_is_noticed(desk):
    """Rows that do not say their quality are other rows when the default is another; those that do are not."""
    content = "id,prompt,quality\nfox,A fox,low\nowl,An owl,\n"
    desk.csv(content)
    with pytest.raises(ManifestError, match=r"1 row \(owl\)"):
        desk.csv(content, defaults={**BUILT_IN, "quality": "high"})
    desk.submit(desk.manifest("n.csv", "prompt\nAn owl\n"))
    with pytest.raises(ManifestError, match=r"1 row \(an-owl-[0-9a-f]{16}\)"):
        desk.submit(desk.manifest("n.csv", "prompt\nAn owl\n"), defaults={**BUILT_IN, "size": "1536x1024"})
    found = desk.csv(content, defaults={**BUILT_IN, "quality": "high"}, update=True).comparison
    assert found.changed.first == ("owl",)
    assert {job.custom_id: job.request["quality"] for job in desk.jobs("m")} == {"fox": "low", "owl": "high"}


def test_update_queues_what_changed_and_nothing_else(desk):
    """Succeeded, failed and cancelled jobs alike are due again with a clean count; unchanged ones are left alone."""
    desk.csv(THREE + "bear,A bear,,d\n")
    done = "finished_at = '2026-11-21 11:00:00', attempt = 4, failures = 3, unknowns = 1"
    for custom_id, state in (("fox", "succeeded"), ("owl", "failed"), ("hare", "cancelled"), ("bear", "succeeded")):
        desk.put(custom_id, f"state = '{state}', cancel_requested = 1, {done}")
    unchanged = desk.row("bear")
    changed = THREE.replace(",A", ",Painting: a") + "bear,A bear,,d\nelk,An elk,,e\n"
    assert _what(desk.csv(changed, update=True)) == (5, 1, 3, 0)
    for custom_id in ("fox", "owl", "hare"):
        row = desk.row(custom_id)
        assert (row["state"], row["finished_at"], row["failures"], row["unknowns"]) == ("pending", None, 0, 0)
        assert (row["attempt"], row["cancel_requested"]) == (4, 0)
    assert desk.row("bear") == unchanged
    assert {job.request["prompt"] for job in desk.jobs("m")} == {
        *("Painting: a fox", "Painting: an owl", "Painting: a hare"),
        *("A bear", "An elk"),
    }
    assert _what(desk.csv(changed)) == (5, 0, 0, 0)


def test_a_running_job_refuses_an_update(desk):
    """What is being made right now is not changed under the worker's hands, and nothing else of the file is."""
    desk.csv(THREE)
    desk.put("owl", "state = 'running', attempt = 1, lease_owner = 'w', lease_expires_at = '2026-11-21 12:10:00'")
    before = desk.jobs("m")
    with pytest.raises(ManifestError, match=r"being made right now: 1 row \(owl\)") as caught:
        desk.csv(THREE.replace(",A", ",Painting: a"), update=True)
    assert str(caught.value).endswith("nothing was stored")
    assert desk.jobs("m") == before
    assert _what(desk.csv(THREE.replace("A fox", "A red fox"), update=True)) == (3, 0, 1, 0)


def test_rows_that_are_gone_are_listed_and_left_alone(desk):
    """Nothing is ever deleted because a row is missing."""
    desk.csv(THREE)
    found = desk.csv("id,prompt\nowl,An owl\n").comparison
    assert (found.gone.count, found.gone.first) == (2, ("fox", "hare"))
    assert {job.custom_id for job in desk.jobs("m")} == {"fox", "owl", "hare"}


def test_long_lists_are_shortened(desk):
    """Fifty names are enough; the count is the whole one."""
    desk.csv("id,prompt\n" + "".join(f"r{n:03},p\n" for n in range(200)))
    found = desk.csv("id,prompt\nx,p\n").comparison
    assert (found.gone.count, len(found.gone.first)) == (200, 50)
    with pytest.raises(ManifestError, match=r"200 rows \(r000, r001, .*, r049, \.\.\.\); --update"):
        desk.csv("id,prompt\n" + "".join(f"r{n:03},q\n" for n in range(200)))


def test_case_does_not_make_another_row(desk):
    """An id in other capitals is the same row, under the name it was stored with."""
    desk.csv("id,prompt\nFox,A fox\nMöwe,A gull\n")
    assert _what(desk.csv("id,prompt\nfox,A fox\nMO\u0308WE,A gull\n")) == (2, 0, 0, 0)
    assert [job.custom_id for job in desk.jobs("m")] == ["Fox", "Möwe"]


def test_several_manifests_are_all_stored_or_none(desk):
    """One mistake in the last of three, or one changed row, and none of them is there."""
    good = desk.manifest("good.csv", "prompt\nA fox\n")
    also = desk.manifest("also.jsonl", '{"prompt": "An owl"}\n')
    bad = desk.manifest("bad.tsv", "prompt\tn\nA hare\t0\n")
    worse = desk.manifest("worse.csv", "prompt,n\nA hare,99\nA hare,1\n\nA hare,x\n")
    with pytest.raises(ManifestError) as caught:
        desk.submit(good, also, bad, worse)
    told = str(caught.value).split("\n")
    assert [line.rpartition("/")[2].partition(" ")[0] for line in told[:-1]] == ["bad.tsv:2:", "worse.csv:2:", "worse.csv:5:"]
    assert (desk.count("batches"), desk.count("jobs")) == (0, 0)

    assert [one.batch.name for one in desk.submit(good, also)] == ["good", "also"]
    changed = desk.manifest("good.csv", "id,prompt\nfox,A fox\n")
    desk.submit(changed)
    fresh = desk.manifest("fresh.csv", "prompt\nA bear\n")
    with pytest.raises(ManifestError, match=r"1 row \(fox\)"):
        desk.submit(fresh, desk.manifest("good.csv", "id,prompt\nfox,A red fox\n"))
    assert desk.count("batches") == 2


def test_two_manifests_cannot_be_one_batch(desk):
    """Names that differ in case only, from two folders, are told before anything is read."""
    one = desk.manifest("spring.csv", "prompt\nA fox\n")
    two = desk.manifest("other/Spring.csv", "prompt\nAn owl\n")
    with pytest.raises(WrongUsage, match="would both be batch"):
        desk.submit(one, two)
    assert desk.count("batches") == 0


def test_the_same_stem_from_another_folder_wants_a_name(desk):
    """Another file of the same name is not taken for the batch by accident; with a name it is either."""
    desk.submit(desk.manifest("spring.csv", "id,prompt\nfox,A fox\n"))
    with pytest.raises(WrongUsage, match=r"batch spring was submitted from .*spring\.csv") as caught:
        desk.submit(desk.manifest("other/spring.csv", "id,prompt\nowl,An owl\n"))
    assert "--name" in str(caught.value)
    assert [job.custom_id for job in desk.jobs("spring")] == ["fox"]
    (added,) = desk.submit(desk.manifest("other/spring.csv", "id,prompt\nowl,An owl\n", batch="spring"))
    assert (added.comparison.new, added.comparison.gone.count) == (1, 1)
    (apart,) = desk.submit(desk.manifest("other/spring.csv", "id,prompt\nowl,An owl\n", batch="spring 2"))
    assert apart.batch.name == "spring 2"


def test_metadata_columns_are_remembered_in_the_order_of_the_file(desk):
    """Columns that are new come behind the known ones, for the head of an export."""
    desk.csv("prompt,shelf,price\nA fox,a,1\n")
    (again,) = desk.submit(desk.manifest("m.csv", "colour,prompt,price\nred,A fox,2\n"))
    assert again.batch.name == "m"
    with desk.database.read() as tx:
        assert batches.named(tx, ["m"])[0].metadata_columns == ("shelf", "price", "colour")
