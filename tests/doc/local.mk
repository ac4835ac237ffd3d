# SPDX-License-Identifier: GPL-2.0-or-later
# The manual pages, and the tutorial as it is typed.
dist_check_SCRIPTS += %D%/test-tutorial.py %D%/test-manpages.sh %D%/test-manpage-maker.py %D%/test-vfnctl.sh
TESTS += %D%/test-tutorial.py %D%/test-manpages.sh %D%/test-manpage-maker.py %D%/test-vfnctl.sh
