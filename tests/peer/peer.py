#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""An NVMe controller over vfio-user that shares nothing with vfnd-sim, and is as unlike it as the
specifications let it be. It prints "ready" when it can be connected to, and serves until SIGTERM. Its
exit code is 9 when a client did what the specifications do not allow; what that was it prints.
"""

import argparse
import os
import select
import signal
import socket
import sys

from device import Device
from wire import Gone, Wire


def options():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("socket")
    p.add_argument("--area", default="none", choices=["none", "whole", "one", "two", "around", "beside"],
                   help="what of BAR0 can be mapped")
    p.add_argument("--fd-each", action="store_true", help="a descriptor for each such area")
    p.add_argument("--other-cap", action="store_true", help="an unknown capability of the region first")
    p.add_argument("--bar-size", type=lambda v: int(v, 0), default=0x4000)
    p.add_argument("--irq", default="none", choices=["none", "intx", "msi", "msix"])
    p.add_argument("--maskable", action="store_true", help="MSI-X comes masked")
    p.add_argument("--width", default="any", choices=["any", "4", "8"],
                   help="registers of 8 bytes by 4 only; ASQ and ACQ by 8 only")
    p.add_argument("--config-width", type=int, default=1, choices=[1, 4])
    p.add_argument("--config-size", type=int, default=256)
    p.add_argument("--dma", default="mmap", choices=["mmap", "message", "either"],
                   help="how the client's memory is reached; either: as it was given")
    p.add_argument("--dma-piece", type=int, default=1 << 20, help="most bytes in a DMA message")
    p.add_argument("--max-fds", type=int, default=1)
    p.add_argument("--max-data", type=int, default=1 << 20)
    p.add_argument("--minor", type=int, default=1)
    p.add_argument("--no-json", dest="json", action="store_false")
    p.add_argument("--no-reset", dest="reset", action="store_false")
    p.add_argument("--reset-keeps", action="store_true", help="CC and CSTS outlive a reset")
    p.add_argument("--shadow", action="store_true", help="shadow doorbells, of I/O queues only")
    p.add_argument("--answer-posts", action="store_true", help="also what wants no reply")
    p.add_argument("--at", type=lambda v: v.split(":"), metavar="PHASE:die|stop")
    p.add_argument("--expect-death", action="store_true", help="a client may just go")
    p.add_argument("--want-rung", choices=["message", "store"],
                   help="how doorbells of I/O queues must be rung")
    return p.parse_args()


def serve(listener, device, opts):
    sock, _ = listener.accept()
    wire = Wire(sock, opts, device)
    device.join(wire)
    idle = 0
    try:
        while True:
            # Mapped doorbells must be looked at; it slows down where nothing comes.
            if not wire.waiting:
                polled = opts.area != "none" or opts.shadow
                ready, _, _ = select.select([sock], [], [], min(idle, 20) * 0.0001 if polled else None)
            if wire.waiting or ready:
                wire.serve_one()
                idle = 0
            idle = 0 if device.controller.look() else idle + 1
    except (Gone, ConnectionError):
        pass
    finally:
        device.leave()
        wire.close()
    return wire.violations


def main():
    opts = options()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(opts.socket)
    listener.listen(4)
    violations = []

    def end(*_):
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, end)
    print("ready", flush=True)
    device = Device(opts)
    try:
        while True:
            violations += serve(listener, device, opts)
    except SystemExit:
        if device.wire:
            violations += device.wire.violations
    os.unlink(opts.socket)
    for text in violations:
        print("violation:", text)
    sys.exit(9 if violations else 0)


if __name__ == "__main__":
    main()
