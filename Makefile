# make run     install into .venv if needed, then start PaperTrader; stop it with Ctrl-C
# make test    install the development tools too, then run every check and the whole test suite
# make torture kills, power failures, seeds, failing disks, mutants: some hours (specs/torture.rst)
# make test-web  the tests of the web page in a real browser, Debian's Chromium
# make docs     the documentation as pages, in build/docs; a warning is an error
# make fuzz    read 10^8 changed frames with the codec, on every processor: about a quarter of an hour
# make bench   measure the product beside its peers, forty minutes: benchmarks/README.rst
# make profile flame graphs of master and worker under load
# make sbom    list what an installation has, with what libraries bring along: build/sbom.json
# make advisories  ask over the network for published weaknesses of just that
# make clean   remove what these two made (never your accounts or settings)
#
# Only make and Python 3.11 or newer are needed. Variables:
#   ARGS=...         options for `papertrader up`
#   PYTEST_ARGS=...  options for pytest
#   JOBS=...         how many processes share the tests (2); 0 for none beside, as a debugger wants it
#   KILLS=...        how often `make torture` kills (50)
#   FUZZ_ARGS=...    options of the parser's fuzzer, such as --frames 1e7
#   BENCH_ARGS=...   options of the benchmarks
#   AUDIT_ARGS=...   options of pip-audit, such as --ignore-vuln ID
#   PYTHON=...       the Python to use; the newest one found otherwise

SHELL := /bin/sh
.DEFAULT_GOAL := run
.PHONY: run test test-web browser docs torture fuzz bench profile sbom advisories clean

ARGS =
PYTEST_ARGS =
JOBS = 2
BENCH_ARGS =
FUZZ_ARGS =
AUDIT_ARGS =
PYTHON =
KILLS = 50

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
RUNTIME := $(VENV)/.installed-runtime
DEVELOPMENT := $(VENV)/.installed-development
PACKAGING := pyproject.toml setup.cfg
TOOLS := build/tools
INSTALLED := build/installed
EXTRAS := metrics,parquet,postgres,report,tui

# A directory left by an interrupted run, or whose Python is gone, is made anew.
define MAKE_VENV
@if $(BIN)/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then exit 0; fi; \
for python in $(if $(PYTHON),'$(PYTHON)',python3.14 python3.13 python3.12 python3.11 python3 python); do \
	if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
		echo "Making $(VENV) with $$("$$python" --version) ..."; \
		"$$python" -m venv --clear $(VENV) && exit 0; \
		echo "error: $$python cannot make a virtual environment." >&2; \
		echo "hint: install its venv module (Debian, Ubuntu: apt install python3-venv), then try again." >&2; \
		exit 1; \
	fi; \
done; \
echo "error: PaperTrader needs Python 3.11 or newer, and $(if $(PYTHON),'$(PYTHON)' is not,none was found)." >&2; \
echo "hint: install it from your system or from python.org, or name it: make PYTHON=/path/to/python3" >&2; \
exit 1
endef

# `exec` puts the program in the place of the shell, so that Ctrl-C and SIGTERM reach it and
# nothing stands between. make itself passes a SIGTERM on to it and waits until it has ended.
run: $(RUNTIME)
	@exec $(BIN)/papertrader up $(ARGS)

test: $(DEVELOPMENT)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest --numprocesses $(JOBS) --dist loadfile $(PYTEST_ARGS)

# The tests of the page run wherever Chromium and its driver are; this installs them where it may.
test-web: browser $(DEVELOPMENT)
	PAPERTRADER_BROWSER=required $(BIN)/pytest tests/web $(PYTEST_ARGS)

browser:
	@if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing Chromium for the tests of the web page ..."; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium chromium-driver >/dev/null; \
	else \
		echo "error: the tests of the web page need chromium and chromedriver" >&2; \
		echo "hint: install them from your system (Debian: apt install chromium chromium-driver)" >&2; exit 1; \
	fi

docs: $(DEVELOPMENT)
	$(BIN)/sphinx-build -W --keep-going -q -c docs -b html . build/docs
	@echo "Open build/docs/docs/index.html"

