"""The hands at the rig's bench. The guest writes "plug N" or "unplug N" to its second serial
line; then tablet N of FOLDER is put into port N of the second controller, or taken out of it,
through QEMU's monitor, and the answer is "done". A tablet keeps what it is in between.
QEMU connects to both sockets; "ready" is said when it can.

rig-hands.py MONITOR SERIAL FOLDER PORT…"""
import json
import socket
import sys

monitor, serial, folder, *ports = sys.argv[1:]


def listen(path):
    s = socket.socket(socket.AF_UNIX)
    s.bind(path)
    s.listen(1)
    return s


listeners = [listen(path) for path in (monitor, serial)]
print("ready", flush=True)
qmp, guest = (s.accept()[0].makefile("rwb", buffering=0) for s in listeners)


def until(key, value=None):
    """Reads what the monitor says, until a message has the key."""
    for line in qmp:
        message = json.loads(line)
        if "error" in message:
            guest.write(f"QEMU: {message['error']['desc']}\n".encode())
            raise SystemExit(1)
        if key in message and value in (None, message[key]):
            return message
    raise SystemExit("QEMU has ended")


def order(command, **arguments):
    qmp.write(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")


until("QMP")
order("qmp_capabilities")
until("return")
for line in guest:
    what, number = line.decode().split()
    tablet, wire = f"tablet{number}", f"wire{number}"
    if what == "plug":
        address = {"type": "unix", "data": {"path": f"{folder}/port-{number}"}}
        order("chardev-add", id=wire, backend={"type": "socket", "data": {"addr": address, "server": False}})
        until("return")
        order("device_add", driver="usb-redir", id=tablet, chardev=wire, bus="bench.0", port=ports[int(number) - 1])
        until("return")
    else:
        order("device_del", id=tablet)
        until("event", "DEVICE_DELETED")  # and with it its wire
    guest.write(b"done\n")
