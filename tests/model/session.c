/*
 * session.c - every order in which two tabs of one client, a thief, and the
 * owner who logs out, or closes all sessions, use one session, while handlers
 * stall and die and Redis loses its tail or everything, within bounds.
 *
 * The tabs share one place where they keep the refresh token. They put away
 * what they were given before they use anything that came with it.
 *
 * V1  without a thief and a logout nobody is told that the session has ended
 * V2  who presents what was superseded gets nothing once the child was in use
 *     for longer than the grace
 * V3  once an ending is done no refresh gives anything, for good
 *
 * usage: session [--trace] [--full] [--list] [NAME…]
 */
#include "tests/model/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/model/search.h"

/* The bounds of a search for what a missing guard does. */
#define TABS .generations = 3, .sent = 6
#define LOSS .generations = 3, .sent = 4, .wholes = 1
#define TAIL .generations = 3, .sent = 4, .tails = 1
#define THIEF .generations = 3, .sent = 6, .has_thief = true
#define LOGOUT .generations = 2, .sent = 3, .has_owner = true
#define CLOSING LOGOUT, .is_closing = true, .crashes = 1
#define MANY .generations = 100, .sent = 100, .wholes = 3, .tails = 3
/* R, what, mistake or WP_SM_RIGHT, bounds */
#define R(number, text, wrong, ...)                           \
	{                                                     \
		.name = "R" number, .what = "session: " text, \
		.mistake = WP_SM_##wrong, __VA_ARGS__         \
	}

static const struct wp_sm_case cases[] = {
	R("1", "two tabs", RIGHT, TABS),
	R("2", "all is lost", RIGHT, LOSS),
	R("3", "the tail is lost", RIGHT, TAIL),
	R("4", "tabs and a thief", RIGHT, THIEF, .sent = 4),
	R("5", "a thief, all is lost", RIGHT, LOSS, .has_thief = true),
	R("6", "a logout, all is lost", RIGHT, LOGOUT, .wholes = 1,
	  .crashes = 1),
	R("7", "a logout, the tail is lost", RIGHT, LOGOUT, .tails = 1,
	  .crashes = 1),
	R("8", "a login, a logout", RIGHT, LOGOUT, .wholes = 1, .crashes = 1,
	  .begins_with_login = true),
	R("9", "a login, the tail is lost", RIGHT, TAIL, .sent = 3,
	  .begins_with_login = true),
	R("10", "a logout, the tail and all are lost", RIGHT, LOGOUT,
	  .generations = 1, .wholes = 1, .tails = 1),
	R("11", "tabs, many faults, by chance", RIGHT, MANY, .is_random = true),
	R("12", "everybody, many faults, by chance", RIGHT, MANY,
	  .has_thief = true, .has_owner = true, .crashes = 3,
	  .is_random = true),
	R("13", "tabs, all is lost twice", RIGHT, LOSS, .sent = 5, .wholes = 2,
	  .is_full = true),
	R("14", "tabs, the tail and all are lost", RIGHT, LOSS, .sent = 5,
	  .tails = 1, .is_full = true),
	R("15", "tabs and a thief, longer", RIGHT, THIEF, .is_full = true),
	R("16", "a thief, a logout, all is lost", RIGHT, LOGOUT, .sent = 4,
	  .wholes = 1, .has_thief = true, .crashes = 1, .is_full = true),
	R("17", "a closing, all is lost", RIGHT, CLOSING, .wholes = 1),
	R("18", "a closing, the tail is lost", RIGHT, CLOSING, .tails = 1),
	R("19", "a login, a closing", RIGHT, CLOSING, .wholes = 1,
	  .begins_with_login = true),

	R("20", "no grace", NO_GRACE, TABS),
	R("21", "grace only, used or not", NO_USED, TABS),
	R("22", "grace counts from the rotation", GRACE_ONCE, TABS),
	R("23", "grace begins anew each time", GRACE_RENEWED, THIEF),
	R("24", "a parent is always served", AGAIN_ALWAYS, THIEF),
	R("25", "each refresh rotates", ROTATE_ALWAYS, TABS),
	R("26", "rotates when the grace is over", ROTATE_SOON, TABS),
	R("27", "what is kept is given again", KEPT_IS_GIVEN, TABS),
	R("28", "what is kept does not count as used", KEPT_UNUSED, THIEF),
	R("29", "a verdict over an old request counts", OLD_VERDICT, TABS),
	R("30", "any generation marks the present one", SEEN_ANY, TABS),
	R("40", "settled without a claim", NO_CLAIM, LOGOUT, .wholes = 1),
	R("41", "all claims are the same", ONE_CLAIM, LOGOUT, .wholes = 1,
	  .sent = 4),
	R("42", "a claim outlives a loss", CLAIM_OUTLIVES, LOGOUT, .wholes = 1,
	  .tails = 1),
	R("43", "lives of Redis are not compared", NO_LIFE, LOGOUT, .tails = 1),
	R("44", "what is ahead of Redis is not believed", NOT_RAISED, TAIL),
	R("45", "what was restored is rotated at once", RESTORED_OLD, LOSS),
	R("46", "a login settles without a claim", LOGIN_BLIND, LOGOUT,
	  .begins_with_login = true),
	R("49", "a login believes its row for good", LOGIN_TRUSTS_ROW, LOGOUT,
	  .begins_with_login = true),
	R("47", "ends in Redis first", END_REDIS_FIRST, LOGOUT),
	R("48", "ends in the store only", END_STORE_ONLY, LOGOUT),
	R("50", "a closing leaves claims", CLOSES_UNSAID, CLOSING,
	  .begins_with_login = true),
	R("51", "so it does when all was lost", CLOSES_UNSAID, CLOSING,
	  .wholes = 1),
	R("52", "a closing ends what has rows", CLOSES_ROWS, CLOSING),
};

