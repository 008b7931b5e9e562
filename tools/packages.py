"""Installing Python packages into an environment: with uv, and with pip where uv cannot do it.

uv takes a fraction of pip's time (docs/performance.md, "Setting up"). It comes as a wheel, which pip installs first.
What is set for pip (PIP_INDEX_URL, PIP_CERT, pip.conf and so on) is passed on to it. Where something is set that uv has
no word for, where uv cannot be had, or where it fails, pip does the work, and its message is the one that is shown.
Standard library only.
"""

from __future__ import annotations

import ast
import os
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

UV = "uv>=0.13"

# What changes what pip prints, keeps or asks, and nothing of what it installs.
_MEANINGLESS = frozenset(
    {
        "break-system-packages",
        "cache-dir",
        "compile",
        "debug",
        "disable-pip-version-check",
        "exists-action",
        "log",
        "no-color",
        "no-compile",
        "no-input",
        "no-python-version-warning",
        "no-warn-conflicts",
        "no-warn-script-location",
        "progress-bar",
        "quiet",
        "require-virtualenv",
        "root-user-action",
        "verbose",
    }
)
_TRUE = frozenset({"1", "on", "t", "true", "y", "yes"})
_SWITCHES = {"no-index": ["--no-index"], "no-cache-dir": ["--no-cache"], "pre": ["--prerelease", "allow"]}


class InstallError(Exception):
    """Packages could not be installed. The message is a sentence; pip has printed its own above it."""


class UnknownSettingError(Exception):
    """Something is set for pip that uv has no word for. The message is its name."""


def pip_settings(listing: str) -> dict[str, str]:
    """Name -> value of what is set for ``pip install``, from what ``pip config list`` prints.

    As pip has it, the environment counts before a file's section [install], and that before [global]. Other sections
    are left out.
    """
    by_section: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}
    for line in listing.splitlines():
        key, equals, value = line.partition("=")
        section, _, name = key.rpartition(".")
        if equals and section in by_section:
            by_section[section][name.replace("_", "-")] = str(ast.literal_eval(value))
    return {**by_section["global"], **by_section["install"], **by_section[":env:"]}


def for_uv(settings: Mapping[str, str], environ: Mapping[str, str], folder: Path) -> tuple[list[str], dict[str, str]]:
    """Options and environment that make ``uv pip install`` look where pip with these settings would.

    What ``environ`` says to uv itself stands. Paths are relative to ``folder``. Addresses go by the environment,
    because they may hold a password, and other users see options. Raises UnknownSettingError.
    """
    options: list[str] = []
    # pip takes the best version of all indexes, and the system's certificates.
    env = {"UV_INDEX_STRATEGY": "unsafe-best-match", "UV_SYSTEM_CERTS": "1"}
    bundle = environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE")
    if bundle:
        env["SSL_CERT_FILE"] = bundle
    for name, value in settings.items():
        words = value.split()
        match name:
            case "index-url" | "pypi-url":
                env["UV_DEFAULT_INDEX"] = value
            case "extra-index-url":
                env["UV_INDEX"] = " ".join(words)
            case "find-links":
                for word in words:
                    # pip warns of a folder that is not there, and goes on.
                    if "://" in word or (folder / word).exists():
                        options += ["--find-links", word]
            case "trusted-host":
                env["UV_INSECURE_HOST"] = " ".join(words)
            case "cert":
                env["SSL_CERT_FILE"] = value
            case "client-cert":
                env["SSL_CLIENT_CERT"] = value
            case "proxy":
                env.update({"HTTP_PROXY": value, "HTTPS_PROXY": value, "http_proxy": value, "https_proxy": value})
            case "timeout" | "default-timeout":
                env["UV_HTTP_TIMEOUT"] = str(max(1, int(float(value))))
            case "retries":
                env["UV_HTTP_RETRIES"] = value
            case "constraint":
                options += [part for word in words for part in ("--constraints", word)]
            case "no-binary" | "only-binary":
                options += [part for word in value.replace(",", " ").split() for part in (f"--{name}", word)]
            case _ if name in _SWITCHES:
                if value.strip().lower() in _TRUE:
                    options += _SWITCHES[name]
            case _:
                if name not in _MEANINGLESS:
                    raise UnknownSettingError(name)
    own = {name: value for name, value in environ.items() if name.startswith("UV_") or name == "SSL_CERT_FILE"}
    if "UV_INDEX_URL" in own:
        env.pop("UV_DEFAULT_INDEX", None)
    return options, {**env, **own}


