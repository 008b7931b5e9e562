"""Sizes, qualities and formats of one's own: in config.toml, recipes, manifests, on request, and without a library."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from pillion import Library, UsageError
from pillion.api import file_thumbnail
from pillion.errors import ConfigError
from pillion.library.sidecars import Pending, Ready
from pillion.settings.config import load_config
from tests.support import photos, program

WALL = """
policy = "mobile"
[thumb]
quality = { "icon" = 30 }
[thumb.variants."wall"]
side = 700
quality = 92
format = "jpeg"
[thumb.variants."poster"]
side = 300
format = "avif"
make = false
[thumb.variants."grid@2x"]
make = false
"""


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    photos.write_photo(folder / "a.jpg", 1, size=(1000, 750))
    return folder


def opened(root: Path, config: str) -> Library:
    Library.open(root).close()
    (root / "config.toml").write_text(config)
    return Library.open(root)


def made(library: Library) -> dict[str, Path]:
    return {item.variant: item.path for item in library.ls(kind="thumb") if item.path is not None}


def size_of(path: Path) -> tuple[str | None, tuple[int, int]]:
    with Image.open(path) as picture:
        return picture.format, picture.size


def manifest_of(path: Path) -> dict[str, dict[str, object]]:
    entries = json.loads((path.parent.parent / "manifest.json").read_text())["sidecars"]
    return {entry["variant"]: entry for entry in entries}


def test_variants_of_ones_own_are_made_asked_for_and_kept(tmp_path: Path, pictures: Path) -> None:
    root = tmp_path / "library"
    with opened(root, WALL) as library:
        library.index(pictures, kinds=["thumb"])
        library.run()
        files = made(library)
        assert set(files) == {"icon", "wall"}
        assert files["wall"].name == "wall.jpg"
        assert size_of(files["wall"]) == ("JPEG", (700, 525))
        entries = manifest_of(files["wall"])
        assert entries["wall"]["own"] is True
        assert "own" not in entries["icon"]
        assert library.verify() == []
        uuid = next(iter(library.ls(kind="thumb"))).content_uuid
        assert isinstance(library.sidecars.get_or_enqueue(uuid, "thumb", "poster"), Pending)
        library.run()
        poster = library.sidecars.get_or_enqueue(uuid, "thumb", "poster")
        assert isinstance(poster, Ready)
        assert size_of(poster.path) == ("AVIF", (300, 225))
        with pytest.raises(UsageError, match="did you mean 'wall'"):
            library.sidecars.get_or_enqueue(uuid, "thumb", "wal")
    # Another format: a new file in its place.
    with opened(root, WALL.replace('"jpeg"', '"webp"')) as library:
        plan = library.plan(kinds=["thumb"])
        assert [(line.variant, line.reason.value) for line in plan.lines] == [("wall", "stale")]
        library.index(kinds=["thumb"])
        library.run()
        assert size_of(made(library)["wall"]) == ("WEBP", (700, 525))
        assert not files["wall"].exists()
        assert library.verify() == []
    # Taken out of config.toml: still known and served.
    with opened(root, 'policy = "mobile"') as library:
        library.index(kinds=["thumb"])
        library.run()
        assert {"icon", "grid@2x", "wall", "poster"} == set(made(library))
        assert isinstance(library.sidecars.get_or_enqueue(uuid, "thumb", "wall"), Ready)
        assert library.sidecars.presence([uuid], "thumb", ["wall"]) == {uuid: {"wall": True}}
        assert library.verify() == []


def test_the_catalog_is_rebuilt_with_them(tmp_path: Path, pictures: Path) -> None:
    root = tmp_path / "library"
    with opened(root, WALL) as library:
        library.index(pictures, kinds=["thumb"])
        library.run()
    Library.reconcile(root, rebuild=True)
    with Library.open(root) as library:
        assert set(made(library)) == {"icon", "wall"}
        report = library.index(pictures, kinds=["thumb"])
        assert report.queued == 0


def test_quality_makes_smaller_files_and_old_ones_stale(tmp_path: Path, pictures: Path) -> None:
    root = tmp_path / "library"
    with opened(root, 'policy = "mobile"') as library:
        library.index(pictures, kinds=["thumb"])
        library.run()
        before = {name: path.stat().st_size for name, path in made(library).items()}
    with opened(root, 'policy = "mobile"\n[thumb]\nquality = { "icon" = 20 }') as library:
        assert library.index(kinds=["thumb"]).queued == 1
        library.run()
        after = {name: path.stat().st_size for name, path in made(library).items()}
        assert after["icon"] < before["icon"]
        assert after["grid@2x"] == before["grid@2x"]
    with opened(root, 'policy = "mobile"\n[thumb]\nquality = 20') as library:
        library.index(kinds=["thumb"])
        library.run()
        assert made(library)["grid@2x"].stat().st_size < before["grid@2x"]


def test_policies_and_locations_name_them(tmp_path: Path, pictures: Path) -> None:
    config = f"""
