# SPDX-License-Identifier: GPL-2.0-or-later
"""The vfio-user protocol as a server speaks it, written from the published specification alone.

It is strict: what a client sends that the specification does not allow is answered by an error and
kept in Wire.violations.
"""

import array
import collections
import errno
import json
import mmap
import os
import socket
import struct

PAGE = 4096
HEADER = struct.Struct("=HHIII")  # id, command, size, flags, error
(VERSION, DMA_MAP, DMA_UNMAP, GET_INFO, REGION_INFO, REGION_IO_FDS, IRQ_INFO, SET_IRQS, REGION_READ,
 REGION_WRITE, DMA_READ, DMA_WRITE, RESET) = range(1, 14)
NAMES = ["", "version", "map", "unmap", "info", "region", "iofds", "irqinfo", "irqs", "read", "write"]
TYPE, REPLY, NO_REPLY, ERROR = 0xF, 0x1, 0x10, 0x20
LARGEST = 0x100000
DATA_NONE, DATA_BOOL, DATA_EVENTFD, MASK, UNMASK, TRIGGER = (1 << i for i in range(6))


class Gone(Exception):
    """The client has hung up, or was."""


class Refused(Exception):
    """A command that is answered with an errno; not necessarily the client's fault."""

    def __init__(self, err):
        super().__init__(os.strerror(err))
        self.err = err


class Mapping:
    """Memory of the client's that is mapped for DMA."""

    def __init__(self, flags, offset, address, size, fd):
        self.flags, self.address, self.size = flags, address, size
        self.memory = None
        if fd is not None:
            prot = (mmap.PROT_READ if flags & 1 else 0) | (mmap.PROT_WRITE if flags & 2 else 0)
            self.memory = mmap.mmap(fd, size, mmap.MAP_SHARED, prot, offset=offset)
            os.close(fd)

    def close(self):
        if self.memory is not None:
            self.memory.close()


