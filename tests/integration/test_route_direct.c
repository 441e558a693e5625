/*
 * Step N2: who is away and has nothing in hot has messages answered as rows for
 * the cold store, and they stay in ingress. Rules X30 to X39 of the model, on a
 * real Redis.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/buf.h"
#include "tests/support/entry.h"
#include "tests/support/test_redis.h"
#include "tests/support/world.h"

#define TOKEN "0123456789abcdef"
#define EVE "urn:sm:user:eve"
#define LAST_MS "99999999999999"

/* ---- a call ---- */

/* What a call said: counts, and rows as "<id> <user> <envelope> v<version>",
 * "!" before the envelope in the high band. */
struct said {
	struct wp_route_result result;
	char rows[1000];
	char walked[WP_ENTRY_ID_MAX];
};

static void write_rows(struct wp_route_result *result, char *out, size_t size)
{
	enum { FAMILY_LEN = sizeof("urn:sm:user:") - 1 };
	char id[WP_ENTRY_ID_MAX];
	struct wp_buf text;

	wp_buf_init(&text, 0);
	wp_buf_add_str(&text, "");
	for (size_t i = 0; i < result->rows; i++) {
		struct wp_route_row row;

		assert_true(wp_route_row(result->reply, i, &row));
		assert_memory_equal(row.urn, "urn:sm:user:", FAMILY_LEN);
		wp_entry_id_format(&row.id, id);
		wp_buf_printf(
			&text, "%s%s %.*s %s%.*s v%lld", i > 0 ? ", " : "", id,
			(int)row.urn_len - FAMILY_LEN, row.urn + FAMILY_LEN,
			row.is_high ? "!" : "", (int)row.envelope_len,
			row.envelope, (long long)row.version);
	}
	assert_in_range(text.len, 0, size - 1);
	memcpy(out, text.len > 0 ? text.data : "", text.len);
	out[text.len] = '\0';
	wp_buf_release(&text);
}

static struct said ask(struct wp_world *w, const struct wp_route_ask *ask)
{
	const struct wp_route_call call = { &w->conf, wp_redis_run_id(w->redis),
					    TOKEN };
	struct wp_reply *reply;
	struct said said;

	wp_route_build(&w->cmd, &call, ask, 1);
	reply = wp_world_do(w);
	wp_route_parse(reply, 0, &said.result);
	if (said.result.status != WP_ROUTE_OK)
		fail_msg("%d: %s", (int)said.result.status, said.result.error);
	write_rows(&said.result, said.rows, sizeof(said.rows));
	(void)snprintf(said.walked, sizeof(said.walked), "%s",
		       said.result.walked);
	wp_reply_free(&reply);
	said.result.error = "";
	said.result.walked = "";
	said.result.reply = NULL;
	return said;
}

static struct wp_route_ask directly(const struct wp_world *w)
{
	struct wp_route_ask ask = wp_world_ask(w);

	ask.is_direct = true;
	return ask;
}

static struct said route(struct wp_world *w)
{
	const struct wp_route_ask what = directly(w);

	return ask(w, &what);
}

/* While something of Bob and Amy is under way, up to this id. */
static struct said route_behind(struct wp_world *w, const char *from)
{
	const struct wp_route_name names[] = {
		{ WP_BOB, strlen(WP_BOB), WP_ROUTE_VERSION_WAY },
		{ WP_AMY, strlen(WP_AMY), WP_ROUTE_VERSION_WAY },
	};
	struct wp_route_ask what = directly(w);

	what.from = from;
	what.n_names = 2;
	what.names = names;
	return ask(w, &what);
}

static struct said route_told(struct wp_world *w, int64_t bobs_version)
{
	const struct wp_route_name name = { WP_BOB, strlen(WP_BOB),
					    bobs_version };
	struct wp_route_ask what = directly(w);

	what.n_names = 1;
	what.names = &name;
	return ask(w, &what);
}

/* ---- entries ---- */

static void accept(struct wp_world *w, const char *to, const char *id,
		   const char *name)
{
	wp_world_run(
		w,
		WP_PUT_INGRESS(WP_P "ingress", "%s", "%s", "%d", LAST_MS, "%s"),
		id, to, name[0] == 'h' ? 1 : 0, name);
}

