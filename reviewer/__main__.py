"""`python -m reviewer` is `kilo-review`."""

from reviewer.cli import run

if __name__ == "__main__":
    run()
