# Waypost: one Makefile, no recursion. `make help` lists the targets.

VERSION := 0.1.0
CC ?= gcc
# The packages that tools/deps.sh installs are for this one.
PYTHON ?= /usr/bin/python3

# FLAVOUR picks flags and the folder that objects go to.
FLAVOUR ?= release
B := build/$(FLAVOUR)

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion \
	-Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla -Wundef \
	-Wcast-qual -Wwrite-strings -Wno-overlength-strings
WERROR ?= -Werror
FLAVOUR_release := -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong
# Reports of sanitizers want lines, no more: that compiles faster.
FLAVOUR_asan := -O1 -g1 -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
FLAVOUR_tsan := -O1 -g1 -fsanitize=thread
FLAVOUR_fuzz := -O1 -g -fsanitize=address,undefined,fuzzer-no-link \
	-fno-sanitize-recover=all
FLAVOUR_FLAGS := $(FLAVOUR_$(FLAVOUR))

# Header of this folder first; nothing is found by accident.
CPPFLAGS += -D_GNU_SOURCE -DWP_VERSION='"$(VERSION)"' -I.
CFLAGS += -std=c11 -fPIE $(FLAVOUR_FLAGS) $(WARN) $(WERROR) -pthread
LDFLAGS += -pie $(FLAVOUR_FLAGS) -Wl,--as-needed -Wl,-z,relro,-z,now -pthread
LIBS := -lhiredis -lsqlite3 -lyaml -ljwt -lcrypto -largon2

LUA := $(sort $(wildcard lib/mailbox/scripts/*.lua))
LUA_PARTS := $(wildcard lib/mailbox/scripts/parts/*.lua)
LIB_SRC := $(sort $(filter-out lib/live/%,$(wildcard lib/*/*.c lib/*/*/*.c)))
LIB_OBJ := $(LIB_SRC:%.c=$(B)/%.o) $(B)/gen/scripts.o
LIB := $(B)/libwaypost.a
# For programs on an event loop; only they link libev.
LIVE_OBJ := $(patsubst %.c,$(B)/%.o,$(sort $(wildcard lib/live/*.c)))
LIVE := $(B)/liblive.a

PROGRAMS := waypost waypost-handlers waypost-worker waypost-ws waypost-keys waypost-notifier
HANDLERS_OBJ := $(patsubst %.c,$(B)/%.o,$(sort $(wildcard handlers/*.c handlers/*/*.c)))
WORKER_OBJ := $(patsubst %.c,$(B)/%.o,$(sort $(wildcard worker/*.c)))
WS_OBJ := $(patsubst %.c,$(B)/%.o,$(sort $(wildcard ws-daemon/*.c ws-daemon/*/*.c)))
KEYS_OBJ := $(patsubst %.c,$(B)/%.o,$(sort $(wildcard keys/*.c)))
NOTIFIER_OBJ := $(patsubst %.c,$(B)/%.o,$(sort $(wildcard notifier/*.c notifier/*/*.c)))
CLI_OBJ := $(patsubst %.c,$(B)/%.o,$(sort $(wildcard tools/waypost/*.c tools/waypost/*/*.c)))

UNIT_SRC := $(sort $(wildcard tests/unit/*/*/*/test_*.c tests/unit/*/*/test_*.c tests/unit/*/test_*.c))
INTEGRATION_SRC := $(sort $(wildcard tests/integration/test_*.c))
SUPPORT_OBJ := $(patsubst %.c,$(B)/%.o,$(sort $(wildcard tests/support/*.c)))
WORKER_SUPPORT_OBJ := $(patsubst %.c,$(B)/%.o,$(sort $(wildcard tests/support/worker/*.c)))
LIVE_SUPPORT_OBJ := $(patsubst %.c,$(B)/%.o,$(sort $(wildcard tests/support/live/*.c)))
WS_SUPPORT_OBJ := $(patsubst %.c,$(B)/%.o,$(sort $(wildcard tests/support/ws/*.c)))
UNIT := $(UNIT_SRC:%.c=$(B)/%)
INTEGRATION := $(INTEGRATION_SRC:%.c=$(B)/%)
FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ := $(FUZZ_SRC:%.c=$(B)/%)

# All of it, so that nobody can be left out.
C_FILES := $(sort $(filter-out build/%,$(wildcard */*.[ch] */*/*.[ch] */*/*/*.[ch] */*/*/*/*.[ch])))
HEADERS := $(filter %.h,$(C_FILES))

