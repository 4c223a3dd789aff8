"""The application that the workers run: code, image, environment."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from taskgen.profile.base import EnvName, Model, Name, PythonModule, RelativePath, SecretKey, Text, object_name
from taskgen.profile.scalars import Duration, Size

PORT = Annotated[int, Field(ge=1, le=65535)]


class Image(Model):
    """Where the built image lives."""

    repository: Annotated[str, Field(pattern=r"^[a-z0-9]+([._:/\-]+[a-z0-9]+)*$", max_length=255)]
    """registry and repository, without tag"""
    tag: Annotated[Text | None, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.\-]{0,127}$")] = None
    """tag; keeps its text, so that 1.10 stays 1.10"""
    digest: Annotated[str | None, Field(pattern=r"^sha256:[0-9a-f]{64}$")] = None
    """digest; in prod the same one for every tier (rule K20)"""
    pull_secret: Name | None = None
    """secret with the registry's credentials"""


class Build(Model):
    """How the image is built."""

    context: RelativePath = "."
    """folder of the application's code, below the project root"""
    python: Annotated[Text, Field(pattern=r"^3\.(1[1-9]|[2-9][0-9])(\.[0-9]+)?$")] = "3.12"
    """Python version of the base image"""
    base_image: Annotated[str | None, Field(pattern=r"^[a-z0-9][A-Za-z0-9._:/@\-]*$")] = None
    """base image; default python:<version>-slim"""
    requirements: RelativePath | None = None
    """requirements file inside the context"""
    system_packages: tuple[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.+\-]*$")], ...] = ()
    """Debian packages that the application needs at run time"""


class DeclaredHealth(Model):
    """What a command of the user's own serves (app.kind command)."""

    port: PORT
    """port of the health endpoint"""
    path: Annotated[str, Field(pattern=r"^/[\w./\-]*$")] = "/"
    """path that answers 200 when healthy"""
    metrics_port: PORT | None = None
    """port that serves Prometheus metrics"""
    metrics_path: Annotated[str, Field(pattern=r"^/[\w./\-]*$")] = "/metrics"
    """path of the metrics"""


class Application(Model):
    """The application whose tasks the workers run."""

    name: object_name(40)  # type: ignore[valid-type]  # an Annotated type made by a function
    """name of the application; part of object names and labels"""
    kind: Literal["task_abstraction", "celery", "command"] = "task_abstraction"
    """written with our library, an existing Celery application, or a worker command of its own"""
    module: PythonModule | None = None
    """module that registers the tasks; imported by every worker and producer"""
    celery: Annotated[str | None, Field(pattern=r"^[A-Za-z_][\w.]*(:[A-Za-z_]\w*)?$")] = None
    """the Celery application, as given to `celery -A` (kind celery)"""
    command: tuple[Text, ...] = ()
    """command line of the worker (kind command)"""
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

    @model_validator(mode="after")
    def _kind_has_what_it_needs(self) -> Self:
        needed = {"task_abstraction": "module", "celery": "celery", "command": "command"}[self.kind]
        if not getattr(self, needed):
            raise ValueError(f"kind {self.kind} needs app.{needed}: add it")
        return self
