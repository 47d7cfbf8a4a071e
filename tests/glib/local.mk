# SPDX-License-Identifier: BSD-3-Clause
# Tests of the binding, over real agents on 127.0.0.1. A new one needs its name here, thrice.
glib_tests =
glib_test_cppflags = -D_GNU_SOURCE $(glib_cppflags) -I$(srcdir)/tests/glib
glib_test_ldadd = libsluice-glib-1.0.la libsluice-1.0.la $(NICE_LIBS) $(GLIB_LIBS)
# test-ice-path and test-ice-loops stand between the binding and libnice, which must see their symbols.
glib_test_ldflags = -export-dynamic
glib_test_support = tests/glib/ice-pair.c tests/glib/ice-pair.h tests/support/tsan-object.c
if WITH_GLIB
glib_programs = \
	tests/glib/test-ice-driver \
	tests/glib/test-ice-driver-agents \
	tests/glib/test-ice-driver-files \
	tests/glib/test-ice-driver-removal \
	tests/glib/test-ice-events \
	tests/glib/test-ice-loops \
	tests/glib/test-ice-path \
	tests/glib/test-ice-threads \
	tests/glib/test-ice-transport
check_PROGRAMS += $(glib_programs)
glib_tests += $(glib_programs)
endif

tests_glib_test_ice_driver_SOURCES = tests/glib/test-ice-driver.c tests/support/tsan-object.c
tests_glib_test_ice_driver_CPPFLAGS = $(glib_test_cppflags)
tests_glib_test_ice_driver_LDFLAGS = $(glib_test_ldflags)
tests_glib_test_ice_driver_LDADD = $(glib_test_ldadd) -ldl
tests_glib_test_ice_driver_agents_SOURCES = tests/glib/test-ice-driver-agents.c tests/glib/ice-call.c tests/glib/ice-call.h $(glib_test_support)
tests_glib_test_ice_driver_agents_CPPFLAGS = $(glib_test_cppflags)
tests_glib_test_ice_driver_agents_LDFLAGS = $(glib_test_ldflags)
tests_glib_test_ice_driver_agents_LDADD = $(glib_test_ldadd) -ldl
tests_glib_test_ice_driver_removal_SOURCES = tests/glib/test-ice-driver-removal.c tests/support/tsan-object.c
tests_glib_test_ice_driver_removal_CPPFLAGS = $(glib_test_cppflags)
tests_glib_test_ice_driver_removal_LDFLAGS = $(glib_test_ldflags)
tests_glib_test_ice_driver_removal_LDADD = $(glib_test_ldadd) -ldl
tests_glib_test_ice_driver_files_SOURCES = tests/glib/test-ice-driver-files.c tests/support/tsan-object.c
tests_glib_test_ice_driver_files_CPPFLAGS = $(glib_test_cppflags)
tests_glib_test_ice_driver_files_LDFLAGS = $(glib_test_ldflags)
tests_glib_test_ice_driver_files_LDADD = $(glib_test_ldadd) -ldl
tests_glib_test_ice_events_SOURCES = tests/glib/test-ice-events.c $(glib_test_support)
tests_glib_test_ice_events_CPPFLAGS = $(glib_test_cppflags)
tests_glib_test_ice_events_LDFLAGS = $(glib_test_ldflags)
tests_glib_test_ice_events_LDADD = $(glib_test_ldadd)
tests_glib_test_ice_loops_SOURCES = tests/glib/test-ice-loops.c $(glib_test_support)
tests_glib_test_ice_loops_CPPFLAGS = $(glib_test_cppflags)
tests_glib_test_ice_loops_LDFLAGS = $(glib_test_ldflags)
tests_glib_test_ice_loops_LDADD = $(glib_test_ldadd) -ldl
tests_glib_test_ice_path_SOURCES = tests/glib/test-ice-path.c $(glib_test_support)
tests_glib_test_ice_path_CPPFLAGS = $(glib_test_cppflags)
tests_glib_test_ice_path_LDFLAGS = $(glib_test_ldflags)
tests_glib_test_ice_path_LDADD = $(glib_test_ldadd) -ldl
tests_glib_test_ice_threads_SOURCES = tests/glib/test-ice-threads.c $(glib_test_support)
tests_glib_test_ice_threads_CPPFLAGS = $(glib_test_cppflags)
tests_glib_test_ice_threads_LDFLAGS = $(glib_test_ldflags)
tests_glib_test_ice_threads_LDADD = $(glib_test_ldadd) -ldl
tests_glib_test_ice_transport_SOURCES = tests/glib/test-ice-transport.c $(glib_test_support)
tests_glib_test_ice_transport_CPPFLAGS = $(glib_test_cppflags)
tests_glib_test_ice_transport_LDFLAGS = $(glib_test_ldflags)
tests_glib_test_ice_transport_LDADD = $(glib_test_ldadd) -ldl

# Through introspection; all tests run in an environment that finds the typelib in the build tree.
EXTRA_DIST += tests/glib/binding.py
if ENABLE_INTROSPECTION
if HAVE_PYTHON
glib_tests += tests/glib/binding.py
check_DATA = $(typelib_DATA)
endif
endif