# What `make run`, `make test` and their helpers can be told.
WEB ?= nginx
PORT ?= 8080
STATE ?= var
JOBS ?= $(shell nproc)
FUZZ_SECONDS ?= 30
MINUTES ?= 30
SEED ?= 1
PREFIX ?= /usr/local
TEST := $(PYTHON) tests/run.py

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:

help: ## list the targets
	@grep -hE '^[a-z0-9_.-]+:.*## ' $(MAKEFILE_LIST) | \
		awk -F ':.*## ' '{ printf "  %-24s %s\n", $$1, $$2 }'

all: $(PROGRAMS:%=$(B)/%) ## build the programs (FLAVOUR=release|asan|tsan)

# The folder is newer when a script has gone.
# A folder, and not to be made of scripts.c beside it.
lib/mailbox/scripts: ;
$(B)/gen/scripts.c: $(LUA) $(LUA_PARTS) lib/mailbox/scripts tools/embed-scripts.py
	@mkdir -p $(@D)
	$(PYTHON) tools/embed-scripts.py $(LUA) > $@

$(B)/gen/%.o: $(B)/gen/%.c
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(LIB): $(LIB_OBJ)
$(LIVE): $(LIVE_OBJ)
$(LIB) $(LIVE):
	@rm -f $@
	$(AR) rcs $@ $^

$(B)/waypost-handlers: $(HANDLERS_OBJ) $(LIVE) $(LIB)
	$(CC) $(LDFLAGS) -o $@ $^ -lev $(LIBS)

$(B)/waypost-worker: $(WORKER_OBJ) $(LIB)
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

$(B)/waypost-ws: $(WS_OBJ) $(LIVE) $(LIB)
	$(CC) $(LDFLAGS) -o $@ $^ -lev -lz $(LIBS)

# lib/net wants libcurl: these two and the command line have to do with it.
$(B)/waypost-notifier: $(NOTIFIER_OBJ) $(LIVE) $(LIB)
	$(CC) $(LDFLAGS) -o $@ $^ -lev -lcurl $(LIBS)

$(B)/waypost-keys: $(KEYS_OBJ) $(LIB)
	$(CC) $(LDFLAGS) -o $@ $^ -lcurl $(LIBS)

$(B)/waypost: $(CLI_OBJ) $(LIB)
	$(CC) $(LDFLAGS) -o $@ $^ -ljson-c -lcurl $(LIBS)

# A test links what it tests: the library, and its program's objects but main.
TEST_LIBS := -lcmocka -ljson-c -ljwt -lev -lfcgi -lcurl -lz $(LIBS)
# They are many, and a faster linker is no part of what is released.
TEST_LINKER := $(if $(shell command -v ld.gold),-fuse-ld=gold)
link_test = $(CC) $(LDFLAGS) $(TEST_LINKER) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(TEST_LIBS)

$(B)/tests/unit/handlers/%: $(B)/tests/unit/handlers/%.o $(filter-out %/main.o,$(HANDLERS_OBJ)) $(SUPPORT_OBJ) $(LIVE) $(LIB)
	$(link_test)
$(B)/tests/unit/worker/test_%: $(B)/tests/unit/worker/test_%.o $(filter-out %/main.o,$(WORKER_OBJ)) $(SUPPORT_OBJ) $(LIB)
	$(link_test)
$(B)/tests/unit/ws-daemon/%: $(B)/tests/unit/ws-daemon/%.o $(filter-out %/main.o,$(WS_OBJ)) $(SUPPORT_OBJ) $(LIVE) $(LIB)
	$(link_test)
$(B)/tests/unit/keys/test_%: $(B)/tests/unit/keys/test_%.o $(filter-out %/main.o,$(KEYS_OBJ)) $(SUPPORT_OBJ) $(LIB)
	$(link_test)
$(B)/tests/unit/notifier/%: $(B)/tests/unit/notifier/%.o $(filter-out %/main.o,$(NOTIFIER_OBJ)) $(SUPPORT_OBJ) $(LIVE) $(LIB)
	$(link_test)
