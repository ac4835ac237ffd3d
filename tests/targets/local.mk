# SPDX-License-Identifier: GPL-2.0-or-later
# Other compilers, processors and libraries. `run` builds for them, which `./bootstrap check` does.
EXTRA_DIST += %D%/run %D%/abi libvfn/libvfn.abi client/libvfnclient.abi

# What looks at the sources only.
dist_check_SCRIPTS += %D%/test-sparse.sh %D%/test-clang.sh
TESTS += %D%/test-sparse.sh %D%/test-clang.sh
AM_TESTS_ENVIRONMENT += \
	VFND_WARNINGS='$(VFND_WARNINGS)'; export VFND_WARNINGS;
