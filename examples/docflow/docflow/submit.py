"""Send files through the pipeline and print what was found: `python -m docflow.submit FILE...`."""

import sys
from pathlib import Path

from docflow import tasks
from task_abstraction import TaskFailed


def main(names: list[str]) -> int:
    """Submit each file and print keywords and summary."""
    status = 0
    for name in names:
        document = tasks.Document(name=Path(name).name, content=Path(name).read_bytes())
        try:
            for analysis in tasks.process_document.submit(document).wait(timeout=60):
                print(f"{analysis.name}: {', '.join(analysis.keywords)}\n  {analysis.summary}")  # noqa: T201
        except TaskFailed as error:
            print(error, file=sys.stderr)  # noqa: T201
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
