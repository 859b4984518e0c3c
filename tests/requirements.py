"""What tests need beyond Python packages: a browser with a font to draw with, and Azurite, an emulator of Blob storage.

``make test`` runs this first. Where the system's package manager may be used (Debian's and Ubuntu's apt, as root or by
a sudo that asks nothing) it installs the browser; npm, where there is one, installs Azurite into a folder of the
environment. Where that cannot be it says what to install, and the tests skip saying the same. It never fails: what
cannot be had is missing later, by name.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PLACES = os.pathsep.join(("/usr/bin", "/usr/local/bin", "/snap/bin", "/Applications/Google Chrome.app/Contents/MacOS"))
PACKAGES = ("chromium", "fonts-dejavu-core")
AZURITE = "azurite@3.37.0"
AZURITE_HOME = Path(sys.prefix) / "azurite"
_NPM_SECONDS = 600


def browser() -> str | None:
    """Path of a Chromium or Chrome on this machine."""
    search = os.pathsep.join((os.environ.get("PATH", ""), PLACES))
    return next((found for name in (*BROWSERS, "Google Chrome") if (found := shutil.which(name, path=search))), None)


def azurite() -> Path | None:
    """The program of Azurite's Blob service; None where it is not installed, or there is no Node.js to run it."""
    program = AZURITE_HOME / "node_modules/.bin/azurite-blob"
    return program if program.exists() and shutil.which("node") else None


def main() -> int:
    """Install what is missing, or say what to install; always 0."""
    _install_azurite()
    _install_browser()
    return 0


def _install_azurite() -> None:
    if azurite():
        return
    npm = shutil.which("npm")
    if npm is None:
        _tell_azurite("there is no npm")
        return
    sys.stdout.write(f"Installing for the tests of Blob storage: {AZURITE} …\n")
    sys.stdout.flush()
    asked = [npm, "install", "--prefix", str(AZURITE_HOME), "--no-audit", "--no-fund", "--ignore-scripts", AZURITE]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=_NPM_SECONDS)
    except subprocess.TimeoutExpired:
        _tell_azurite(f"npm took more than {_NPM_SECONDS} seconds")
        return
    if done.returncode or not azurite():
        _tell_azurite(f"npm failed: {(done.stderr or done.stdout).strip()[-400:]}")


def _tell_azurite(why: str) -> None:
    sys.stdout.write(
        f"The tests against Azurite will be skipped ({why}).\n"
        f"To run them: npm install --prefix {AZURITE_HOME} {AZURITE}\n"
    )


def _install_browser() -> None:
    if browser():
        return
    as_root = _as_root()
    if shutil.which("apt-get") is None or as_root is None:
        _tell("they may not be installed from here")
        return
    apt = [*as_root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y"]
    sys.stdout.write(f"Installing for the browser tests: {' '.join(PACKAGES)} …\n")
    sys.stdout.flush()
    for step in (["update"], ["install", "--no-install-recommends", *PACKAGES]):
        done = subprocess.run([*apt, *step], capture_output=True, text=True, check=False)
        if done.returncode:
            _tell(f"apt-get {step[0]} failed: {(done.stderr or done.stdout).strip()[-400:]}")
            return
    if not browser():
        _tell("the package 'chromium' brought no /usr/bin/chromium")


def _as_root() -> list[str] | None:
    """How to run something as root: directly, through a sudo that asks nothing, or not at all."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        return None
    return (
        ["sudo", "-n"]
        if subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0
        else None
    )


def _tell(why: str) -> None:
    sys.stdout.write(
        f"The browser tests will be skipped ({why}).\n"
        f"To run them, install Chromium or Chrome; on Debian: apt-get install {' '.join(PACKAGES)}\n"
    )


if __name__ == "__main__":
    sys.exit(main())
