"""A Docker engine of the tests' own, and base images that are made on this machine, without an image registry."""

import ast
import contextlib
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.consumers import program
from tests.support.servers import wait_until

ARCHIVE = "base-bookworm.tar"
SUITE = "bookworm"
PACKAGES = "python3,python3-venv,python3-pip,ca-certificates"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
PYTHON_IMAGE = "taskgen-test-python"
REDIS_IMAGE = "taskgen-test-redis"
MINUTES = 60
# Settings of pip that name files or folders of this machine: they mean nothing inside a build.
_LOCAL_SETTINGS = {"cert", "client-cert", "find-links", "cache-dir", "log", "constraint", "build-constraint"}


def cache_folder() -> Path:
    """Folder for what is dear to make: TASKGEN_TEST_CACHE, else below the user's cache."""
    default = Path.home() / ".cache" / "taskgen-tests"
    folder = Path(os.environ.get("TASKGEN_TEST_CACHE") or default)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def base_archive() -> Path:
    """A root file system of Debian with Python, made once by mmdebstrap."""
    archive = cache_folder() / ARCHIVE
    if not archive.is_file():
        staged = archive.with_name(f"{os.getpid()}-{ARCHIVE}")
        command = [str(program("mmdebstrap")), "--variant=minbase", f"--include={PACKAGES}", SUITE, str(staged)]
        subprocess.run(command, check=True, capture_output=True, timeout=10 * MINUTES)
        staged.replace(archive)
    return archive


def pip_settings() -> str:
    """This machine's settings of pip as a file for builds: its index, its time-outs, our copy of its certificates."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True, timeout=MINUTES
    )
    found = {"cert": CERTIFICATES}
    for line in listed.stdout.splitlines():
        key, _, value = line.partition("=")
        name = key.rpartition(".")[2]
        if name not in _LOCAL_SETTINGS:
            found[name] = str(ast.literal_eval(value))
    return "[global]\n" + "".join(f"{name} = {value}\n" for name, value in found.items())


def certificates() -> Path:
    """The certificate authorities that this machine trusts."""
    candidates = (os.environ.get("PIP_CERT"), os.environ.get("SSL_CERT_FILE"), ssl.get_default_verify_paths().cafile)
    found = next((Path(path) for path in (*candidates, CERTIFICATES) if path and Path(path).is_file()), None)
    assert found is not None, "no certificate authorities: install ca-certificates"
    return found


@dataclass(frozen=True)
class Docker:
    """A running engine."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """What clients of this engine need; a configuration of the user's own stays out."""
        own = {"DOCKER_HOST": f"unix://{self.folder}/docker.sock", "DOCKER_BUILDKIT": "1"}
        return {**os.environ, **own, "DOCKER_CONFIG": str(self.folder / "config")}

    def __call__(self, *arguments: str, check: bool = True, timeout: float = 5 * MINUTES) -> str:
        """Run the client and return what it prints; an error carries the end of its output."""
        # A newer client elsewhere on the PATH would want buildx: Debian's own fits its daemon.
        client = "/usr/bin/docker" if Path("/usr/bin/docker").is_file() else str(program("docker"))
        return self._run([client, *arguments], {}, check=check, timeout=timeout)

    def compose(
        self, file: Path, *arguments: str, env: Mapping[str, str] | None = None, timeout: float = 3 * MINUTES
    ) -> str:
        """Run Compose on a file and return what it prints."""
        return self._run([str(program("docker-compose")), "-f", str(file), *arguments], env or {}, timeout=timeout)

    def _run(self, command: list[str], env: Mapping[str, str], *, timeout: float, check: bool = True) -> str:
        done = subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env={**self.environment, **env},
            timeout=timeout,
        )
        if check and done.returncode:
            raise AssertionError(
                f"{' '.join(command[:4])} ended with {done.returncode}:\n{(done.stdout + done.stderr)[-4000:]}"
            )
        return done.stdout

    def build(self, tag: str, context: Path, *, file: Path | None = None, **arguments: str) -> None:
        """Build an image; the host's network gives it the package index that this machine uses."""
        given = [part for name, value in arguments.items() for part in ("--build-arg", f"{name}={value}")]
        chosen = ["-f", str(file)] if file is not None else []
        self("build", "--network", "host", *given, *chosen, "-t", tag, str(context), timeout=9 * MINUTES)

    def python_image(self) -> str:
        """Make an image with Python and this machine's certificates and pip settings; return its name."""
        self("import", str(base_archive()), "taskgen-test-base")
        context = self.folder / "python"
        context.mkdir(exist_ok=True)
        shutil.copyfile(certificates(), context / "certificates")
        (context / "pip.conf").write_text(pip_settings())
        (context / "Dockerfile").write_text(
            "FROM taskgen-test-base\n"
            f"COPY certificates {CERTIFICATES}\n"
            "COPY pip.conf /etc/pip.conf\n"
            "RUN rm -f /usr/lib/python3*/EXTERNALLY-MANAGED && ln -sf python3 /usr/bin/python\n"
        )
        self.build(PYTHON_IMAGE, context)
        return PYTHON_IMAGE

    def redis_image(self) -> str:
        """Make an image with Redis on top of that; return its name."""
        context = self.folder / "redis"
        context.mkdir(exist_ok=True)
        (context / "Dockerfile").write_text(
            f"FROM {PYTHON_IMAGE}\nRUN apt-get update && apt-get install -y --no-install-recommends redis-server\n"
        )
        self.build(REDIS_IMAGE, context)
        return REDIS_IMAGE


@contextlib.contextmanager
def docker() -> Iterator[Docker]:
    """Start an engine with its data in a temporary folder; containers get no bridge to the outside."""
    folder = Path(tempfile.mkdtemp(prefix="tg-"))
    engine = Docker(folder)
    command = [str(program("dockerd")), "--data-root", str(folder / "data"), "--exec-root", str(folder / "exec")]
    command += ["-p", str(folder / "pid"), "-H", f"unix://{folder}/docker.sock", "--storage-driver", "overlay2"]
    command += ["--bridge=none", "--iptables=false", "--ip6tables=false"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_until(
            lambda: engine("version", "--format", "{{.Server.Version}}", check=False).strip(),
            what=f"dockerd, see {folder}/log",
        )
        yield engine
    finally:
        process.terminate()
        try:
            process.wait(MINUTES)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for mount in sorted((folder / "exec" / "netns").glob("*")):
            subprocess.run(
                [str(program("umount")), "-l", str(mount)], check=False, capture_output=True, timeout=MINUTES
            )
        shutil.rmtree(folder, ignore_errors=True)
