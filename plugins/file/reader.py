# SPDX-License-Identifier: Apache-2.0
"""reader.py FOLDER: prints height, digest and size of each height; checks CRC-32C, chain and SHA-256."""
import hashlib, pathlib, struct, sys

def crc32c(data, crc=0xFFFFFFFF):
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF

digest = height = None
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.seg")):
    data = path.read_bytes()
    assert data[:12] == b"SLUICSEG\x01\0\0\0", f"{path}: no segment of version 1"
    at = 28 + sum(struct.unpack_from("<HH", data, 20))  # behind the header and its checksum
    while at < len(data):
        size, crc = struct.unpack_from("<II", data.ljust(at + 8, b"\0"), at)
        frame = data[at + 8 : at + 8 + size]
        if size < 84 or len(frame) < size or crc32c(frame) != crc:
            sys.exit(f"{path}: at byte {at}: torn tail or damage")
        kind, flags, _, epoch, h = struct.unpack_from("<BBHQQ", frame)
        before, after, canonical = frame[20:52], frame[52:84], frame[84:]
        if kind == 7: print(h, after.hex(), *struct.unpack_from("<Q", canonical), "rows of a snapshot")
        if kind == 1:  # changes; 3 to 7, base, gap and snapshot, only set digest and height
            assert (digest, height) == (before, h - 1), f"{path}: broken chain at height {h}"
            if flags & 5 == 0:  # neither filtered nor compressed: the digest can be checked
                assert hashlib.sha256(before + canonical).digest() == after, f"digest of {h}"
            print(h, after.hex(), len(canonical))
        digest, height, at = after, h, at + 8 + size
