"""Packages, size and time of an installation, of the base and of each extra: fresh environments from a built wheel.

    make install-size
    python -m bench.install_size --of "" --of app --of all
    python -m bench.install_size --source ../older-checkout --of "" --of analysers,embedded

Needs a package index, as pip is configured. Sizes are what pip wrote, without pip and setuptools; without the byte
code that a first start adds. `python -m bench` does not run it: it downloads.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Sequence
from pathlib import Path

from bench.measure import ROOT, load

MB = 1_000_000
EXTRAS = ("", "languages", "tokens", "analysers", "app", "all")
# Read in the new environment: what is installed, with the bytes of its files.
COUNT = """
import importlib.metadata, json
from pathlib import Path
sizes = {}
for one in importlib.metadata.distributions():
    if one.name not in ("pip", "setuptools", "wheel"):
        paths = [Path(one.locate_file(file)) for file in one.files or () if file.suffix != ".pyc"]
        sizes[one.name] = sum(path.stat().st_size for path in paths if path.is_file())
print(json.dumps(sizes))
"""


def measure(wheel: Path, extra: str, folder: Path) -> dict[str, object]:
    """Install a wheel with an extra and return packages, megabytes, seconds and the largest packages."""
    python = folder / "bin" / "python"
    venv.create(folder, with_pip=True)
    wanted = f"{wheel}[{extra}]" if extra else str(wheel)
    started = time.monotonic()
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile", wanted],
        check=True,
    )
    seconds = time.monotonic() - started
    done = subprocess.run([python, "-c", COUNT], check=True, capture_output=True, text=True)
    sizes: dict[str, int] = json.loads(done.stdout)
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:5]
    grammars = [size for name, size in sizes.items() if name.startswith("tree-sitter-")]
    return {
        "packages": len(sizes),
        "megabytes": round(sum(sizes.values()) / MB),
        "seconds": round(seconds, 1),
        "grammars": f"{len(grammars)} packages, {sum(grammars) / MB:.0f} MB",
        "largest": ", ".join(f"{name} {size / MB:.0f}" for name, size in largest),
    }


def build_wheel(source: Path, folder: Path) -> Path:
    """Build the wheel of a checkout."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*command, "--wheel-dir", folder, source], check=True)
    return next(folder.glob("kilo_review-*.whl"))


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.install_size", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--source", type=Path, default=ROOT, metavar="DIR", help="the checkout (default: this one)")
    parser.add_argument(
        "--of", action="append", metavar="EXTRAS", help="extras, separated by commas; '' is the base (default: all)"
    )
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        wheel = build_wheel(options.source, home / "wheel")
        report: dict[str, object] = {"load_average": load()}
        for number, extra in enumerate(options.of or EXTRAS):
            sys.stderr.write(f"installing {extra or 'the base'} ...\n")
            report[extra or "base"] = measure(wheel, extra, home / str(number))
    print(json.dumps(report, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
