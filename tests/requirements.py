"""What tests need beyond Python packages: a browser, and a font for it to draw with.

``make test`` runs this first. Where the system's package manager may be used (Debian's and Ubuntu's apt, as root or by
a sudo that asks nothing) it installs them; where not it says what to install, and the browser tests skip saying the
same. It never fails: what cannot be had is missing later, by name.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PLACES = os.pathsep.join(("/usr/bin", "/usr/local/bin", "/snap/bin", "/Applications/Google Chrome.app/Contents/MacOS"))
PACKAGES = ("chromium", "fonts-dejavu-core")


def browser() -> str | None:
    """Path of a Chromium or Chrome on this machine."""
    search = os.pathsep.join((os.environ.get("PATH", ""), PLACES))
    return next((found for name in (*BROWSERS, "Google Chrome") if (found := shutil.which(name, path=search))), None)


def main() -> int:
    """Install what is missing, or say what to install; always 0."""
    if browser():
        return 0
    as_root = _as_root()
    if shutil.which("apt-get") is None or as_root is None:
        return _tell("they may not be installed from here")
    apt = [*as_root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y"]
    sys.stdout.write(f"Installing for the browser tests: {' '.join(PACKAGES)} …\n")
    sys.stdout.flush()
    for step in (["update"], ["install", "--no-install-recommends", *PACKAGES]):
        done = subprocess.run([*apt, *step], capture_output=True, text=True, check=False)
        if done.returncode:
            return _tell(f"apt-get {step[0]} failed: {(done.stderr or done.stdout).strip()[-400:]}")
    return 0 if browser() else _tell("the package 'chromium' brought no /usr/bin/chromium")


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


def _tell(why: str) -> int:
    sys.stdout.write(
        f"The browser tests will be skipped ({why}).\n"
        f"To run them, install Chromium or Chrome; on Debian: apt-get install {' '.join(PACKAGES)}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
