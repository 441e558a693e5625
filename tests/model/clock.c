/*
 * clock.c - every order in which a clock is set, hosts boot, workers die, look
 * at the clock, and delete, within bounds. The decision itself is not modelled:
 * it is worker/sweep_clock.c, linked in.
 *
 * Violated when a message goes before it has lived its time, by a clock that
 * nobody can set. Two workers, on one host or two, share a record. A look reads
 * the record, the clock and the word, and writes if the record is still the
 * same; it may stall in between, and so may whoever has looked before it
 * deletes.
 *
 * Assumed, as docs/decisions/0011 says: a clock that was set back is looked at
 * before a message is accepted by it, and what was found out before that is not
 * acted upon any more. What was sent while the clock was behind may go once an
 * operator has confirmed a right one.
 *
 * usage: clock [--trace] [--list] [NAME…]
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "worker/sweep_clock.h"

enum { WORKERS = 2, MESSAGES = 2, LONGEST = 2, BY = 3 };
/* Long enough for passed time to be news. */
#define TICK INT64_C(60000)
#define BASE 40 /* what the clock says at first, in ticks */
#define NEVER 120

enum mistake {
	NONE,
	TRUST_AT_START,
	KEEP_AHEAD, /* of a clock that was set back */
	ANY_BOOT,
	WORD_FOR_EACH,
	WORD_FOR_NOW,
	WORD_FIRST,
	BLIND_WRITE,
	FORGET_EARLY,
	TRUST_THE_PAST,
};

struct model {
	const char *name;
	const char *what;
	enum mistake mistake;
	int ticks, sets, kills, boots, words;
	int messages, hosts;
	bool has_past; /* the record begins later than the messages */
};

static const struct model models[] = {
	{ "T1", "clock: two steps, a death", NONE, 3, 2, 1, 0, 0, 1, 1, false },
	{ "T2", "clock: two steps, a boot", NONE, 3, 2, 0, 1, 0, 1, 1, false },
	{ "T3", "clock: a step, a word", NONE, 3, 1, 0, 0, 1, 1, 1, false },
	{ "T4", "clock: a step, two messages", NONE, 3, 1, 0, 0, 0, 2, 1,
	  false },
	{ "T5", "clock: a record later than messages", NONE, 4, 1, 1, 0, 1, 1,
	  1, true },
	{ "T6", "clock: a step, two words", NONE, 2, 1, 0, 0, 2, 1, 1, false },
	{ "T7", "clock: two hosts, two steps", NONE, 3, 2, 0, 0, 0, 1, 2,
	  false },
	{ "T8", "clock: two hosts, a step, a boot", NONE, 3, 1, 0, 1, 0, 1, 2,
	  false },
	{ "T10", "clock: to start is to trust", TRUST_AT_START, 4, 1, 1, 0, 0,
	  1, 1, false },
	{ "T11", "clock: not followed back", KEEP_AHEAD, 4, 2, 0, 0, 0, 1, 1,
	  false },
	{ "T12", "clock: ages of two hosts are compared", ANY_BOOT, 4, 1, 0, 0,
	  0, 1, 2, false },
	{ "T13", "clock: each process hears the word", WORD_FOR_EACH, 3, 2, 1,
	  0, 1, 1, 1, false },
	{ "T14", "clock: the word is of the time it is heard", WORD_FOR_NOW, 4,
	  1, 0, 0, 1, 1, 1, false },
	{ "T15", "clock: the word is read before the clock", WORD_FIRST, 2, 2,
	  0, 0, 1, 1, 1, false },
	{ "T16", "clock: written without comparing", BLIND_WRITE, 4, 2, 0, 0, 0,
	  1, 1, false },
	{ "T17", "clock: a step is forgotten early", FORGET_EARLY, 4, 1, 0, 0,
	  0, 1, 1, false },
	{ "T18", "clock: an unknown past is trusted", TRUST_THE_PAST, 4, 1, 0,
	  0, 0, 1, 1, true },
};

/* ---- a state: bytes only, so that it can be compared as such ---- */

