#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""In the guest, while the kernel's drivers own the devices: notes what the kernel says of them.

snapshot.py FOLDER fills FOLDER/ADDRESS/ of each NVMe controller with one value a file:
cap, vs (registers, hexadecimal, read through the kernel's resource0); config (the configuration
space, `xx xx ...` lines of 16 bytes); vendor, device, model, serial, firmware_rev, cntlid;
namespaces (how many), and for each of them nsN_blocks (in units of its logical block) and
nsN_block_size (bytes).
FOLDER/devices names the machine's devices for a shell: VM_NVME0=ADDRESS and so on, VM_EDU=ADDRESS.
"""

import ctypes
import mmap
import os
import pathlib
import sys
import time

PCI = pathlib.Path("/sys/bus/pci/devices")
NVME = pathlib.Path("/sys/class/nvme")
CONTROLLERS = 6
EDU_ID = ("0x1234", "0x11e8")
CAP, VS = 0x0, 0x8  # NVMe Base Specification, controller properties


def text(path):
    return path.read_text().strip()


def live_controllers():
    """The kernel probes controllers on its own time."""
    deadline = time.monotonic() + 60
    while True:
        live = [c for c in NVME.glob("nvme*") if text(c / "state") == "live"]
        if len(live) == CONTROLLERS:
            return live
        if time.monotonic() > deadline:
            raise SystemExit(f"snapshot: {len(live)} of {CONTROLLERS} NVMe controllers are live")
        time.sleep(0.05)


def registers(address):
    fd = os.open(PCI / address / "resource0", os.O_RDWR)
    with mmap.mmap(fd, mmap.PAGESIZE) as bar:
        # Accesses of the register's own width, which slicing the mapping does not promise.
        low = ctypes.c_uint32.from_buffer(bar, CAP)
        high = ctypes.c_uint32.from_buffer(bar, CAP + 4)
        version = ctypes.c_uint32.from_buffer(bar, VS)
        values = {"cap": f"0x{high.value << 32 | low.value:016x}", "vs": f"0x{version.value:08x}"}
        del low, high, version
    os.close(fd)
    return values


def hex_lines(data):
    return "\n".join(data[i:i + 16].hex(" ") for i in range(0, len(data), 16))


def snapshot(controller):
    address = text(controller / "address")
    pci = PCI / address
    values = registers(address)
    values["config"] = hex_lines((pci / "config").read_bytes())
    for name in ("vendor", "device"):
        values[name] = text(pci / name)
    for name in ("model", "serial", "firmware_rev", "cntlid"):
        values[name] = text(controller / name)
    namespaces = [n for n in controller.glob("nvme*n*") if (n / "nsid").exists()]
    values["namespaces"] = str(len(namespaces))
    for ns in namespaces:
        nsid = text(ns / "nsid")
        size = int(text(ns / "queue/logical_block_size"))
        values[f"ns{nsid}_block_size"] = str(size)
        # The block layer counts 512 bytes, whatever the device's blocks are.
        values[f"ns{nsid}_blocks"] = str(int(text(ns / "size")) * 512 // size)
    return address, values


def main(folder):
    names = {}
    for controller in live_controllers():
        address, values = snapshot(controller)
        place = folder / address
        place.mkdir()
        for name, value in values.items():
            (place / name).write_text(value + "\n")
        # The machine's serial numbers are vfnd-nvme0 and so on.
        names["VM_" + values["serial"].removeprefix("vfnd-").upper()] = address
    for device in PCI.iterdir():
        if (text(device / "vendor"), text(device / "device")) == EDU_ID:
            names["VM_EDU"] = device.name
    (folder / "devices").write_text("".join(f"{n}={a}\n" for n, a in sorted(names.items())))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
