# SPDX-License-Identifier: BSD-3-Clause
# What all tests share: they speak TAP, and know the tree by the variables below.
TEST_EXTENSIONS = .sh .py
TEST_TIMEOUT = 300
test_driver = $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
# A test that hangs is a test that fails.
test_limit = $(if $(TIMEOUT),$(TIMEOUT) -k 10 $(TEST_TIMEOUT)) $(TEST_WRAPPER)
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(test_driver)
SH_LOG_DRIVER = $(LOG_DRIVER)
PY_LOG_DRIVER = $(LOG_DRIVER)
LOG_COMPILER = $(test_limit)
SH_LOG_COMPILER = $(test_limit) bash
PY_LOG_COMPILER = $(test_limit) $(PYTHON_TESTS)
AM_TESTS_ENVIRONMENT = \
	abs_top_srcdir='$(abs_top_srcdir)'; export abs_top_srcdir; \
	abs_top_builddir='$(abs_top_builddir)'; export abs_top_builddir; \
	CC='$(CC)'; export CC; CXX='$(CXX)'; export CXX; NM='$(NM)'; export NM; \
	SAN_CFLAGS='$(SAN_CFLAGS)'; export SAN_CFLAGS; \
	MAKE='$(MAKE)'; export MAKE; PKG_CONFIG='$(PKG_CONFIG)'; export PKG_CONFIG; \
	WITH_GLIB='$(with_glib_word)'; export WITH_GLIB; \
	CMOCKA_MESSAGE_OUTPUT=TAP; export CMOCKA_MESSAGE_OUTPUT; \
	G_DEBUG=fatal-warnings; export G_DEBUG; \
	G_TEST_SRCDIR='$(abs_top_srcdir)/tests/glib'; export G_TEST_SRCDIR; \
	G_TEST_BUILDDIR='$(abs_top_builddir)/tests/glib'; export G_TEST_BUILDDIR; \
	GI_TYPELIB_PATH='$(abs_top_builddir)'"$${GI_TYPELIB_PATH:+:$$GI_TYPELIB_PATH}"; \
	export GI_TYPELIB_PATH; \
	LD_LIBRARY_PATH='$(abs_top_builddir)/.libs'"$${LD_LIBRARY_PATH:+:$$LD_LIBRARY_PATH}"; \
	export LD_LIBRARY_PATH; \
	PYTHONDONTWRITEBYTECODE=1; export PYTHONDONTWRITEBYTECODE; \
	ASAN_OPTIONS="detect_stack_use_after_return=1:strict_string_checks=1$${ASAN_OPTIONS:+:$$ASAN_OPTIONS}"; \
	export ASAN_OPTIONS; \
	UBSAN_OPTIONS="print_stacktrace=1$${UBSAN_OPTIONS:+:$$UBSAN_OPTIONS}"; export UBSAN_OPTIONS; \
	G_SLICE=always-malloc; export G_SLICE; \
	TSAN_OPTIONS="halt_on_error=0$${TSAN_OPTIONS:+:$$TSAN_OPTIONS}"; \
	export TSAN_OPTIONS;
if WITH_GLIB
with_glib_word = yes
else
with_glib_word = no
endif

house_tests = \
	tests/docs-excerpts.sh \
	tests/headers.sh \
	tests/house-rules.sh \
	tests/null-arguments.sh \
	tests/pkgconfig.sh \
	tests/readme-example.sh \
	tests/symbols.sh
EXTRA_DIST += $(house_tests) tests/support/tap.sh tests/support/valgrind.supp

# Helpers of core and pair tests. libssl takes the virtual clock's gettimeofday() from the program, which
# must export it: -export-dynamic. alloc.c stands between the core and malloc(): --wrap.
support_sources = \
	tests/support/alloc.c \
	tests/support/alloc.h \
	tests/support/link.c \
	tests/support/link.h \
	tests/support/openssl-version.h \
	tests/support/pair.c \
	tests/support/pair.h \
	tests/support/rng.c \
	tests/support/rng.h \
	tests/support/vclock.c \
	tests/support/vclock.h
# heap.c takes malloc()'s place in the whole program.
heap_sources = tests/support/heap.c tests/support/heap.h
EXTRA_DIST += $(heap_sources)
# A child that leaves by _exit() would not be counted. libgcov comes last, and calls malloc() where nobody else may.
if COVERAGE
support_sources += tests/support/coverage.c
coverage_ldflags = -Wl,--wrap=_exit -Wl,-u,__wrap_malloc
endif
check_LTLIBRARIES += libsluice-test.la
libsluice_test_la_SOURCES = $(support_sources)
libsluice_test_la_LIBADD = libsluice-core.la