policy = "laptop"
[policies.laptop]
base = "mobile"
thumb.variants = ["icon"]
[thumb.variants.wall]
side = 400
make = false
[locations."{pictures}"]
thumb.variants = ["icon", "wall"]
thumb.quality = {{ wall = 50 }}
"""
    other = tmp_path / "other"
    other.mkdir()
    photos.write_photo(other / "b.jpg", 2, size=(640, 480))
    with opened(tmp_path / "library", config) as library:
        library.index(pictures, other, kinds=["thumb"])
        library.run()
        found = sorted((Path(item.sources[0]).name, item.variant) for item in library.ls(kind="thumb"))
        assert found == [("a.jpg", "icon"), ("a.jpg", "wall"), ("b.jpg", "icon")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[thumb]\nquality = 101", "line 2: 'thumb.quality' must be a quality from 0 to 100"),
        ("[thumb]\nquality = { icom = 50 }", "did you mean 'icon'?"),
        ('[thumb.variants."../x"]\nside = 100', "line 1: '../x' cannot name a variant"),
        ('[thumb.variants."a/b"]\nside = 100', "cannot name a variant"),
        ('[thumb.variants.".hidden"]\nside = 100', "cannot name a variant"),
        ("[thumb.variants.ICON]\nside = 100", "differs from 'icon' by its case only"),
        ("[thumb.variants.wall]\nquality = 90", "'thumb.variants.wall' needs 'side'"),
        ("[thumb.variants.icom]\nquality = 90", "did you mean 'icon'?"),
        ("[thumb.variants.wall]\nsize = 90", "did you mean 'side'?"),
        ("[thumb.variants.wall]\nside = 90000", "must be the longest side in pixels from 16 to 16383"),
        ('[thumb.variants.wall]\nside = 100\nformat = "jpg"', "did you mean 'jpeg'?"),
        ("[thumb.variants.icon]\nside = 100", "'icon' has a fixed side"),
        ('[thumb.variants.wall]\nside = 100\n[policies.p]\nthumb.variants = ["wal"]', "did you mean 'wall'?"),
        ("[ocr.variants.wall]\nside = 100", "'ocr.variants' must be a list of default"),
    ],
)
def test_mistakes_are_named_with_their_line(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert said in str(caught.value)


def test_the_program_makes_them_without_indexing(tmp_path: Path, pictures: Path) -> None:
    root = tmp_path / "library"
    opened(root, WALL).close()
    out = tmp_path / "out"
    arguments = ("-o", out, "-V", "wall", "-V", "icon", "-l", root)
    done = program.run("thumb", pictures / "a.jpg", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    paths = json.loads(done.stdout)["thumbnails"]
    assert size_of(Path(paths["wall"])) == ("JPEG", (700, 525))
    assert Path(paths["icon"]).name == "a.jpg.icon.webp"
    small = program.run("thumb", pictures / "a.jpg", "-o", tmp_path / "small", "--quality", "5")
    assert small.returncode == 0
    wrong = program.run("thumb", pictures / "a.jpg", "-o", out, "-V", "wal", "-l", root)
    assert wrong.returncode == 2
    assert "did you mean 'wall'" in wrong.stderr


def test_settings_in_a_call(pictures: Path) -> None:
    settings = {"quality": 40, "defined": {"wall": {"side": 500, "format": "avif"}}}
    data = file_thumbnail(pictures / "a.jpg", ["wall"], settings=settings)["wall"]
    with Image.open(io.BytesIO(data)) as picture:
        assert (picture.format, picture.size) == ("AVIF", (500, 375))
    with pytest.raises(UsageError, match=r"'wall\.side' must be"):
        file_thumbnail(pictures / "a.jpg", ["wall"], settings={"defined": {"wall": {"side": 5}}})
    with pytest.raises(UsageError, match="no thumbnail variant"):
        file_thumbnail(pictures / "a.jpg", ["wall"])


def test_transparency_is_white_in_jpeg_and_kept_in_avif(tmp_path: Path) -> None:
    picture = Image.new("RGBA", (200, 100), (200, 0, 0, 0))
    picture.paste((0, 0, 200, 255), (0, 0, 100, 100))
    picture.save(tmp_path / "a.png")
    defined = {"j": {"side": 100, "format": "jpeg"}, "a": {"side": 100, "format": "avif"}}
    made_ = file_thumbnail(tmp_path / "a.png", ["j", "a"], settings={"defined": defined})
    with Image.open(io.BytesIO(made_["j"])) as opened_:
        shown = opened_.convert("RGB").getpixel((90, 25))
    assert isinstance(shown, tuple)
    assert min(shown) > 245
    with Image.open(io.BytesIO(made_["a"])) as opened_:
        clear = opened_.convert("RGBA").getpixel((90, 25))
    assert isinstance(clear, tuple)
    assert clear[3] < 10
