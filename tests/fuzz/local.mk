# SPDX-License-Identifier: GPL-2.0-or-later
# Fuzzers of what clients send; README.md tells how to run them. The files of their corpora are run by
# make check, through the same entries.
EXTRA_DIST += %D%/README.md %D%/corpus
FUZZ_CFLAGS = $(AM_CFLAGS) $(PROTOBUFC_CFLAGS) $(EVENT_CFLAGS)
FUZZ_LIBS = tests/unit/daemon/libhost.la daemon/libdaemon.la

check_PROGRAMS += %D%/test-rpc %D%/test-frame
TESTS += %D%/test-rpc %D%/test-frame
%C%_test_rpc_SOURCES = %D%/corpus.c %D%/fuzz-rpc.c %D%/fuzz.h
%C%_test_rpc_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_NAME='"rpc"'
%C%_test_rpc_CFLAGS = $(FUZZ_CFLAGS)
%C%_test_rpc_LDADD = $(FUZZ_LIBS)
%C%_test_frame_SOURCES = %D%/corpus.c %D%/fuzz-frame.c %D%/fuzz.h
%C%_test_frame_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_NAME='"frame"'
%C%_test_frame_CFLAGS = $(FUZZ_CFLAGS)
%C%_test_frame_LDADD = $(FUZZ_LIBS)

EXTRA_PROGRAMS = %D%/make-corpus
CLEANFILES += %D%/make-corpus
%C%_make_corpus_SOURCES = %D%/make-corpus.c
%C%_make_corpus_CFLAGS = $(FUZZ_CFLAGS)
%C%_make_corpus_LDADD = $(FUZZ_LIBS)

$(%C%_test_rpc_OBJECTS) $(%C%_test_frame_OBJECTS) $(%C%_make_corpus_OBJECTS): $(PROTO_HEADER)

if FUZZING
noinst_PROGRAMS += %D%/fuzz-rpc %D%/fuzz-frame
%C%_fuzz_rpc_SOURCES = %D%/fuzz-rpc.c %D%/fuzz.h
%C%_fuzz_rpc_CFLAGS = $(FUZZ_CFLAGS)
%C%_fuzz_rpc_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
%C%_fuzz_rpc_LDADD = $(FUZZ_LIBS)
%C%_fuzz_frame_SOURCES = %D%/fuzz-frame.c %D%/fuzz.h
%C%_fuzz_frame_CFLAGS = $(FUZZ_CFLAGS)
%C%_fuzz_frame_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
%C%_fuzz_frame_LDADD = $(FUZZ_LIBS)
$(%C%_fuzz_rpc_OBJECTS) $(%C%_fuzz_frame_OBJECTS): $(PROTO_HEADER)
endif
