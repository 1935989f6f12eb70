"""A flashed tablet for pytest, and a shell on it.

    pytest -p zarya_pytest --zarya-profile tablet.yaml --zarya-target port:A3

The fixture zarya_tablet runs the profile on the tablet once for all tests: flashed, booted,
provisioned and checked; a tablet that complies already is left as it is. Without a target it
is a virtual tablet, which needs no hardware and no privileges. See docs/ci.md.
"""

import dataclasses
import json
import os
import shutil
import subprocess

import pytest


def pytest_addoption(parser):
    group = parser.getgroup("zarya", "tablets flashed by zarya")
    group.addoption("--zarya-profile", metavar="PROFILE", help="the profile to run")
    group.addoption("--zarya-bundle", metavar="BUNDLE", help="the bundle to flash")
    group.addoption("--zarya-target", metavar="TARGET", default=os.environ.get("ZARYA_TARGET", "virtual"),
                    help="one tablet, such as port:A3 or tcp:HOST:PORT (default: ZARYA_TARGET, or virtual)")
    group.addoption("--zarya-wait", metavar="TIME", default="60s", help="wait so long for the tablet, and for its port")
    group.addoption("--zarya-program", metavar="FILE", default="zarya", help="the program zarya")


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


@pytest.fixture(scope="session")
def zarya_tablet(request, tmp_path_factory, record_testsuite_property):
    """One flashed tablet, the same for all tests."""
    option = request.config.getoption
    program = shutil.which(option("--zarya-program"))
    if program is None:
        pytest.fail(f"there is no program {option('--zarya-program')}", pytrace=False)
    folder = tmp_path_factory.mktemp("zarya")
    profile, bundle, target = option("--zarya-profile"), option("--zarya-bundle"), option("--zarya-target")
    password, process = os.environ.get("ZARYA_SSH_PASSWORD"), None
    try:
        if target == "virtual":
            process = subprocess.Popen([program, "virtual", "--count", "1", "--listen", "tcp:127.0.0.1:0"],
                                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            target = process.stdout.readline().split()[1]
            if profile is None and bundle is None:
                subprocess.run([program, "virtual", "images", str(folder / "images"), "--size", "16MiB"], check=True, stdout=subprocess.DEVNULL)
                profile, password = str(folder / "images" / "profile.yaml"), password or "aurora"
        argv = [program, "run", "--yes", "--no-input", "--json", "--wait-for-device", option("--zarya-wait"),
                "--lock-wait", option("--zarya-wait"), "--target", target]
        argv += ["--profile", profile] if profile else []
        argv += ["--bundle", bundle] if bundle else []
        run = subprocess.run(argv, capture_output=True, text=True, check=False)
        events = [json.loads(line) for line in run.stdout.splitlines()]
        done = [e for e in events if e["type"] == "job-done"]
        if run.returncode != 0 or len(done) != 1:
            pytest.fail(failure(done, events, run), pytrace=False)
        told = {key: done[0].get(key, "") for key in ("serial", "model", "result", "record", "inventory")}
        for key, value in told.items():
            record_testsuite_property("zarya-" + key, value)
        yield Tablet(target=target, program=program, environment=environment(password, folder), **told)
    finally:
        if process is not None:
            process.terminate()
            process.wait()
            process.stdout.close()


def failure(done, events, run):
    """Why there is no tablet, in the words of zarya."""
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
    script = folder / "askpass"
    script.write_text("#!/bin/sh\nprintf '%s\\n' \"$ZARYA_SSH_PASSWORD\"\n")
    script.chmod(0o700)
    return {**os.environ, "ZARYA_SSH_PASSWORD": password, "SSH_ASKPASS": str(script), "SSH_ASKPASS_REQUIRE": "force"}
