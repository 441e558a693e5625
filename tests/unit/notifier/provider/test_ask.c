/* One try over HTTP, and another where an answer says so. Who fetches and what
 * time it is, is the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include <ev.h>

#include "lib/net/fetch.h"
#include "notifier/provider/ask.h"

enum { GOOD_MS = 1000 };

static uint64_t now_ms;

uint64_t __wrap_wp_mono_ms(void);
uint64_t __wrap_wp_mono_ms(void)
{
	return now_ms;
}

/* ---- who fetches ---- */

static struct {
	struct wp_transfer_rules rules;
	wp_transfer_fn on_end; /* of the last */
	void *ctx;
	wp_transfer_may_fn may;
	const void *guard;
	int begun, renewed;
	char url[64];
	enum wp_err rc;
} fetch;

static char pool; /* only its address */

struct wp_fetch_pool *
__wrap_wp_fetch_pool_new(struct ev_loop *loop,
			 const struct wp_transfer_rules *rules);
struct wp_fetch_pool *
__wrap_wp_fetch_pool_new(struct ev_loop *loop,
			 const struct wp_transfer_rules *rules)
{
	(void)loop;
	fetch.rules = *rules;
	return (struct wp_fetch_pool *)(void *)&pool;
}

void __wrap_wp_fetch_pool_free(struct wp_fetch_pool **out);
void __wrap_wp_fetch_pool_free(struct wp_fetch_pool **out)
{
	*out = NULL;
}

enum wp_err __wrap_wp_fetch_begin(struct wp_fetch_pool *in,
				  const struct wp_transfer_request *request,
				  wp_transfer_fn on_end, void *ctx,
				  struct wp_error *err);
enum wp_err __wrap_wp_fetch_begin(struct wp_fetch_pool *in,
				  const struct wp_transfer_request *request,
				  wp_transfer_fn on_end, void *ctx,
				  struct wp_error *err)
{
	(void)in;
	if (fetch.rc != WP_OK)
		return wp_error_set(err, fetch.rc, "no");
	assert_true(strlen(request->url) < sizeof(fetch.url));
	memcpy(fetch.url, request->url, strlen(request->url) + 1);
	fetch.may = request->may;
	fetch.guard = request->guard;
	fetch.on_end = on_end;
	fetch.ctx = ctx;
	fetch.begun++;
	return WP_OK;
}

void __wrap_wp_fetch_renew(struct wp_fetch_pool *in);
void __wrap_wp_fetch_renew(struct wp_fetch_pool *in)
{
	(void)in;
	fetch.renewed++;
}

const char *__wrap_wp_transfer_header(const struct wp_transfer_answer *answer,
				      const char *name);
const char *__wrap_wp_transfer_header(const struct wp_transfer_answer *answer,
				      const char *name)
{
	(void)answer;
	assert_string_equal(name, "retry-after");
	return "7";
}

static void answer(enum wp_transfer_end end, long status)
{
	const struct wp_transfer_answer said = {
		.end = end,
		.status = status,
		.is_http2 = true,
		.body = "body",
		.len = 4,
	};

	fetch.on_end(fetch.ctx, &said);
}

/* ---- a way ---- */

static struct {
	bool waits; /* prepare() leaves the ask here */
	struct wp_ask *waiting;
	bool ends; /* prepare() ends it */
	enum wp_err build;
	bool is_short;
	int built;
	unsigned int remedied;
	struct wp_provider_answer said;
	unsigned int asked_remedy;
	int64_t note;
} way;

static const struct wp_judgement refused = {
	.verdict = WP_VERDICT_REFUSED,
	.reason = "prepared",
};

static void prepare(void *ctx, struct wp_ask *ask)
{
	(void)ctx;
	if (way.waits)
		way.waiting = ask;
	else if (way.ends)
		wp_ask_end(ask, &refused);
	else
		wp_ask_go(ask);
}

static enum wp_err build(void *ctx, struct wp_ask *ask, struct wp_call *call,
			 struct wp_error *err)
{
	(void)ctx;
	if (way.build != WP_OK)
		return wp_error_set(err, way.build, "no");
	way.built++;
	way.asked_remedy = ask->remedy;
	ask->note = 100 + way.built;
	wp_buf_printf(&call->url, "https://push.example/%d", way.built);
	if (way.is_short)
		call->body.failed = true;
	return WP_OK;
}

/* 401 wants another token, and 200 is fine. */
static void judge(void *ctx, const struct wp_ask *ask,
		  const struct wp_provider_answer *said,
		  struct wp_judgement *out)
{
	(void)ctx;
	way.said = *said;
	way.note = ask->note;
	*out = (struct wp_judgement){ .verdict = WP_VERDICT_ACCEPTED };
	if (said->status == 401 && !said->is_repeat) {
		out->verdict = WP_VERDICT_AGAIN;
		out->remedy = WP_REMEDY_TOKEN;
	} else if (said->status == 503) {
		out->verdict = WP_VERDICT_RETRY;
		out->remedy = WP_REMEDY_CONNECTION;
	} else if (said->status != 200) {
		out->verdict = WP_VERDICT_RETRY;
	}
}