/* One that is no row, but can be routed. */
static void accept_strange(struct wp_world *w, const char *to, const char *id,
			   const char *name)
{
	wp_world_run(w,
		     WP_PUT_INGRESS(WP_P "ingress", "%s", "%s", "0",
				    LAST_MS ".0", "%s"),
		     id, to, name);
}

static void connect_bob(struct wp_world *w)
{
	wp_world_run(w, "HSET " WP_P "online:" WP_BOB " i1.1 5");
}

/* ---- tests ---- */

static void who_is_away_is_answered_and_stays_in_ingress(void **state)
{
	struct wp_world *w = *state;
	struct said said;

	accept(w, WP_BOB, "1-1", "m1");
	accept(w, WP_AMY, "1-2", "m2");
	accept(w, WP_BOB, "1-3", "h1");
	said = route(w);
	assert_string_equal(said.rows,
			    "1-1 bob m1 v0, 1-2 amy m2 v0, 1-3 bob !h1 v0");
	assert_int_equal(said.result.routed, 0);
	assert_int_equal(said.result.held, 0);
	assert_int_equal(said.result.left, 0);
	assert_int_equal(said.result.marked, 0);
	assert_int_equal(said.result.passed, 0);
	assert_string_equal(said.walked, "1-3");
	wp_world_expect(w, "3", "XLEN " WP_P "ingress");
	wp_world_expect(w, "0",
			"EXISTS " WP_P "hot:" WP_BOB " " WP_P "hot!:" WP_BOB
			" " WP_P "expiry " WP_P "migrate " WP_P
			"index:" WP_BOB);
	/* X30: an ack of one of them sees the hint from now on. */
	wp_world_expect(w, TOKEN " " LAST_MS " 0 0 0",
			"HGET " WP_P "cold " WP_BOB);
	wp_world_expect(w, TOKEN " " LAST_MS " 0 0 0",
			"HGET " WP_P "cold " WP_AMY);

	/* Nothing but the landing takes them out: they are answered again. */
	assert_string_equal(route(w).rows, said.rows);
}

static void what_is_not_asked_for_is_not_answered(void **state)
{
	struct wp_world *w = *state;
	const struct wp_route_ask plainly = wp_world_ask(w);

	accept(w, WP_BOB, "1-1", "m1");
	assert_int_equal(ask(w, &plainly).result.routed, 1);
	wp_world_expect(w, "0", "EXISTS " WP_P "cold");
	wp_world_expect_pull(w, "m1");
}

/* X34: else the ack of somebody who saw the old one could clear it. */
static void a_hint_that_is_there_gets_a_new_token(void **state)
{
	struct wp_world *w = *state;

	wp_world_run(w, WP_WORLD_HINT(WP_BOB, "old_7000_77_2_20"));
	wp_world_run(w, WP_WORLD_HINT(WP_AMY, "old_-_78_1_10"));
	accept(w, WP_BOB, "1-1", "m1");
	accept(w, WP_AMY, "1-2", "m2");
	assert_string_equal(route(w).rows, "1-1 bob m1 v77, 1-2 amy m2 v78");
	wp_world_expect(w, TOKEN " " LAST_MS " 77 2 20",
			"HGET " WP_P "cold " WP_BOB);
	wp_world_expect(w, TOKEN " - 78 1 10", "HGET " WP_P "cold " WP_AMY);
}

static void the_hint_covers_the_row_that_lives_longest(void **state)
{
	struct wp_world *w = *state;

	wp_world_run(w, WP_WORLD_HINT(WP_AMY, "old_99999999999999_3_1_1"));
	wp_world_run(w, WP_PUT_INGRESS(WP_P "ingress", "1-1", WP_BOB, "0",
				       "5000", "m1"));
	wp_world_run(w, WP_PUT_INGRESS(WP_P "ingress", "1-2", WP_BOB, "0",
				       "4000", "m2"));
	wp_world_run(w, WP_PUT_INGRESS(WP_P "ingress", "1-3", WP_AMY, "0",
				       "4000", "m3"));
	assert_int_equal(route(w).result.rows, 3);
	wp_world_expect(w, TOKEN " 5000 0 0 0", "HGET " WP_P "cold " WP_BOB);
	wp_world_expect(w, TOKEN " " LAST_MS " 3 1 1",
			"HGET " WP_P "cold " WP_AMY);
}

