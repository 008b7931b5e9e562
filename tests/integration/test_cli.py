"""The program as people call it: output, exit codes, and errors in one sentence."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from PIL import Image

import pillion
from pillion import __version__
from pillion.cli.app import COMMANDS, program
from tests.support import media
from tests.support.program import run_anew as run
from tests.support.program import run_code, run_json

KINDS = ("thumb", "text", "ocr", "transcript", "embeddings")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, photo: Path, text_page: Path, speech_wav: Path) -> Path:
    root = tmp_path_factory.mktemp("files")
    shutil.copy(photo, root / "photo.jpg")
    shutil.copy(text_page, root / "page.png")
    shutil.copy(speech_wav, root / "speech.wav")
    (root / "note.md").write_text("# A note\n\nBuy milk and bread.\n")
    return root


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Path:
    path = tmp_path_factory.mktemp("library")
    report = run_json("index", folder, "--library", path)
    assert set(report["sidecars"]) == {*KINDS, "picture-embeddings", "thumbstrip", "proxy"}
    assert all(report["sidecars"][kind]["ready"] >= 1 for kind in KINDS), report
    assert (report["files"], report["contents"], report["new"], report["removed"]) == (4, 4, 4, 0)
    assert set(report["seconds"]) >= {"discovery", "processing", "aggregation", "identification", "queueing"}
    return path


def test_a_second_index_queues_nothing(folder: Path, library: Path) -> None:
    report = run_json("index", folder, "--library", library)
    assert (report["new"], report["hashed"], report["queued"]) == (0, 0, 0)


def test_index_without_a_folder_takes_those_the_library_knows(library: Path, tmp_path: Path) -> None:
    report = run_json("index", "--library", library)
    assert (report["files"], report["new"]) == (4, 0)
    with pillion.Library.open(tmp_path / "empty"):
        pass
    done = run("index", "--library", tmp_path / "empty")
    assert (done.returncode, "name one" in done.stderr) == (2, True)


def test_a_mistyped_folder_makes_no_library(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_text("no folder")
    for wrong in (tmp_path / "mistyped", tmp_path / "file.txt"):
        for command in (["index", folder, wrong], ["locations", "add", wrong]):
            done = run(*command, "--library", tmp_path / "new")
            assert (done.returncode, (tmp_path / "new").exists()) == (2, False)


def test_ls_prints_one_whole_object_a_line(library: Path) -> None:
    lines = run("ls", "--library", library, "--json").stdout.splitlines()
    names = [
        *("content_uuid", "kind", "variant", "format", "state", "path"),
        *("bytes", "checksum", "recipe", "sources", "error", "mark", "thumbhash", "stale"),
    ]
    items = [json.loads(line) for line in lines]
    assert all(list(item) == names for item in items)
    for item in items:
        if item["state"] == "ready":
            assert Path(item["path"]).stat().st_size == item["bytes"]
            assert all(Path(source).is_file() for source in item["sources"])


def test_show_gives_the_text_of_a_file(folder: Path, library: Path) -> None:
    about = run_json("show", folder / "page.png", "--library", library)
    assert media.character_error_rate(media.PAGE_TEXT, about["texts"]["ocr"]) < 0.02
    assert str(folder / "page.png") in run("show", about["content_uuid"][:8], "--library", library).stdout


def test_show_gives_the_text_of_a_text_file(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files/note.txt").write_text("a plum jam recipe\n")
    run("index", tmp_path / "files", "--library", tmp_path / "library", "--kinds", "text")
    about = run_json("show", tmp_path / "files/note.txt", "--library", tmp_path / "library")
    assert about["texts"] == {"text": "a plum jam recipe"}


def test_show_names_the_files_of_which_nothing_is_made(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files/a.deb").write_bytes(
        b"!<arch>\ndebian-binary   1410122664  0     0     100644  4         `\n2.0\n"
    )
    shutil.copy(tmp_path / "files/a.deb", tmp_path / "files/copy.deb")
    run("index", tmp_path / "files", "--library", tmp_path / "library")
    about = run_json("show", tmp_path / "files/a.deb", "--library", tmp_path / "library")
    assert about["sidecars"] == []
    assert about["sources"] == [str(tmp_path / "files/a.deb"), str(tmp_path / "files/copy.deb")]
    shown = run("show", tmp_path / "files/a.deb", "--library", tmp_path / "library").stdout.splitlines()
    assert shown[-1] == "Nothing is made of it in this library."
    assert all(f"  {source}" in shown for source in about["sources"])


def test_status_failed_work_and_verify(library: Path) -> None:
    status = run_json("status", "--library", library)
    assert (status["files"], status["sidecars"]["thumb"]["pending"]) == (4, 0)
    assert run("failed", "--library", library).stdout == "Nothing failed.\n"
    assert run("work", "--library", library).stdout.startswith("Nothing to do.")
    assert run_json("verify", "--library", library)["ok"] is True


def test_verify_finds_a_damaged_file_and_regenerate_mends_it(folder: Path, tmp_path: Path) -> None:
    library = tmp_path / "library"
    run_json("index", folder, "--library", library, "--kinds", "thumb")
    victim = next(library.rglob("*.webp"))
    victim.write_bytes(b"damaged")
    done = run("verify", "--library", library)
    assert done.returncode == 1
    assert f"damaged: {victim}" in done.stdout
    assert run_json("regenerate", "--library", library, "--kind", "thumb")["queued"] == 6
    assert run("work", "--library", library).returncode == 0
    assert run("verify", "--library", library).returncode == 0


def test_no_wait_leaves_the_work_to_work(folder: Path, tmp_path: Path) -> None:
    report = run_json("index", folder, "--library", tmp_path / "l", "--kinds", "thumb", "--no-wait")
    assert report["sidecars"]["thumb"] == {
        "ready": 0,
        "empty": 0,
        "unsupported": 0,
        "failed": 0,
        "cancelled": 0,
        "pending": 6,
    }
    recorded = run_json("work", "--library", tmp_path / "l")["recorded"]
    assert recorded == {"thumb": {"ready": 6}}


def test_parts_without_a_library(folder: Path, tmp_path: Path) -> None:
    done = run("thumb", folder / "photo.jpg", folder / "page.png", "-o", tmp_path / "t", "-V", "icon", "-V", "grid@2x")
    assert done.returncode == 0
    assert sorted(path.name for path in (tmp_path / "t").iterdir()) == [
        "page.png.grid@2x.webp",
        "page.png.icon.webp",
        "photo.jpg.grid@2x.webp",
        "photo.jpg.icon.webp",
    ]
    read = run("ocr", folder / "page.png", "--draw", tmp_path / "blocks.png", "--timings")
    text = json.loads(read.stdout)
    assert text["source"] == str(folder / "page.png")
    assert media.character_error_rate(media.PAGE_TEXT, text["text"]) < 0.02
    assert all(re.search(rf"\b{part} \d+\.\d\d s", read.stderr) for part in ("look", "layout", "cut", "read", "again"))
    with Image.open(tmp_path / "blocks.png") as drawn, Image.open(folder / "page.png") as page:
        assert drawn.size == page.size
        assert len(drawn.getcolors(1 << 24) or ()) > len(page.convert("RGB").getcolors(1 << 24) or ())


def test_thumb_takes_folders_and_leaves_out_what_has_no_thumbnail(folder: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "in" / name).mkdir(parents=True)
        (tmp_path / "in" / name / "photo.jpg").write_bytes((folder / "photo.jpg").read_bytes())
    (tmp_path / "in" / "notes.txt").write_text("hello")
    done = run("thumb", tmp_path / "in", "-o", tmp_path / "t")
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in (tmp_path / "t").iterdir()) == [
        "photo.jpg-2.grid@2x.webp",
        "photo.jpg.grid@2x.webp",
    ]


def test_one_bad_source_does_not_stop_the_others(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8\xff\xe0 not a picture")
    done = run("thumb", tmp_path / "bad.jpg", folder / "photo.jpg", "-o", tmp_path / "t")
    assert done.returncode == 1
    assert "bad.jpg: corrupt:" in done.stderr
    assert (tmp_path / "t/photo.jpg.grid@2x.webp").is_file()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("index", "/no/such/folder", "--library", "{tmp}/l"), 2, "/no/such/folder does not exist."),
        (("index", "{tmp}", "--library", "{tmp}/l", "--kinds", "thumbs"), 2, "There is no kind 'thumbs'"),
        (("index", "{tmp}", "--library", "{tmp}/l", "--kinds", ""), 2, "--kinds names no kind"),
        (("index", "{tmp}", "--library", "{tmp}/l", "--policy", "toaster"), 2, "choose one of mobile, desktop, server"),
        (("index", "{tmp}", "--no-such-option"), 2, "No such option"),
        (("status", "--library", "{tmp}/nothing"), 1, "There is no library at"),
        (("ls", "--library", "{tmp}/nothing"), 1, "There is no library at"),
        (("thumb", "/no/such.jpg", "-o", "{tmp}/t"), 1, "missing_source"),
        (("thumb", "/etc/hostname", "-o", "{tmp}/t", "-V", "huge"), 2, "There is no thumbnail variant 'huge'"),
    ],
)
def test_mistakes_get_one_sentence_and_the_right_code(
    tmp_path: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    done = run(*(argument.format(tmp=tmp_path) for argument in arguments))
    assert done.returncode == code, done.stderr
    assert words in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_version() -> None:
    assert run("--version").stdout.split() == ["pillion", __version__]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_their_own_help_says(name: str) -> None:
    command = program.get_command(click.Context(program), name)
    assert command is not None
    assert (command.name, (command.help or "").partition("\n")[0]) == (name, COMMANDS[name].help)
    for parameter in command.params:
        assert isinstance(parameter, click.Argument | click.Option)
        assert parameter.help


@pytest.mark.parametrize("command", ["text", "ocr", "transcribe"])
def test_a_folder_in_place_of_a_file_is_named_as_one(command: str, tmp_path: Path) -> None:
    done = run(command, tmp_path, "--json")
    message = "it is a folder: name the files in it"
    assert json.loads(done.stdout) == {"source": str(tmp_path), "error": {"class": "unsupported", "message": message}}
    assert (done.returncode, message in done.stderr) == (1, True)


@pytest.mark.parametrize("name", ["locations", "peer", "service", "token"])
def test_the_lists_of_commands_of_a_command_are_whole_sentences(name: str) -> None:
    group = program.get_command(click.Context(program), name)
    assert isinstance(group, click.Group)
    shown = group.get_help(click.Context(group, info_name=name, terminal_width=80))
    assert all(f"\n  {command} " in shown for command in group.commands)
    assert "..." not in shown.partition("Commands:")[2]


def test_help_lists_every_command_with_its_line() -> None:
    shown = " ".join(run("--help").stdout.split())
    assert all(f" {name} {entry.help}" in shown for name, entry in COMMANDS.items())


def test_what_cannot_be_written_is_said_in_a_sentence(tmp_path: Path) -> None:
    source, gone = tmp_path / "note.txt", tmp_path / "gone" / "copy.txt"
    source.write_text("A note about ropes.")
    says = f"Cannot write {gone}: No such file or directory."
    done = run("export", source, "--now", "--output", gone)
    assert (done.returncode, done.stderr) == (1, f"pillion: {says}\n")
    done = run("--log-file", gone, "status")
    assert (done.returncode, done.stderr) == (2, f"pillion: {says.replace('write', 'write the log file')}\n")
    done = run("thumb", source, "-o", source / "thumbs")
    assert (done.returncode, done.stderr) == (1, f"pillion: {source / 'thumbs'}: Not a directory.\n")


def test_a_mistyped_command_gets_a_suggestion() -> None:
    done = run("statu")
    assert (done.returncode, done.stdout) == (2, "")
    assert "No such command 'statu'. Did you mean 'status'?" in done.stderr
    done = run("models", "whispr", "--json")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "pillion: No model or engine has whispr in its name; 'pillion models' lists them.\n"


_LOADED = """
import sys
from pillion.cli.app import program
program.main(sys.argv[1:], standalone_mode=False)
print(*sorted(name for name in sys.modules), file=sys.stderr)
"""


def loaded_by(*arguments: str | Path) -> set[str]:
    """The modules that the program has loaded when it ends."""
    command = [sys.executable, "-c", _LOADED, *map(os.fspath, arguments)]
    done = subprocess.run(command, text=True, capture_output=True, timeout=60, check=True)
    return set(done.stderr.split())


ENGINES = {
    *("PIL", "av", "ctranslate2", "cv2", "faster_whisper", "lxml", "numpy", "olefile", "onnxruntime"),
    *("pi_heif", "py3langid", "pypdfium2", "pytesseract", "rapidocr", "rawpy"),
    *("tesserocr", "tokenizers"),
}


def test_status_loads_no_engine_and_nothing_that_works_the_queue(library: Path) -> None:
    loaded = loaded_by("status", "--library", library)
    assert not loaded & {*ENGINES, "alembic", "psutil"}
    assert not loaded & {f"pillion.{name}" for name in ("api", "index.indexer", "maintenance", "pool", "queue.work")}


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], *([name, "--help"] for name in COMMANDS)])
def test_help_loads_neither_the_library_nor_an_engine(arguments: list[str]) -> None:
    loaded = loaded_by(*arguments)
    assert not loaded & {*ENGINES, "alembic", "asyncio", "platformdirs", "psutil", "sqlalchemy"}
    assert not loaded & {"pillion.api", "pillion.library", "pillion.catalog", "pillion.kinds", "pillion.readers"}
    modules = {entry.module for entry in COMMANDS.values()}
    mine = {COMMANDS[name].module for name in arguments if name in COMMANDS}
    assert loaded & {f"pillion.cli.{module}" for module in modules} == {f"pillion.cli.{module}" for module in mine}


_INTERRUPTED_WHEN_DONE = """
import os, signal, sys
from pillion.cli import main
sys.argv = ["pillion", "--version"]
signal.signal(signal.SIGINT, signal.default_int_handler)
"""


def _run_interrupted(code: str) -> tuple[int, str, str]:
    command = [sys.executable, "-c", _INTERRUPTED_WHEN_DONE + code]
    done = subprocess.run(command, text=True, capture_output=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def test_ctrl_c_while_the_interpreter_ends_changes_nothing() -> None:
    ended = _run_interrupted("import atexit; atexit.register(os.kill, os.getpid(), signal.SIGINT); main()")
    assert ended == (0, f"pillion {__version__}\n", "")


def test_ctrl_c_after_the_command_prints_no_traceback() -> None:
    leave = "lambda code: (os.kill(os.getpid(), signal.SIGINT), leave(code))"
    ended = _run_interrupted(f"leave = sys.exit; sys.exit = {leave}; main()")
    assert ended == (130, f"pillion {__version__}\n", "")


@pytest.mark.parametrize("module", ["click", "pillion.cli.app"])
def test_ctrl_c_while_the_program_is_imported_prints_no_traceback(module: str) -> None:
    finder = f"""
class Interrupts:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupts())
"""
    code = f"import os, signal, sys\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n{finder}"
    done = run_code(f"{code}\nfrom pillion.cli import main\nmain()", "--version")
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