struct record {
	int8_t is_there;
	int8_t real, skew, before, since, boot, boot_age;
	int8_t word, word_wall;
};

struct worker {
	int8_t phase;
	struct record was;    /* for BLIND_WRITE; else only while it looks */
	int8_t is_record_new; /* it was changed since the look began */
	int8_t wall, boot, age, word, word_wall; /* of the look under way */
	int8_t is_look_old; /* the clock was set back since it was read */
	int8_t has_looked;  /* for TRUST_AT_START */
	int8_t heard;       /* for WORD_FOR_EACH */
	int8_t has_now, now, is_now_old;
};

struct message {
	int8_t is_there, sent, lives, expires, is_early, is_excused;
};

struct state {
	int8_t time, ahead, is_seen;
	int8_t sets, kills, boots, words;
	int8_t word, word_wall;
	int8_t boot[WORKERS], born[WORKERS];
	struct record record;
	struct worker workers[WORKERS];
	struct message messages[MESSAGES];
};

enum { READ_FIRST, READ_SECOND, COMMIT };

static int8_t wall_of(const struct state *s)
{
	return (int8_t)(BASE + s->time + s->ahead);
}

/* ---- the decision ---- */

static int64_t from_ticks(int8_t ticks)
{
	if (ticks == NEVER || ticks == -NEVER)
		return ticks > 0 ? INT64_C(1) << 60 : -(INT64_C(1) << 60);
	return ticks * TICK;
}

static int8_t to_ticks(int64_t ms)
{
	if (ms > 1000 * TICK || ms < -1000 * TICK)
		return ms > 0 ? NEVER : -NEVER;
	return (int8_t)(ms / TICK);
}

static void unpack(const struct model *m, const struct record *record,
		   struct wp_sweep_clock *clock)
{
	if (!record->is_there) {
		wp_sweep_clock_begin(
			clock, !m->has_past || m->mistake == TRUST_THE_PAST);
		return;
	}
	*clock = (struct wp_sweep_clock){
		.real_ms = from_ticks(record->real),
		.skew_ms = from_ticks(record->skew),
		.skew_before_ms = from_ticks(record->before),
		.since_ms = from_ticks(record->since),
		.longest_ms =
			m->mistake == FORGET_EARLY ? TICK : LONGEST * TICK,
		.boot_ms = from_ticks(record->boot_age),
	};
	(void)snprintf(clock->boot, sizeof(clock->boot), "%d", record->boot);
	if (record->word > 0)
		(void)snprintf(clock->word, sizeof(clock->word), "%lld %d",
			       (long long)from_ticks(record->word_wall),
			       record->word);
}

static void pack(const struct wp_sweep_clock *clock, struct record *record)
{
	char *end;

	*record = (struct record){
		.is_there = 1,
		.real = to_ticks(clock->real_ms),
		.skew = to_ticks(clock->skew_ms),
		.before = to_ticks(clock->skew_before_ms),
		.since = to_ticks(clock->since_ms),
		.boot = (int8_t)atoi(clock->boot),
		.boot_age = to_ticks(clock->boot_ms),
	};
	if (clock->word[0] != '\0') {
		record->word_wall = to_ticks(strtoll(clock->word, &end, 10));
		record->word = (int8_t)atoi(end);
	}
}