/* X32: a pull that has seen hot would be shown the newer one alone. */
static void who_has_something_in_hot_goes_the_usual_way(void **state)
{
	struct wp_world *w = *state;
	struct said said;

	(void)wp_world_deliver(w, "m1");
	(void)wp_world_post(w, (struct wp_world_mail){ .json = "h1",
						       .band = WP_BAND_HIGH });
	said = route(w);
	assert_string_equal(said.rows, "");
	assert_int_equal(said.result.routed, 1);
	wp_world_expect_pull(w, "h1 m1");
	wp_world_expect(w, "0", "EXISTS " WP_P "cold");
}

/* What a call that was cut has noted is enough. */
static void who_may_have_something_in_hot_goes_so_too(void **state)
{
	struct wp_world *w = *state;

	wp_world_run(w, "ZADD " WP_P "expiry 1000 " WP_BOB);
	accept(w, WP_BOB, "1-1", "m1");
	assert_int_equal(route(w).result.routed, 1);
	wp_world_expect(w, "[" WP_BOB "]", "ZRANGE " WP_P "migrate 0 -1");
}

static void who_is_there_or_told_nothing_is_no_row(void **state)
{
	struct wp_world *w = *state;
	struct said said;

	connect_bob(w);
	accept(w, WP_BOB, "1-1", "m1");
	wp_world_run(w, WP_PUT_INGRESS(WP_P "ingress", "1-2", WP_AMY, "2",
				       LAST_MS, "e1"));
	accept(w, EVE, "1-3", "m2");
	said = route(w);
	assert_string_equal(said.rows, "1-3 eve m2 v0");
	assert_int_equal(said.result.routed, 1);
	assert_int_equal(said.result.dropped, 1);
	wp_world_expect(w, "1", "XLEN " WP_P "ingress");
	wp_world_expect(w, "[" WP_BOB "]", "SMEMBERS " WP_P "due:i1");
	wp_world_expect(w, "0", "HEXISTS " WP_P "cold " WP_AMY);
}

/* X33: whoever stays behind holds its lane, and nothing else. */
static void nothing_is_answered_past_an_entry_that_failed(void **state)
{
	struct wp_world *w = *state;
	struct said said;

	wp_world_run(w, WP_PUT_INGRESS(WP_P "ingress", "1-1", WP_BOB, "0",
				       "soon", "m1"));
	accept(w, WP_BOB, "1-2", "m2");
	accept(w, WP_BOB, "1-3", "h1");
	said = route(w);
	assert_string_equal(said.rows, "1-3 bob !h1 v0");
	assert_int_equal(said.result.held, 2);
	assert_int_equal(said.result.left, 2);
	/* What is held is no place to begin behind. */
	assert_string_equal(said.walked, "");

	/* Its tries are over, and nobody takes the other one by itself. */
	for (int i = 1; i < w->conf.mailbox.max_tries; i++)
		said = route(w);
	assert_int_equal(said.result.dead, 1);
	assert_string_equal(said.rows, "1-2 bob m2 v0, 1-3 bob !h1 v0");
}

static void the_oldest_are_answered_when_not_all_can_be(void **state)
{
	struct wp_world *w = *state;
	struct said said;

	w->conf.worker.batch_entries = 2;
	accept(w, WP_BOB, "1-1", "m1");
	accept(w, WP_BOB, "1-2", "m2");
	accept(w, WP_BOB, "1-3", "m3");
	accept(w, WP_AMY, "1-4", "m4");
	said = route(w);
	assert_string_equal(said.rows, "1-1 bob m1 v0, 1-2 bob m2 v0");
	assert_int_equal(said.result.left, 2);
	assert_string_equal(said.walked, "1-2");
	said = route_behind(w, said.walked);
	assert_string_equal(said.rows, "");
	assert_int_equal(said.result.passed, 2);
	assert_string_equal(said.walked, "1-4");
	/* What passes by is not left to do. */
	accept(w, EVE, "1-5", "m5");
	accept(w, EVE, "1-6", "m6");
	accept(w, EVE, "1-7", "m7");
	said = route_behind(w, "");
	assert_string_equal(said.rows, "1-5 eve m5 v0, 1-6 eve m6 v0");
	assert_int_equal(said.result.passed, 4);
	assert_int_equal(said.result.left, 1);
}

