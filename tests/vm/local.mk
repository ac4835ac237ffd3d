# SPDX-License-Identifier: GPL-2.0-or-later
# The tests in a virtual machine; tests/vm/run --help. They need the kernel that tests/vm/kernel
# builds, which takes minutes, so `make check` leaves them to `./bootstrap check`.
EXTRA_DIST += %D%/run %D%/machine.py %D%/kernel %D%/kernel.config %D%/kernel-arm64.config %D%/userland %D%/build-arm64 \
	%D%/initramfs.sh %D%/init.sh \
	%D%/guest.sh %D%/nvme-cli.sh %D%/bind.sh %D%/bind-tests.sh %D%/faults.sh %D%/group.sh %D%/debian %D%/debian-init.sh %D%/debian-guest.sh %D%/qmp-request.sh %D%/snapshot.py

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

check_PROGRAMS += %D%/vm-recover
%C%_vm_recover_SOURCES = %D%/recover.c
%C%_vm_recover_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_vm_recover_CFLAGS = $(UNIT_CFLAGS)
%C%_vm_recover_LDADD = $(LIBVFN_CORE) $(UNIT_LIBS)

check_PROGRAMS += %D%/vm-sriov
%C%_vm_sriov_SOURCES = %D%/sriov.c
%C%_vm_sriov_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_vm_sriov_CFLAGS = $(UNIT_CFLAGS)
%C%_vm_sriov_LDADD = $(LIBVFN_CORE) $(UNIT_LIBS)

# Programs as users write them, which the test of the installed copy builds, too.
check_PROGRAMS += %D%/user-events
%C%_user_events_SOURCES = tests/install/programs/events.c
%C%_user_events_LDADD = $(LIBVFN_CORE)
check_PROGRAMS += %D%/user-generic-pci
%C%_user_generic_pci_SOURCES = tests/install/programs/generic-pci.c
%C%_user_generic_pci_LDADD = $(LIBVFN_CORE)
check_PROGRAMS += %D%/user-identify
%C%_user_identify_SOURCES = tests/install/programs/identify.c
%C%_user_identify_LDADD = $(LIBVFN_CORE)
check_PROGRAMS += %D%/user-io-verify
%C%_user_io_verify_SOURCES = tests/install/programs/io-verify.c
%C%_user_io_verify_LDADD = $(LIBVFN_CORE)
check_PROGRAMS += %D%/user-level-one
%C%_user_level_one_SOURCES = tests/install/programs/level-one.c
%C%_user_level_one_LDADD = $(LIBVFN_CORE)
check_PROGRAMS += %D%/user-mappings
%C%_user_mappings_SOURCES = tests/install/programs/mappings.c
%C%_user_mappings_LDADD = $(LIBVFN_CORE)
check_PROGRAMS += %D%/user-own-allocator
%C%_user_own_allocator_SOURCES = tests/install/programs/own-allocator.c
%C%_user_own_allocator_LDADD = $(LIBVFN_CORE)
