"""A flashed tablet for pytest, and a shell on it.

    pytest -p zarya_pytest --zarya-profile tablet.yaml --zarya-target port:A3

The fixture zarya_tablet runs the profile on the tablet once for all tests: it is flashed,
booted, set up and checked. A tablet that complies already is left as it is. Without a target,
a virtual tablet is started, which needs no hardware and no privileges. See docs/ci.md.
"""

import contextlib
import dataclasses
import json
import os
import shutil
import subprocess
import tempfile

import pytest


def pytest_addoption(parser):
    group = parser.getgroup("zarya", "tablets flashed by zarya")
    group.addoption("--zarya-profile", metavar="PROFILE", help="the profile to run")
    group.addoption("--zarya-bundle", metavar="BUNDLE", help="the bundle to flash")
    group.addoption("--zarya-target", metavar="TARGET", default=os.environ.get("ZARYA_TARGET", "virtual"),
                    help="one tablet, such as port:A3 or tcp:HOST:PORT (default: ZARYA_TARGET, or virtual)")
    group.addoption("--zarya-wait", metavar="TIME", default="60s", help="wait this long for the tablet, and for its port to be free")
    group.addoption("--zarya-program", metavar="FILE", default="zarya", help="the program zarya")


@pytest.fixture(scope="session")
def zarya_tablet(request, record_testsuite_property):
    """One flashed tablet, the same for all tests."""
    options = {name: request.config.getoption("--zarya-" + name) for name in ("profile", "bundle", "target", "wait", "program")}
    with contextlib.ExitStack() as stack:
        try:
            tablet = stack.enter_context(flashed(**options))
        except NoTablet as why:
            pytest.fail(str(why), pytrace=False)
        for name in ("serial", "model", "result", "record", "inventory"):
            record_testsuite_property("zarya-" + name, getattr(tablet, name))
        yield tablet


class NoTablet(Exception):
    """There is no flashed tablet, and why: in the words of zarya."""


@dataclasses.dataclass(frozen=True)
class Tablet:
    """A tablet that passed: what its record says, and its SSH."""

    target: str  # for other commands of zarya
    serial: str
    model: str
    result: str  # pass, or compliant
    record: str  # of the ledger
    inventory: str
    program: str
    environment: dict

    def ssh(self, *command, user="defaultuser", check=True, timeout=60, **options):
        """Run a command of the tablet's shell; return a subprocess.CompletedProcess with its texts."""
        argv = [self.program, "ssh", "--user", user, self.target, "--", *command]
        options = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, **options}
        done = subprocess.run(argv, env=self.environment, timeout=timeout, check=False, **options)
        if check and done.returncode != 0:
            pytest.fail(f"{self.target}: {' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}", pytrace=False)
        return done


@contextlib.contextmanager
def flashed(target="virtual", profile=None, bundle=None, wait="60s", program="zarya"):
    """Run a profile on one tablet, and give the Tablet that passed. A virtual one ends with it."""
    if shutil.which(program) is None:
        raise NoTablet(f"there is no program {program}")
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="zarya-"))
        password = os.environ.get("ZARYA_SSH_PASSWORD")
        if target == "virtual":
            process = stack.enter_context(subprocess.Popen(
                [program, "virtual", "--count", "1", "--listen", "tcp:127.0.0.1:0"],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True))
            stack.callback(process.terminate)
            target = process.stdout.readline().split()[1]
            if profile is None and bundle is None:
                subprocess.run([program, "virtual", "images", folder + "/images", "--size", "16MiB"], check=True, stdout=subprocess.DEVNULL)
                profile, password = folder + "/images/profile.yaml", password or "aurora"
        argv = [program, "run", "--yes", "--no-input", "--json", "--wait-for-device", wait, "--lock-wait", wait, "--target", target]
        argv += ["--profile", profile] if profile else []
        argv += ["--bundle", bundle] if bundle else []
        run = subprocess.run(argv, capture_output=True, text=True, check=False)
        events = [json.loads(line) for line in run.stdout.splitlines()]
        done = [e for e in events if e["type"] == "job-done"]
        if run.returncode != 0 or len(done) != 1:
            raise NoTablet(reason(done, events, run))
        told = {key: done[0].get(key, "") for key in ("serial", "model", "result", "record", "inventory")}
        yield Tablet(target=target, program=program, environment=environment(password, folder), **told)


def reason(done, events, run):
    """Why there is no tablet, and what to do."""
    lines = [f"zarya run: exit {run.returncode}" + (" (the bench is to blame: try again)" if run.returncode == 9 else "")]
    for e in done:
        lines.append(f"{e.get('port_name') or e.get('port') or e.get('address')}: {e['result']} {e.get('class', '')}: {e.get('error', '')}")
        lines.append(f"  → {e.get('hint', '')}")
    for e in events:
        if e["type"] == "summary" and "error" in e:
            lines += [e["error"]["message"], f"  → {e['error'].get('hint', '')}"]
    return "\n".join(lines if events else lines + [run.stderr])


def environment(password, folder):
    """What OpenSSH needs to give the password, if there is one; it is never on a command line."""
    if not password:
        return dict(os.environ)
    script = os.path.join(folder, "askpass")
    with open(script, "w", opener=lambda name, flags: os.open(name, flags, 0o700)) as file:
        file.write("#!/bin/sh\nprintf '%s\\n' \"$ZARYA_SSH_PASSWORD\"\n")
    return {**os.environ, "ZARYA_SSH_PASSWORD": password, "SSH_ASKPASS": script, "SSH_ASKPASS_REQUIRE": "force"}
