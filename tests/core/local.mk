# SPDX-License-Identifier: BSD-3-Clause
# One program for each source file of the core. A new one that needs no second file needs only its
# name here.
core_tests =
if HAVE_CMOCKA
core_tests += \
	tests/core/test-classify \
	tests/core/test-end \
	tests/core/test-record \
	tests/core/test-text
check_PROGRAMS += $(core_tests)
endif