$(B)/tests/unit/tools/waypost/%: $(B)/tests/unit/tools/waypost/%.o $(filter-out %/main.o,$(CLI_OBJ)) $(SUPPORT_OBJ) $(LIB)
	$(link_test)
$(B)/tests/unit/lib/live/%: $(B)/tests/unit/lib/live/%.o $(SUPPORT_OBJ) $(LIVE) $(LIB)
	$(link_test)
$(B)/tests/unit/lib/%: $(B)/tests/unit/lib/%.o $(SUPPORT_OBJ) $(LIB)
	$(link_test)
$(B)/tests/integration/test_worker_%: $(B)/tests/integration/test_worker_%.o $(filter-out %/main.o,$(WORKER_OBJ)) $(SUPPORT_OBJ) $(LIB)
	$(link_test)
$(B)/tests/integration/test_ws_%: $(B)/tests/integration/test_ws_%.o $(filter-out %/main.o,$(WS_OBJ)) $(SUPPORT_OBJ) $(LIVE) $(LIB)
	$(link_test)
$(B)/tests/integration/test_live_%: $(B)/tests/integration/test_live_%.o $(SUPPORT_OBJ) $(LIVE) $(LIB)
	$(link_test)
$(B)/tests/integration/test_handlers_%: $(B)/tests/integration/test_handlers_%.o $(filter-out %/main.o,$(HANDLERS_OBJ)) $(SUPPORT_OBJ) $(LIVE) $(LIB)
	$(link_test)
$(B)/tests/integration/test_notifier_%: $(B)/tests/integration/test_notifier_%.o $(filter-out %/main.o,$(NOTIFIER_OBJ)) $(SUPPORT_OBJ) $(LIVE) $(LIB)
	$(link_test)
$(B)/tests/integration/test_%: $(B)/tests/integration/test_%.o $(SUPPORT_OBJ) $(LIB)
	$(link_test)
METRICS_LIST := $(B)/tests/metrics/list
$(METRICS_LIST): $(B)/tests/metrics/list.o $(patsubst %,$(B)/%/metrics.o,handlers/request worker ws-daemon notifier keys) $(LIB)
	$(link_test)
$(B)/tests/fuzz/fuzz_%: $(B)/tests/fuzz/fuzz_%.o $(filter-out %/main.o,$(WS_OBJ)) $(LIVE) $(LIB)
	$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $(filter %.o,$^) $(filter %.a,$^) $(TEST_LIBS)
$(B)/tests/fuzz/fuzz_fcgi: $(B)/handlers/wire/fcgi.o
$(B)/tests/fuzz/fuzz_issuer_token: $(B)/tests/support/key_files.o
$(B)/tests/fuzz/fuzz_push_answer: $(filter-out %/main.o,$(NOTIFIER_OBJ))
$(B)/tests/fuzz/fuzz_discover: $(B)/keys/discover.o $(B)/keys/schedule.o

$(filter $(B)/tests/integration/test_worker_%,$(INTEGRATION)): $(WORKER_SUPPORT_OBJ)
$(filter $(B)/tests/integration/test_live_%,$(INTEGRATION)): $(LIVE_SUPPORT_OBJ)
$(B)/tests/unit/ws-daemon/wire/test_session: $(B)/tests/support/ws/ws_bytes.o
# It says what the test wants.
$(B)/tests/unit/tools/waypost/cli/test_letter: LDFLAGS += -Wl,--wrap=json_object_to_json_string_ext
# Its systemd is the test's.
$(B)/tests/unit/tools/waypost/doctor/test_unit: LDFLAGS += -Wl,--wrap=wp_doctor_show,--wrap=wp_doctor_has_systemd
# Their clocks are the tests'.
$(addprefix $(B)/tests/unit/,lib/live/test_turn lib/live/test_gather lib/auth/test_apikey_file handlers/test_conn): LDFLAGS += -Wl,--wrap=wp_mono_ms
$(B)/tests/unit/lib/auth/test_apikey_file: LDFLAGS += -Wl,--wrap=wp_wall_ms,--wrap=stat
$(B)/tests/unit/handlers/test_serve $(B)/tests/unit/lib/live/test_limiter: LDFLAGS += -Wl,--wrap=wp_mono_us