/* X39, X41, X33: what is on its way is passed by, and so is all behind it. */
static void nothing_goes_past_what_is_on_its_way(void **state)
{
	struct wp_world *w = *state;
	struct said said;

	accept(w, WP_BOB, "1-1", "m1");
	accept(w, WP_AMY, "1-2", "m2");
	accept(w, WP_BOB, "2-1", "m3");
	accept(w, WP_BOB, "2-3", "h1");
	accept(w, EVE, "2-4", "m5");
	said = route_behind(w, "1-2");
	assert_string_equal(said.rows, "2-4 eve m5 v0");
	assert_int_equal(said.result.routed, 0);
	assert_int_equal(said.result.held, 0);
	assert_int_equal(said.result.left, 0);
	assert_int_equal(said.result.passed, 2);
	assert_string_equal(said.walked, "2-4");
	wp_world_expect(w, "0", "EXISTS " WP_P "hot:" WP_BOB);
	wp_world_expect(w, "0", "HEXISTS " WP_P "cold " WP_BOB);

	/* From the oldest on it is the same. */
	said = route_behind(w, "");
	assert_string_equal(said.rows, "2-4 eve m5 v0");
	assert_int_equal(said.result.passed, 4);

	/* Behind the last one is nothing, and that is as far as it went. */
	said = route_behind(w, "2-4");
	assert_string_equal(said.rows, "");
	assert_int_equal(said.result.left, 0);
	assert_string_equal(said.walked, "2-4");

	/* Who has come back by now gets all of it, in its order. */
	connect_bob(w);
	said = route_behind(w, "1-2");
	assert_string_equal(said.rows, "2-4 eve m5 v0");
	assert_int_equal(said.result.routed, 3);
	assert_int_equal(said.result.passed, 1);
	assert_string_equal(said.walked, "2-4");
	wp_world_expect_pull(w, "h1 m1 m3");
	wp_world_expect(w, "2", "XLEN " WP_P "ingress");
}

/* The walk begins anew, and what it has answered is answered once. */
static void who_has_come_back_is_found_in_any_slice(void **state)
{
	enum { ROWS = 20 }; /* a slice of the script, and more */
	struct wp_world *w = *state;
	struct said said;
	char id[WP_ENTRY_ID_MAX];
	char urn[32];

	accept(w, WP_BOB, "1-1", "m1");
	accept(w, WP_AMY, "1-2", "a1");
	accept(w, WP_AMY, "1-3", "a2");
	for (int i = 0; i < ROWS; i++) {
		(void)snprintf(id, sizeof(id), "2-%d", i);
		(void)snprintf(urn, sizeof(urn), "urn:sm:user:u%d", i);
		accept(w, urn, id, "m");
	}
	accept(w, WP_AMY, "2-20", "a3");
	accept(w, WP_BOB, "2-21", "m2");
	connect_bob(w);
	said = route_behind(w, "1-2");
	assert_int_equal(said.result.rows, ROWS);
	assert_int_equal(said.result.routed, 2);
	assert_int_equal(said.result.passed, 3);
	assert_int_equal(said.result.left, 0);
	assert_string_equal(said.walked, "2-21");
	wp_world_expect_pull(w, "m1 m2");
	wp_world_expect(w, "23", "XLEN " WP_P "ingress");
	wp_world_expect(w, "20", "HLEN " WP_P "cold");
}

/* The walk that has begun anew may end before it, but its try is counted. */
static void what_was_held_before_the_walk_began_anew_is_told(void **state)
{
	enum { SLICE = 16 };
	struct wp_world *w = *state;
	struct said said;
	char id[WP_ENTRY_ID_MAX];

	w->conf.worker.batch_entries = 1;
	accept(w, WP_BOB, "1-1", "m1");
	wp_world_run(w, WP_PUT_INGRESS(WP_P "ingress", "2-0", EVE, "0", "soon",
				       "m"));
	for (int i = 1; i < SLICE; i++) {
		(void)snprintf(id, sizeof(id), "2-%d", i);
		accept(w, EVE, id, "m");
	}
	accept(w, WP_BOB, "3-1", "m2");
	connect_bob(w);
	said = route_behind(w, "1-1");
	assert_int_equal(said.result.routed, 1);
	wp_world_expect(w, "1", "HGET " WP_P "tries 2-0");
	assert_int_equal(said.result.held, 1);
	assert_int_equal(said.result.left, SLICE + 1);
	assert_string_equal(said.walked, "");
}

