"""Dockerfile and its ignore file: the rules of reference, and values that try to break out."""

import re
import subprocess
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskgen.errors import TemplateError
from tests.support.consumers import program
from tests.support.in_memory import ROOT, SHIPPED, artifacts, plan_of, texts
from tests.support.need import need


def files(name="dev-celery", *overrides, change=None):
    """Dockerfile and ignore file of a profile."""
    found = texts(name, "image", *overrides, change=change)
    return found["image/Dockerfile"], found["image/Dockerfile.dockerignore"]


def instructions(dockerfile):
    """Instructions without comments, continued lines joined."""
    text = re.sub(r"^\s*#.*\n", "", dockerfile, flags=re.MULTILINE)
    return [line.strip() for line in re.sub(r"\\\n\s*", "", text).splitlines() if line.strip()]


def build_of(**values):
    """A change of app.build, with values that the schema would refuse."""

    def change(profile):
        build = profile.app.build.model_copy(update=values)
        return profile.model_copy(update={"app": profile.app.model_copy(update={"build": build})})

    return change


def copied(dockerfile):
    """Sources of COPY from the build context."""
    lines = [line.split() for line in instructions(dockerfile) if line.startswith("COPY ") and "--from=" not in line]
    return [next(word for word in words[1:] if not word.startswith("--")) for words in lines]


@pytest.mark.parametrize("name", SHIPPED)
class TestEveryProfile:
    """What holds for every image."""

    def test_builds_without_a_registry_of_frontends(self, name):
        """No syntax line, no linked copy, no heredoc: older engines and mirrors build it too."""
        dockerfile, _ = files(name)

        assert not re.search(r"#\s*syntax=|--link|<<", dockerfile)

    def test_installs_the_copied_library_with_its_backends(self, name):
        """The library comes from the build context with an extra for each backend of the profile."""
        dockerfile, _ = files(name)
        installed = next(line for line in instructions(dockerfile) if "./library[" in line)

        assert set(re.search(r"\./library\[(.*?)\]", installed).group(1).split(",")) == set(plan_of(name).backends)
        assert "pip install " + "taskgen" not in dockerfile

    def test_two_stages_of_one_replaceable_base(self, name):
        """Both stages start from the build argument, which stands before them."""
        lines = instructions(files(name)[0])

        assert lines[0].startswith("ARG PYTHON_IMAGE=")
        assert [line for line in lines if line.startswith("FROM")] == [
            "FROM ${PYTHON_IMAGE} AS build",
            "FROM ${PYTHON_IMAGE} AS runtime",
        ]

    def test_copies_exactly_what_the_ignore_file_lets_through(self, name):
        """Every copied path is allowed, and nothing else is."""
        dockerfile, ignore = files(name)
        allowed = [line[1:] for line in ignore.splitlines() if line.startswith("!")]

        assert "*" in ignore.splitlines()
        sources = [PurePosixPath(source) for source in copied(dockerfile)]
        assert all(any(source.is_relative_to(folder) for folder in allowed) for source in sources)
        assert all(any(source.is_relative_to(folder) for source in sources) for folder in allowed)

    def test_copied_paths_exist(self, name):
        """What the build copies is in the project, or is rendered beside the Dockerfile."""
        rendered = {f"out/{name}/{artifact.path}" for artifact in artifacts(name, ["image"])}

        for source in copied(files(name)[0]):
            assert (ROOT / source).exists() or any(path.startswith(source) for path in rendered)

    def test_environment_files_stay_out(self, name):
        """The last word of the ignore file is that no environment file and no history gets into a layer (S10)."""
        last = files(name)[1].rpartition("!")[2].splitlines()

        assert {"**/.env*", "**/.git"} <= set(last)

    def test_hadolint_finds_nothing(self, name, tmp_path):
        """The linter of Dockerfiles has no finding."""
        need("hadolint")
        (tmp_path / "Dockerfile").write_text(files(name)[0])
        done = subprocess.run(
            [str(program("hadolint")), "--ignore", "DL3008", str(tmp_path / "Dockerfile")],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )

        assert (done.returncode, done.stdout) == (0, "")