# Its clocks, and what is fetched, are the test's.
$(B)/tests/unit/notifier/provider/test_access_token: LDFLAGS += -Wl,--wrap=wp_fetch_begin,--wrap=wp_mono_ms,--wrap=wp_wall_ms
# Its clock can be put forward.
$(B)/tests/integration/test_notifier_apps: LDFLAGS += -Wl,--wrap=wp_mono_ms
# They count what is signed.
$(B)/tests/unit/notifier/provider/test_apns_bearer $(B)/tests/integration/test_notifier_apns_bearer: LDFLAGS += -Wl,--wrap=wp_jwt_sign

# Its store is the test's, and so is the thread of it.
$(B)/tests/unit/notifier/test_results: LDFLAGS += -Wl,--wrap=wp_store_thread_submit,--wrap=wp_push_results,--wrap=wp_push_mark
$(B)/tests/unit/notifier/test_expiry: LDFLAGS += -Wl,--wrap=wp_store_thread_submit,--wrap=wp_push_expire,--wrap=wp_wall_ms
# These have no Redis, or one that nobody judges.
$(addprefix $(B)/tests/unit/notifier/test_,dead_letters gone) $(addprefix $(B)/tests/integration/test_notifier_,backlog bulletin): LDFLAGS += -Wl,--wrap=wp_judged_do

# Its providers are the test's, and so is all that it writes down.
$(B)/tests/unit/notifier/test_deliver: LDFLAGS += -Wl,--wrap=wp_providers_init,--wrap=wp_results_mark,--wrap=wp_results_add \
	-Wl,--wrap=wp_mono_ms,--wrap=wp_mono_us,--wrap=wp_wall_ms

# Redis, the store and providers are the test's.
$(B)/tests/unit/notifier/test_errand: LDFLAGS += -Wl,--wrap=wp_mono_ms,--wrap=wp_judged_do,--wrap=wp_judged_run_id \
	-Wl,--wrap=wp_push_done_build,--wrap=wp_push_check_build,--wrap=wp_push_check_parse,--wrap=wp_push_field \
	-Wl,--wrap=wp_claimed_memory,--wrap=wp_lookups_new,--wrap=wp_lookups_free,--wrap=wp_lookups_add \
	-Wl,--wrap=wp_lookups_remove,--wrap=wp_lookups_end,--wrap=wp_deliver,--wrap=wp_deliveries_look \
	-Wl,--wrap=wp_dead_letters_add

# All of these, and the store's thread.
$(B)/tests/unit/notifier/test_storm: LDFLAGS += -Wl,--wrap=wp_mono_ms,--wrap=wp_mono_us,--wrap=wp_judged_do,--wrap=wp_judged_run_id \
	-Wl,--wrap=wp_push_done_build,--wrap=wp_push_check_parse,--wrap=wp_push_field,--wrap=wp_store_thread_submit \
	-Wl,--wrap=wp_push_list,--wrap=wp_push_prefs,--wrap=wp_push_mark,--wrap=wp_push_results,--wrap=wp_push_open \
	-Wl,--wrap=wp_providers_init

$(B)/tests/unit/notifier/test_lookup: LDFLAGS += -Wl,--wrap=wp_store_thread_submit,--wrap=wp_push_list,--wrap=wp_push_prefs

$(B)/tests/unit/notifier/test_taker: LDFLAGS += -Wl,--wrap=wp_mono_ms,--wrap=wp_judged_do,--wrap=wp_judged_run_id \
	-Wl,--wrap=wp_push_look_build,--wrap=wp_push_look_parse \
	-Wl,--wrap=wp_push_take_build,--wrap=wp_push_take_parse,--wrap=wp_push_taken_box

# Who fetches is the test.
$(B)/tests/unit/notifier/provider/test_ask: LDFLAGS += -Wl,--wrap=wp_mono_ms,--wrap=wp_fetch_pool_new,--wrap=wp_fetch_pool_free \
	-Wl,--wrap=wp_fetch_begin,--wrap=wp_fetch_renew,--wrap=wp_transfer_header

# Its server of mail is the test's.
$(B)/tests/unit/notifier/provider/test_provider_email: LDFLAGS += -Wl,--wrap=wp_mail_send,--wrap=wp_mail_abort