class Installer:
    """Installs into the environment of ``python``, for a checkout in ``root``. ``say`` prints a line for the user.

    ``compiled``: compile all of the packages' Python code at once, as pip always does. Else uv leaves each file to be
    compiled when it is first imported: less work, but done again and again by programs that may not write the result.
    """

    def __init__(self, python: Path, root: Path, say: Callable[[str], None], *, compiled: bool = False) -> None:
        self._python = python
        self._root = root
        self._say = say
        self._compiled = compiled
        self._uv: list[str] | None = None
        self._uv_env: dict[str, str] = {}
        self._asked = False

    def install(self, *arguments: str) -> None:
        """``pip install`` with these requirements, and options that pip and uv share. Raises InstallError."""
        uv = self._find_uv()
        if uv is not None:
            done = subprocess.run(
                [*uv, *arguments],
                cwd=self._root,
                env={**os.environ, **self._uv_env},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode == 0:
                return
            self._say(f"uv could not do it ({_reason(done.stderr)}): once more, with pip")
        self.pip(*arguments)

    def pip(self, *arguments: str) -> None:
        """The same by pip. Raises InstallError."""
        command = self.pip_command(*arguments)
        if subprocess.run(command, cwd=self._root, stdin=subprocess.DEVNULL, check=False).returncode != 0:
            raise pip_failed(command)

    def pip_command(self, *arguments: str) -> list[str]:
        return [str(self._python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", *arguments]

    def _find_uv(self) -> list[str] | None:
        """The beginning of a command that installs with uv, or None; asked for once."""
        if not self._asked:
            self._asked = True
            self._uv = self._prepare_uv()
        return self._uv

    def _prepare_uv(self) -> list[str] | None:
        config = [str(self._python), "-m", "pip", "--disable-pip-version-check", "config", "list"]
        listed = subprocess.run(config, cwd=self._root, capture_output=True, text=True, check=False)
        try:
            options, env = for_uv(pip_settings(listed.stdout), os.environ, self._root)
        except UnknownSettingError as name:
            self._say(f"pip is set up with {name}, which uv does not know: installing with pip, which takes longer")
            return None
        except (ValueError, SyntaxError):
            return None
        program = self._python.parent / "uv"
        if not program.exists():
            # Never built: that would take longer than it saves.
            get = self.pip_command("--only-binary", "uv", UV)
            if subprocess.run(get, cwd=self._root, stdin=subprocess.DEVNULL, capture_output=True).returncode != 0:
                self._say("uv could not be installed: installing with pip, which takes longer")
                return None
        self._uv_env = env
        if self._compiled:
            options.append("--compile-bytecode")
        return [str(program), "pip", "install", "--python", str(self._python), *options]


def pip_failed(command: Iterable[str]) -> InstallError:
    return InstallError(f"pip failed (its own message is above); this was the command: {' '.join(command)}")


def _reason(printed: str) -> str:
    """The gist of what uv says of a failure, on one line."""
    lines = [line.strip(" ×╰─▶├│\t") for line in printed.splitlines()]
    kept = [line for line in lines if line and not line.startswith(("Using Python", "Resolved", "warning:"))]
    text = " ".join(kept) or "it does not say why"
    return text if len(text) <= 200 else text[:200].rsplit(" ", 1)[0] + " ..."