/* Else it would end before them, in this call and in the next one. */
static void who_has_come_back_is_reached_behind_more_than_a_share(void **state)
{
	enum { LARGE = 9 }; /* half of what a call may leave, and more */
	struct wp_world *w = *state;
	const struct wp_route_call call = { &w->conf, wp_redis_run_id(w->redis),
					    TOKEN };
	const struct wp_route_name names[] = {
		{ WP_BOB, strlen(WP_BOB), WP_ROUTE_VERSION_WAY },
		{ WP_AMY, strlen(WP_AMY), WP_ROUTE_VERSION_WAY },
	};
	struct wp_route_ask asks[2] = { directly(w), directly(w) };
	struct wp_route_result result;
	struct wp_reply *reply;

	asks[0].from = "2-1";
	asks[0].n_names = 2;
	asks[0].names = names;
	asks[1].lease.partition = 8; /* of which nothing is ours */
	for (int i = 1; i <= LARGE; i++)
		wp_world_run(w,
			     "EVAL " WP_LUA_PACK
			     "return\tredis.call('XADD',KEYS[1],ARGV[1],'x',"
			     "ARGV[2],'m',pack(ARGV[3],0,('e'):rep(500000))) "
			     "1 " WP_P "ingress 1-%d " LAST_MS " " WP_AMY,
			     i);
	accept(w, WP_BOB, "2-1", "m1");
	accept(w, WP_BOB, "2-2", "m2");
	connect_bob(w);
	wp_route_build(&w->cmd, &call, asks, 2);
	reply = wp_world_do(w);
	wp_route_parse(reply, 0, &result);
	assert_int_equal(result.routed, 2);
	assert_int_equal(result.passed, LARGE);
	wp_reply_free(&reply);
	wp_world_expect_pull(w, "m1 m2");
}

/* Nobody else has a share in it, and what may vanish does. */
static void who_is_away_and_under_way_holds_up_nobody(void **state)
{
	struct wp_world *w = *state;
	struct said said;

	accept(w, WP_BOB, "1-1", "m1");
	wp_world_run(w, WP_PUT_INGRESS(WP_P "ingress", "2-1", WP_BOB, "2",
				       LAST_MS, "e1"));
	accept_strange(w, WP_BOB, "2-2", "m2");
	wp_world_run(w, "ZADD " WP_P "expiry 1000 " EVE);
	accept(w, EVE, "2-3", "m3");
	said = route_behind(w, "1-1");
	assert_int_equal(said.result.dropped, 1);
	assert_int_equal(said.result.routed, 1);
	assert_int_equal(said.result.passed, 1);
	wp_world_expect(w, "2", "XLEN " WP_P "ingress");
	wp_world_expect(w, "[" EVE "]", "ZRANGE " WP_P "expiry 0 -1");
}

static void without_rows_nothing_is_passed_by(void **state)
{
	struct wp_world *w = *state;
	struct wp_route_ask what = wp_world_ask(w);

	accept(w, WP_BOB, "1-1", "m1");
	accept(w, WP_BOB, "1-2", "m2");
	what.from = "1-1";
	assert_int_equal(ask(w, &what).result.routed, 2);
	wp_world_expect_pull(w, "m1 m2");
}

/*
 * All of a user goes one way, or what is no row would overtake the others, or
 * be overtaken.
 */
static void who_has_something_strange_goes_the_usual_way(void **state)
{
	struct wp_world *w = *state;
	struct said said;

	wp_world_run(w, WP_PUT_INGRESS(WP_P "ingress", "1-1", WP_BOB, "0",
				       "4000", "m1"));
	accept_strange(w, WP_BOB, "1-2", "m2");
	accept(w, WP_BOB, "1-3", "m3");
	said = route(w);
	assert_string_equal(said.rows, "");
	assert_int_equal(said.result.routed, 3);
	wp_world_expect(w, "3", "XLEN " WP_P "hot:" WP_BOB);
	/* Noted before hot grew, for the earliest of them. */
	wp_world_expect(w, "[" WP_BOB " 4000]",
			"ZRANGE " WP_P "expiry 0 -1 WITHSCORES");
	wp_world_expect(w, "0", "EXISTS " WP_P "cold");
}

