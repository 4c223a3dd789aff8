"""`taskgen` and `python -m taskgen`: first the fast answer, then the whole command line."""

import sys


def main() -> int:
    """Run taskgen; when nothing changed, answer from hashes before anything heavy is imported."""
    from taskgen.quick import answer

    said = answer(sys.argv[1:])
    if said is not None:
        for line in said.splitlines(keepends=True):
            # What the run told about the answer is `place: ...: warning ...`, as it was then on stderr.
            (sys.stderr if ": warning " in line else sys.stdout).write(line)
        return 0
    from taskgen.cli.main import run

    return run()


if __name__ == "__main__":
    sys.exit(main())
