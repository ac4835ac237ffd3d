# SPDX-License-Identifier: GPL-2.0-or-later
# The tests in a virtual machine; tests/vm/run --help. They need the kernel that tests/vm/kernel
# builds, which takes minutes, so `make check` leaves them to `./bootstrap check`.
EXTRA_DIST += %D%/run %D%/machine.py %D%/kernel %D%/kernel.config %D%/initramfs.sh %D%/init.sh \
	%D%/guest.sh %D%/bind.sh %D%/qmp-request.sh %D%/snapshot.py