enum {
	N_CASES = sizeof(cases) / sizeof(cases[0]),
	WALKS = 3000,
	WALK_STEPS = 300,
};

static const char *const names[] = { "tab 0", "tab 1", "the thief",
				     "who has gone", "the owner" };

/* Every way, or one of them by chance. */
struct walk {
	const struct wp_sm_case *model;
	struct wp_search *search; /* NULL: by chance */
	uint64_t dice;
	struct wp_sm_state next;
	int n_ways;
	bool is_next_bad, is_bad;
};

static uint32_t roll(struct walk *w, uint32_t sides)
{
	w->dice = w->dice * UINT64_C(6364136223846793005) +
		  UINT64_C(1442695040888963407);
	return (uint32_t)(w->dice >> 33) % sides;
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct wp_sm_request));
}

/* Which place a request has makes no difference. */
static void put(struct walk *w, const struct wp_sm_state *s, const char *who,
		const char *step, bool is_violated)
{
	struct wp_sm_state ordered = *s;

	qsort(ordered.requests, WP_SM_REQUESTS, sizeof(ordered.requests[0]),
	      by_bytes);
	if (w->search != NULL) {
		wp_search_add(w->search, &ordered, who, step, is_violated);
	} else if (roll(w, (uint32_t)++w->n_ways) == 0) {
		w->next = ordered;
		w->is_next_bad = is_violated;
	}
}

static void add(struct walk *w, const struct wp_sm_state *s, int who,
		const char *step, bool is_violated)
{
	put(w, s, names[who], step, is_violated);
}

/* ---- requests ---- */

static void forget(struct wp_sm_request *r)
{
	memset(r, 0, sizeof(*r));
}

static void answer(struct wp_sm_request *r)
{
	r->at = WP_SM_ANSWERED;
	r->age = r->claim = r->is_login = r->has_deleted = 0;
	if (r->who == WP_SM_NOBODY)
		forget(r);
}

/* Was he told so without a reason? */
static bool is_wrongly_ended(const struct wp_sm_case *model,
			     const struct wp_sm_state *s)
{
	return !model->has_thief && !s->owner_found;
}

static void step_refresh(struct walk *w, const struct wp_sm_state *s, int i)
{
	static const char *const steps[] = {
		[WP_SM_ROTATED] = "gets a child",
		[WP_SM_AGAIN] = "gets the same child",
		[WP_SM_KEPT] = "keeps what he has",
		[WP_SM_ASK] = "is to ask the store",
		[WP_SM_IS_REUSED] = "has something old",
	};
	struct wp_sm_state next = *s;
	struct wp_sm_request *r = &next.requests[i];
	int8_t presented = r->token;
	int who = r->who;
	enum wp_sm_verdict verdict;
	bool is_bad = false;

	if (s->redis.is_settled && s->redis.generation == w->model->generations)
		return; /* bounds */
	verdict = wp_sm_refresh(w->model, &next, presented, r);
	if (verdict == WP_SM_ASK) {
		r->at = WP_SM_ASKS;
	} else if (verdict == WP_SM_IS_REUSED) {
		r->at = WP_SM_REUSED;
	} else {
		is_bad = s->has_ended || (presented < s->redis.generation &&
					  s->used_age > WP_SM_GRACE);
		answer(r);
	}
	add(w, &next, who, steps[verdict], is_bad);
}

