# SPDX-License-Identifier: BSD-3-Clause
EXTRA_DIST += docs/compatibility.md docs/coverage.md docs/forged-datagrams.md docs/fuzzing.md docs/interop.md docs/known-bugs.md docs/memory-bio-guide.md docs/performance.md \
	docs/reliability.md docs/rfc-coverage.md docs/rules.md docs/simulation.md \
	docs/threads.md docs/whip-echo.png

# The API reference, from the introspection data.
if ENABLE_DOCS
docs_stamp = docs/reference/Sluice/index.html
$(docs_stamp): Sluice-1.0.gir docs/sluice.toml
	$(AM_V_GEN)rm -rf docs/reference && $(MKDIR_P) docs/reference && \
	$(GI_DOCGEN) generate --quiet --no-namespace-dir --config docs/sluice.toml \
	  --content-dir $(srcdir)/docs --add-include-path $(builddir) \
	  --output-dir docs/reference/Sluice Sluice-1.0.gir

all-local: $(docs_stamp)

# gi-docgen's pages find each other by relative links, so the folder may lie anywhere.
referencedir = $(datadir)/doc/libsluice/reference
install-data-local: $(docs_stamp)
	$(MKDIR_P) '$(DESTDIR)$(referencedir)'
	cp -R docs/reference/Sluice/. '$(DESTDIR)$(referencedir)'
uninstall-local:
	rm -rf '$(DESTDIR)$(referencedir)'
endif

clean-local-docs:
	-rm -rf docs/reference
.PHONY: clean-local-docs
