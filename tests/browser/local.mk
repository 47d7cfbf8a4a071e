# SPDX-License-Identifier: BSD-3-Clause
# Chromium on the page of samples/whip-echo. Run by `make check-browser`; ./check installs what it needs.
browser_tests = \
	tests/browser/test-troubles.js \
	tests/browser/test-echo.js \
	tests/browser/test-feedback.js \
	tests/browser/test-forms.js \
	tests/browser/test-late.js \
	tests/browser/test-peers.js \
	tests/browser/test-malformed.js
browser_noted = tests/browser/test-echo.js tests/browser/test-peers.js
browser_offers = \
	tests/browser/offers/aiortc.sdp \
	tests/browser/offers/chromium.sdp \
	tests/browser/offers/node-datachannel.sdp \
	tests/browser/offers/wrtc.sdp
browser_node = tests/browser/node
EXTRA_DIST += $(browser_tests) $(browser_offers) tests/browser/browser.js tests/browser/relay.js \
	tests/browser/lsan.supp tests/browser/measure-connect.js tests/browser/client-aiortc.py tests/browser/client-node-datachannel.js tests/browser/package.json tests/browser/package-lock.json

TEST_EXTENSIONS += .js
JS_LOG_DRIVER = $(LOG_DRIVER)
JS_LOG_COMPILER = $(test_limit) env NODE_PATH='$(abs_top_builddir)/$(browser_node)/node_modules' $(NODE)

$(browser_node)/installed: tests/browser/package.json tests/browser/package-lock.json
	rm -rf $(browser_node)
	$(MKDIR_P) $(browser_node)
	cp $(srcdir)/tests/browser/package.json $(srcdir)/tests/browser/package-lock.json $(browser_node)/
	cd $(browser_node) && npm ci --no-audit --no-fund --ignore-scripts
	touch $@

# Two at a time, the long ones first: each has a browser, and waits for it most of the time.
check-browser: all $(browser_node)/installed
	$(MAKE) -j2 check-TESTS TESTS='$(browser_tests)' TEST_TIMEOUT=900
# The table of phases in docs/interop.md, in the source tree.
docs-connect: all $(browser_node)/installed
	abs_top_builddir='$(abs_top_builddir)' NODE_PATH='$(abs_top_builddir)/$(browser_node)/node_modules' \
	  $(NODE) $(srcdir)/tests/browser/measure-connect.js $(srcdir)/docs/interop.md
clean-local-browser:
	-rm -rf $(browser_node)
.PHONY: check-browser docs-connect clean-local-browser
