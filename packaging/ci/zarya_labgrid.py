"""A flashed tablet for labgrid: a resource, a driver and a strategy.

    python3 -m pytest --lg-env tablet.labgrid.yaml

The strategy's state "shell" is a tablet that passed its profile; the driver then runs commands
and copies files. The target "virtual" needs no hardware and no privileges. See docs/ci.md.
"""

import enum
import shlex
import subprocess

import attr
from labgrid import step, target_factory
from labgrid.driver import Driver, ExecutionError
from labgrid.driver.commandmixin import CommandMixin
from labgrid.protocol import CommandProtocol, FileTransferProtocol
from labgrid.resource import Resource
from labgrid.strategy import Strategy, StrategyError

from zarya_pytest import flashed


@target_factory.reg_resource
@attr.s(eq=False)
class ZaryaTablet(Resource):
    """A tablet as zarya names it: port:A3, usb:1-1.3, tcp:HOST:PORT, or virtual."""
    name_of_target = attr.ib(validator=attr.validators.instance_of(str))


@target_factory.reg_driver
@attr.s(eq=False)
class ZaryaDriver(CommandMixin, Driver, CommandProtocol, FileTransferProtocol):
    """Flashes the tablet when it is activated, and runs commands on it."""

    bindings = {"place": ZaryaTablet}
    profile = attr.ib(default=None)
    bundle = attr.ib(default=None)
    wait = attr.ib(default="60s")
    user = attr.ib(default="defaultuser")

    def on_activate(self):
        path = self.target.env.config.resolve_path  # relative to the environment's file
        self._flashed = flashed(target=self.place.name_of_target, wait=self.wait, profile=self.profile and path(self.profile),
                                bundle=self.bundle and path(self.bundle), program=self.target.env.config.get_tool("zarya") or "zarya")
        self.tablet = self._flashed.__enter__()

    def on_deactivate(self):
        self._flashed.__exit__(None, None, None)

    def _run(self, command, *, timeout=30, codec="utf-8", decodeerrors="strict"):
        done = self.tablet.ssh(command, user=self.user, check=False, timeout=timeout, encoding=codec, errors=decodeerrors)
        return done.stdout.splitlines(), done.stderr.splitlines(), done.returncode

    @Driver.check_active
    @step(args=["command"], result=True)
    def run(self, command, *, timeout=30, codec="utf-8", decodeerrors="strict"):
        return self._run(command, timeout=timeout, codec=codec, decodeerrors=decodeerrors)

    def get_status(self):
        return 1  # a shell is there

    @Driver.check_active
    @step(args=["filename", "remotepath"])
    def put(self, filename, remotepath=""):
        self._scp(filename, f"{self.user}@tablet:{remotepath}")

    @Driver.check_active
    @step(args=["filename", "destination"])
    def get(self, filename, destination="."):
        self._scp(f"{self.user}@tablet:{filename}", destination)

    def _scp(self, source, destination):
        # Every flashed tablet has a new host key; its port is who it is.
        proxy = "ProxyCommand=" + shlex.join([self.tablet.program, "connect", self.tablet.target]).replace("%", "%%")
        argv = ["scp", "-q", "-r", "-o", proxy, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
        done = subprocess.run([*argv, source, destination], env=self.tablet.environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ExecutionError(f"{source} to {destination}: scp: exit {done.returncode}", stderr=done.stderr.splitlines())


class Status(enum.Enum):
    unknown, off, shell = range(3)


@target_factory.reg_driver
@attr.s(eq=False)
class ZaryaStrategy(Strategy):
    """Off, or a flashed tablet with a shell."""

    bindings = {"zarya": ZaryaDriver}
    status = attr.ib(default=Status.unknown)

    @step(args=["status"])
    def transition(self, status):
        status = Status[status] if isinstance(status, str) else status
        if status == Status.unknown:
            raise StrategyError(f"cannot transition to {status}")
        (self.target.activate if status == Status.shell else self.target.deactivate)(self.zarya)
        self.status = status
