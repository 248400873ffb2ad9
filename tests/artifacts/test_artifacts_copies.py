"""Resized copies: exactly the size that was asked for, nothing distorted, and the image itself untouched."""

import os

import pytest
from PIL import Image, ImageCms, ImageSequence

from batchgen.artifacts import copies, files
from batchgen.artifacts.copies import NotCopied

# kind, mode, size of the image, size of the copy, the mode that it has
KINDS = [
    ("PNG", "RGB", (816, 816), "256x256", "RGB"),
    ("PNG", "RGBA", (944, 704), "640x480", "RGBA"),
    ("PNG", "LA", (60, 60), "20x20", "LA"),
    ("PNG", "L", (60, 60), "20x20", "L"),
    ("PNG", "1", (60, 60), "20x20", "L"),
    ("PNG", "P", (60, 60), "20x20", "RGB"),
    ("PNG", "I;16", (60, 60), "20x20", "I;16"),
    ("JPEG", "RGB", (60, 30), "20x20", "RGB"),
    ("JPEG", "CMYK", (60, 60), "20x20", "CMYK"),
    ("WEBP", "RGBA", (60, 60), "20x30", "RGBA"),
    ("GIF", "P", (60, 60), "20x20", "P"),
    ("PNG", "RGB", (10, 10), "20x20", "RGB"),
]


def stored(root, image, kind="PNG", name="shop/cup.png", **options):
    """An image in its place."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, kind, **options)
    return path


def copied(root, size, name="shop/cup.png"):
    """The copy of an image."""
    copies.make(root, name, size, root / "part")
    return Image.open(root / files.copy_path(name, size))


@pytest.mark.parametrize(("kind", "mode", "edges", "size", "becomes"), KINDS)
def test_a_copy_has_the_size_that_was_asked_for(root, kind, mode, edges, size, becomes):
    """In the format of its image and with its colours, whatever its mode; the image keeps its bytes."""
    path = stored(root, Image.new(mode, edges), kind)
    before = path.read_bytes()
    with copied(root, size) as copy:
        assert (copy.format, copy.mode, "{}x{}".format(*copy.size)) == (kind, becomes, size)
    assert path.read_bytes() == before
    assert sorted(file.name for file in path.parent.iterdir()) == ["cup.png", f"cup~{size}.png"]
    assert not (root / "part").exists()


def test_nothing_is_distorted(root):
    """What is too long is cut off, on both sides alike."""
    image = Image.new("RGB", (90, 30), "red")
    image.paste("blue", (30, 0, 60, 30))
    stored(root, image)
    with copied(root, "20x20") as copy:
        assert {copy.getpixel(place) for place in ((1, 1), (10, 10), (18, 18))} == {(0, 0, 255)}


def test_what_is_transparent_stays_so(root):
    """Colours behind it do not shine through at the edges, and a palette keeps its clear colour."""
    image = Image.new("RGBA", (64, 64), (255, 0, 0, 0))
    image.paste((0, 0, 255, 255), (0, 0, 33, 64))
    stored(root, image)
    with copied(root, "16x16") as copy:
        assert copy.getpixel((15, 8))[3] == 0
        pixels = [copy.getpixel((x, y)) for x in range(16) for y in range(16)]
        assert all(red < 10 for red, _, _, alpha in pixels if alpha > 100)
    palette = Image.new("P", (64, 64), 0)
    palette.putpalette([255, 0, 0, 0, 0, 255])
    stored(root, palette, transparency=0)
    with copied(root, "16x16") as copy:
        assert (copy.mode, copy.getpixel((3, 3))[3]) == ("RGBA", 0)


def test_a_picture_stands_upright_and_keeps_its_profile(root):
    """As a viewer shows it: EXIF turns it, and its colours mean what they meant."""
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.new("RGB", (60, 30), "red")
    image.paste("blue", (0, 0, 30, 30))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    stored(root, image, "JPEG", exif=exif, icc_profile=profile, quality=95)
    with copied(root, "15x30") as copy:
        assert copy.getpixel((7, 3))[2] > 200
        assert copy.getpixel((7, 26))[0] > 200
        assert copy.info["icc_profile"] == profile
        assert copy.getexif().get(0x0112, 1) == 1


def test_a_moving_picture_moves(root):
    """Every frame for its time."""
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("red", "blue", "green")]
    stored(root, frames[0], "GIF", save_all=True, append_images=frames[1:], duration=[100, 200, 300], loop=0)
    with copied(root, "10x10") as copy:
        told = [(frame.info["duration"], frame.convert("RGB").getpixel((5, 5))) for frame in ImageSequence.Iterator(copy)]
        assert told == [(100, (255, 0, 0)), (200, (0, 0, 255)), (300, (0, 128, 0))]
        assert (copy.size, copy.info["loop"]) == ((10, 10), 0)


def test_a_copy_is_missing_until_it_is_made_from_the_image(root):
    """So that an image that was made again gets a new copy, and one that is used again, too; no image needs none."""
    assert not copies.is_missing(root, "shop/cup.png", "20x20")
    path = stored(root, Image.new("RGB", (60, 60)))
    assert copies.is_missing(root, "shop/cup.png", "20x20")
    copied(root, "20x20").close()
    assert not copies.is_missing(root, "shop/cup.png", "20x20")
    for another in (1_000_000_000, -1_000_000_000):
        made_at = path.stat().st_mtime_ns + another
        os.utime(path, ns=(made_at, made_at))
        assert copies.is_missing(root, "shop/cup.png", "20x20")
        copies.make(root, "shop/cup.png", "20x20", root / "part")
        assert not copies.is_missing(root, "shop/cup.png", "20x20")
    # A second name for the image, as where it is used again, changes nothing of that.
    (root / "shop/twin.png").hardlink_to(path)
    assert not copies.is_missing(root, "shop/cup.png", "20x20")
    path.unlink()
    path.mkdir()
    assert not copies.is_missing(root, "shop/cup.png", "20x20")


def test_a_copy_that_cannot_be_made_leaves_nothing(root):
    """Broken images, folders in the way, folders that are links: each is told, and nothing lies about."""
    path = stored(root, Image.new("RGB", (60, 60)))
    whole = path.read_bytes()
    for spoil, words in (
        (lambda: path.write_bytes(b"no image"), "cannot identify image file"),
        (lambda: path.write_bytes(whole[: len(whole) // 2]), "no copy in 20x20 could be made of shop/cup.png: "),
        (lambda: (path.write_bytes(whole), (root / "shop/cup~20x20.png").mkdir()), "Is a directory"),
        (lambda: path.unlink(), "No such file or directory"),
    ):
        spoil()
        with pytest.raises(NotCopied, match=words):
            copies.make(root, "shop/cup.png", "20x20", root / "part")
        assert not (root / "part").exists()
    (root / "link").symlink_to(root / "shop")
    with pytest.raises(NotCopied, match="it is a link"):
        copies.make(root, "link/cup.png", "20x20", root / "part")


NAMES = [
    ("shop/cup.png", "256x256", "shop/cup~256x256.png"),
    ("shop/cup~2.webp", "512x512", "shop/cup~2~512x512.webp"),
    ("shop/a.b 1x1.jpg", "1x100000", "shop/a.b 1x1~1x100000.jpg"),
]


@pytest.mark.parametrize(("path", "size", "copy"), NAMES)
def test_names_of_copies(path, size, copy):
    """No custom_id holds a tilde: no image can be called like the copy of another one."""
    assert files.copy_path(path, size) == copy
    assert files.image_of(copy) == (path, size)
    assert files.image_of(path) is None