/* Whoever finds another record than when he began begins again. */
static bool commit(const struct model *m, struct state *s, struct worker *w)
{
	struct wp_sweep_clock before, clock;
	char boot[WP_BOOT_ID_LEN], word[WP_EXPIRE_CONFIRM_MAX + 1] = "";
	struct wp_sweep_look look = {
		.wall_ms = from_ticks(w->wall),
		.boot = boot,
		.boot_ms = from_ticks(w->age),
		.longest_ms =
			m->mistake == FORGET_EARLY ? TICK : LONGEST * TICK,
		.word = word,
	};
	int64_t now;

	if (m->mistake != BLIND_WRITE && w->is_record_new)
		return false;
	if (m->mistake != BLIND_WRITE)
		w->was = s->record;
	unpack(m, &w->was, &before);
	clock = before;
	if (m->mistake == TRUST_AT_START && !w->has_looked)
		wp_sweep_clock_begin(&clock, true);
	(void)snprintf(boot, sizeof(boot), "%d", w->boot);
	if (m->mistake == ANY_BOOT)
		(void)snprintf(clock.boot, sizeof(clock.boot), "%s", boot);
	if (w->word > 0)
		(void)snprintf(word, sizeof(word), "%lld %d",
			       (long long)from_ticks(m->mistake == WORD_FOR_NOW
							     ? w->wall
							     : w->word_wall),
			       w->word);
	if (m->mistake == WORD_FOR_EACH && w->heard != w->word)
		clock.word[0] = '\0';
	now = wp_sweep_clock_look(&clock, &look);
	if (m->mistake == KEEP_AHEAD && w->was.is_there)
		clock.skew_ms = before.skew_ms;

	if (wp_sweep_clock_is_news(&before, &clock)) {
		pack(&clock, &s->record);
		for (int i = 0; i < WORKERS; i++)
			s->workers[i].is_record_new =
				s->workers[i].phase != READ_FIRST;
	}
	w->has_looked = m->mistake == TRUST_AT_START;
	w->heard = m->mistake == WORD_FOR_EACH ? w->word : 0;
	w->has_now = now != WP_SWEEP_UNKNOWN;
	w->now = w->has_now ? to_ticks(now) : 0;
	w->is_now_old = w->has_now && w->is_look_old;
	s->is_seen |= !w->is_look_old;
	return true;
}

/* ---- steps ---- */

static int host_of(const struct model *m, int i)
{
	return i % m->hosts;
}

static void read_clock(const struct model *m, const struct state *s,
		       struct worker *w, int i)
{
	int host = host_of(m, i);

	w->wall = wall_of(s);
	w->boot = s->boot[host];
	/* The second one is older. */
	w->age = (int8_t)(s->time - s->born[host] + 20 * host);
}

static void read_word(const struct state *s, struct worker *w)
{
	w->word = s->word;
	w->word_wall = s->word_wall;
}

static void begin_again(struct worker *w)
{
	w->phase = READ_FIRST;
	w->was = (struct record){ 0 };
	w->wall = w->boot = w->age = w->word = w->word_wall = 0;
	w->is_look_old = w->is_record_new = 0;
}

static const char *look(const struct model *m, struct state *s, int i)
{
	struct worker *w = &s->workers[i];
	bool is_word_first = m->mistake == WORD_FIRST;

	if (w->phase == COMMIT) {
		bool has_looked = commit(m, s, w);

		begin_again(w);
		return has_looked ? "has looked" : "finds another record";
	}
	if (w->phase == READ_FIRST && m->mistake == BLIND_WRITE)
		w->was = s->record;
	if ((w->phase++ == READ_FIRST) == is_word_first) {
		read_word(s, w);
		return "reads the word";
	}
	read_clock(m, s, w, i);
	return "reads the clock";
}

static void die(struct state *s, int i)
{
	memset(&s->workers[i], 0, sizeof(s->workers[i]));
}

static void set_clock(const struct model *m, struct state *s, int8_t ahead)
{
	if (ahead < s->ahead) {
		s->is_seen = 0;
		for (int i = 0; i < WORKERS; i++) {
			struct worker *w = &s->workers[i];

			w->is_now_old = w->has_now;
			/* Has it read the clock? */
			w->is_look_old = w->phase == COMMIT ||
					 (w->phase == READ_SECOND &&
					  m->mistake != WORD_FIRST);
		}
	}
	s->ahead = ahead;
	s->sets++;
}

static void send(struct state *s, int i, int8_t lives)
{
	s->messages[i] = (struct message){
		.is_there = 1,
		.sent = s->time,
		.lives = lives,
		.expires = (int8_t)(wall_of(s) + lives),
		.is_early = s->ahead < 0,
	};
	for (int k = 0; k < WORKERS; k++) {
		struct worker *w = &s->workers[k];

		if (w->is_now_old)
			w->has_now = w->now = w->is_now_old = 0;
	}
}