static void remedy(void *ctx, const struct wp_ask *ask, unsigned int remedies)
{
	(void)ctx;
	(void)ask;
	way.remedied = remedies;
}

static const struct wp_ask_way functions = {
	.prepare = prepare,
	.build = build,
	.judge = judge,
	.remedy = remedy,
	.is_guarded = true,
};

/* ---- a world ---- */

struct world {
	struct ev_loop *loop;
	struct wp_conf conf;
	struct wp_asker *asker;
	struct wp_attempt attempt;
	int ends;
	struct wp_judgement judgement;
};

static char empty[] = "";

static void make(struct world *w)
{
	const struct wp_provider_setup provider = { .loop = w->loop,
						    .conf = &w->conf };
	const struct wp_asker_setup setup = {
		.provider = &provider,
		.way = &functions,
		.connections = 2,
	};
	struct wp_error err;

	assert_int_equal(wp_asker_new(&w->asker, &setup, &err), WP_OK);
}

static int begin(void **state)
{
	static struct world w;

	w = (struct world){ .loop = ev_loop_new(EVFLAG_AUTO) };
	w.conf.push.proxy = empty;
	w.conf.push.ca_file = empty;
	memset(&fetch, 0, sizeof(fetch));
	memset(&way, 0, sizeof(way));
	now_ms = 5000;
	w.attempt.good_until_ms = now_ms + GOOD_MS;
	make(&w);
	*state = &w;
	return 0;
}

static int end(void **state)
{
	struct world *w = *state;

	wp_asker_free(&w->asker);
	ev_loop_destroy(w->loop);
	return 0;
}

static void on_end(void *ctx, const struct wp_judgement *judgement)
{
	struct world *w = ctx;

	w->ends++;
	w->judgement = *judgement;
}

static void ask(struct world *w)
{
	struct wp_error err;

	assert_int_equal(wp_asker_begin(w->asker, &w->attempt, on_end, w, &err),
			 WP_OK);
	assert_int_equal(w->ends, 0); /* never within the call */
}

/* It ends, from the loop, without having been sent. */
static void expect_unsent(struct world *w, enum wp_verdict verdict,
			  const char *reason)
{
	assert_int_equal(fetch.begun, 0);
	ev_run(w->loop, EVRUN_NOWAIT);
	assert_int_equal(w->ends, 1);
	assert_int_equal(w->judgement.verdict, verdict);
	assert_string_equal(w->judgement.reason, reason);
}

static void an_answer_is_judged_and_told(void **state)
{
	struct world *w = *state;

	ask(w);
	assert_string_equal(fetch.url, "https://push.example/1");
	answer(WP_TRANSFER_ANSWERED, 200);
	assert_int_equal(w->ends, 1);
	assert_int_equal(w->judgement.verdict, WP_VERDICT_ACCEPTED);
	assert_int_equal(way.said.status, 200);
	assert_true(way.said.is_http2);
	assert_int_equal(way.said.len, 4);
	assert_string_equal(way.said.retry_after, "7");
	assert_int_equal(way.note, 101);
	assert_int_equal(fetch.begun, 1);
}

static void one_is_asked_again_once_and_remedied_first(void **state)
{
	struct world *w = *state;

	ask(w);
	answer(WP_TRANSFER_ANSWERED, 401);
	assert_int_equal(w->ends, 0);
	assert_int_equal(way.remedied, WP_REMEDY_TOKEN);
	assert_string_equal(fetch.url, "https://push.example/2");
	assert_int_equal(way.asked_remedy, WP_REMEDY_TOKEN);
	answer(WP_TRANSFER_ANSWERED, 401);
	assert_true(way.said.is_repeat);
	assert_int_equal(fetch.begun, 2);
	assert_int_equal(w->ends, 1);
	assert_int_equal(w->judgement.verdict, WP_VERDICT_RETRY);
}

static void what_is_late_is_not_asked_again(void **state)
{
	struct world *w = *state;

	ask(w);
	now_ms += GOOD_MS + 1;
	answer(WP_TRANSFER_ANSWERED, 401);
	assert_int_equal(fetch.begun, 1);
	assert_int_equal(w->ends, 1);
	assert_int_equal(w->judgement.verdict, WP_VERDICT_AGAIN);
}

static void one_may_wait_for_what_it_needs(void **state)
{
	struct world *w = *state;

	way.waits = true;
	ask(w);
	ev_run(w->loop, EVRUN_NOWAIT);
	assert_int_equal(fetch.begun, 0);
	assert_false(wp_ask_is_late(way.waiting));
	wp_ask_go(way.waiting);
	assert_int_equal(fetch.begun, 1);
	answer(WP_TRANSFER_ANSWERED, 200);
	assert_int_equal(w->ends, 1);
}

static void one_that_has_waited_too_long_does_not_begin(void **state)
{
	struct world *w = *state;

	way.waits = true;
	ask(w);
	now_ms += GOOD_MS + 1;
	assert_true(wp_ask_is_late(way.waiting));
	wp_ask_go(way.waiting);
	expect_unsent(w, WP_VERDICT_AGAIN, "late");
}

