#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""notify.py SOCKET FILE: listens as a service manager does, and appends what it is told to FILE."""
import socket
import sys

path, out = sys.argv[1:]
server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
server.bind(path)
with open(out, "a", encoding="utf-8") as f:
    while True:
        print(server.recv(4096).decode(), file=f, flush=True)
