# SPDX-License-Identifier: GPL-2.0-or-later
# Tests of the whole: daemon, clients and a software controller.
EXTRA_DIST += %D%/lib.sh

noinst_PROGRAMS += %D%/demo-client
%C%_demo_client_SOURCES = %D%/demo-client.c
%C%_demo_client_LDADD = $(VFNCLIENT_CORE)

# A test says "ok" for the demonstration when its last line does.
dist_check_SCRIPTS += %D%/demo.sh %D%/test-demo.sh %D%/test-example.sh
TESTS += %D%/test-demo.sh %D%/test-example.sh

# The units as systemd reads them.
dist_check_SCRIPTS += %D%/test-units.sh
TESTS += %D%/test-units.sh

# Wrong input by hand, and what systemd expects.
EXTRA_DIST += %D%/notify.py
dist_check_SCRIPTS += %D%/test-daemon-options.sh
TESTS += %D%/test-daemon-options.sh