class Wire:
    """One client's connection. `device` knows regions and interrupts: see device.py."""

    def __init__(self, sock, options, device):
        self.sock, self.options, self.device = sock, options, device
        self.violations = []
        self.mappings = []
        self.waiting = collections.deque()  # commands that came while a reply was waited for
        self.agreed = False
        self.asked = 0

    def wrong(self, text, err=errno.EINVAL):
        self.violations.append(text)
        raise Refused(err)

    # Messages

    def receive_all(self, size, fds):
        data = b""
        while len(data) < size:
            part, ancillary, _, _ = self.sock.recvmsg(size - len(data), socket.CMSG_SPACE(4 * 64))
            for level, kind, payload in ancillary:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    got = array.array("i")
                    got.frombytes(payload[: len(payload) - len(payload) % 4])
                    fds.extend(got)
            if not part:
                raise Gone()
            data += part
        return data

    def receive(self):
        fds = []
        header = HEADER.unpack(self.receive_all(HEADER.size, fds))
        if not HEADER.size <= header[2] <= LARGEST + 32:
            self.violations.append(f"a message of {header[2]} bytes")
            raise Gone()
        return header, self.receive_all(header[2] - HEADER.size, fds), fds

    def send(self, header, payload=b"", fds=()):
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        data = HEADER.pack(*header) + payload
        sent = self.sock.sendmsg([data], ancillary)
        if sent < len(data):
            self.sock.sendall(data[sent:])

    def serve_one(self):
        """One command of the client's."""
        if self.waiting:
            header, payload, fds = self.waiting.popleft()
        else:
            header, payload, fds = self.receive()
        ident, command, size, flags, error = header
        if flags & TYPE != 0:
            self.violations.append(f"a reply to nothing: {header}")
            raise Gone()
        out, out_fds, err = b"", (), 0
        try:
            if flags & ~NO_REPLY or error:
                self.wrong(f"flags {flags:#x} and error {error} in a command")
            if len(fds) > self.options.max_fds:
                self.wrong(f"{len(fds)} descriptors, {self.options.max_fds} are allowed")
            out, out_fds = self.obey(command, payload, fds)
        except Refused as refused:
            err = refused.err
        finally:
            for fd in fds:
                os.close(fd)
        if not flags & NO_REPLY or self.options.answer_posts:
            flags = REPLY | (ERROR if err else 0)
            if err:
                out, out_fds = b"", ()
            self.send((ident, command, HEADER.size + len(out), flags, err), out, out_fds)
        if command == VERSION and err:
            raise Gone()

    def obey(self, command, payload, fds):
        self.device.phase(NAMES[command] if command < len(NAMES) else "reset" if command == RESET else "?")
        if (command == VERSION) == self.agreed:
            self.wrong(f"command {command} at the wrong time")
        handlers = {
            VERSION: self.version,
            DMA_MAP: self.dma_map,
            DMA_UNMAP: self.dma_unmap,
            GET_INFO: self.info,
            REGION_INFO: self.region_info,
            IRQ_INFO: self.irq_info,
            SET_IRQS: self.set_irqs,
            REGION_READ: self.region_read,
            REGION_WRITE: self.region_write,
            RESET: self.reset,
        }
        if command not in handlers:
            self.wrong(f"command {command}")
        if fds and command not in (DMA_MAP, SET_IRQS):
            self.wrong(f"descriptors with command {command}")
        out = handlers[command](payload, fds)
        return out if isinstance(out, tuple) else (out or b"", ())

    def fields(self, layout, payload, what):
        if len(payload) != struct.calcsize(layout):
            self.wrong(f"{what}: a payload of {len(payload)} bytes")
        return struct.unpack(layout, payload)

    # Commands

    def version(self, payload, _fds):
        if len(payload) < 4:
            self.wrong("version: too short")
        major, minor = struct.unpack_from("=HH", payload)
        if major != 0:
            self.wrong(f"version {major}.{minor}")
        if len(payload) > 4:
            if payload[-1] != 0:
                self.wrong("version: no NUL")
            try:
                offered = json.loads(payload[4:-1].decode())["capabilities"]
            except (ValueError, KeyError, TypeError):
                self.wrong("version: no JSON with capabilities")
            if any(not isinstance(v, int) or v < 1 for v in offered.values()):
                self.wrong(f"version: capabilities {offered}")
        self.agreed = True
        out = struct.pack("=HH", 0, min(minor, self.options.minor))
        if self.options.json:
            out += json.dumps({
                # What a client does not know it must not trip over.
                "later": {"max_msg_fds": 0, "text": "\"max_msg_fds\":0}"},
                "capabilities": {
                    "migration": {"pgsize": 4096, "max_data_xfer_size": 1},
                    "max_msg_fds": self.options.max_fds,
                    "max_data_xfer_size": self.options.max_data,
                    "max_dma_maps": 100,
                    "pgsizes": 4096,
                    "write_multiple": False,
                },
            }, indent=1).encode() + b"\0"
        return out

    def dma_map(self, payload, fds):
        argsz, flags, offset, address, size = self.fields("=IIQQQ", payload, "map")
        if argsz != 32 or not flags or flags & ~3 or len(fds) > 1:
            self.wrong(f"map: argsz {argsz}, flags {flags:#x}, {len(fds)} descriptors")
        if not size or (offset | address | size) % PAGE or address + size > 1 << 64:
            self.wrong(f"map: {size:#x} bytes at {address:#x}, offset {offset:#x}")
        if not fds and offset:
            self.wrong("map: an offset of no file")
        if any(m.address < address + size and address < m.address + m.size for m in self.mappings):
            self.wrong("map: mapped already", errno.EEXIST)
        if not fds and self.options.dma == "mmap":
            raise Refused(errno.EINVAL)
        fd = fds.pop() if fds else None
        if fd is not None and self.options.dma == "message":
            os.close(fd)
            fd = None
        self.mappings.append(Mapping(flags, offset, address, size, fd))

    def dma_unmap(self, payload, _fds):
        argsz, flags, address, size = self.fields("=IIQQ", payload, "unmap")
        if argsz < 24 or flags:
            self.wrong(f"unmap: argsz {argsz}, flags {flags:#x}")
        for mapping in self.mappings:
            if (mapping.address, mapping.size) == (address, size):
                self.device.unmapped(address, size)
                self.mappings.remove(mapping)
                mapping.close()
                return payload
        return self.wrong(f"unmap: {size:#x} bytes at {address:#x} are none", errno.ENOENT)

    def info(self, payload, _fds):
        argsz, *rest = self.fields("=IIII", payload, "info")
        if argsz < 16 or any(rest):
            self.wrong(f"info: argsz {argsz}, {rest}")
        return struct.pack("=IIII", 16, 2 | bool(self.options.reset), 9, self.device.kinds)

    def region_info(self, payload, _fds):
        argsz, flags, index, cap, size, offset = self.fields("=IIIIQQ", payload, "region")
        if argsz < 32 or flags or cap or size or offset:
            self.wrong(f"region: {argsz}, {flags}, {cap}, {size}, {offset}")
        if index > 8:
            raise Refused(errno.EINVAL)
        size, offset, areas, fds = self.device.region(index)
        flags = 3 if size else 0
        caps = b""
        if areas is not None:
            flags |= 4
            if areas:
                flags |= 8
                caps = struct.pack("=HHIII", 1, 1, 0, len(areas), 0)
                caps += b"".join(struct.pack("=QQ", *area) for area in areas)
                if self.options.other_cap:
                    # A capability that nobody knows comes first.
                    caps = struct.pack("=HHIQ", 77, 1, 48, 0) + caps
        need = 32 + len(caps)
        full = argsz >= need
        out = struct.pack("=IIIIQQ", need, flags, index, 32 if caps and full else 0, size, offset)
        return (out + caps, fds) if full else (out, ())

    def irq_info(self, payload, _fds):
        argsz, flags, index, count = self.fields("=IIII", payload, "irqinfo")
        if argsz < 16 or flags or count:
            self.wrong(f"irqinfo: {argsz}, {flags}, {count}")
        if index >= self.device.kinds:
            self.wrong(f"irqinfo: kind {index}")
        flags, count = self.device.irq_kind(index)
        return struct.pack("=IIII", 16, flags, index, count)

    def set_irqs(self, payload, fds):
        argsz, flags, index, start, count = self.fields("=IIIII", payload, "irqs")
        data, action = flags & 7, flags & 0x38
        if argsz != 20 or flags & ~0x3F or data not in (1, 2, 4) or action not in (8, 16, 32):
            self.wrong(f"irqs: argsz {argsz}, flags {flags:#x}")
        _, most = self.device.irq_kind(index) if index < self.device.kinds else (0, 0)
        if start + count > most or (not count and (start or data != DATA_NONE or action != TRIGGER)):
            self.wrong(f"irqs: {count} from {start} of kind {index}, which has {most}")
        if len(fds) not in ((0, count) if data == DATA_EVENTFD else (0,)):
            self.wrong(f"irqs: {len(fds)} descriptors for {count}")
        if action == TRIGGER and data == DATA_EVENTFD:
            self.device.irq_fds(index, start, count, [fds.pop(0) for _ in range(len(fds))])
        elif action == TRIGGER and data == DATA_NONE and not count:
            self.device.irq_off(index)
        elif action == UNMASK and data == DATA_NONE:
            self.device.irq_unmask(index)
        else:
            self.wrong(f"irqs: flags {flags:#x} are of no use here")

    def region_access(self, payload, what):
        if len(payload) < 16:
            self.wrong(f"{what}: too short")
        offset, index, count = struct.unpack_from("=QII", payload)
        size = self.device.region(index)[0] if index < 9 else 0
        if not count or count > self.options.max_data or offset + count > size:
            self.wrong(f"{what}: {count} bytes at {offset:#x} of region {index}")
        return offset, index, count

    def region_read(self, payload, _fds):
        offset, index, count = self.region_access(payload, "read")
        if len(payload) != 16:
            self.wrong("read: with data")
        return payload + self.device.read(index, offset, count)

    def region_write(self, payload, _fds):
        offset, index, count = self.region_access(payload, "write")
        if len(payload) != 16 + count:
            self.wrong(f"write: {len(payload) - 16} bytes of {count}")
        self.device.write(index, offset, payload[16:])
        return payload[:16]

    def reset(self, payload, _fds):
        if payload or not self.options.reset:
            self.wrong("reset: with a payload, or though there is none")
        self.device.reset()

    # The client's memory

    def find(self, address, size, right):
        for m in self.mappings:
            if m.address <= address and address + size <= m.address + m.size and m.flags & right:
                return m, address - m.address
        raise LookupError(f"{size} bytes at {address:#x} are not mapped")

    def ask(self, command, address, size, data=b""):
        self.asked += 1
        ident = self.asked & 0xFFFF
        payload = struct.pack("=QQ", address, size) + data
        self.send((ident, command, HEADER.size + len(payload), 0, 0), payload)
        while True:
            header, reply, fds = self.receive()
            if header[3] & TYPE == 0:
                self.waiting.append((header, reply, fds))
                continue
            if header[:2] != (ident, command) or header[3] & ~ERROR != REPLY or fds:
                self.violations.append(f"a wrong reply: {header}")
                raise Gone()
            if header[3] & ERROR:
                raise LookupError(f"{size} bytes at {address:#x}: errno {header[4]}")
            if reply[:16] != payload[:16] or len(reply) != 16 + (size if command == DMA_READ else 0):
                self.violations.append("a reply with another address or size")
                raise Gone()
            return reply[16:]

    def dma_read(self, address, size):
        m, at = self.find(address, size, 1)
        if m.memory is not None:
            return m.memory[at : at + size]
        parts = range(0, size, self.options.dma_piece)
        return b"".join(
            self.ask(DMA_READ, address + p, min(self.options.dma_piece, size - p)) for p in parts)

    def dma_write(self, address, data):
        m, at = self.find(address, len(data), 2)
        if m.memory is not None:
            m.memory[at : at + len(data)] = data
            return
        piece = self.options.dma_piece
        for p in range(0, len(data), piece):
            part = data[p : p + piece]
            self.ask(DMA_WRITE, address + p, len(part), part)

    def close(self):
        self.sock.close()
        for _, _, fds in self.waiting:
            for fd in fds:
                os.close(fd)
        for mapping in self.mappings:
            mapping.close()
        self.mappings = []