class TestOptions:
    """What the profile says about the build."""

    def test_base_image_replaces_the_default(self):
        """A base image by digest becomes the default of the build argument."""
        digest = f"registry.example.com/python@sha256:{'0' * 64}"

        assert f"ARG PYTHON_IMAGE={digest}" in files("dev-celery", f"app.build.base_image={digest}")[0]

    def test_system_packages_in_one_layer(self):
        """Packages are installed for the runtime stage, in one instruction that cleans up."""
        dockerfile, _ = files("dev-celery", "app.build.system_packages=[libmagic1, libpq5]")
        run = next(line for line in instructions(dockerfile) if "apt-get" in line)

        assert run == (
            "RUN apt-get update && apt-get install -y --no-install-recommends libmagic1 libpq5 "
            "&& rm -rf /var/lib/apt/lists/*"
        )
        assert instructions(dockerfile).index(run) > instructions(dockerfile).index("FROM ${PYTHON_IMAGE} AS runtime")

    def test_without_requirements(self):
        """An application without a requirements file copies none."""
        assert "requirements" not in files("dev-celery", "app.build.requirements=null")[0]

    def test_tracing_brings_its_extra(self):
        """Traces need OpenTelemetry inside the image."""
        assert "./library[celery,otel]" in files("dev-celery", "monitoring.tracing.otlp=http://collector:4317")[0]

    def test_context_may_be_the_whole_project(self):
        """With the project itself as context, rendered output stays out but for the library."""
        dockerfile, ignore = files("dev-celery", "app.build.context=.")
        lines = ignore.splitlines()

        assert {"./", "requirements.txt"} <= set(copied(dockerfile))
        assert lines.index("out") < lines.index("!out/dev-celery/image/library")
        assert "*" not in lines

    def test_output_folder_may_be_elsewhere(self):
        """The library is copied from where the profile is rendered."""
        assert "deploy/out/dev-celery/image/library/" in copied(files("dev-celery", "output=deploy/out")[0])

    def test_another_command_is_asked_where_it_answers(self):
        """A worker command of the user's own is probed at the address that it declares, and not at all without one."""
        command = ["app.kind=command", "app.command=[my-worker]"]
        silent, _ = files("dev-celery", *command)
        dockerfile, _ = files("dev-celery", *command, "app.health={port: 8080, path: /healthz}")

        assert "HEALTHCHECK" not in silent
        assert '"task_abstraction.health", "--url", "http://127.0.0.1:8080/healthz"]' in dockerfile
        assert instructions(dockerfile)[-1] == 'CMD ["my-worker"]'

    def test_foreign_requirements_and_the_library_are_solved_together(self):
        """An existing application keeps its Celery: pip refuses what does not fit."""
        dockerfile, _ = files("prod-existing")

        assert '"install", "-r", "requirements.txt", "./library[celery]"]' in dockerfile


class TestHostileValues:
    """No value of a profile becomes an instruction."""

    @given(st.text())
    def test_command_is_one_instruction(self, word):
        """Any word of the command stays one string of a JSON array on one line, or is refused."""

        def changed(command):
            def change(profile):
                return profile.model_copy(
                    update={"app": profile.app.model_copy(update={"kind": "command", "command": (command,)})}
                )

            return instructions(files(change=change)[0])

        try:
            after = changed(word)
        except TemplateError:
            return

        assert after[:-1] == changed("run")[:-1]
        assert after[-1].startswith('CMD ["')
        assert after[-1].endswith('"]')

    @pytest.mark.parametrize(
        "value", ["a b", "a\nRUN id", "a;id", "$(id)", "${X}", "`id`", "a\\", '"', "'", "a|b", "*", "#"]
    )
    @pytest.mark.parametrize(
        "field",
        [
            pytest.param(lambda value: {"base_image": value}, id="base image"),
            pytest.param(lambda value: {"context": value}, id="context"),
            pytest.param(lambda value: {"requirements": value}, id="requirements"),
            pytest.param(lambda value: {"system_packages": (value,)}, id="system package"),
        ],
    )
    def test_words_are_plain(self, field, value):
        """A word that Docker or a shell would interpret is refused, should it ever pass the schema."""
        with pytest.raises(TemplateError, match="is not one plain word"):
            files(change=build_of(**field(value)))
