"""Runs a shared tracking server: MLflow on a PostgreSQL of its own, until Ctrl-C or SIGTERM.

.venv/bin/python deploy/server.py FOLDER [--auth] [--host ADDRESS --name NAME] [--port N] [--workers N]

Everything is kept in FOLDER: the database, the artifacts, the logs and, with --auth, the passwords. PostgreSQL listens
on a socket in FOLDER only, and knows its users by their account (`peer`), so that it needs no password. No password is
on any command line.
"""

import argparse
import contextlib
import ipaddress
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from kerasbench.process import children
from kerasbench.process.interruption import interruptible
from kerasbench.terminal.errors import UserError

Process = subprocess.Popen[Any]

_DATABASE, _USER = "mlflow", "mlflow"
_ADMIN = "admin"
_ROOTS_DATABASE_USER = "postgres"  # PostgreSQL refuses to run as root; Debian's package makes this account
_START_SECONDS = 300.0  # a busy machine takes minutes to import MLflow
_POLL_SECONDS = 0.1
_LONGEST_SOCKET = 107  # bytes of a Unix socket's path

# A request holds a connection while it asks for a second, and each of MLflow's processes handles 40 requests at once:
# with SQLAlchemy's 15 connections, 15 requests at once wait for each other until they time out.
_KEPT, _MORE = 10, 80  # connections of each of MLflow's processes
_SETTINGS = {
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",  # else the server and its pages send usage reports
    "MLFLOW_SQLALCHEMYSTORE_POOL_SIZE": str(_KEPT),
    "MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW": str(_MORE),
    "PGUSER": _USER,
}
_ACCESS = f"local all {_USER} peer map=server\n"  # pg_hba.conf: nothing else may connect
_AUTHENTICATION = f"""\
[mlflow]
database_uri = postgresql:///{_DATABASE}
admin_username = {_ADMIN}
# What a user may do with the runs of others: the experiment is shared.
default_permission = EDIT
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
# Checking a password takes as long as a request. A user who is deleted can go on for so long.
auth_cache_ttl_seconds = 60
"""


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="deploy/server.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="keeps everything; it is made if it does not exist")
    parser.add_argument("--host", default="127.0.0.1", help="the IPv4 address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=5000, help="the port to listen on (default: 5000)")
    parser.add_argument("--name", help="the name by which clients reach it; needed with another --host")
    parser.add_argument("--auth", action="store_true", help="ask for a user name and a password")
    cores = os.cpu_count() or 1
    parser.add_argument(
        "--workers",
        type=int,
        default=min(4, cores),
        help="MLflow's processes, half a GB each (default: cores, up to 4)",
    )
    return parser.parse_args(arguments)


def _check(options: argparse.Namespace) -> None:
    """Refuse what is unsafe or cannot work, before anything starts."""
    local = _is_local(options.host)
    if not local and os.geteuid() == 0:
        raise UserError(
            f"--host {options.host}: as root, it serves this machine only. Start it from an account of its own."
        )
    if not local and not options.name:
        raise UserError(
            f"--host {options.host}: add --name NAME, by which clients reach it; other host names are refused"
        )
    if not 1 <= options.port <= 65535:
        raise UserError(f"--port {options.port}: a port is a number from 1 to 65535")
    if options.workers < 1:
        raise UserError(f"--workers {options.workers}: it takes one at least")
    for module, of in {"psycopg": "PostgreSQL", "flask_wtf": "--auth"}.items():
        if not find_spec(module) and (of == "PostgreSQL" or options.auth):
            raise UserError(f"{of} needs a package that is missing: install kerasbench[server] into {sys.prefix}")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((options.host, options.port))
        except OSError as error:
            raise UserError(f"it cannot listen on {options.host}, port {options.port}: {error.strerror}") from None


def _is_local(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Postgres:
    """A PostgreSQL of one's own in a folder, which only this account reaches, through a socket in the folder."""

    def __init__(self, folder: Path, workers: int) -> None:
        """Name its folders; nothing is started yet.

        Raises:
            UserError: PostgreSQL is not installed, or not in the version of the data.
        """
        self._folder, self._data = folder, folder / "postgresql"
        self.socket = folder / "run"
        self._connections = workers * (_KEPT + _MORE) + 10
        if len(os.fsencode(self.socket / ".s.PGSQL.5432")) > _LONGEST_SOCKET:
            raise UserError(f"{folder} is too long a path for the socket in it: name a shorter one")
        self._programs = _programs(self._data)
        self._account: dict[str, Any] = {}
        if os.geteuid() == 0:
            self._account = {"user": _ROOTS_DATABASE_USER, "group": _ROOTS_DATABASE_USER, "extra_groups": []}

    @contextlib.contextmanager
    def running(self) -> Iterator[Process]:
        """Make the database if there is none, start it, and stop it after the block.

        Raises:
            UserError: it does not start.
        """
        with (self._folder / "postgresql.log").open("a+b") as log:
            self._prepare(log)
            settings = {
                "listen_addresses": "",
                "unix_socket_directories": str(self.socket),
                "max_connections": str(self._connections),
            }
            arguments = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
            process = self._start([self._programs / "postgres", "-D", self._data, *arguments], log)
            try:
                self._await(process, log)
                yield process
            finally:
                if process.poll() is None:
                    process.send_signal(signal.SIGINT)  # a fast shutdown: it waits for no client
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(30)
                children.end(process)

    def _start(self, command: Sequence[str | Path], log: IO[bytes]) -> Process:
        return children.start(
            command, cwd=self._folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL, **self._account
        )

    def _prepare(self, log: IO[bytes]) -> None:
        self._make(self.socket)
        if self._data.exists():
            return
        new = self._data.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)  # of an attempt that was killed
        self._make(new)
        options = ["-U", _USER, "--auth=peer", "--encoding=UTF8", "--locale=C.UTF-8"]
        process = self._start([self._programs / "initdb", "-D", new, *options], log)
        try:
            if process.wait():
                raise UserError(f"PostgreSQL's initdb failed in {new}: {_last_line(log)}")
        finally:
            children.end(process)
        accounts = {pwd.getpwuid(os.geteuid()).pw_name, self._account.get("user", "")} - {""}
        mapped = "".join(f'server "{account}" {_USER}\n' for account in sorted(accounts))
        for name, content in {"pg_hba.conf": _ACCESS, "pg_ident.conf": mapped}.items():
            (new / name).write_text(content)  # initdb's own file, which keeps its owner
        new.rename(self._data)

    def _make(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        if self._account:
            shutil.chown(folder, _ROOTS_DATABASE_USER, _ROOTS_DATABASE_USER)

    def _await(self, process: Process, log: IO[bytes]) -> None:
        import psycopg

        deadline = time.monotonic() + _START_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(psycopg.OperationalError):
                with psycopg.connect(
                    host=str(self.socket), user=_USER, dbname="postgres", autocommit=True
                ) as connection:
                    if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [_DATABASE]).fetchone():
                        connection.execute(f"CREATE DATABASE {_DATABASE}")
                return
            time.sleep(_POLL_SECONDS)
        raise UserError(f"PostgreSQL did not start in {self._data}: {_last_line(log)}")


def _programs(data: Path) -> Path:
    """Return the folder of PostgreSQL's programs: the newest version, or that of existing data."""
    found = {path.parent.parent.name: path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")}
    if on_path := shutil.which("postgres"):
        found.setdefault(_version(Path(on_path)), Path(on_path).resolve().parent)
    version = data / "PG_VERSION"
    if version.exists():
        wanted = version.read_text().strip()
        if wanted not in found:
            raise UserError(f"{data} is of PostgreSQL {wanted}, which is not installed (Debian: postgresql-{wanted})")
        return found[wanted]
    if not found:
        raise UserError("PostgreSQL is not installed (Debian: apt install postgresql)")
    return found[max(found, key=float)]


def _version(program: Path) -> str:
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    return told.split()[2].partition(".")[0]


def _last_line(log: IO[bytes]) -> str:
    log.flush()
    log.seek(0)
    lines = [line.strip() for line in log.read().decode(errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line), "it printed nothing")


def _secret(file: Path) -> str:
    """Return a secret that is kept in a file which only this account reads; make it if it does not exist."""
    if not file.exists():
        file.write_text(secrets.token_urlsafe(24) + "\n")
    return file.read_text().strip()


def _mlflow(options: argparse.Namespace, database: Postgres) -> tuple[list[str], dict[str, str]]:
    """Return MLflow's command, and its variables."""
    folder: Path = options.folder
    command = [sys.executable, "-m", "mlflow", "server", "--host", options.host, "--port", str(options.port)]
    command += ["--workers", str(options.workers), "--artifacts-destination", str(folder / "artifacts")]
    command += ["--uvicorn-opts", "--no-access-log"]  # a line for each request
    if options.name:  # MLflow refuses requests to other host names, and of pages of other origins
        names = [options.name, f"{options.name}:{options.port}", "localhost:*", "127.0.0.1:*"]
        origins = [f"http://{options.name}:{options.port}", f"https://{options.name}"]
        command += ["--allowed-hosts", ",".join(names), "--cors-allowed-origins", ",".join(origins)]
    variables = os.environ | _SETTINGS
    variables |= {"PGHOST": str(database.socket), "MLFLOW_BACKEND_STORE_URI": f"postgresql:///{_DATABASE}"}
    if options.auth:
        command += ["--app-name", "basic-auth"]
        configuration = folder / "authentication.ini"
        if not configuration.exists():
            configuration.write_text(_AUTHENTICATION)
        variables |= {
            "MLFLOW_AUTH_CONFIG_PATH": str(configuration),
            "MLFLOW_AUTH_ADMIN_PASSWORD": _secret(folder / "admin-password"),
            "MLFLOW_FLASK_SERVER_SECRET_KEY": _secret(folder / "secret-key"),
        }
    return command, variables


def _await_health(options: argparse.Namespace, process: Process) -> None:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy cannot reach this machine
    host = "127.0.0.1" if options.host == "0.0.0.0" else options.host
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), direct.open(f"http://{host}:{options.port}/health", timeout=5):
            return
        time.sleep(_POLL_SECONDS)
    raise UserError(f"MLflow did not start within {_START_SECONDS:g} s; it has printed why above")


def _serve(options: argparse.Namespace) -> None:
    os.umask(0o077)
    options.folder = folder = options.folder.absolute()
    database = Postgres(folder, options.workers)
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        folder.chmod(0o711)  # its database runs under another account
    (folder / "artifacts").mkdir(exist_ok=True)
    with database.running() as postgres:
        command, variables = _mlflow(options, database)
        process = children.start(command, env=variables, cwd=folder, stdin=subprocess.DEVNULL)
        try:
            _await_health(options, process)
            print(f"MLflow serves {folder} on http://{options.name or options.host}:{options.port}", flush=True)
            if options.auth:
                print(f"the password of {_ADMIN} is in {folder}/admin-password", flush=True)
            while process.poll() is None and postgres.poll() is None:
                time.sleep(_POLL_SECONDS)
            ended = "MLflow" if postgres.poll() is None else "PostgreSQL"
        finally:
            children.end(process)
    raise UserError(f"{ended} ended by itself; the logs are above and in {folder}/postgresql.log")


def main(arguments: list[str] | None = None) -> None:
    """Check the options, and serve."""
    options = _options(arguments)
    with interruptible("stopped"):
        _check(options)
        _serve(options)


if __name__ == "__main__":
    main()