/* A login has lost its claim: a new one, and is its row still there? */
static void look_again(const struct wp_sm_case *model, struct wp_sm_state *s,
		       struct wp_sm_request *r)
{
	if (wp_sm_refresh(model, s, 0, r) != WP_SM_ASK)
		forget(r);
	else if (model->mistake == WP_SM_LOGIN_TRUSTS_ROW)
		r->at = WP_SM_FOUND;
	else
		r->at = WP_SM_ASKS;
}

static void step_settle(struct walk *w, const struct wp_sm_state *s, int i)
{
	struct wp_sm_state next = *s;
	struct wp_sm_request *r = &next.requests[i];
	int who = r->who;
	bool is_done =
		wp_sm_settle(w->model, &next, r->claim, r->token, r->is_login);

	r->claim = 0;
	r->at = WP_SM_SENT;
	if (is_done && r->is_login) {
		r->access = r->token;
		answer(r);
	} else if (r->is_login) {
		look_again(w->model, &next, r);
	}
	add(w, &next, who, is_done ? "settles" : "may not settle",
	    is_done && s->has_ended);
}

static void step_request(struct walk *w, const struct wp_sm_state *s, int i)
{
	const struct wp_sm_case *model = w->model;
	struct wp_sm_state next = *s;
	struct wp_sm_request *r = &next.requests[i];
	int who = r->who;
	bool is_told;

	switch ((enum wp_sm_at)r->at) {
	case WP_SM_FREE:
		return;
	case WP_SM_SENT:
		step_refresh(w, s, i);
		break;
	case WP_SM_LOGS_IN:
		if (model->mistake != WP_SM_LOGIN_BLIND)
			(void)wp_sm_refresh(model, &next, 0, r);
		r->at = WP_SM_ADDS;
		add(w, &next, who, "claims", false);
		break;
	case WP_SM_ADDS:
		next.has_row = 1;
		r->at = WP_SM_FOUND;
		add(w, &next, who, "has a row", false);
		break;
	case WP_SM_ASKS:
		r->at = WP_SM_FOUND;
		if (s->has_row) {
			add(w, &next, who, "finds the row", false);
			break;
		}
		is_told = who != WP_SM_NOBODY && !r->is_login;
		forget(r);
		add(w, &next, who, "finds no row",
		    is_told && is_wrongly_ended(model, s));
		break;
	case WP_SM_FOUND:
		step_settle(w, s, i);
		break;
	case WP_SM_REUSED:
		if (who == WP_SM_NOBODY &&
		    model->mistake != WP_SM_OLD_VERDICT) {
			forget(r);
			add(w, &next, who, "is not listened to", false);
			break;
		}
		r->at = WP_SM_ENDS;
		add(w, &next, who, "is to end it", is_wrongly_ended(model, s));
		break;
	case WP_SM_ENDS:
		r->has_deleted = s->has_row;
		next.has_row = 0;
		r->at = WP_SM_ENDS_ON;
		add(w, &next, who, "deletes the row", false);
		break;
	case WP_SM_ENDS_ON:
		wp_sm_end(&next);
		next.has_ended = 1;
		forget(r);
		add(w, &next, who, "ends it in Redis", false);
		break;
	case WP_SM_ANSWERED:
		if (who == WP_SM_THIEF) {
			if (r->token != WP_SM_NONE)
				next.stolen = r->token;
		} else if (r->token != WP_SM_NONE) {
			next.stored = r->token;
		}
		next.access[who] = r->access;
		forget(r);
		add(w, &next, who, "puts away what he got", false);
		break;
	}
	/* A handler dies, an answer is lost. */
	if (s->requests[i].at == WP_SM_ANSWERED ||
	    s->crashes < model->crashes) {
		next = *s;
		forget(&next.requests[i]);
		next.crashes += s->requests[i].at != WP_SM_ANSWERED;
		add(w, &next, who, "hears nothing more", false);
	}
}

