# SPDX-License-Identifier: GPL-2.0-or-later
# The tests in a virtual machine; tests/vm/run --help. They need the kernel that tests/vm/kernel
# builds, which takes minutes, so `make check` leaves them to `./bootstrap check`.
EXTRA_DIST += %D%/run %D%/machine.py %D%/kernel %D%/kernel.config %D%/initramfs.sh %D%/init.sh \
	%D%/guest.sh %D%/bind.sh %D%/qmp-request.sh %D%/snapshot.py

# Made by `make check`, run in the guest.
check_PROGRAMS += %D%/vm-transport
%C%_vm_transport_SOURCES = %D%/transport.c
%C%_vm_transport_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_vm_transport_CFLAGS = $(UNIT_CFLAGS)
%C%_vm_transport_LDADD = $(LIBVFN_CORE) $(UNIT_LIBS)

check_PROGRAMS += %D%/vm-memory
%C%_vm_memory_SOURCES = %D%/memory.c
%C%_vm_memory_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_vm_memory_CFLAGS = $(UNIT_CFLAGS)
%C%_vm_memory_LDADD = $(LIBVFN_CORE) $(UNIT_LIBS)

check_PROGRAMS += %D%/vm-sriov
%C%_vm_sriov_SOURCES = %D%/sriov.c
%C%_vm_sriov_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_vm_sriov_CFLAGS = $(UNIT_CFLAGS)
%C%_vm_sriov_LDADD = $(LIBVFN_CORE) $(UNIT_LIBS)
