"""Tests on a flashed tablet with labgrid: see zarya_labgrid.py."""

import pytest


@pytest.fixture(scope="session")
def shell(strategy):
    strategy.transition("shell")
    yield strategy.target.get_driver("CommandProtocol")
    strategy.transition("off")


def test_it_is_aurora(shell):
    assert "ID=auroraos" in shell.run_check("cat /etc/os-release")


def test_it_says_no_to_what_is_not_there(shell):
    assert shell.run("cat /no/such/file")[2] != 0


def test_files_come_and_go(shell, tmp_path):
    (tmp_path / "sent").write_bytes(bytes(range(256)))
    shell.put(str(tmp_path / "sent"), "sent file")
    shell.get("sent file", str(tmp_path / "got"))
    assert (tmp_path / "got").read_bytes() == bytes(range(256))
