# SPDX-License-Identifier: GPL-2.0-or-later
"""A PCI function with NVMe registers, doorbells and interrupts: what lies between wire.py and nvme.py."""

import errno
import mmap
import os
import signal
import struct

from nvme import Controller
from wire import PAGE, Refused

INTX, MSI, MSIX, ERR, REQ = range(5)
BAR0, CONFIG = 0, 7
DOORBELLS = 0x1000
VECTORS = 4
COMMAND_MASTER, COMMAND_INTX_OFF = 0x4, 0x400
MSI_AT, MSIX_AT = 0x50, 0x60
CAP, VS, INTMS, INTMC, CC, CSTS, AQA, ASQ, ACQ = 0x0, 0x8, 0xC, 0x10, 0x14, 0x1C, 0x24, 0x28, 0x30
READY, FATAL = 1, 2


class Device:
    """The device outlives its clients; `wire` is the present one's."""

    kinds = 5

    def __init__(self, options):
        self.options = options
        self.wire = None
        self.seen = {}
        self.messages = 0
        self.config = self.fresh_config()
        self.command = 0
        self.control = {MSI: 0, MSIX: 0}
        self.registers = {CC: 0, CSTS: 0, AQA: 0, ASQ: 0, ACQ: 0}
        self.fds = {}  # by kind: a list of descriptors and None
        self.masked = False  # the line
        self.size = options.bar_size
        self.memfd = os.memfd_create("bar0")
        os.ftruncate(self.memfd, (self.size + PAGE - 1) // PAGE * PAGE)
        self.bar = mmap.mmap(self.memfd, 0)
        self.controller = Controller(self)

    def violation(self, text):
        if self.wire:
            self.wire.violations.append(text)

    def fatal(self, text):
        self.violation(text)
        self.registers[CSTS] |= FATAL

    def phase(self, name):
        """The client has come as far as this: die here, or stop, if that is wanted."""
        self.seen[name] = self.seen.get(name, 0) + 1
        if self.options.at and self.options.at[0] == name and self.seen[name] == 1:
            os.kill(os.getpid(), signal.SIGKILL if self.options.at[1] == "die" else signal.SIGSTOP)

    # Configuration space

    def fresh_config(self):
        config = bytearray(self.options.config_size)
        struct.pack_into("<HHHHI", config, 0, 0x1B36, 0x0010, 0, 0, 0x01080202)
        if self.options.irq == "intx":
            config[0x3D] = 1
        if self.options.irq in ("msi", "msix"):
            struct.pack_into("<H", config, 6, 0x10)
            config[0x34] = 0x40
            config[0x40:0x42] = bytes([1, MSI_AT if self.options.irq == "msi" else MSIX_AT])
            config[MSI_AT] = 5
            config[MSIX_AT] = 0x11
            struct.pack_into("<H", config, MSI_AT + 2, 0x0084)  # 4 vectors, 64-bit
            struct.pack_into("<H", config, MSIX_AT + 2, VECTORS - 1)
        return config

    def config_bytes(self):
        struct.pack_into("<H", self.config, 4, self.command)
        for kind, at in ((MSI, MSI_AT), (MSIX, MSIX_AT)):
            if self.config[at]:
                struct.pack_into("<H", self.config, at + 2, self.control[kind])
        return self.config

    def config_width(self, offset, count):
        widths = (4,) if self.options.config_width == 4 else (1, 2, 4)
        if count not in widths or offset % count:
            raise Refused(errno.EINVAL)

    def config_write(self, offset, data):
        for i, byte in enumerate(data):
            at = offset + i
            if at == 4:
                self.command = self.command & ~0xFF | byte & 7
            elif at == 5:
                self.command = self.command & ~0xFF00 | (byte & 4) << 8
                self.line()
            elif at == MSI_AT + 2 and self.config[MSI_AT]:
                self.control[MSI] = 0x0084 | byte & 0x71
            elif at == MSIX_AT + 3 and self.config[MSIX_AT]:
                self.control[MSIX] = VECTORS - 1 | (byte & 0xC0) << 8

    # Regions

    def region(self, index):
        """Size, file offset, mappable areas (None: not mappable), descriptors."""
        if index == CONFIG:
            return len(self.config), CONFIG << 40, None, ()
        if index != BAR0:
            return 0, 0, None, ()
        areas = {
            "none": None,
            "whole": [],
            "one": [(DOORBELLS, PAGE)],
            "two": [(0, PAGE), (DOORBELLS, PAGE)],
            "around": [(0, 2 * PAGE)],
            "beside": [(2 * PAGE, PAGE)],
        }[self.options.area]
        if areas is None:
            return self.size, 0, None, ()
        fds = [self.memfd] * (len(areas) if self.options.fd_each and areas else 1)
        return self.size, 0, areas, fds

    def read(self, index, offset, count):
        if index == CONFIG:
            self.config_width(offset, count) if count <= 4 else None
            return bytes(self.config_bytes()[offset : offset + count])
        if offset >= DOORBELLS:
            self.wire.wrong(f"a doorbell at {offset:#x} is read")
        self.width(offset, count, (ASQ, ACQ, CAP))
        self.phase("csts" if offset == CSTS else "registers")
        values = {CAP: self.controller.cap(), VS: 0x10400, INTMS: 0, INTMC: 0, **self.registers}
        base = offset if offset in values else offset - 4
        value = values.get(base, 0) >> 8 * (offset - base)
        return (value & (1 << 8 * count) - 1).to_bytes(count, "little")

    def width(self, offset, count, wide):
        if offset % count or count not in (4, 8):
            raise Refused(errno.EINVAL)
        if count == 8 and (self.options.width == "4" or offset not in wide):
            raise Refused(errno.EINVAL)
        if count == 4 and self.options.width == "8" and offset & ~4 in (ASQ, ACQ):
            raise Refused(errno.EINVAL)

    def write(self, index, offset, data):
        if index == CONFIG:
            self.config_width(offset, len(data))
            self.config_write(offset, data)
            self.phase("config")
            return
        value = int.from_bytes(data, "little")
        if offset >= DOORBELLS:
            if len(data) != 4 or offset % 4:
                self.wire.wrong(f"a doorbell of {len(data)} bytes at {offset:#x}")
            self.messages += offset >= DOORBELLS + 8  # those of I/O queues
            self.bar[offset : offset + 4] = data
            self.controller.look()
            return
        self.width(offset, len(data), (ASQ, ACQ))
        if offset in (ASQ + 4, ACQ + 4):
            self.registers[offset - 4] = self.registers[offset - 4] & 0xFFFFFFFF | value << 32
        elif offset in (ASQ, ACQ) and len(data) == 4:
            self.registers[offset] = self.registers[offset] & ~0xFFFFFFFF | value
        elif offset == CC:
            self.cc(value)
        elif offset in (AQA, ASQ, ACQ):
            if self.registers[CC] & 1:
                self.wire.wrong(f"register {offset:#x} is written while the controller is enabled")
            self.registers[offset] = value
        elif offset not in (INTMS, INTMC):
            self.wire.wrong(f"a write to {offset:#x}")

    def cc(self, value):
        was = self.registers[CC] & 1
        self.registers[CC] = value
        if value & 1 and not was:
            self.phase("enable")
            if not self.command & COMMAND_MASTER:
                self.fatal("enabled without bus mastering")
            self.bar[DOORBELLS:] = bytes(len(self.bar) - DOORBELLS)
            if self.controller.enable(value, self.registers):
                self.registers[CSTS] |= READY
        elif was and not value & 1:
            self.phase("disable")
            self.registers[CSTS] = 0
            self.controller.disable()

    def reset(self):
        """Configuration space is as after power-on; CC and CSTS may stay."""
        self.command = 0
        self.control = {MSI: 0, MSIX: 0}
        if not self.options.reset_keeps:
            self.registers = dict.fromkeys(self.registers, 0)
            self.controller.disable()

    def unmapped(self, address, size):
        if self.registers[CC] & 1 and self.controller.uses(address, size):
            self.violation(f"memory at {address:#x} is unmapped while a queue is in it")

    # Interrupts

    def irq_kind(self, index):
        flags = {INTX: 7, MSI: 9, MSIX: 9 | 2 * bool(self.options.maskable)}.get(index, 1)
        count = {"intx": {INTX: 1}, "msi": {MSI: VECTORS}, "msix": {MSIX: VECTORS, INTX: 1}}
        count = count.get(self.options.irq, {}).get(index, 0)
        return (flags if count else 0), count

    def irq_fds(self, index, start, count, fds):
        self.phase("eventfd")
        have = self.fds.setdefault(index, [])
        if have and start + count > len(have):
            self.violation("vectors are added to those that are set up (NORESIZE)")
        while len(have) < start + count:
            have.append(None)
        for i in range(count):
            if have[start + i] is not None:
                os.close(have[start + i])
            have[start + i] = fds[i] if fds else None
        if self.options.maskable:
            self.masked = True
        self.line()

    def irq_off(self, index):
        for fd in self.fds.pop(index, []):
            if fd is not None:
                os.close(fd)

    def irq_unmask(self, index):
        self.masked = False
        if index == INTX:
            self.line()

    def signal(self, kind, vector):
        fds = self.fds.get(kind, [])
        if vector >= len(fds) or fds[vector] is None:
            self.fatal(f"interrupt {vector} of kind {kind} is raised, and nobody was set up for it")
        elif not (kind == MSIX and self.masked):
            os.write(fds[vector], struct.pack("=Q", 1))

    def interrupt(self, vector):
        """A completion queue with interrupts on has a new entry."""
        if self.options.irq == "msix" and self.control[MSIX] & 0x8000:
            if not self.control[MSIX] & 0x4000:
                self.signal(MSIX, vector)
        elif self.options.irq == "msi" and self.control[MSI] & 1:
            self.signal(MSI, vector % (1 << (self.control[MSI] >> 4 & 7)))
        else:
            self.line()

    def line(self):
        if self.options.irq == "none" or self.command & COMMAND_INTX_OFF or self.masked:
            return
        if self.controller.pending():
            self.signal(INTX, 0)
            self.masked = True

    # Clients

    def join(self, wire):
        self.wire = wire

    def leave(self):
        for kind in list(self.fds):
            self.irq_off(kind)
        if self.registers[CC] & 1 and not self.options.expect_death:
            self.violation("the client left the controller enabled")
        if self.options.want_rung and (self.options.want_rung == "message") != bool(self.messages):
            self.violation(f"{self.messages} doorbells of I/O queues were rung by message")
        self.registers = dict.fromkeys(self.registers, 0)
        self.controller.disable()
        self.masked = False
        self.wire = None
