# SPDX-License-Identifier: GPL-2.0-or-later
"""An NVMe controller of one namespace, written from the NVMe base and command set specifications."""

import struct

PAGE = 4096
BLOCK = 512
BLOCKS = 8192
MDTS = 5
QUEUES = 4  # I/O queue pairs
DOORBELLS = 0x1000
SUCCESS, OPCODE, FIELD, LBA_RANGE = 0x0, 0x1, 0x2, 0x80
CQ_INVALID, QID_INVALID, QSIZE_INVALID, AER_LIMIT, VECTOR_INVALID, LOG_INVALID = (
    0x100, 0x101, 0x102, 0x105, 0x108, 0x109)
AERL = 3


class Failed(Exception):
    """A command that completes with this status (type and code)."""

    def __init__(self, status):
        super().__init__(hex(status))
        self.status = status


class Queue:
    def __init__(self, base, size):
        self.base, self.size = base, size
        self.head = self.tail = 0
        self.shadow = False


class CompletionQueue(Queue):
    def __init__(self, base, size, ien, vector):
        super().__init__(base, size)
        self.phase, self.ien, self.vector = 1, ien, vector


class SubmissionQueue(Queue):
    def __init__(self, base, size, cqid):
        super().__init__(base, size)
        self.cqid = cqid


