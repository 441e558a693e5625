# ---- benchmarks: nothing here is part of the product ----

ROUNDS ?= 5
SECONDS ?= 5
GROWTH_MINUTES ?= 5
# An earlier state to compare with, built in a folder of its own.
BEFORE ?= 61d1681
BENCH := $(B)/bench

BENCH_LOAD_OBJ := $(patsubst %,$(B)/bench/load/%.o,answer hist net template)
BENCH_PROGRAMS := $(BENCH)/http_load $(BENCH)/empty_fcgi $(BENCH)/script_loop \
	$(BENCH)/ws_load $(BENCH)/inline_load $(BENCH)/ws_loop $(BENCH)/herd $(BENCH)/hash_loop

$(BENCH)/http_load: $(B)/bench/load/http_load.o $(BENCH_LOAD_OBJ)
	$(CC) $(LDFLAGS) -o $@ $^

$(BENCH)/empty_fcgi: $(B)/bench/limits/empty_fcgi.o $(B)/bench/load/net.o
	$(CC) $(LDFLAGS) -o $@ $^ -lfcgi

$(BENCH)/script_loop: $(B)/bench/limits/script_loop.o $(B)/bench/load/net.o $(LIB)
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BENCH)/ws_load: $(B)/bench/load/ws_load.o $(BENCH_LOAD_OBJ)
	$(CC) $(LDFLAGS) -o $@ $^

$(BENCH)/inline_load: $(B)/bench/load/inline_load.o $(BENCH_LOAD_OBJ)
	$(CC) $(LDFLAGS) -o $@ $^

$(BENCH)/herd: $(B)/bench/load/herd.o $(BENCH_LOAD_OBJ)
	$(CC) $(LDFLAGS) -o $@ $^

$(BENCH)/ws_loop: $(B)/bench/limits/ws_loop.o $(B)/bench/load/net.o
	$(CC) $(LDFLAGS) -o $@ $^ -lcrypto

$(BENCH)/hash_loop: $(B)/bench/limits/hash_loop.o $(LIB)
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

BENCH_SRC := $(sort $(wildcard bench/*/*.c))
bench-objects: $(BENCH_SRC:%.c=$(B)/%.o)

bench-deps: ## install what benchmarks compare with (root)
	@tools/deps.sh bench

bench-build:
	@tools/deps.sh bench
	@$(MAKE) --no-print-directory -s -j$(JOBS) all $(BENCH_PROGRAMS)

BENCH_RUN = $(PYTHON) bench/$(1).py --rounds $(ROUNDS) --seconds $(SECONDS) \
	--before $(BEFORE) --build $(B)

bench-send: bench-build ## POST /api/send: ROUNDS=5 SECONDS=5 BEFORE=61d1681
	@$(call BENCH_RUN,send)
	@$(call BENCH_RUN,send) --batch

bench-pull: bench-build ## GET /api/messages of nothing and of 50, and ack of 50
	@$(call BENCH_RUN,pull)

bench-redis: bench-build ## the send and route scripts alone, and the worker
	@$(call BENCH_RUN,scripts)

bench-migrate: bench-build ## from accepted to on disk
	@$(call BENCH_RUN,migrate)

bench-ws-peers: bench-build ## WebSocket daemons: clients let in, kept and poked
	@$(call BENCH_RUN,ws)

bench-ws: bench-build ## what the WebSocket daemon is held to, side by side (4 min)
	@$(PYTHON) bench/ws.py --rounds $(ROUNDS) --seconds 3 --build $(B) \
		--only "waypost,waypost told,bare loop" --out $(BENCH)/held
	@$(PYTHON) bench/ws.py --apart --rounds $(ROUNDS) --seconds 0.1 --build $(B) \
		--only waypost,go --out $(BENCH)/held/apart
	@$(PYTHON) bench/inline.py --rounds 3 --build $(B) --out $(BENCH)/held
	@$(PYTHON) bench/crowd.py --rounds 1 --build $(B) --out $(BENCH)/held
	@$(PYTHON) bench/held.py --data $(BENCH)/held

bench-e2e: bench-build ## from POST to poke, 1,000 a second
	@$(call BENCH_RUN,e2e)

bench-herd: bench-build ## 4,000 and 10,000 requests whose last bytes come at one moment
	@$(call BENCH_RUN,herd)

bench-rolling: all ## 20,000 connections while another daemon takes over (1 min)
	@$(PYTHON) bench/rolling.py --build $(B)

bench-depth: bench-build ## pulls and acknowledgements by how much waits
	@$(call BENCH_RUN,depth)

bench-identity: bench-build ## what limits cost, and tokens of our own
	@$(call BENCH_RUN,limited)
	@$(call BENCH_RUN,limited) --senders=1
	@$(call BENCH_RUN,tokens)

bench-push: bench-build ## what push costs whoever sends
	@$(call BENCH_RUN,push_cost)

bench-capacity: bench-build ## what users and messages cost, into docs/capacity.md (3 min)
	@$(PYTHON) bench/capacity.py --build $(B) --write

bench-idle: bench-build ## memory of all programs at rest
	@$(call BENCH_RUN,idle)

bench-telling: all $(PRELOADED) ## how fast one notifier tells, and what that costs: KIND=web|fcm|apns
	@$(PYTHON) bench/telling.py --rounds 3 --build $(B) \
		$(if $(KIND),--kind $(KIND))

bench-hash: $(BENCH)/hash_loop ## what hashing a password costs
	@$<

bench-growth: bench-build ## by users known and messages waiting: GROWTH_MINUTES=5 each
	@$(call BENCH_RUN,growth) --minutes $(GROWTH_MINUTES)

bench-plots: ## draw what was measured, to bench/plots
	@$(PYTHON) bench/plots.py

bench-results: bench-plots ## put what was measured together: bench/RESULTS.md
	@$(PYTHON) bench/results.py

bench: bench-send bench-pull bench-e2e bench-redis bench-ws-peers bench-migrate bench-herd \
	bench-depth bench-identity bench-push bench-idle bench-growth bench-plots ## all of them

.PHONY: bench bench-deps bench-build bench-objects bench-send bench-pull bench-redis \
	bench-migrate bench-ws bench-ws-peers bench-e2e bench-herd bench-depth bench-idle \
	bench-growth bench-capacity bench-hash bench-identity bench-push bench-telling bench-plots bench-results

# Tests try these.
tests-build test-e2e: $(BENCH_PROGRAMS)
