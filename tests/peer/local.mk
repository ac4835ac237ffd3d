# SPDX-License-Identifier: GPL-2.0-or-later
# A vfio-user server that shares no code with vfnd-sim, and a program that goes all the way on it.
EXTRA_DIST += %D%/device.py %D%/nvme.py %D%/peer.py %D%/wire.py
check_PROGRAMS += %D%/drive
%C%_drive_SOURCES = %D%/drive.c
%C%_drive_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_drive_LDADD = $(LIBVFN_CORE)
dist_check_SCRIPTS += %D%/test-peer.sh
TESTS += %D%/test-peer.sh
