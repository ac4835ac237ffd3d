# SPDX-License-Identifier: GPL-2.0-or-later
dist_man_MANS = %D%/vfnctl.1
EXTRA_DIST += %D%/architecture.md %D%/datapath.md %D%/protocol.md %D%/tutorial.md

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

# Pages of section 3, made of the public headers; a release has them already.
MAN3_MAKER = $(top_srcdir)/build-tools/manpages.py
MAN3_FROM = $(vfninclude_HEADERS) $(vfniommu_HEADERS) $(vfnnvme_HEADERS) $(vfnpci_HEADERS) \
	$(vfnsupport_HEADERS) $(vfntrace_HEADERS) $(vfnvfio_HEADERS) $(vfnclientinclude_HEADERS)
MAN3_ROOT = $(top_srcdir)/libvfn/include
EXTRA_DIST += build-tools/manpages.py
noinst_DATA = %D%/man3/stamp
%D%/man3/stamp: build-tools/manpages.py $(MAN3_FROM)
	$(AM_V_GEN)rm -rf %D%/man3 %D%/man3.new && \
	headers=$$(cd $(MAN3_ROOT) && find vfn -name '*.h' | LC_ALL=C sort) && \
	$(PYTHON3) $(MAN3_MAKER) --library libvfn --pkgconfig libvfn --overview libvfn \
		--package '$(PACKAGE_STRING)' --output %D%/man3.new $(MAN3_ROOT) $$headers && \
	$(PYTHON3) $(MAN3_MAKER) --library libvfnclient --pkgconfig vfn-client --overview vfn-client \
		--package '$(PACKAGE_STRING)' --output %D%/man3.new $(top_srcdir)/client/include vfn/client.h vfn/client-async.h vfn/client-raw.h vfn/client-trace.h vfn/client-buffer.h \
		vfn/client-pci.h vfn/client-stats.h vfn/client-control.h && \
	touch %D%/man3.new/stamp && mv %D%/man3.new %D%/man3

# Where they are: made here, or as the release has them.
man3dir = $(mandir)/man3
MAN3_FOLDER = test -f %D%/man3/stamp && man3=%D%/man3 || man3=$(srcdir)/%D%/man3
install-data-local: %D%/man3/stamp
	$(AM_V_at)$(MAN3_FOLDER); $(MKDIR_P) '$(DESTDIR)$(man3dir)' && \
		$(INSTALL_DATA) $$man3/*.3 '$(DESTDIR)$(man3dir)'
uninstall-local:
	$(AM_V_at)$(MAN3_FOLDER); for page in $$man3/*.3; do \
		rm -f "$(DESTDIR)$(man3dir)/$${page##*/}"; done
dist-hook: %D%/man3/stamp
	$(AM_V_at)$(MAN3_FOLDER); rm -rf '$(distdir)/%D%/man3' && cp -pR $$man3 '$(distdir)/%D%/man3'
# What a release has must outlive this where it was unpacked.
clean-local:
	$(AM_V_at)test '$(srcdir)' = . || rm -rf %D%/man3
maintainer-clean-local:
	$(AM_V_at)rm -rf %D%/man3

# Man pages by hand.
dist_man7_MANS = %D%/libvfn.7 %D%/vfn-client.7
dist_man1_MANS += %D%/vfnd-sim.1
dist_man5_MANS = %D%/vfnd.conf.5
dist_man8_MANS = %D%/vfnd.8 %D%/vfnd-bind.8

dist_doc_DATA = %D%/vfnd.conf.example
