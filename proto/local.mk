# SPDX-License-Identifier: LGPL-2.1-or-later
# The contract between processes: generated protobuf code, packet and fd codec.
EXTRA_DIST += %D%/vfnd.proto %D%/queue.proto %D%/statistics.proto
BUILT_SOURCES += %D%/vfnd.pb-c.h %D%/queue.pb-c.h %D%/statistics.pb-c.h
CLEANFILES += %D%/vfnd.pb-c.c %D%/vfnd.pb-c.h %D%/queue.pb-c.c %D%/queue.pb-c.h %D%/statistics.pb-c.c %D%/statistics.pb-c.h

PROTO_MAKE = $(AM_V_GEN)$(MKDIR_P) %D% && $(PROTOC_C) --proto_path=$(top_srcdir)/%D% --c_out=%D%

%D%/statistics.pb-c.h: %D%/statistics.proto
	$(PROTO_MAKE) $(top_srcdir)/%D%/statistics.proto
%D%/queue.pb-c.h: %D%/queue.proto
	$(PROTO_MAKE) $(top_srcdir)/%D%/queue.proto
# Which includes the others.
%D%/vfnd.pb-c.h: %D%/vfnd.proto %D%/queue.pb-c.h %D%/statistics.pb-c.h
	$(PROTO_MAKE) $(top_srcdir)/%D%/vfnd.proto
%D%/queue.pb-c.c: %D%/queue.pb-c.h
	@test -f $@ || { rm -f $<; $(MAKE) $(AM_MAKEFLAGS) $<; }
%D%/statistics.pb-c.c: %D%/statistics.pb-c.h
	@test -f $@ || { rm -f $<; $(MAKE) $(AM_MAKEFLAGS) $<; }
%D%/vfnd.pb-c.c: %D%/vfnd.pb-c.h
	@test -f $@ || { rm -f $<; $(MAKE) $(AM_MAKEFLAGS) $<; }

noinst_LTLIBRARIES += %D%/libproto.la
%C%_libproto_la_SOURCES = \
	%D%/frame.c %D%/frame.h \
	%D%/fdset.c %D%/fdset.h \
	%D%/served.h %D%/trace.h
nodist_%C%_libproto_la_SOURCES = %D%/vfnd.pb-c.c %D%/queue.pb-c.c %D%/statistics.pb-c.c
%C%_libproto_la_CFLAGS = $(AM_CFLAGS) $(PROTOBUFC_CFLAGS)
%C%_libproto_la_LIBADD = $(PROTOBUFC_LIBS)

# Objects that include the generated header say so themselves: BUILT_SOURCES alone breaks
# `make -j PROGRAM`.
PROTO_HEADER = %D%/vfnd.pb-c.h
%D%/%C%_libproto_la-frame.lo: %D%/vfnd.pb-c.h
