# SPDX-License-Identifier: GPL-2.0-or-later
# The manual pages.
dist_check_SCRIPTS += %D%/test-manpages.sh %D%/test-manpage-maker.py
TESTS += %D%/test-manpages.sh %D%/test-manpage-maker.py
