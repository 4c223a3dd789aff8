"""The application that the workers run: code, image, environment."""

import re
from difflib import get_close_matches
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from taskgen.profile.base import (
    Boolean,
    EnvName,
    KeyedError,
    Matching,
    Model,
    Name,
    ObjectName,
    PythonModule,
    RelativePath,
    SecretKey,
    Text,
)
from taskgen.profile.scalars import Duration, Size

PLACES: Final = ("tier", "queues", "concurrency", "grace")
"""Words in braces that a command of the user's own may hold, and that are replaced for each tier."""
PORT = Annotated[int, Field(ge=1, le=65535)]
HttpPath = Annotated[str, Matching(r"/[\w./\-]*", "a path such as /metrics")]


class Image(Model):
    """Where the built image lives."""

    repository: Annotated[
        str, Matching(r"[a-z0-9]+([._:/\-]+[a-z0-9]+)*", "an image repository such as registry.example.com/app", 255)
    ]
    """registry and repository, without tag"""
    tag: Annotated[Text, Matching(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,127}", "an image tag such as 2.3.0")] | None = None
    """tag; keeps its text, so that 1.10 stays 1.10"""
    digest: Annotated[str, Matching(r"sha256:[0-9a-f]{64}", "a digest: sha256: and 64 hexadecimal digits")] | None = (
        None
    )
    """digest; in prod the same one for every tier (rule K20)"""
    pull_secret: Name | None = None
    """secret with the registry's credentials"""


class Build(Model):
    """How the image is built."""

    context: RelativePath = "."
    """folder of the application's code, below the project root"""
    python: Annotated[
        Text, Matching(r"3\.(1[1-9]|[2-9][0-9])(\.[0-9]+)?", "a Python version from 3.11 on, such as 3.12")
    ] = "3.12"
    """Python version of the base image"""
    base_image: Annotated[str, Matching(r"[a-z0-9][A-Za-z0-9._:/@\-]*", "an image such as python:3.12-slim")] | None = (
        None
    )
    """base image; default python:<version>-slim"""
    requirements: RelativePath | None = None
    """requirements file inside the context"""
    system_packages: tuple[
        Annotated[str, Matching(r"[a-z0-9][a-z0-9.+\-]*", "a Debian package such as libmagic1")], ...
    ] = ()
    """Debian packages that the application needs at run time"""


class DeclaredHealth(Model):
    """What a command of the user's own serves (app.kind command)."""

    port: PORT
    """port of the health endpoint"""
    path: HttpPath = "/"
    """path that answers 200 when healthy"""
    metrics_port: PORT | None = None
    """port that serves Prometheus metrics"""
    metrics_path: HttpPath = "/metrics"
    """path of the metrics"""


class Database(Model):
    """The database that tasks use: how many connections it takes, and how many each process of a worker opens."""

    max_connections: Annotated[int, Field(ge=1, le=1_000_000)]
    """connections that the server, or its proxy, accepts"""
    pool_per_process: Annotated[int, Field(ge=1, le=10_000)]
    """most connections of one process: SQLAlchemy pool_size + max_overflow (15 by default), Django 1 on prefork"""
    reserve: Annotated[int, Field(ge=0, le=1_000_000)] = 3
    """connections left to everything else: web processes, migrations, administrators"""


class Application(Model):
    """The application whose tasks the workers run."""

    name: Annotated[str, ObjectName(40)]
    """name of the application; part of object names and labels"""
    kind: Literal["task_abstraction", "celery", "command"] = "task_abstraction"
    """written with our library, an existing Celery application, or a worker command of its own"""
    module: PythonModule | None = None
    """module that registers the tasks; imported by every worker and producer"""
    celery: (
        Annotated[
            str, Matching(r"[A-Za-z_]\w*(\.\w+)*(:[A-Za-z_]\w*)?", "a Celery application such as proj.celery_app")
        ]
        | None
    ) = None
    """the Celery application, as given to `celery -A` (kind celery)"""
    beat: Boolean = False
    """the application has schedules of its own: run its beat (kind celery)"""
    command: tuple[Text, ...] = ()
    """command line of the worker (kind command); {tier}, {queues}, {concurrency}, {grace} stand for those of a tier"""
    health: DeclaredHealth | None = None
    """health and metrics of that command (kind command)"""
    image: Image
    """the image that every tier runs"""
    build: Build = Build()
    """how the image is built"""
    env: dict[EnvName, Text | None] = {}
    """plain environment; null removes an inherited name"""
    secret_env: dict[EnvName, SecretKey | None] = {}
    """environment from secrets: references only"""
    start: Duration | None = None
    """measured time from pod creation until the worker takes tasks; default in the plan"""
    memory: Size | None = None
    """memory of the imported application without tasks; default in the plan"""
    database: Database | None = None
    """the database that tasks use; the fleet at its largest has to fit into its connections (rule K13)"""

    @model_validator(mode="after")
    def _kind_has_what_it_needs(self) -> Self:
        needed = {"task_abstraction": "module", "celery": "celery", "command": "command"}[self.kind]
        if not getattr(self, needed):
            raise KeyedError(needed, f"kind {self.kind} needs it: add app.{needed}")
        return self

    @model_validator(mode="after")
    def _places_are_spelt_well(self) -> Self:
        """Other words in braces stay as they are; `${word}` is a shell's."""
        for word in re.findall(r"(?<!\$)\{([A-Za-z_]+)\}", " ".join(self.command)):
            near = get_close_matches(word.lower(), PLACES, n=1, cutoff=0.8)
            if near and word not in PLACES:
                raise KeyedError("command", f"{{{word}}} stands for nothing, did you mean {{{near[0]}}}?")
        return self