# For every program that sets no LDADD of its own.
LDADD = libsluice-test.la libsluice-core.la $(CMOCKA_LIBS) $(OPENSSL_LIBS) $(SRTP_LIBS)
AM_LDFLAGS = -export-dynamic \
	-Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc -Wl,--wrap=free $(coverage_ldflags)

check-interop: all $(stream_interop_programs)
	$(MAKE) check-TESTS TESTS='$(interop_tests) $(stream_interop_tests)' TEST_TIMEOUT=600
check-simulate: all tests/pair/simulate$(EXEEXT)
	$(MAKE) check-TESTS TESTS='$(simulate_tests)' TEST_TIMEOUT=1200
# The sweep over failing allocations is the long one: every 61st will do here, and a tenth of the pairs of the threads.
# Handshakes by the hundred take it minutes, and the sanitizers run them too; wiped-keys reads memory that nobody has written.
valgrind_left_out = \
	tests/pair/test-bad-paths \
	tests/pair/test-cut-hello \
	tests/pair/test-flood \
	tests/pair/test-foreign-attempts \
	tests/pair/test-forged-alerts \
	tests/pair/test-forged-records \
	tests/pair/test-forged-storm \
	tests/pair/test-fresh-attempts \
	tests/pair/test-half-open-memory \
	tests/pair/test-interrupted-cookie \
	tests/pair/test-odd-certificates \
	tests/pair/test-reordered-flights \
	tests/pair/test-restart-hellos \
	tests/pair/test-restart-media \
	tests/pair/test-restart-newcomers \
	tests/pair/test-restart-order \
	tests/pair/test-threads-configs \
	tests/pair/test-weak-peers \
	tests/pair/test-wiped-keys
check-valgrind: all $(check_PROGRAMS)
	SLUICE_TEST_OOM_STEP=61 SLUICE_TEST_PAIRS=50 $(MAKE) check-TESTS \
	  TESTS='$(filter-out $(valgrind_left_out),$(pair_tests))' TEST_TIMEOUT=1200 \
	  TEST_WRAPPER='$(LIBTOOL) --mode=execute $(VALGRIND) --quiet --leak-check=full \
	  --errors-for-leak-kinds=definite,indirect,possible --error-exitcode=99 \
	  --suppressions=$(abs_top_srcdir)/tests/support/valgrind.supp'
# What has threads of its own, for ThreadSanitizer; it has nothing to say of the others. tests/house-rules.sh misses none.
threaded_tests = \
	tests/core/test-certificate \
	tests/core/test-srtp-openssl \
	tests/pair/test-capture-file \
	tests/pair/test-fan-out \
	tests/pair/test-threads \
	tests/pair/test-threads-configs \
	tests/pair/test-threads-many \
	tests/pair/test-threads-media \
	$(glib_tests)
# The table of docs/interop.md, in the source tree, from what its tests note down.
interop_noted = tests/interop/test-openssl.py tests/interop/test-gnutls.py tests/interop/test-gst-dtls-srtp.py \
	tests/interop/test-whip-peers.py
docs-interop: all $(browser_node)/installed
	rm -f tests/interop/rows
	$(MAKE) -j1 check-TESTS TESTS='$(interop_noted) $(browser_noted)' TEST_TIMEOUT=900 INTEROP_ROWS='$(abs_builddir)/tests/interop/rows'
	$(PYTHON_TESTS) $(srcdir)/tests/interop/table.py tests/interop/rows $(srcdir)/docs/interop.md
CLEANFILES += tests/interop/rows
.PHONY: docs-interop check-interop check-simulate check-valgrind

# How much of the core its own tests and the corpora reach, in a build of its own below this one: the lines and branches that
# nothing reaches, pages to read in coverage/pages, and the sums. Less than the goal is an error; docs/coverage.md has
# the reasons.
coverage_tests = $(core_tests) $(pair_tests) $(stream_tests) $(fuzz_programs)
coverage:
	$(MKDIR_P) coverage/pages
	cd coverage && { test -f Makefile || $(abs_srcdir)/configure --enable-coverage --without-glib \
	  --disable-static CC=gcc CFLAGS='-g -O0'; }
	cd coverage && $(MAKE) check TESTS=
	find coverage -name '*.gcda' -exec rm -f {} +
	cd coverage && $(MAKE) check-TESTS TESTS='$(coverage_tests)' TEST_TIMEOUT=900
	source=$$(cd $(srcdir) && pwd -P) && cd coverage && \
	  report="$(GCOVR) --root $$source --object-directory . --filter $$source/src/core/" && \
	  $$report --html-details pages/index.html . && $$report . && $$report --branches . && \
	  $$report --print-summary --output /dev/null --fail-under-line 95 --fail-under-branch 85 .
clean-local-coverage:
	-rm -rf coverage
.PHONY: coverage clean-local-coverage