static void something_strange_behind_rows_waits_for_them(void **state)
{
	enum { ROWS = 16 }; /* a slice of the script */
	struct wp_world *w = *state;
	struct said said;
	char id[WP_ENTRY_ID_MAX];

	for (int i = 0; i < ROWS; i++) {
		(void)snprintf(id, sizeof(id), "1-%d", i);
		accept(w, WP_BOB, i == 0 ? "0-1" : id, "m");
	}
	accept_strange(w, WP_BOB, "2-1", "m1");
	accept(w, WP_BOB, "2-2", "m2");
	accept(w, WP_AMY, "2-3", "m3");
	said = route(w);
	assert_int_equal(said.result.rows, ROWS + 1);
	assert_non_null(strstr(said.rows, "2-3 amy"));
	assert_int_equal(said.result.left, 0);
	wp_world_expect(w, "0", "EXISTS " WP_P "hot:" WP_BOB);
	wp_world_expect(w, "19", "XLEN " WP_P "ingress");
}

static void what_the_store_has_told_counts_before_the_record(void **state)
{
	struct wp_world *w = *state;

	wp_world_run(w, WP_WORLD_HINT(WP_BOB, "old_7000_77_2_20"));
	accept(w, WP_BOB, "1-1", "m1");
	assert_string_equal(route_told(w, 88).rows, "1-1 bob m1 v88");
	/* What it said of 77 is of 77. */
	wp_world_expect(w, TOKEN " " LAST_MS " 77 2 20",
			"HGET " WP_P "cold " WP_BOB);

	assert_int_equal(route_told(w, WP_ROUTE_VERSION_HOT).result.routed, 1);
	wp_world_expect(w, "[" WP_BOB "]", "ZRANGE " WP_P "migrate 0 -1");
	wp_world_expect(w, TOKEN " " LAST_MS " 77 2 20",
			"HGET " WP_P "cold " WP_BOB);
}

/* A hint of a reconciliation, or of a foreign hand: only M1 knows more. */
static void an_unknown_version_is_no_row(void **state)
{
	struct wp_world *w = *state;
	struct said said;

	wp_world_run(w, WP_WORLD_HINT(WP_BOB, "old_-_-_0_0"));
	wp_world_run(w, "HSET " WP_P "cold " WP_AMY " what-ever");
	accept(w, WP_BOB, "1-1", "m1");
	accept(w, WP_AMY, "1-2", "m2");
	said = route_told(w, 88);
	assert_string_equal(said.rows, "1-1 bob m1 v88");
	assert_int_equal(said.result.routed, 1);
	assert_int_equal(route(w).result.routed, 1);
	wp_world_expect(w, "0", "XLEN " WP_P "ingress");
}

/* Nobody takes the count off who takes the entry out. */
static void a_row_has_no_try_counted(void **state)
{
	struct wp_world *w = *state;

	accept(w, WP_BOB, "1-1", "m1");
	accept(w, WP_BOB, "1-2", "m2");
	wp_world_run(w, "HSET " WP_P "tries 1-1 1 1-2 1");
	(void)route(w);
	wp_world_expect(w, "0", "EXISTS " WP_P "tries");
	wp_world_run(w, "HSET " WP_P "tries 1-1 1 1-2 1");
	(void)route_behind(w, "");
	wp_world_expect(w, "0", "EXISTS " WP_P "tries");
}

