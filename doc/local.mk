# SPDX-License-Identifier: GPL-2.0-or-later
dist_man_MANS = %D%/vfnctl.1
EXTRA_DIST += %D%/architecture.md %D%/protocol.md

# The examples are for the installed library; here the tests run them.
EXTRA_DIST += %D%/examples/first.c
check_PROGRAMS += %D%/examples/first
%C%_examples_first_SOURCES = %D%/examples/first.c
%C%_examples_first_LDADD = $(VFNCLIENT_CORE)

# A program each, with libvfn alone.
LIBVFN_EXAMPLES = \
	%D%/examples/libvfn/async.c \
	%D%/examples/libvfn/cmb.c \
	%D%/examples/libvfn/edu.c \
	%D%/examples/libvfn/identify.c \
	%D%/examples/libvfn/identify-eventfd.c \
	%D%/examples/libvfn/io.c \
	%D%/examples/libvfn/regs.c
EXTRA_DIST += $(LIBVFN_EXAMPLES)
check_PROGRAMS += %D%/examples/libvfn/async
%C%_examples_libvfn_async_LDADD = $(LIBVFN_CORE)
check_PROGRAMS += %D%/examples/libvfn/cmb
%C%_examples_libvfn_cmb_LDADD = $(LIBVFN_CORE)
check_PROGRAMS += %D%/examples/libvfn/edu
%C%_examples_libvfn_edu_LDADD = $(LIBVFN_CORE)
check_PROGRAMS += %D%/examples/libvfn/identify
%C%_examples_libvfn_identify_LDADD = $(LIBVFN_CORE)
check_PROGRAMS += %D%/examples/libvfn/identify-eventfd
%C%_examples_libvfn_identify_eventfd_LDADD = $(LIBVFN_CORE)
check_PROGRAMS += %D%/examples/libvfn/io
%C%_examples_libvfn_io_LDADD = $(LIBVFN_CORE)
check_PROGRAMS += %D%/examples/libvfn/regs
%C%_examples_libvfn_regs_LDADD = $(LIBVFN_CORE)

# Man pages.
dist_man1_MANS += %D%/vfnd-sim.1
dist_man5_MANS = %D%/vfnd.conf.5
dist_man8_MANS = %D%/vfnd.8

dist_doc_DATA = %D%/vfnd.conf.example
