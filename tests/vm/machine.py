# SPDX-License-Identifier: GPL-2.0-or-later
"""The virtual machine of tests/vm/run: its devices, its life, and what the guest may ask of it."""

import collections
import ctypes
import json
import re
import selectors
import shutil
import signal
import socket
import subprocess
import time

PR_SET_PDEATHSIG = 1


class Failure(Exception):
    """Something on this side of the machine does not work; the text says what."""


class Arch:
    """What a guest's processor makes different."""

    def __init__(self, qemu, package, machine, console, faults):
        self.qemu = qemu
        self.package = package  # Debian's, that has it
        self.machine = machine  # QEMU's arguments: the board, its processor and its IOMMU
        self.console = console  # what the kernel is told of it
        self.faults = re.compile(faults)  # a line of the kernel's log about DMA that was stopped


ARCHS = {
    "x86_64": Arch("qemu-system-x86_64", "qemu-system-x86",
                   ["-M", "q35,kernel-irqchip=split", "-cpu", "max",
                    # Before the devices that it translates for.
                    "-device", "intel-iommu,intremap=on,device-iotlb=on"],
                   # The timer is there, if late: on a busy host its check would end in a panic.
                   "console=ttyS0 intel_iommu=on no_timer_check", r"DMAR:.*[Ff]ault"),
    "arm64": Arch("qemu-system-aarch64", "qemu-system-arm",
                  ["-M", "virt,iommu=smmuv3,gic-version=3,its=on", "-cpu", "neoverse-n1"],
                  "console=ttyAMA0 iommu.passthrough=0", r"arm-smmu-v3.*event[ :]"),
}