# This one holds a process up where it accepts, and is others beside it.
$(B)/tests/unit/handlers/test_pool: LDFLAGS += -Wl,--wrap=accept4,--wrap=wp_share_is_ahead
$(B)/tests/unit/handlers/test_endpoints: LDFLAGS += -Wl,--wrap=wp_handlers_metrics_request

# What would go to Redis goes to the test; most of these drive whole connections.
$(B)/tests/unit/ws-daemon/test_heap: LDFLAGS += -Wl,--wrap=malloc_trim,--wrap=mallinfo2
WS_WORLD := $(filter $(B)/tests/unit/ws-daemon/test_%,$(UNIT)) $(B)/tests/fuzz/fuzz_conn
$(WS_WORLD): $(WS_SUPPORT_OBJ)
$(WS_WORLD) $(B)/tests/unit/lib/live/test_live: LDFLAGS += -Wl,--wrap=wp_registrar_redis,--wrap=wp_aredis_do \
	-Wl,--wrap=wp_aredis_is_ready,--wrap=wp_aredis_run_id,--wrap=wp_gather_submit
# And it has a clock of its own.
$(WS_WORLD): LDFLAGS += -Wl,--wrap=wp_mono_ms

# This one calls scripts with a guard taken away.
$(B)/tests/integration/test_push_claims: LDFLAGS += -Wl,--wrap=wp_cmd_eval

# This one answers for the store's thread as well.
$(B)/tests/unit/lib/live/test_live: LDFLAGS += -Wl,--wrap=wp_store_thread_submit

# Preloaded by tests; see there.
STEPPED_CLOCK := $(B)/tests/fault/stepped_clock.so
STRANGE_DISK := $(B)/tests/fault/strange_disk.so
KNOWN_HOSTS := $(B)/tests/push/hosts.so
PRELOADED := $(STEPPED_CLOCK) $(STRANGE_DISK) $(KNOWN_HOSTS)
$(PRELOADED): $(B)/%.so: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -std=c11 -O2 $(WARN) $(WERROR) -shared -fPIC -o $@ $<

# What the test runner needs, no more.
tests-build: $(UNIT) $(INTEGRATION) $(PRELOADED)

# ---- everyday targets; sub-makes pick the flavour ----

deps: ## install missing Debian packages (root), or print the command
	@tools/deps.sh dev

deps-build: ## install what building and running needs (root): WEB=nginx|lighttpd
	@tools/deps.sh run $(WEB)

run: ## start everything here: WEB=nginx|lighttpd PORT=8080 STATE=var
	@tools/deps.sh run $(WEB)
	@echo "building, which takes a minute the first time"
	@$(MAKE) --no-print-directory -s -j$(JOBS) all
	@exec $(PYTHON) tools/run.py --web $(WEB) --port $(PORT) --state $(STATE) \
		--build $(B)

# Where the image, and what runs it, is put.
IMAGE ?= build/container

image: ## an image (OCI), compose.yaml and its settings, into build/container
	@rm -rf '$(IMAGE).installed'
	@$(MAKE) --no-print-directory -s install DESTDIR='$(IMAGE).installed' \
		PREFIX=/usr
	@$(PYTHON) packaging/container/build.py --installed '$(IMAGE).installed' \
		--version $(VERSION) --out '$(IMAGE)'
	@rm -rf '$(IMAGE).installed'

test-image: image ## what can be tried of it without an engine (root)
	@$(PYTHON) packaging/container/test.py '$(IMAGE)'

test: ## all tests; ends with one line "N passed, N failed"
	@tools/deps.sh test
	@$(MAKE) --no-print-directory -s -j$(JOBS) tests-provider release-tests \
		asan-tests tsan-tests
	@$(TEST)