static void what_is_known_at_once_is_told_from_the_loop(void **state)
{
	way.ends = true;
	ask(*state);
	expect_unsent(*state, WP_VERDICT_REFUSED, "prepared");
}

static void what_cannot_be_built_is_refused(void **state)
{
	way.build = WP_ERR_INVAL;
	ask(*state);
	expect_unsent(*state, WP_VERDICT_REFUSED, "unusable");
}

static void what_may_not_be_sent_is_refused(void **state)
{
	fetch.rc = WP_ERR_INVAL;
	ask(*state);
	expect_unsent(*state, WP_VERDICT_REFUSED, "unusable");
}

static void without_memory_nothing_is_known(void **state)
{
	way.is_short = true;
	ask(*state);
	expect_unsent(*state, WP_VERDICT_AGAIN, "memory");
}

static void a_judgement_that_is_final_is_remedied_too(void **state)
{
	struct world *w = *state;

	ask(w);
	answer(WP_TRANSFER_ANSWERED, 503);
	assert_int_equal(way.remedied, WP_REMEDY_CONNECTION);
	assert_int_equal(w->ends, 1);
}

static bool may_be_at(const char *address)
{
	struct sockaddr_in at = { .sin_family = AF_INET };

	assert_int_equal(inet_pton(AF_INET, address, &at.sin_addr), 1);
	return fetch.may(fetch.guard, (struct sockaddr *)&at, sizeof(at));
}

static void a_stranger_is_only_where_strangers_may_be(void **state)
{
	static char own[] = "10.1.0.0/16";
	static char *nets[] = { own, NULL };
	struct world *w = *state;

	ask(w);
	assert_true(may_be_at("9.9.9.9"));
	assert_false(may_be_at("127.0.0.1"));
	assert_false(may_be_at("10.1.2.3"));
	answer(WP_TRANSFER_FORBIDDEN, 0);
	assert_true(w->judgement.is_forbidden);
	assert_string_equal(w->judgement.reason, "forbidden");
	assert_null(way.said.retry_after);

	wp_asker_free(&w->asker);
	w->conf.push.allow_networks = (struct wp_conf_list){ nets, 1 };
	w->ends = 0;
	make(w);
	ask(w);
	assert_true(may_be_at("10.1.2.3"));
	assert_false(may_be_at("10.2.2.3"));
	assert_false(may_be_at("127.0.0.1"));
}

static void by_a_proxy_it_is_the_proxy_that_judges(void **state)
{
	static char proxy[] = "http://proxy.example:3128";
	struct world *w = *state;

	wp_asker_free(&w->asker);
	w->conf.push.proxy = proxy;
	make(w);
	assert_string_equal(fetch.rules.proxy, proxy);
	ask(w);
	assert_null(fetch.may);
}

static void what_is_under_way_at_the_end_is_forgotten(void **state)
{
	struct world *w = *state;

	ask(w);
	way.ends = true;
	ask(w); /* its end is about to be told */
	wp_asker_free(&w->asker);
	ev_run(w->loop, EVRUN_NOWAIT);
	assert_int_equal(w->ends, 0);
}

static void there_are_as_many_connections_as_are_asked_at_once(void **state)
{
	char many[] = "webhook=100/1000", few[] = "web=5/3";
	char *items[] = { many, few, NULL };
	struct wp_conf conf = { .push.rates = { .n = 0 } };

	(void)state;
	assert_int_equal(wp_ask_connections(&conf, WP_PUSH_LANE_WEB), 32);
	assert_int_equal(wp_ask_connections(&conf, WP_PUSH_LANE_WEBHOOK), 4);
	conf.push.rates.items = items;
	conf.push.rates.n = 2;
	assert_int_equal(wp_ask_connections(&conf, WP_PUSH_LANE_WEB), 3);
	assert_int_equal(wp_ask_connections(&conf, WP_PUSH_LANE_WEBHOOK),
			 WP_ASK_CONNECTIONS_MAX);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(an_answer_is_judged_and_told),
		TEST(one_is_asked_again_once_and_remedied_first),
		TEST(what_is_late_is_not_asked_again),
		TEST(one_may_wait_for_what_it_needs),
		TEST(one_that_has_waited_too_long_does_not_begin),
		TEST(what_is_known_at_once_is_told_from_the_loop),
		TEST(what_cannot_be_built_is_refused),
		TEST(what_may_not_be_sent_is_refused),
		TEST(without_memory_nothing_is_known),
		TEST(a_judgement_that_is_final_is_remedied_too),
		TEST(a_stranger_is_only_where_strangers_may_be),
		TEST(by_a_proxy_it_is_the_proxy_that_judges),
		TEST(what_is_under_way_at_the_end_is_forgotten),
		TEST(there_are_as_many_connections_as_are_asked_at_once),
	};
#undef TEST

	return cmocka_run_group_tests_name("ask", tests, NULL, NULL);
}