torture: $(DEVELOPMENT)
	PAPERTRADER_KILLS=$(KILLS) $(BIN)/pytest -s tests/torture $(PYTEST_ARGS)
	PAPERTRADER_PG_ROUNDS=2000 $(BIN)/pytest -s tests/torture/test_postgres.py
	PAPERTRADER_BACKEND=postgresql $(BIN)/pytest tests/master tests/model
	$(BIN)/python -m tests.torture.simulation --seeds 10000
	$(BIN)/python -m tests.torture.play --seeds 5000
	$(BIN)/python -m tests.torture.kills --cycles 20000
	$(BIN)/python -m tests.torture.kills --cycles 2000 --early
	$(BIN)/python -m tests.torture.power --images 200000
	for control in normal off early; do \
		$(BIN)/python -m tests.torture.power --images 2000 --control $$control || exit 1; \
	done
	$(BIN)/python -m tests.torture.ioerrors
	$(BIN)/python -m tests.torture.model
	$(BIN)/python -m tests.torture.tamper
	$(BIN)/python -m tests.torture.mutants
	$(BIN)/python -m tests.torture.stalls
	$(BIN)/python -m tests.torture.siege
	$(BIN)/python -m tests.torture.soak --seconds 3600
	$(PIP) install --editable '.[torture]'
	$(BIN)/python -m tests.torture.boofuzz

fuzz: $(RUNTIME)
	$(BIN)/python -m papertrader.fuzz parser --frames 1e8 --jobs 0 $(FUZZ_ARGS)

bench: $(RUNTIME)
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

profile: $(RUNTIME)
	$(BIN)/python -m benchmarks.profile $(BENCH_ARGS)

sbom: $(TOOLS)/.ready $(INSTALLED)/.ready
	@$(TOOLS)/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
		--output-format JSON --output-file build/sbom.json $(INSTALLED)/bin/python
	@echo "What an installation has, as CycloneDX: build/sbom.json"

# The answers are those of https://osv.dev, which gathers what PyPI, GitHub and others publish.
advisories: $(TOOLS)/.ready $(INSTALLED)/.ready
	@$(TOOLS)/bin/pip-audit --vulnerability-service osv --progress-spinner off $(AUDIT_ARGS) \
		--path "$$($(INSTALLED)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" \
		2>$(TOOLS)/advisories.log; code=$$?; \
	if grep -q 'ConnectionError\|Timeout' $(TOOLS)/advisories.log; then \
		echo "error: published weaknesses are asked for over the network, and api.osv.dev does not answer" >&2; \
		exit 3; \
	fi; \
	cat $(TOOLS)/advisories.log >&2; exit $$code

$(TOOLS)/.ready: | $(RUNTIME)
	@echo "Installing cyclonedx-bom and pip-audit into $(TOOLS) ..."
	@$(BIN)/python -m venv --clear $(TOOLS)
	@$(TOOLS)/bin/python -m pip --quiet --disable-pip-version-check install 'cyclonedx-bom>=7.0' 'pip-audit>=2.9'
	@touch $@

# As an operator's: with all extras, and nothing that is there for other reasons, pip among it.
$(INSTALLED)/.ready: $(PACKAGING) | $(RUNTIME)
	@echo "Installing PaperTrader as an operator would into $(INSTALLED) ..."
	@$(BIN)/python -m venv --clear --without-pip $(INSTALLED)
	@$(PIP) --python $(INSTALLED)/bin/python install '.[$(EXTRAS)]'
	@touch $@

$(RUNTIME): $(PACKAGING)
	$(MAKE_VENV)
	@echo "Installing PaperTrader into $(VENV) (once, about a minute) ..."
	@$(PIP) install --editable .
	@echo "Installed."
	@touch $@

# setuptools is named because the packaging tests build without fetching it again.
$(DEVELOPMENT): $(PACKAGING)
	$(MAKE_VENV)
	@echo "Installing PaperTrader and its development tools into $(VENV) (once, about two minutes) ..."
	@$(PIP) install --editable '.[dev]' 'setuptools>=77'
	@echo "Installed."
	@touch $(RUNTIME) $@

clean:
	rm -rf $(VENV) build dist *.egg-info htmlcov .coverage .import_linter_cache .mypy_cache .pytest_cache .ruff_cache .hypothesis _trial_temp
	find papertrader tests benchmarks twisted -name __pycache__ -type d -prune -exec rm -rf {} +
	find twisted -name dropin.cache -delete
