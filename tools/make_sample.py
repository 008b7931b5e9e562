"""Make the demo's sample library: ``make_sample.py FOLDER``. The same files with the same bytes each time.

About 25 typical files of a household: photographs (some of them twice), a scanned letter, PDFs, notes, speech, a video,
and a truncated picture.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.support import media, photos, speech  # noqa: E402

LETTER = """\
Dear Clara,

thank you for the parcel. The plum jam arrived without a scratch, and the
children have already eaten half of it. The lighthouse stands exactly as you
remember it, only the paint is new. Last week a storm took three tiles off the
roof of the boat house, and Henry climbed up to mend it before anyone could
tell him to wait.

We would love to see you in the spring, when the ferry runs twice a day again.
Bring warm clothes and the old camera.

With all our love,
Martha
"""

RECIPE = """\
# Plum jam

Two kilos of ripe plums, one kilo of sugar, a stick of cinnamon, the juice of a lemon.

Halve the plums and take out the stones. Cook them slowly with the sugar for an hour, stir often, and fill the jam into
hot glasses while it still bubbles.
"""

NOTES = """\
Walk along the coast path

Start at the harbour, keep the sea on the left, cross the wooden bridge. The light is best in the late afternoon. Seals
rest on the sandbank below the lighthouse at low tide.
"""

VIDEO_WORDS = "This is the view from the lighthouse. The sea is calm, and you can see an island far away."


def make_sample(folder: Path) -> int:
    """Fill ``folder`` (must not exist) and return the number of files. Leaves nothing behind if it fails."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".sample-") as work:
        top = Path(work) / "sample"
        _photos(top)
        _documents(top)
        _sound(top)
        count = sum(path.is_file() for path in top.rglob("*"))
        top.rename(folder)
    return count


def _photos(top: Path) -> None:
    coast, garden, backup = top / "Photos" / "Coast", top / "Photos" / "Garden", top / "Backup" / "Phone"
    for path in (coast, garden, backup):
        path.mkdir(parents=True)
    for number in range(1, 7):
        photos.write_photo(coast / f"IMG_{number:04}.jpg", seed=number, size=(1600, 1200))
    photos.write_photo(coast / "IMG_0007 upright.jpg", seed=7, size=(1200, 900), orientation=6)
    photos.write_photo(coast / "panorama.jpg", seed=8, size=(3000, 800))
    photos.photo(11, (1200, 900)).save(garden / "bed.png")
    photos.photo(12, (1200, 900)).save(garden / "pond.webp", quality=85)
    photos.photo(13, (640, 480)).quantize(128).save(garden / "swing.gif")
    photos.photo(14, (800, 600)).save(garden / "hedge.tif", compression="tiff_deflate")
    # The same bytes under other names: one content, one set of sidecars.
    shutil.copyfile(coast / "IMG_0001.jpg", backup / "2024-05-04 10.11.12.jpg")
    shutil.copyfile(coast / "IMG_0002.jpg", backup / "2024-05-04 10.12.40.jpg")
    shutil.copyfile(coast / "IMG_0001.jpg", garden / "wallpaper.jpg")
    broken = photos.jpeg_bytes(photos.photo(15, (1600, 1200)))
    (backup / "broken copy.jpg").write_bytes(media.truncated(broken, 0.3))


def _documents(top: Path) -> None:
    documents = top / "Documents"
    documents.mkdir()
    media.scanned(media.page(LETTER, font="Times-Roman", font_size=12)).save(
        documents / "letter from Martha.png", dpi=(300, 300)
    )
    media.write_pdf(documents / "harbour library.pdf", [media.PAGE_TEXT, media.wrapped(NOTES)])
    media.write_pdf(documents / "scanned notice.pdf", [media.scanned(media.page(media.GERMAN_PAGE_TEXT), seed=2)])
    (documents / "plum jam.md").write_text(RECIPE, encoding="utf-8")
    (documents / "coast path.txt").write_text(NOTES, encoding="utf-8")
    (documents / "empty.txt").write_bytes(b"")


def _sound(top: Path) -> None:
    recordings = top / "Recordings"
    recordings.mkdir()
    with tempfile.TemporaryDirectory() as work:
        spoken = speech.say(speech.SENTENCES["en"], "en", Path(work) / "station.wav")
        media.write_audio(recordings / "station.flac", *media.read_wav(spoken))
        view = speech.say(VIDEO_WORDS, "en", Path(work) / "view.wav")
        media.write_video(recordings / "view from the lighthouse.mp4", speech=view, seed=21)
    media.write_audio(recordings / "tuning fork.ogg", media.tone(4, 48000), 48000)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: make_sample.py FOLDER")
    target = Path(sys.argv[1]).expanduser()
    if target.exists():
        sys.exit(f"error: {target} is already there")
    print(f"{make_sample(target)} files in {target}")
