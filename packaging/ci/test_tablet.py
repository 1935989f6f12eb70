"""Tests on a flashed tablet: see zarya_pytest.py."""


def test_it_is_aurora(zarya_tablet):
    assert "ID=auroraos" in zarya_tablet.ssh("cat", "/etc/os-release").stdout


def test_it_knows_its_name(zarya_tablet):
    assert zarya_tablet.ssh("cat", "/etc/hostname").stdout.strip() == "tab-" + zarya_tablet.serial


def test_it_says_no_to_what_is_not_there(zarya_tablet):
    assert zarya_tablet.ssh("cat", "/no/such/file", check=False).returncode != 0