static void say_right(struct state *s)
{
	s->words++;
	s->word++;
	s->word_wall = wall_of(s);
	for (int i = 0; i < MESSAGES; i++)
		s->messages[i].is_excused |= s->messages[i].is_early;
}

/* Returns whether anything was deleted; *is_bad_out: before its time. */
static bool sweep(struct state *s, int i, bool *is_bad_out)
{
	bool has_deleted = false;

	for (int k = 0; k < MESSAGES; k++) {
		struct message *message = &s->messages[k];

		if (!message->is_there || !s->workers[i].has_now ||
		    message->expires > s->workers[i].now)
			continue;
		*is_bad_out |= !message->is_excused &&
			       s->time - message->sent < message->lives;
		*message = (struct message){ 0 };
		has_deleted = true;
	}
	return has_deleted;
}

/* ---- the explorer: breadth first, every state once ---- */

struct node {
	struct state state;
	uint32_t parent;
	int8_t who;
	const char *step;
};

struct search {
	const struct model *model;
	struct node *nodes;
	size_t n, cap;
	uint32_t *slots; /* number + 1 */
	size_t n_slots;
	uint32_t from;
	size_t bad; /* node + 1 */
};

static uint64_t hash(const struct state *s)
{
	const unsigned char *byte = (const unsigned char *)s;
	uint64_t h = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < sizeof(*s); i++)
		h = (h ^ byte[i]) * UINT64_C(1099511628211);
	return h ^ h >> 29;
}

static void *must(void *memory)
{
	if (memory == NULL) {
		fprintf(stderr, "clock: out of memory\n");
		exit(EXIT_FAILURE);
	}
	return memory;
}

static uint32_t *slot_of(const struct search *x, const struct state *s)
{
	size_t i = hash(s) & (x->n_slots - 1);

	while (x->slots[i] != 0 &&
	       memcmp(&x->nodes[x->slots[i] - 1].state, s, sizeof(*s)) != 0)
		i = (i + 1) & (x->n_slots - 1);
	return &x->slots[i];
}

static void grow(struct search *x)
{
	x->cap = x->cap == 0 ? 1 << 16 : 2 * x->cap;
	x->nodes = must(realloc(x->nodes, x->cap * sizeof(*x->nodes)));
	free(x->slots);
	x->n_slots = 4 * x->cap;
	x->slots = must(calloc(x->n_slots, sizeof(*x->slots)));
	for (size_t i = 0; i < x->n; i++)
		*slot_of(x, &x->nodes[i].state) = (uint32_t)i + 1;
}

static void add(struct search *x, const struct state *state, int who,
		const char *step, bool is_bad)
{
	struct state ordered = *state;
	const struct state *s = &ordered;
	uint32_t *slot;

	/* Two on one host are alike: who of them did it makes no difference. */
	if (x->model->hosts == 1 &&
	    memcmp(&s->workers[0], &s->workers[1], sizeof(s->workers[0])) > 0) {
		ordered.workers[0] = state->workers[1];
		ordered.workers[1] = state->workers[0];
	}

	if (x->n == x->cap)
		grow(x);
	slot = slot_of(x, s);
	if (*slot != 0 && !is_bad)
		return;
	x->nodes[x->n] = (struct node){ *s, x->from, (int8_t)who, step };
	*slot = (uint32_t)++x->n;
	if (is_bad && x->bad == 0)
		x->bad = x->n;
}

