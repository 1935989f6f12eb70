# make.py OUT NAME=FILE... writes an UPDATE.APP, from the table of its fields and in
# another language, so that no mistake of the reader is in it.
import struct
import sys


def crc(b):  # CRC-16/X-25, bit by bit
    c = 0xFFFF
    for x in b:
        c ^= x
        for _ in range(8):
            c = (c >> 1) ^ 0x8408 if c & 1 else c >> 1
    return c ^ 0xFFFF


def record(name, data, seq, block=4096):
    table = b"".join(struct.pack("<H", crc(data[i:i + block])) for i in range(0, len(data), block))
    head = struct.pack("<4sII8sII16s16s32sHI", b"\x55\xaa\x5a\xa5", 98 + len(table), 1, b"HW7x27", seq, len(data),
                       b"2019.08.27", b"12.34.56", name.encode(), 0, block)
    return head[:92] + struct.pack("<H", crc(head)) + head[94:] + table + data


out = bytes(92)
for seq, pair in enumerate(sys.argv[2:]):
    name, path = pair.split("=", 1)
    out += bytes(-len(out) % 4) + record(name, open(path, "rb").read(), seq)
open(sys.argv[1], "wb").write(out)
