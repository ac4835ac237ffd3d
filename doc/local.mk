# SPDX-License-Identifier: GPL-2.0-or-later
dist_man_MANS = %D%/vfnctl.1
EXTRA_DIST += %D%/architecture.md %D%/protocol.md

# The examples are for the installed library; here the tests run them.
EXTRA_DIST += %D%/examples/first.c
check_PROGRAMS += %D%/examples/first
%C%_examples_first_SOURCES = %D%/examples/first.c
%C%_examples_first_LDADD = $(VFNCLIENT_CORE)

# Man pages.
dist_man1_MANS += %D%/vfnd-sim.1
dist_man5_MANS = %D%/vfnd.conf.5
dist_man8_MANS = %D%/vfnd.8

dist_doc_DATA = %D%/vfnd.conf.example