def printed(script, *arguments):
    """What a script prints: the path of what it has made."""
    result = subprocess.run([script, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            text=True)
    if result.returncode:
        raise Failure(f"{script.name} failed")
    return result.stdout.strip()


def initramfs(scratch, busybox, init, files):
    """A compressed cpio archive with busybox, /init, and FILES (name to text) in /vm."""
    if not busybox:
        raise Failure("no busybox (Debian: busybox-static)")
    root = scratch / "initramfs"
    for folder in ("bin", "vm"):
        (root / folder).mkdir(parents=True)
    shutil.copy(busybox, root / "bin/busybox")
    shutil.copy(init, root / "init")
    for name, text in files.items():
        (root / "vm" / name).write_text(text)
    names = "\n".join(str(p.relative_to(root)) for p in root.rglob("*"))
    archive = subprocess.run(["cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0"], cwd=root,
                             input=names.encode(), stdout=subprocess.PIPE, check=True).stdout
    image = scratch / "initramfs.gz"
    image.write_bytes(subprocess.run(["gzip", "-1"], input=archive, stdout=subprocess.PIPE,
                                     check=True).stdout)
    return image


def disks(scratch):
    """Drive and device arguments of the NVMe controllers, edu and the ports that they sit behind.

    nvme0: two namespaces, one of 512-byte and one of 4-KiB blocks; nvme1: one namespace, and a
    controller memory buffer of 16 MiB. Both keep what is written. nvme2 and nvme3: functions of
    one device, hence in one IOMMU group; null devices; nvme2 has a controller memory buffer of the
    old kind. nvme4: a physical function with two virtual ones, which share its namespace.
    nvme5: namespaces without metadata, with metadata beside each block, and behind it.
    """
    args = []

    def port(number):
        args.extend(["-device", f"pcie-root-port,id=port{number},bus=pcie.0,chassis={number},"
                                f"slot={number}"])

    def disk(name):
        path = scratch / f"{name}.raw"
        with open(path, "wb") as f:
            f.truncate(256 << 20)
        args.extend(["-drive", f"if=none,id={name},format=raw,cache=unsafe,file={path}"])

    def controller(number, bus, extra=""):
        args.extend(["-device", f"nvme,id=nvme{number},serial=vfnd-nvme{number},bus={bus}{extra}"])

    def namespace(number, nsid, drive, extra=""):
        args.extend(["-device", f"nvme-ns,bus=nvme{number},nsid={nsid},drive={drive}{extra}"])

    for number in range(4):
        port(number)
    for name in ("disk0a", "disk0b", "disk1", "disk4"):
        disk(name)
    controller(0, "port0")
    namespace(0, 1, "disk0a")
    namespace(0, 2, "disk0b", ",logical_block_size=4096,physical_block_size=4096")
    controller(1, "port1", ",cmb_size_mb=16")
    namespace(1, 1, "disk1")
    for number, function in ((2, "addr=0.0,multifunction=on,cmb_size_mb=1,legacy-cmb=on"),
                             (3, "addr=0.1")):
        args.extend(["-blockdev", f"driver=null-co,node-name=null{number},size={64 << 20},"
                                  "read-zeroes=on"])
        controller(number, "port2", f",{function}")
        namespace(number, 1, f"null{number}")
    args.extend(["-device", "nvme-subsys,id=subsys4,nqn=subsys4"])
    # Of its eleven queue pairs, the admin queues among them, eight can be given to the virtual
    # functions, and of its eight vectors six.
    controller(4, "port3", ",subsys=subsys4,max_ioqpairs=10,msix_qsize=8,sriov_max_vfs=2"
                           ",sriov_vq_flexible=8,sriov_vi_flexible=6,sriov_max_vq_per_vf=4"
                           ",sriov_max_vi_per_vf=3")
    namespace(4, 1, "disk4", ",shared=on")
    port(5)
    controller(5, "port5")
    for nsid, metadata in ((1, ""), (2, ",ms=8"), (3, ",ms=8,mset=1")):
        disk(f"disk5{nsid}")
        namespace(5, nsid, f"disk5{nsid}", metadata)
    args.extend(["-device", "edu,id=edu,bus=pcie.0"])
    return args


def die_with_parent():
    """Runs in the child: a killed test run leaves no machine behind."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Lines:
    """One end of a stream that arrives in lines."""

    def __init__(self, connection, handler):
        self.connection = connection
        self.handler = handler
        self.rest = b""

    def readable(self):
        """Hands on what has come; False at the end of the stream."""
        try:
            data = self.connection.recv(65536)
        except ConnectionError:
            data = b""
        *lines, self.rest = (self.rest + data).split(b"\n")
        if not data and self.rest:
            lines, self.rest = [self.rest], b""
        for line in lines:
            self.handler(line.decode(errors="replace").rstrip("\r"))
        return bool(data)

    def send(self, text):
        self.connection.sendall(text.encode() + b"\n")


class Machine:
    """Use as a context manager: whatever happens inside, no emulator is left running."""

    def __init__(self, arch, scratch, logs, kernel, initrd, userland, memory, shell):
        self.logs = logs
        self.exit_status = None  # what the guest's command returned
        self.timed_out = False
        self.process = None
        self.asked = collections.deque()  # what the monitor's next answers belong to
        self.listeners = {}
        for name in ("qmp", "tap", "monitor"):
            self.listeners[name] = socket.socket(socket.AF_UNIX)
            self.listeners[name].bind(str(scratch / name))
            self.listeners[name].listen(1)
        self.command = self._command(arch, scratch, kernel, initrd, userland, memory, shell)

    def _command(self, arch, scratch, kernel, initrd, userland, memory, shell):
        command = [arch.qemu, "-nodefaults", "-no-user-config", "-no-reboot",
                   "-display", "none", "-vga", "none", "-nic", "none",
                   *arch.machine, "-accel", "tcg,thread=multi", "-smp", "2", "-m", memory,
                   "-kernel", kernel, "-initrd", str(initrd),
                   "-append", f"{arch.console} loglevel=5 panic=-1 oops=panic",
                   "-mon", "chardev=qmp,mode=control", "-device", "virtio-serial-pci"]
        for tag, path in (("host", "/"), ("userland", userland)):
            if path:
                command += ["-fsdev", f"local,id={tag},path={path},security_model=none,"
                                      "readonly=on,multidevs=remap",
                            "-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag}"]
        if shell:
            command += ["-serial", "mon:stdio"]
        else:
            command += ["-serial", f"file:{self.logs / 'console.log'}"]
        for name in self.listeners:
            command += ["-chardev", f"socket,id={name},path={scratch / name}"]
        for name, file in (("log", "stderr.log"), ("dmesg", "dmesg.log")):
            command += ["-chardev", f"file,id={name},path={self.logs / file}"]
        for name in ("tap", "monitor", "log", "dmesg"):
            command += ["-device", f"virtserialport,chardev={name},name={name}"]
        return command + disks(scratch)

    def __enter__(self):
        with open(self.logs / "qemu.log", "wb") as log:
            interactive = "mon:stdio" in self.command
            self.process = subprocess.Popen(
                self.command, stdin=None if interactive else subprocess.DEVNULL,
                stdout=None if interactive else log, stderr=log, preexec_fn=die_with_parent)
        return self

    def __exit__(self, *exc):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for listener in self.listeners.values():
            listener.close()

    def console_text(self):
        return self._log("console.log")

    def dmesg_text(self):
        return self._log("dmesg.log") or self.console_text()

    def _log(self, name):
        try:
            return (self.logs / name).read_text(errors="replace")
        except OSError:
            return ""

    def run(self, timeout, relay):
        """Serves the guest until it is off; RELAY gets every line that its command prints."""
        deadline = time.monotonic() + timeout
        self.streams = {"qmp": Lines(self._accept("qmp", deadline), self._monitor_said),
                        "tap": Lines(self._accept("tap", deadline), relay),
                        "monitor": Lines(self._accept("monitor", deadline), self._guest_asked)}
        self._execute("qmp_capabilities")
        with selectors.DefaultSelector() as selector:
            for stream in self.streams.values():
                selector.register(stream.connection, selectors.EVENT_READ, stream)
            while selector.get_map():
                left = deadline - time.monotonic()
                if left <= 0:
                    self.timed_out = True
                    return
                for key, _ in selector.select(left):
                    if not key.data.readable():
                        selector.unregister(key.fileobj)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.timed_out = True

    def _accept(self, name, deadline):
        listener = self.listeners[name]
        listener.settimeout(0.2)
        while time.monotonic() < deadline:
            try:
                return listener.accept()[0]
            except TimeoutError:
                if self.process.poll() is not None:
                    raise Failure("qemu does not start: " + self._log("qemu.log").strip()) from None
        raise Failure("qemu does not answer")

    def _execute(self, command, arguments=None, answer=lambda text: None):
        self.asked.append(answer)
        message = {"execute": command}
        if arguments:
            message["arguments"] = arguments
        self.streams["qmp"].send(json.dumps(message))

    def _monitor_said(self, line):
        message = json.loads(line)
        if "return" in message:
            self.asked.popleft()("ok")
        elif "error" in message:
            self.asked.popleft()("error " + message["error"]["desc"])

    def _guest_asked(self, line):
        answer = self.streams["monitor"].send
        if m := re.fullmatch(r"smart-warning (\w+) (\d+)", line):
            self._execute("qom-set", {"path": f"/machine/peripheral/{m[1]}",
                                      "property": "smart_critical_warning", "value": int(m[2])},
                          answer)
        elif m := re.fullmatch(r"throttle (\w+) (\d+)", line):
            limits = dict.fromkeys(("bps", "bps_rd", "bps_wr", "iops_rd", "iops_wr"), 0)
            self._execute("block_set_io_throttle", {"device": m[1], "iops": int(m[2]), **limits},
                          answer)
        elif m := re.fullmatch(r"unplug (\w+)", line):
            self._execute("device_del", {"id": m[1]}, answer)
        elif m := re.fullmatch(r"exit (\d+)", line):
            self.exit_status = int(m[1])
            answer("ok")
        else:
            answer("error unknown request")