# From npm, and so not from tools/deps.sh: where there is no npm, or it gets
# nothing, the tests that want it are skipped, and counted so.
OIDC := $(patsubst tests/e2e/oidc/%,build/oidc/%,$(wildcard tests/e2e/oidc/*))
CLIENTS := $(patsubst tests/e2e/clients/%,build/clients/%,$(wildcard tests/e2e/clients/*))
tests-provider: build/oidc/node_modules/.package-lock.json $(OIDC) ## a real identity provider for the tests (npm)

$(OIDC) $(CLIENTS): build/%: tests/e2e/%
	@mkdir -p $(@D)
	@cp $< $@

build/%/node_modules/.package-lock.json: build/%/package.json build/%/package-lock.json
	@cd build/$* && timeout 60 npm ci --ignore-scripts --no-audit --no-fund \
		--fetch-retries=0 --loglevel=error >/dev/null && touch ../../$@ || \
		echo "npm installed nothing into build/$*: tests that want it" \
			"will be skipped" >&2

release-tests:
	@echo "building release"
	@$(MAKE) --no-print-directory -s FLAVOUR=release all tests-build

asan-tests:
	@echo "building asan"
	@$(MAKE) --no-print-directory -s FLAVOUR=asan all tests-build

tsan-tests:
	@echo "building tsan"
	@$(MAKE) --no-print-directory -s FLAVOUR=tsan tests-build

ifdef T
test-unit: $(B)/tests/unit/$(T) ## unit tests, or one: T=lib/base/test_json
	$<
else
test-unit: $(UNIT)
	@$(TEST) unit --flavour $(FLAVOUR)
endif

test-integration: $(INTEGRATION) ## tests against a real Redis, or one: T=test_mailbox
	@$(TEST) integration --flavour $(FLAVOUR) $(if $(T),--only $(T))

test-e2e: all $(PRELOADED) tests-provider ## tests through the web server: WEB=nginx|lighttpd, T=test_send
	@$(TEST) e2e-$(WEB) --flavour $(FLAVOUR) $(if $(T),--only $(T))

test-browser: ## a real Firefox is told (installs it as root, 90 MB to fetch): WEB=nginx|lighttpd
	@tools/deps.sh browser $(WEB)
	@$(MAKE) --no-print-directory -s -j$(JOBS) all $(PRELOADED)
	@$(TEST) e2e-$(WEB) --flavour $(FLAVOUR) --only test_push_browser

test-clients: all build/clients/node_modules/.package-lock.json $(CLIENTS) ## WebSocket clients from npm, and conformance at length, behind both web servers
	@WAYPOST_CLIENT_ROUNDS=20 WAYPOST_DEFLATE_MESSAGES=50 WAYPOST_CROWD=60 $(TEST) \
		e2e-nginx e2e-lighttpd --flavour $(FLAVOUR) --only test_websocket

test-push: all $(PRELOADED) ## outages of 20,000 users, with figures (wants the machine for itself)
	@WEB=$(WEB) WAYPOST_E2E_BUILD=$(B) $(PYTHON) tests/e2e/outages.py

test-doctor: all $(PRELOADED) ## each row of waypost doctor, with the one that takes 75 s
	@TEST_DOCTOR_SLOW=1 $(TEST) e2e-$(WEB) --flavour $(FLAVOUR) --only test_doctor

test-backup: all ## ten backups under load, each put back (3 min): WEB=nginx|lighttpd
	@TEST_BACKUP_ROUNDS=10 $(TEST) e2e-$(WEB) --flavour $(FLAVOUR) --only test_backup

test-attacks: all ## attacks at full length, with figures (6 min, wants the machine for itself)
	@WEB=$(WEB) WAYPOST_E2E_BUILD=$(B) $(PYTHON) tests/e2e/attacks.py

test-monitoring: all ## alerts and dashboard against Prometheus itself (wants Debian's prometheus, 2 min)
	@WEB=$(WEB) WAYPOST_E2E_BUILD=$(B) $(PYTHON) tests/e2e/monitoring.py

model: ## check the protocol's models; MODEL=full for larger bounds
	@tests/model/run.sh

test-fault: all $(PRELOADED) ## kill, stop and starve everything under load, fixed seeds
	@$(PYTHON) tests/fault/unit.py
	@$(PYTHON) tests/fault/main.py --seed 1 --seconds 120 --web nginx --build $(B)
	@$(PYTHON) tests/fault/main.py --seed 2 --seconds 120 --web lighttpd --build $(B)

test-fault-bugs: all ## plant bugs, see that the fault test finds each (5 min)
	@$(PYTHON) tests/fault/mutate.py --build $(B) --jobs 3

bug: all ## build the programs with a planted bug into build/bug: BUG=lose
	@$(PYTHON) tests/fault/mutate.py --build $(B) --into build/bug $(BUG)
	@echo "build/bug/build/release has the programs with the bug $(BUG);" \
		"try them: tests/fault/main.py --build build/bug/build/release"

soak: all $(PRELOADED) ## faults for as long as you like: MINUTES=30 SEED=1 WEB=nginx
	@$(PYTHON) tests/fault/main.py --seed $(SEED) --web $(WEB) --build $(B) \
		--seconds $$(($(MINUTES) * 60))

asan: ## the whole suite under AddressSanitizer and UBSan
	@$(MAKE) --no-print-directory -s -j$(JOBS) asan-tests
	@$(TEST) unit integration e2e-nginx e2e-lighttpd --flavour asan

tsan: ## unit and integration tests under ThreadSanitizer
	@$(MAKE) --no-print-directory -s -j$(JOBS) tsan-tests
	@$(TEST) unit integration --flavour tsan

ci: test ## exactly what .ci/run runs

fuzz: ## build and run each fuzz target for FUZZ_SECONDS=30 (clang)
	@$(MAKE) --no-print-directory -s -j$(JOBS) CC=clang FLAVOUR=fuzz fuzz-run

fuzz-run: $(FUZZ)
	@tools/fuzz.sh $(FUZZ_SECONDS) $(FUZZ)

# ---- what the programs say of themselves ----

MAN := $(B)/man
man: all ## manual pages, made of docs/man and of what --help says
	@$(PYTHON) tools/man.py --build $(B) --out $(MAN)

completion: all ## what completes the command line of waypost
	@mkdir -p $(B)/completion
	@$(B)/waypost completion bash > $(B)/completion/waypost
	@$(B)/waypost completion zsh > $(B)/completion/_waypost

ZSHDIR ?= $(PREFIX)/share/zsh/site-functions
# `make install` does it too.
install: install-words
install-words: man completion ## manual pages and completion: DESTDIR= PREFIX=/usr/local
	install -d $(foreach section,1 5 7 8,'$(DESTDIR)$(PREFIX)/share/man/man$(section)') \
		'$(DESTDIR)$(PREFIX)/share/bash-completion/completions' \
		'$(DESTDIR)$(ZSHDIR)'
	for section in 1 5 7 8; do \
		install -m 644 $(MAN)/*.$$section \
			'$(DESTDIR)$(PREFIX)/share/man/man'$$section || exit 1; \
	done
	install -m 644 $(B)/completion/waypost \
		'$(DESTDIR)$(PREFIX)/share/bash-completion/completions'
	install -m 644 $(B)/completion/_waypost \
		'$(DESTDIR)$(ZSHDIR)'

# ---- looking after the source ----

CHECKS := check-format check-layers check-headers check-references check-contract check-logging \
	check-widths check-metrics
check: $(CHECKS) ## the quick ones

check-format: ## does clang-format agree?
	@clang-format --dry-run -Werror $(C_FILES)

format: ## let clang-format rewrite
	@clang-format -i $(C_FILES)

check-layers: all ## who may include and call whom
	@$(PYTHON) tools/check-layers.py --objects $(B)

check-references: ## is there what comments and documents name?
	@$(PYTHON) tools/check-references.py

check-widths: ## is any line too wide?
	@$(PYTHON) tools/check-widths.py

check-contract: ## do documents and programs tell the same?
	@$(PYTHON) tools/check-contract.py

check-logging: ## is each line of the log in docs/logging.md?
	@$(PYTHON) tools/check-logging.py

check-metrics: $(METRICS_LIST) ## is docs/metrics.md what the programs tell?
	@$(PYTHON) tools/metrics-doc.py --check $(METRICS_LIST)

metrics-doc: $(METRICS_LIST) ## write docs/metrics.md anew
	@$(PYTHON) tools/metrics-doc.py $(METRICS_LIST)

check-headers: ## each header compiles alone
	@for header in $(HEADERS); do \
		$(CC) $(CPPFLAGS) $(filter-out -fPIE,$(CFLAGS)) -Wno-unused \
			-fsyntax-only -include $$header -x c /dev/null || exit 1; \
	done

# Tests are left out: cmocka's macros are not ours to tidy.
LINT := $(filter-out tests/%,$(filter %.c,$(C_FILES)))
lint: compile_commands.json ## clang-tidy over the programs and the library
	@mkdir -p build
	@printf '%s\n' $(LINT) | \
		xargs -P $(JOBS) -n 4 clang-tidy --quiet -p . 2>build/lint.log || \
		{ grep -v 'warnings\? generated' build/lint.log; exit 1; }

# In single quotes for the shell, whatever the flags hold.
quoted = '$(subst ','\'',$(1))'
compile_commands.json: $(C_FILES) Makefile ## for clangd and other editors
	@$(PYTHON) tools/compile-commands.py \
		$(call quoted,$(CPPFLAGS) $(CFLAGS)) $(filter %.c,$(C_FILES)) > $@

# What is for /usr/local in the tree is for PREFIX where it goes.
UNITDIR ?= $(PREFIX)/lib/systemd/system
SHARE := $(DESTDIR)$(PREFIX)/share/waypost
prefixed = sed 's|/usr/local/|$(PREFIX)/|' $(1) > '$(2)'

# As they lie here, so that each link leads somewhere.
PAGES := README.md CONTRIBUTING.md $(wildcard docs/*.md docs/*.yaml \
	docs/decisions/*.md bench/*.md bench/plots/*.svg) \
	packaging/container/README.md web-config/waypost.yaml

install: install-pages
install-pages: ## README, docs and what they lead to: DESTDIR= PREFIX=/usr/local
	for page in $(PAGES); do install -D -m 644 "$$page" \
		'$(DESTDIR)$(PREFIX)/share/doc/waypost'"/$$page" || exit 1; done

install: all ## programs, units, web-config, docs: DESTDIR= PREFIX=/usr/local
	install -d '$(DESTDIR)$(PREFIX)/bin' '$(DESTDIR)$(PREFIX)/sbin' \
		'$(SHARE)/nginx' '$(SHARE)/lighttpd' \
		'$(DESTDIR)$(UNITDIR)' '$(DESTDIR)$(PREFIX)/lib/tmpfiles.d' \
		'$(DESTDIR)/etc/waypost'
	install $(B)/waypost '$(DESTDIR)$(PREFIX)/bin'
	install $(filter-out $(B)/waypost,$(PROGRAMS:%=$(B)/%)) \
		'$(DESTDIR)$(PREFIX)/sbin'
	install -m 644 web-config/nginx/*.conf '$(SHARE)/nginx'
	$(call prefixed,web-config/lighttpd/waypost.conf,$(SHARE)/lighttpd/waypost.conf)
	install -m 644 web-config/lighttpd/*.lua '$(SHARE)/lighttpd'
	install -m 644 web-config/waypost.yaml web-config/redis.conf '$(SHARE)'
	install -m 644 $(foreach kind,socket target timer,$(wildcard packaging/systemd/*.$(kind))) \
		'$(DESTDIR)$(UNITDIR)'
	$(foreach unit,$(wildcard packaging/systemd/*.service),\
		$(call prefixed,$(unit),$(DESTDIR)$(UNITDIR)/$(notdir $(unit))) &&) :
	install -m 644 packaging/systemd/tmpfiles.conf \
		'$(DESTDIR)$(PREFIX)/lib/tmpfiles.d/waypost.conf'

deb: ## Debian packages, into build/deb
	@tools/deps.sh deb
	@PACKAGE_VERSION=$(VERSION) packaging/debian/build.sh build/deb

test-packaging: ## the packages on a bare Debian that is booted here (root, systemd-nspawn, mmdebstrap)
	@for test in again install units upgrade; do \
		$(PYTHON) packaging/test/test_$$test.py || exit 1; done

test-distros: ## build and install on each system that is supported (as test-packaging, fetches 1.5 GB)
	@$(PYTHON) packaging/test/test_distros.py

clean: ## remove what was built (the state directory of make run stays)
	rm -rf build compile_commands.json

include bench/bench.mk

-include $(shell find $(B) -name '*.d' 2>/dev/null)

.PHONY: help all tests-build deps deps-build run test release-tests asan-tests tsan-tests test-unit \
	test-fault test-fault-bugs test-attacks test-backup test-browser test-clients test-push \
	bug soak test-integration test-e2e asan tsan ci fuzz fuzz-run check \
	format $(CHECKS) lint install deb image test-image test-packaging test-distros clean tests-provider \
	man completion install-words install-pages