/* ---- clients ---- */

static bool is_asking(const struct wp_sm_state *s, int who)
{
	for (int i = 0; i < WP_SM_REQUESTS; i++)
		if (s->requests[i].at != WP_SM_FREE &&
		    s->requests[i].who == who)
			return true;
	return false;
}

static void step_client(struct walk *w, const struct wp_sm_state *s, int who)
{
	int8_t token = who == WP_SM_THIEF ? s->stolen : s->stored;
	struct wp_sm_state next = *s;

	if (s->access[who] != WP_SM_NONE) {
		wp_sm_seen(w->model, &next, s->access[who]);
		next.access[who] = WP_SM_NONE;
		add(w, &next, who, "uses the access token", false);
	}
	if (token == WP_SM_NONE || s->sent == w->model->sent ||
	    is_asking(s, who))
		return;
	for (int i = 0; i < WP_SM_REQUESTS; i++) {
		if (s->requests[i].at != WP_SM_FREE)
			continue;
		next = *s;
		next.requests[i] = (struct wp_sm_request){
			.at = WP_SM_SENT,
			.who = (int8_t)who,
			.token = token,
		};
		next.sent++;
		add(w, &next, who, "asks", false);
		break;
	}
}

static void step_owner(struct walk *w, const struct wp_sm_state *s)
{
	enum wp_sm_mistake mistake = w->model->mistake;
	struct wp_sm_state next = *s;
	bool is_row = (s->owner == 0) == (mistake != WP_SM_END_REDIS_FIRST);

	if (s->owner == 2)
		return;
	next.owner++;
	if (is_row) {
		next.owner_found |= s->has_row;
		next.has_row = 0;
	} else if (mistake != WP_SM_END_STORE_ONLY) {
		wp_sm_end(&next);
	}
	next.has_ended |= next.owner == 2 && next.owner_found;
	add(w, &next, WP_SM_OWNER, is_row ? "deletes the row" : "tells Redis",
	    false);
	if (s->owner == 1 && s->crashes < w->model->crashes) {
		next = *s;
		next.owner = 0;
		next.crashes++;
		add(w, &next, WP_SM_OWNER, "is cut off", false);
	}
}

/* Who is cut off does not know any more whose rows he has deleted. */
static void step_closing(struct walk *w, const struct wp_sm_state *s)
{
	static const char *const steps[] = { "says so, and lists",
					     "deletes the rows",
					     "tells Redis of those" };
	struct wp_sm_state next = *s;

	if (s->owner == 3)
		return;
	next.owner++;
	if (s->owner == 0) {
		next.is_named = wp_sm_close(w->model, &next) &&
				w->model->mistake != WP_SM_CLOSES_ROWS;
	} else if (s->owner == 1) {
		next.owner_found |= s->has_row;
		next.is_named |= s->has_row;
		next.has_row = 0;
	} else if (s->is_named) {
		wp_sm_end(&next);
	}
	next.has_ended |= next.owner == 3 && next.owner_found;
	add(w, &next, WP_SM_OWNER, steps[s->owner], false);
	if (s->owner > 0 && s->crashes < w->model->crashes) {
		next = *s;
		next.owner = next.is_named = 0;
		next.crashes++;
		add(w, &next, WP_SM_OWNER, "is cut off", false);
	}
}

/* ---- the world ---- */

static void older(int8_t *age)
{
	if (*age < WP_SM_AGE_MAX)
		++*age;
}

static void step_time(struct walk *w, const struct wp_sm_state *s)
{
	struct wp_sm_state next = *s;

	for (int i = 0; i < WP_SM_REQUESTS; i++) {
		struct wp_sm_request *r = &next.requests[i];

		if (r->at == WP_SM_FREE || r->who == WP_SM_NOBODY)
			continue;
		if (++r->age <= WP_SM_WAY)
			continue;
		r->who = WP_SM_NOBODY;
		r->age = 0;
		if (r->at == WP_SM_ANSWERED)
			forget(r);
	}
	if (next.redis.is_settled)
		older(&next.redis.age);
	if (next.disk.is_settled)
		older(&next.disk.age);
	if (next.used_age != WP_SM_UNUSED)
		older(&next.used_age);
	put(w, &next, "time", "passes", false);
}

