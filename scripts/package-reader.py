"""Follows pages as their readers do, in a shell that COMMAND begins.

package-reader.py quickstart PAGE COMMAND...    the commands of the quickstart
package-reader.py station PAGE GUIDE EMULATOR COMMAND...
    The commands under "Try it without a tablet" of the page, at a terminal of 80x24, in Russian.
    When the twelfth tablet is being set up, Q is pressed, and Y. What the board said of the tablet that
    is locked and of those that passed has to stand in the technician's GUIDE. EMULATOR is
    packaging/screen, built.

Images are made small, tablets take 20 MB a second so that writing is seen, and ports are taken that
are free here.
"""

import fcntl
import os
import pty
import random
import re
import socket
import struct
import subprocess
import sys
import termios
import threading


def main(what, page, *command):
    with open(page, encoding="utf-8") as file:
        text = file.read()
    if what == "quickstart":
        quickstart(text, command)
    else:
        with open(command[0], encoding="utf-8") as file:
            station(text, file.read(), command[1], command[2:])


def here(script):
    return (script.replace("127.0.0.1:56", "127.0.0.1:" + free_hundred())
            .replace("virtual images images", "virtual images images --size 16MiB")
            .replace("virtual --count 4", "virtual --count 4 --rate 20MB"))


def free_hundred():
    """The first digits of a hundred ports, the first sixteen of which are free."""
    for _ in range(100):
        base = str(random.randrange(200, 300))  # virtual tablets have lower ones, the kernel higher ones
        held = []
        try:
            for i in range(16):
                held.append(socket.create_server(("127.0.0.1", int(f"{base}{i:02}"))))
            return base
        except OSError:
            pass
        finally:
            for s in held:
                s.close()
    sys.exit("no free ports")


def quickstart(page, command):
    lines, go_on = [], False
    for line in re.sub(r"```(?!console).*?```", "", page, flags=re.S).splitlines():
        if line.startswith("$ ") or go_on:
            lines.append(line.removeprefix("$ "))
            go_on = line.endswith("\\")
    script = "\n".join(line for line in lines if not line.startswith("make "))
    done = subprocess.run([*command, "-ec", f"trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{here(script)}"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    for want in ("2 FLASHED", ": valid", "1 PASS", "1 COMPLIANT"):
        if done.returncode != 0 or want not in done.stdout:
            sys.exit(f"the quickstart: exit {done.returncode}, and {want!r} is to be in\n{done.stdout}")


def station(page, guide, emulator, command):
    script = re.search(r"## Try it without a tablet\n.*?\n```\n(.*?)\n```\n", page, re.S).group(1)
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(command[0], [*command, "-c", here(script) + "\nstatus=$?; kill $!; wait; exit $status"])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    row = re.search(r"\*\*закрыт\*\*[^|]*\| (.*?)\.? \|", guide).group(1)
    missing, last = [row[0].lower() + row[1:]], ""
    for word in ("БРАК", "ГОТОВ", "запись", "загрузка"):
        missing.append(re.search(r"\*\*\W*(" + word + r")\b", guide).group(1))
    keys = [("(настр|сверка|ГОТОВ).*…0012", b"q"), ("Остановить станцию", b"y")]
    for last in screens(terminal, emulator):
        missing = [words for words in missing if words not in last]
        if keys and re.search(keys[0][0], last):
            os.write(terminal, keys.pop(0)[1])
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if missing or keys or code not in (0, 143):
        sys.exit(f"the station: exit {code}; never on its board: {missing}; keys not pressed: {[k[1] for k in keys]}; at last it was\n{last}")


def screens(terminal, emulator):
    """Each screen that the terminal shows, until nobody writes to it."""
    with subprocess.Popen([emulator], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as emulated:
        threading.Thread(target=carry, args=(terminal, emulated.stdin)).start()
        screen = b""
        while some := emulated.stdout.read1():
            *whole, screen = (screen + some).split(b"\0")
            yield from (one.decode() for one in whole)


def carry(terminal, to):
    with to:
        try:
            while some := os.read(terminal, 65536):
                to.write(some)
                to.flush()
        except OSError:  # the shell has ended
            pass


main(*sys.argv[1:])