class Controller:
    """`device` has the doorbells and reaches the host's memory."""

    def __init__(self, device):
        self.device = device
        self.disk = bytearray(BLOCK * BLOCKS)
        self.disable()

    def cap(self):
        return 63 | 1 << 16 | 20 << 24 | 1 << 37

    def disable(self):
        self.sqs, self.cqs, self.aers, self.temperature = {}, {}, [], 343
        self.shadow = None
        self.busy = False

    def enable(self, cc, registers):
        asqs, acqs = registers[0x24] & 0xFFF, registers[0x24] >> 16 & 0xFFF
        asq, acq = registers[0x28], registers[0x30]
        if cc >> 4 & 0x7FF or cc >> 16 & 0xF != 6 or cc >> 20 & 0xF != 4:
            self.device.fatal(f"CC {cc:#x} has another page or entry size")
        elif not asqs or not acqs or asq % PAGE or acq % PAGE or not asq or not acq:
            self.device.fatal(f"enabled with AQA {registers[0x24]:#x}, ASQ {asq:#x}, ACQ {acq:#x}")
        else:
            self.cqs[0] = CompletionQueue(acq, acqs + 1, True, 0)
            self.sqs[0] = SubmissionQueue(asq, asqs + 1, 0)
            return True
        return False

    def uses(self, address, size):
        return any(address <= q.base < address + size for q in [*self.sqs.values(), *self.cqs.values()])

    def pending(self):
        """Whether a queue with interrupts on has entries that the host has not consumed."""
        for qid, cq in self.cqs.items():
            if cq.ien:
                self.cq_head(qid, cq)
                if cq.head != cq.tail:
                    return True
        return False

    # Doorbells

    def doorbell(self, number, queue):
        at = DOORBELLS + 4 * number
        if self.shadow and number > 1:
            # Of I/O queues alone, as hosts are seen that leave out the admin queues'.
            value = struct.unpack("<I", self.device.wire.dma_read(self.shadow[0] + 4 * number, 4))[0]
            queue.shadow = True
        elif at + 4 <= self.device.size:
            value = struct.unpack_from("<I", self.device.bar, at)[0]
        else:
            value = 0
        if value >= queue.size:
            self.device.fatal(f"doorbell {number} is {value}, of {queue.size} entries")
            return None
        return value

    def cq_head(self, qid, cq):
        head = self.doorbell(2 * qid + 1, cq)
        if head is None:
            return
        if (head - cq.head) % cq.size > (cq.tail - cq.head) % cq.size:
            self.device.fatal(f"the head of completion queue {qid} goes beyond its tail")
        cq.head = head

    def look(self):
        """Take what is new in the submission queues. True when there was something."""
        if self.busy or self.device.registers[0x1C] & 3 != 1:
            return False
        self.busy, found = True, False
        try:
            for qid in list(self.sqs):
                sq = self.sqs.get(qid)
                tail = self.doorbell(2 * qid, sq) if sq else None
                while tail is not None and self.sqs.get(qid) is sq and sq.head != tail:
                    if not self.room(sq):
                        break
                    found = True
                    self.take(qid, sq)
        except LookupError as error:
            self.device.fatal(f"DMA: {error}")
        finally:
            self.busy = False
        return found

    def room(self, sq):
        cq = self.cqs[sq.cqid]
        self.cq_head(sq.cqid, cq)
        return (cq.tail + 1) % cq.size != cq.head

    def take(self, qid, sq):
        sqe = self.device.wire.dma_read(sq.base + 64 * sq.head, 64)
        sq.head = (sq.head + 1) % sq.size
        opcode, flags, cid, nsid = struct.unpack_from("<BBHI", sqe)
        self.device.phase("io" if qid else "admin")
        try:
            if flags:
                raise Failed(FIELD)
            result = (self.io if qid else self.admin)(opcode, cid, nsid, sqe)
            status = SUCCESS
        except Failed as failed:
            result, status = 0, failed.status
        if result is not None:
            self.complete(qid, sq, cid, result, status)

    def complete(self, qid, sq, cid, result, status):
        cq = self.cqs[sq.cqid]
        cqe = struct.pack("<IIHHHH", result, 0, sq.head, qid, cid, status << 1 | cq.phase)
        at = cq.base + 16 * cq.tail
        if self.device.options.dma == "message":
            self.device.wire.dma_write(at, cqe)
        else:
            # The phase last.
            self.device.wire.dma_write(at, cqe[:14])
            self.device.wire.dma_write(at + 14, cqe[14:])
        cq.tail = (cq.tail + 1) % cq.size
        cq.phase ^= not cq.tail
        if cq.ien:
            self.device.interrupt(cq.vector)

    # Data

    def pages(self, sqe, length):
        """The pieces that PRPs describe."""
        prp1, prp2 = struct.unpack_from("<QQ", sqe, 24)
        if prp1 % 4:
            raise Failed(0x13)
        first = min(length, PAGE - prp1 % PAGE)
        pieces, left = [(prp1, first)], length - first
        entries = [prp2] if left <= PAGE else self.prp_list(prp2, left)
        for entry in entries:
            if left <= 0:
                break
            if entry % PAGE:
                raise Failed(0x13)
            pieces.append((entry, min(left, PAGE)))
            left -= PAGE
        return pieces

    def prp_list(self, at, left):
        entries, need = [], (left + PAGE - 1) // PAGE
        while True:
            here = (PAGE - at % PAGE) // 8
            got = struct.unpack(f"<{here}Q", self.device.wire.dma_read(at, 8 * here))
            if need <= here:
                return entries + list(got[:need])
            entries += got[: here - 1]
            need -= here - 1
            at = got[here - 1]

    def to_host(self, sqe, data):
        for address, size in self.pages(sqe, len(data)):
            self.device.wire.dma_write(address, bytes(data[:size]))
            data = data[size:]

    def from_host(self, sqe, length):
        return b"".join(self.device.wire.dma_read(a, n) for a, n in self.pages(sqe, length))

    # Commands

    def io(self, opcode, _cid, nsid, sqe):
        if nsid != 1:
            raise Failed(0xB)
        if opcode == 0:
            return 0
        slba, nlb = struct.unpack_from("<QH", sqe, 40)
        nlb += 1
        if opcode not in (1, 2):
            raise Failed(OPCODE)
        if nlb * BLOCK > PAGE << MDTS:
            raise Failed(FIELD)
        if slba + nlb > BLOCKS:
            raise Failed(LBA_RANGE)
        where = slice(slba * BLOCK, (slba + nlb) * BLOCK)
        if opcode == 1:
            self.disk[where] = self.from_host(sqe, nlb * BLOCK)
        else:
            self.to_host(sqe, self.disk[where])
        return 0

    def admin(self, opcode, cid, nsid, sqe):
        handlers = {0x00: self.delete_sq, 0x01: self.create_sq, 0x02: self.log, 0x04: self.delete_cq,
                    0x05: self.create_cq, 0x06: self.identify, 0x08: self.abort, 0x09: self.set_features,
                    0x0A: self.get_features, 0x0C: self.event_request, 0x7C: self.shadow_doorbells}
        if opcode not in handlers or (opcode == 0x7C and not self.device.options.shadow):
            raise Failed(OPCODE)
        return handlers[opcode](sqe, cid, nsid, *struct.unpack_from("<II", sqe, 40))

    def identify(self, sqe, _cid, nsid, cdw10, _cdw11):
        data = bytearray(4096)
        cns = cdw10 & 0xFF
        if cns == 1:
            struct.pack_into("<HH", data, 0, 0x1B36, 0x1B36)
            data[4:24] = b"PEER0001".ljust(20)
            data[24:64] = b"vfio-user peer".ljust(40)
            data[64:72] = b"1".ljust(8)
            data[77] = MDTS
            struct.pack_into("<I", data, 80, 0x10400)
            data[111] = 1
            struct.pack_into("<H", data, 256, 0x100 if self.device.options.shadow else 0)
            data[259] = AERL
            data[512:514] = b"\x66\x44"
            struct.pack_into("<I", data, 516, 1)
        elif cns == 0:
            if nsid != 1:
                raise Failed(0xB)
            struct.pack_into("<QQQ", data, 0, BLOCKS, BLOCKS, BLOCKS)
            data[130] = 9
        elif cns == 2:
            struct.pack_into("<I", data, 0, 1 if nsid == 0 else 0)
        elif cns == 3 and nsid == 1:
            data[0:4] = b"\x01\x08\x00\x00"
            data[4:12] = b"PEERNS01"
        else:
            raise Failed(FIELD)
        self.to_host(sqe, data)
        return 0

    def log(self, sqe, _cid, _nsid, cdw10, cdw11):
        if cdw10 & 0xFF not in (1, 2, 3):
            raise Failed(LOG_INVALID)
        length = ((cdw10 >> 16 | (cdw11 & 0xFFFF) << 16) + 1) * 4
        self.to_host(sqe, bytes(min(length, PAGE << MDTS)))
        return 0

    def abort(self, *_):
        return 1

    def set_features(self, _sqe, _cid, _nsid, cdw10, cdw11):
        fid = cdw10 & 0xFF
        if fid == 7:
            return min(cdw11 & 0xFFFF, QUEUES - 1) | min(cdw11 >> 16, QUEUES - 1) << 16
        if fid == 4:
            self.temperature = cdw11 & 0xFFFF
            if self.temperature < 300 and self.aers:
                cid = self.aers.pop(0)
                self.complete(0, self.sqs[0], cid, 1 | 1 << 8 | 2 << 16, SUCCESS)
        elif fid not in (0xB, 0x8, 0x9):
            raise Failed(FIELD)
        return 0

    def get_features(self, _sqe, _cid, _nsid, cdw10, _cdw11):
        if cdw10 & 0xFF == 7:
            return QUEUES - 1 | QUEUES - 1 << 16
        if cdw10 & 0xFF == 4:
            return self.temperature
        raise Failed(FIELD)

    def event_request(self, _sqe, cid, *_):
        if len(self.aers) > AERL:
            raise Failed(AER_LIMIT)
        self.aers.append(cid)

    def shadow_doorbells(self, sqe, *_):
        self.shadow = struct.unpack_from("<QQ", sqe, 24)
        return 0

    def create_cq(self, sqe, _cid, _nsid, cdw10, cdw11):
        qid, size = cdw10 & 0xFFFF, (cdw10 >> 16) + 1
        base = struct.unpack_from("<Q", sqe, 24)[0]
        if not 1 <= qid <= QUEUES or qid in self.cqs:
            raise Failed(QID_INVALID)
        if not 2 <= size <= 64:
            raise Failed(QSIZE_INVALID)
        if not cdw11 & 1 or base % PAGE:
            raise Failed(FIELD)
        if cdw11 & 2 and cdw11 >> 16 >= 4:
            raise Failed(VECTOR_INVALID)
        self.cqs[qid] = CompletionQueue(base, size, bool(cdw11 & 2), cdw11 >> 16)
        self.start(2 * qid + 1)
        return 0

    def create_sq(self, sqe, _cid, _nsid, cdw10, cdw11):
        qid, size = cdw10 & 0xFFFF, (cdw10 >> 16) + 1
        base = struct.unpack_from("<Q", sqe, 24)[0]
        if cdw11 >> 16 not in self.cqs or not cdw11 >> 16:
            raise Failed(CQ_INVALID)
        if not 1 <= qid <= QUEUES or qid in self.sqs:
            raise Failed(QID_INVALID)
        if not 2 <= size <= 64:
            raise Failed(QSIZE_INVALID)
        if not cdw11 & 1 or base % PAGE:
            raise Failed(FIELD)
        self.sqs[qid] = SubmissionQueue(base, size, cdw11 >> 16)
        self.start(2 * qid)
        return 0

    def start(self, number):
        """Doorbells of a new queue are zero; shadow doorbells are polled, so nobody has to ring."""
        if self.shadow:
            self.device.wire.dma_write(self.shadow[1] + 4 * number, b"\xff\xff\xff\xff")
        at = DOORBELLS + 4 * number
        if at + 4 <= len(self.device.bar):
            self.device.bar[at : at + 4] = bytes(4)

    def delete_sq(self, _sqe, _cid, _nsid, cdw10, _cdw11):
        if cdw10 & 0xFFFF not in self.sqs or not cdw10 & 0xFFFF:
            raise Failed(QID_INVALID)
        del self.sqs[cdw10 & 0xFFFF]
        return 0

    def delete_cq(self, _sqe, _cid, _nsid, cdw10, _cdw11):
        qid = cdw10 & 0xFFFF
        if qid not in self.cqs or not qid:
            raise Failed(QID_INVALID)
        if any(sq.cqid == qid for sq in self.sqs.values()):
            raise Failed(0x10C)
        del self.cqs[qid]
        return 0