static void step_loss(struct walk *w, const struct wp_sm_state *s)
{
	struct wp_sm_state next = *s;

	if (s->wholes < w->model->wholes) {
		memset(&next.redis, 0, sizeof(next.redis));
		next.used_age = WP_SM_UNUSED;
		next.life++;
		next.wholes++;
		put(w, &next, "Redis", "loses everything", false);
	}
	if (s->copies < w->model->tails) {
		next = *s;
		next.disk = s->redis;
		next.copies++;
		put(w, &next, "Redis", "is copied", false);
	}
	if (s->tails < s->copies) {
		next = *s;
		next.redis = s->disk;
		memset(&next.disk, 0, sizeof(next.disk));
		next.used_age = WP_SM_UNUSED;
		next.life++;
		next.tails++;
		put(w, &next, "Redis", "loses its tail", false);
	}
}

static void begin(struct walk *w)
{
	struct wp_sm_state s;

	memset(&s, 0, sizeof(s));
	s.next_claim = 1;
	s.used_age = WP_SM_UNUSED;
	for (int i = 0; i <= WP_SM_TABS; i++)
		s.access[i] = WP_SM_NONE;
	if (w->model->begins_with_login) {
		s.stored = s.stolen = WP_SM_NONE;
		s.requests[0] = (struct wp_sm_request){
			.at = WP_SM_LOGS_IN,
			.is_login = 1,
		};
	} else {
		s.redis.is_settled = 1;
		s.redis.age = WP_SM_AGE_MAX;
		s.has_row = 1;
		s.stolen = w->model->has_thief ? 0 : WP_SM_NONE;
	}
	put(w, &s, "it", "begins", false);
}

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void step(struct walk *w, const struct wp_sm_state *s)
{
	for (int i = 0; i < WP_SM_REQUESTS; i++)
		step_request(w, s, i);
	for (int who = 0; who <= WP_SM_TABS; who++)
		step_client(w, s, who);
	if (w->model->is_closing)
		step_closing(w, s);
	else if (w->model->has_owner)
		step_owner(w, s);
	step_time(w, s);
	step_loss(w, s);
}

static void look_at_all(struct walk *w)
{
	struct wp_sm_state s;

	begin(w);
	while (wp_search_next(w->search, &s))
		step(w, &s);
	w->is_bad = wp_search_is_violated(w->search);
}

/* Returns how many states were come to. */
static size_t look_at_some(struct walk *w)
{
	size_t n = 0;

	for (int i = 0; i < WALKS && !w->is_bad; i++) {
		w->n_ways = 0;
		begin(w);
		for (int k = 0; k < WALK_STEPS && !w->is_bad; k++, n++) {
			struct wp_sm_state s = w->next;

			w->n_ways = 0;
			step(w, &s);
			w->is_bad = w->is_next_bad;
		}
	}
	return n;
}

static bool check(const struct wp_sm_case *model, bool has_trace)
{
	struct walk w = { .model = model, .dice = 1 };
	double begun = seconds_now();
	char outcome[32] = "holds";
	size_t n_states;
	bool ok;

	if (model->is_random) {
		n_states = look_at_some(&w);
	} else {
		w.search = wp_search_new(sizeof(struct wp_sm_state));
		look_at_all(&w);
		n_states = wp_search_states(w.search);
	}
	if (w.is_bad)
		(void)snprintf(outcome, sizeof(outcome), "fails, %d steps",
			       w.search == NULL ? 0
						: wp_search_steps(w.search));
	ok = w.is_bad == (model->mistake != WP_SM_RIGHT);
	printf("%s %-5s %-46s %-50s%9zu states %5.1f s\n", ok ? "ok  " : "FAIL",
	       model->name, model->what, outcome, n_states,
	       seconds_now() - begun);
	if (w.is_bad && (has_trace || !ok) && w.search != NULL)
		wp_search_print(w.search);
	wp_search_free(&w.search);
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
	bool is_full = argc > 1 && strcmp(argv[1], "--full") == 0;
	int first = 1 + (has_trace || is_list || is_full);
	bool ok = true;

	if (is_full && argc > 2 && strcmp(argv[2], "--list") == 0) {
		is_list = true;
		first++;
	}
	for (int i = 0; i < N_CASES; i++) {
		if (!is_wanted(cases[i].name, argc, argv, first) ||
		    (cases[i].is_full && first == argc && !is_full))
			continue;
		if (is_list)
			printf("%s\n", cases[i].name);
		else
			ok &= check(&cases[i], has_trace);
	}
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