static void partitions_do_not_know_of_each_other(void **state)
{
	struct wp_world *w = *state;
	const struct wp_route_call call = { &w->conf, wp_redis_run_id(w->redis),
					    TOKEN };
	const struct wp_route_name name = { WP_BOB, strlen(WP_BOB),
					    WP_ROUTE_VERSION_HOT };
	struct wp_route_ask asks[2] = { directly(w), directly(w) };
	struct wp_route_result results[2];
	struct wp_reply *reply;
	char rows[100];

	asks[0].n_names = 1;
	asks[0].names = &name;
	asks[0].from = "1-1";
	asks[1].lease.partition = 8;
	wp_world_run(w, "SET wp:{8}:owner %s", w->owner);
	wp_world_run(w, "SET wp:{8}:gate %s", wp_redis_run_id(w->redis));
	accept(w, WP_BOB, "1-1", "m1");
	accept(w, WP_BOB, "1-2", "m2");
	wp_world_run(w, WP_PUT_INGRESS("wp:{8}:ingress", "1-1", WP_BOB, "0",
				       LAST_MS, "m3"));
	wp_route_build(&w->cmd, &call, asks, 2);
	reply = wp_world_do(w);
	for (size_t i = 0; i < 2; i++)
		wp_route_parse(reply, i, &results[i]);
	assert_int_equal(results[0].routed, 1);
	assert_int_equal(results[0].rows, 0);
	write_rows(&results[1], rows, sizeof(rows));
	assert_string_equal(rows, "1-1 bob m3 v0");
	wp_reply_free(&reply);
	wp_world_expect(w, "0", "HEXISTS " WP_P "cold " WP_BOB);
	wp_world_expect(w, "1", "HEXISTS wp:{8}:cold " WP_BOB);
}

static void an_answer_that_is_none_is_not_read(void **state)
{
	struct wp_world *w = *state;
	struct wp_route_result result;
	struct wp_route_row row;
	struct wp_reply *reply;

	reply = wp_world_cmd(
		w, "EVAL return{{'ok',1,2,3,4,5,6,'',7,'','','1-1'}} 0");
	wp_route_parse(reply, 0, &result);
	assert_int_equal(result.status, WP_ROUTE_REFUSED);
	wp_reply_free(&reply);
	reply = wp_world_cmd(
		w, "EVAL " WP_LUA_PACK "local\tv=pack('u',0,'e')\t"
		   "return{{'ok',1,2,3,4,5,6,'',7,'8-8','5\\t2','1','9',v,'0',"
		   "'1-1','9','e','0','1-1','9',v,'-1',"
		   "'1-1','9',v,'7'}} 0");
	wp_route_parse(reply, 0, &result);
	assert_int_equal(result.status, WP_ROUTE_OK);
	assert_int_equal(result.passed, 7);
	assert_string_equal(result.walked, "8-8");
	assert_string_equal(result.delays, "5\t2");
	assert_int_equal(result.rows, 4);
	for (size_t i = 0; i < 3; i++)
		assert_false(wp_route_row(result.reply, i, &row));
	assert_true(wp_route_row(result.reply, 3, &row));
	assert_int_equal(row.version, 7);
	assert_int_equal(row.expires_ms, 9);
	assert_false(wp_route_row(result.reply, 4, &row));
	wp_reply_free(&reply);
}

#define WORLD_TEST(name) \
	cmocka_unit_test_setup_teardown(name, wp_world_setup, wp_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(who_is_away_is_answered_and_stays_in_ingress),
		WORLD_TEST(what_is_not_asked_for_is_not_answered),
		WORLD_TEST(a_hint_that_is_there_gets_a_new_token),
		WORLD_TEST(the_hint_covers_the_row_that_lives_longest),
		WORLD_TEST(who_has_something_in_hot_goes_the_usual_way),
		WORLD_TEST(who_may_have_something_in_hot_goes_so_too),
		WORLD_TEST(who_is_there_or_told_nothing_is_no_row),
		WORLD_TEST(nothing_is_answered_past_an_entry_that_failed),
		WORLD_TEST(the_oldest_are_answered_when_not_all_can_be),
		WORLD_TEST(nothing_goes_past_what_is_on_its_way),
		WORLD_TEST(who_has_come_back_is_found_in_any_slice),
		WORLD_TEST(
			who_has_come_back_is_reached_behind_more_than_a_share),
		WORLD_TEST(what_was_held_before_the_walk_began_anew_is_told),
		WORLD_TEST(who_is_away_and_under_way_holds_up_nobody),
		WORLD_TEST(without_rows_nothing_is_passed_by),
		WORLD_TEST(who_has_something_strange_goes_the_usual_way),
		WORLD_TEST(something_strange_behind_rows_waits_for_them),
		WORLD_TEST(what_the_store_has_told_counts_before_the_record),
		WORLD_TEST(an_unknown_version_is_no_row),
		WORLD_TEST(a_row_has_no_try_counted),
		WORLD_TEST(partitions_do_not_know_of_each_other),
		WORLD_TEST(an_answer_that_is_none_is_not_read),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("route_direct", tests, NULL, NULL);
}