static void step_worker(struct search *x, const struct state *s, int i)
{
	const struct model *m = x->model;
	struct state next = *s;
	bool is_bad = false;
	const char *step = look(m, &next, i);

	add(x, &next, i, step, false);
	next = *s;
	if (sweep(&next, i, &is_bad))
		add(x, &next, i, "deletes", is_bad);
	if (s->kills < m->kills) {
		next = *s;
		die(&next, i);
		next.kills++;
		add(x, &next, i, "is killed", false);
	}
	if (s->boots < m->boots) {
		next = *s;
		for (int k = 0; k < WORKERS; k++)
			if (host_of(m, k) == host_of(m, i))
				die(&next, k);
		next.boots++;
		next.boot[host_of(m, i)] = (int8_t)(2 * next.boots + i);
		next.born[host_of(m, i)] = s->time;
		add(x, &next, i, "comes up again, host and all", false);
	}
}

static void step_world(struct search *x, const struct state *s)
{
	static const struct {
		int8_t ahead;
		const char *step;
	} settings[] = { { -BY, "the clock is behind" },
			 { 0, "the clock is right" },
			 { BY, "the clock is ahead" } };
	const struct model *m = x->model;
	struct state next = *s;

	if (s->time < m->ticks) {
		next.time++;
		add(x, &next, -1, "time passes", false);
	}
	for (size_t i = 0; i < 3 && s->sets < m->sets; i++) {
		if (settings[i].ahead == s->ahead)
			continue;
		next = *s;
		set_clock(m, &next, settings[i].ahead);
		add(x, &next, -1, settings[i].step, false);
	}
	if (s->words < m->words && s->ahead == 0) {
		next = *s;
		say_right(&next);
		add(x, &next, -1, "an operator says that it is right", false);
	}
	for (int i = 0; i < m->messages && s->is_seen; i++) {
		if (s->messages[i].is_there || s->time == m->ticks)
			continue;
		for (int8_t lives = 1; lives <= LONGEST; lives++) {
			next = *s;
			send(&next, i, lives);
			add(x, &next, -1, "a message is accepted", false);
		}
	}
}

static void begin(struct search *x)
{
	struct state s = { .boot = { 0, 1 } };

	if (x->model->has_past) {
		s.ahead = -BY;
		send(&s, 0, LONGEST);
	}
	add(x, &s, -1, "it begins", false);
}

static void print_trace(const struct search *x, uint32_t at)
{
	const struct node *node = &x->nodes[at];

	if (at != 0)
		print_trace(x, node->parent);
	printf("    %d: ", node->state.time);
	if (node->who >= 0)
		printf("worker %d ", node->who);
	printf("%s\n", node->step);
}

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool check(const struct model *model, bool has_trace)
{
	struct search x = { .model = model };
	double begun = seconds_now();
	char outcome[32] = "holds";
	int steps = 0;
	bool ok;

	begin(&x);
	for (; x.from < x.n && x.bad == 0; x.from++) {
		const struct state s = x.nodes[x.from].state;

		for (int i = 0; i < WORKERS; i++)
			step_worker(&x, &s, i);
		step_world(&x, &s);
	}
	for (size_t at = x.bad; at > 1; at = x.nodes[at - 1].parent + 1)
		steps++;
	if (x.bad != 0)
		(void)snprintf(outcome, sizeof(outcome), "fails, %d steps",
			       steps);
	ok = (x.bad != 0) == (model->mistake != NONE);
	printf("%s %-5s %-46s %-50s%9zu states %5.1f s\n", ok ? "ok  " : "FAIL",
	       model->name, model->what, outcome, x.n, seconds_now() - begun);
	if (x.bad != 0 && (has_trace || !ok))
		print_trace(&x, (uint32_t)x.bad - 1);
	free(x.nodes);
	free(x.slots);
	return ok;
}

static bool is_wanted(const char *name, int argc, char **argv, int first)
{
	for (int i = first; i < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return true;
	return first == argc;
}

int main(int argc, char **argv)
{
	bool has_trace = argc > 1 && strcmp(argv[1], "--trace") == 0;
	bool is_list = argc > 1 && strcmp(argv[1], "--list") == 0;
	bool ok = true;

	for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++) {
		if (!is_wanted(models[i].name, argc, argv,
			       1 + (has_trace || is_list)))
			continue;
		if (is_list)
			printf("%s\n", models[i].name);
		else
			ok &= check(&models[i], has_trace);
	}
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
