"""The sandbox as a gateway that answers with links."""

import pytest
from edit_parts import Part, picture

from batchgen.providers.sandbox import SandboxOptions, parse_faults
from batchgen.providers.sandbox.shelf import Shelf


def test_an_image_lies_behind_its_link(serve):
    """One for each image, of generations and edits; nobody asks for a key there, and another name is not found."""

    async def scenario(client):
        for reply in (await client.generate(n=2, response_format="url"), await client.edit(Part("image", picture((64, 64))))):
            assert reply.status == 200
            links = [image["url"] for image in reply.json["data"]]
            assert all("b64_json" not in image for image in reply.json["data"])
            for link in links:
                path = link.removeprefix(client.base)
                fetched = await client.send("GET", path, headers={})
                assert (fetched.status, fetched.raw[:4]) == (200, b"\x89PNG")
                assert (await client.send("GET", f"{path}0", headers={})).status == 404

    serve(scenario, SandboxOptions(links=True))


@pytest.mark.parametrize(("reply", "key"), [("b64_json", "b64_json"), ("url", "url")])
def test_a_gateway_takes_response_format(serve, reply, key):
    """As it is asked for, and a word that it does not know is refused in the vendor's way."""

    async def scenario(client):
        assert list((await client.generate(response_format=reply)).json["data"][0]) == [key]
        wrong = await client.generate(response_format="png")
        assert (wrong.status, wrong.error["param"], wrong.error["code"]) == (400, "response_format", "invalid_value")

    serve(scenario, SandboxOptions(links=True, faults=parse_faults("bad_base64=1")))


def test_the_vendor_does_not(serve):
    """Without the option the field is unknown, as it is there."""

    async def scenario(client):
        refused = await client.generate(response_format="url")
        assert (refused.status, refused.error["code"]) == (400, "unknown_parameter")

    serve(scenario)


def test_old_links_expire(monkeypatch):
    """When there is no room, the oldest images go; the newest stays however large it is."""
    monkeypatch.setattr("batchgen.providers.sandbox.shelf._MOST_BYTES", 10)
    shelf = Shelf()
    paths = [shelf.put(bytes(size)) for size in (4, 4, 4, 20)]
    assert [path.rpartition("/")[2] in shelf._images for path in paths] == [False, False, False, True]
