/* One issuer: what is asked in turn, and what each answer leads to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/watch.h"

#define ISSUER "https://id.example/a"
#define KEYS "https://id.example/a/jwks"
#define OPENID "https://id.example/a/.well-known/openid-configuration"
#define OAUTH "https://id.example/.well-known/oauth-authorization-server/a"
/* RFC 8037 appendix A.2, RFC 7517 appendix A.1 */
#define ED25519                                               \
	"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"1\"," \
	"\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"
#define P256                                                     \
	"{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"2\","       \
	"\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\"," \
	"\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\"}"
#define SYMMETRIC "{\"kty\":\"oct\",\"kid\":\"3\",\"k\":\"AAAA\"}"
#define SET(keys) "{\"keys\":[" keys "]}"

enum { HTTP_OK = 200, REFRESH_S = 900 };

static const uint64_t start_ms = 1000000;
static const int64_t wall_ms = INT64_C(1795225140000);

struct world {
	struct wp_issuer issuer;
	struct wp_watch watch;
	uint64_t now_ms;
};

static void set_up(struct world *world, const char *issuer, const char *keys,
		   bool is_local)
{
	struct wp_error err = { 0 };

	*world = (struct world){ .now_ms = start_ms };
	world->issuer.text = strdup(issuer);
	world->issuer.jwks_url = keys != NULL ? strdup(keys) : NULL;
	assert_int_equal(
		wp_watch_init(&world->watch, &world->issuer, is_local, &err),
		WP_OK);
	wp_schedule_init(&world->watch.schedule, REFRESH_S, start_ms);
}

static void tear_down(struct world *world)
{
	wp_watch_release(&world->watch);
	free(world->issuer.text);
	free(world->issuer.jwks_url);
}

static struct wp_document answer(long status, const char *body)
{
	return (struct wp_document){
		.end = WP_TRANSFER_ANSWERED,
		.status = status,
		.body = body,
		.len = strlen(body),
		.reached = WP_REACH_PUBLIC,
		.max_age_s = -1,
	};
}

static void expect_ask(const struct world *world, const char *url,
		       const char *etag, unsigned int reach)
{
	struct wp_document_ask ask;

	wp_watch_ask(&world->watch, &ask);
	assert_string_equal(ask.url, url);
	if (etag == NULL)
		assert_null(ask.etag);
	else
		assert_string_equal(ask.etag, etag);
	assert_int_equal(ask.reach, reach);
}

/* Give an answer that leads to another question. */
static void go_on(struct world *world, const struct wp_document *given)
{
	enum wp_watch_result result;
	struct wp_error err = { 0 };

	if (!wp_watch_take(&world->watch, given, world->now_ms, &result, &err))
		fail_msg("it is over: %s", err.msg);
}

/* Give the last one. */
static void end(struct world *world, const struct wp_document *given,
		enum wp_watch_result expected)
{
	enum wp_watch_result result;
	struct wp_error err = { 0 };

	assert_false(wp_watch_take(&world->watch, given, world->now_ms, &result,
				   &err));
	if (result != expected)
		fail_msg("%d, not %d: %s", (int)result, (int)expected, err.msg);
	if (!wp_watch_is_good(result))
		assert_string_not_equal(err.msg, "");
	wp_watch_end(&world->watch, result, world->now_ms);
}

static void begin(struct world *world)
{
	assert_true(wp_schedule_is_due(&world->watch.schedule, world->now_ms));
	wp_watch_begin(&world->watch, world->now_ms);
}

static void begin_later(struct world *world)
{
	world->now_ms = world->watch.schedule.due_ms;
	begin(world);
}

static void discover(struct world *world, enum wp_reach reached)
{
	struct wp_document given =
		answer(HTTP_OK,
		       "{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"" KEYS "\"}");

	given.reached = reached;
	go_on(world, &given);
}

static void fetch_keys(struct world *world, const char *etag, const char *set)
{
	struct wp_document given = answer(HTTP_OK, set);

	memcpy(given.etag, etag, strlen(etag) + 1);
	end(world, &given, WP_WATCH_FETCHED);
}

static void expect_file(const struct world *world, const char *text)
{
	struct wp_buf buf;

	wp_buf_init(&buf, 0);
	wp_watch_text(&world->watch, wall_ms, &buf);
	assert_false(buf.failed);
	assert_string_equal(buf.data, text);
	wp_buf_release(&buf);
}

static void discovery_leads_to_the_keys(void **state)
{
	struct world world;

	(void)state;
	set_up(&world, ISSUER, NULL, false);
	begin(&world);
	expect_ask(&world, OPENID, NULL, WP_REACH_ANYWHERE);
	discover(&world, WP_REACH_PUBLIC);
	expect_ask(&world, KEYS, NULL, WP_REACH_PUBLIC);
	fetch_keys(&world, "\"v1\"", SET(SYMMETRIC "," ED25519 "," P256));

	assert_int_equal(world.watch.n_keys, 2);
	assert_int_equal(world.watch.n_private, 1);
	/* What is not of use is not passed on, least of all a secret. */
	expect_file(&world, "{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"" KEYS
			    "\",\"etag\":\"\\\"v1\\\"\",\"fetched_ms\":"
			    "1795225140000,\"keys\":[" ED25519 "," P256 "]}\n");
	tear_down(&world);
}

static void a_missing_document_leads_to_the_other_one(void **state)
{
	struct wp_document missing = answer(404, "no");
	struct world world;

	(void)state;
	set_up(&world, ISSUER, NULL, false);
	begin(&world);
	go_on(&world, &missing);
	expect_ask(&world, OAUTH, NULL, WP_REACH_ANYWHERE);
	discover(&world, WP_REACH_PUBLIC);
	fetch_keys(&world, "", SET(P256));
	tear_down(&world);

	set_up(&world, ISSUER, NULL, false);
	begin(&world);
	go_on(&world, &missing);
	end(&world, &missing, WP_WATCH_STATUS);
	tear_down(&world);
}

static void a_named_key_set_needs_no_discovery(void **state)
{
	struct world world;

	(void)state;
	set_up(&world, ISSUER, "https://k.example/", false);
	begin(&world);
	/* The operator may lead us anywhere. */
	expect_ask(&world, "https://k.example/", NULL, WP_REACH_ANYWHERE);
	fetch_keys(&world, "", SET(P256));
	begin_later(&world);
	expect_ask(&world, "https://k.example/", NULL, WP_REACH_ANYWHERE);
	tear_down(&world);
}

static void what_did_not_change_is_not_sent_again(void **state)
{
	struct wp_document same = answer(304, "");
	struct world world;

	(void)state;
	set_up(&world, ISSUER, NULL, false);
	begin(&world);
	discover(&world, WP_REACH_PUBLIC);
	fetch_keys(&world, "\"v1\"", SET(P256));

	begin_later(&world);
	expect_ask(&world, KEYS, "\"v1\"", WP_REACH_PUBLIC);
	same.max_age_s = 600;
	end(&world, &same, WP_WATCH_UNCHANGED);
	assert_in_range(world.watch.schedule.due_ms - world.now_ms, 540 * 1000,
			660 * 1000);
	assert_int_equal(world.watch.n_keys, 1);
	tear_down(&world);
}

static void nobody_is_believed_that_nothing_changed_unasked(void **state)
{
	struct wp_document same = answer(304, "");
	struct world world;

	(void)state;
	set_up(&world, ISSUER, NULL, false);
	begin(&world);
	discover(&world, WP_REACH_PUBLIC);
	end(&world, &same, WP_WATCH_STATUS);
	tear_down(&world);
}

static void who_is_out_there_does_not_send_us_inwards(void **state)
{
	static const enum wp_reach from[] = { WP_REACH_PUBLIC, WP_REACH_PRIVATE,
					      WP_REACH_LINK, WP_REACH_LOOPBACK,
					      WP_REACH_SPECIAL };

	(void)state;
	for (size_t i = 0; i < sizeof(from) / sizeof(from[0]); i++) {
		struct world world;

		set_up(&world, ISSUER, NULL, i % 2 == 0);
		begin(&world);
		discover(&world, from[i]);
		expect_ask(&world, KEYS, NULL,
			   WP_REACH_PUBLIC | (unsigned int)from[i]);
		tear_down(&world);
	}
}

static void plain_text_stays_on_the_host(void **state)
{
	static const char document[] =
		"{\"issuer\":\"http://localhost:1\",\"jwks_uri\":"
		"\"http://localhost:1/k\"}";
	struct wp_document given = answer(HTTP_OK, document);
	struct world world;

	(void)state;
	given.reached = WP_REACH_LOOPBACK;
	set_up(&world, "http://localhost:1", NULL, false);
	begin(&world);
	expect_ask(&world,
		   "http://localhost:1/.well-known/openid-configuration", NULL,
		   WP_REACH_LOOPBACK);
	go_on(&world, &given);
	expect_ask(&world, "http://localhost:1/k", NULL, WP_REACH_LOOPBACK);
	tear_down(&world);

	/* In local mode there is no strict host. */
	set_up(&world, "http://localhost:1", NULL, true);
	begin(&world);
	expect_ask(&world,
		   "http://localhost:1/.well-known/openid-configuration", NULL,
		   WP_REACH_ANYWHERE);
	tear_down(&world);
}

static void whatever_goes_wrong_the_old_keys_stay(void **state)
{
	static const struct {
		long status;
		const char *body;
		enum wp_watch_result result;
	} answers[] = {
		{ 500, "oops", WP_WATCH_STATUS },
		{ 302, "", WP_WATCH_STATUS },
		{ 404, "", WP_WATCH_STATUS },
		{ 204, "", WP_WATCH_STATUS },
		{ 200, "", WP_WATCH_MALFORMED },
		{ 200, "<html>", WP_WATCH_MALFORMED },
		{ 200, "{}", WP_WATCH_MALFORMED },
		{ 200, SET(""), WP_WATCH_NO_KEY },
		{ 200, SET(SYMMETRIC), WP_WATCH_NO_KEY },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct wp_document given =
			answer(answers[i].status, answers[i].body);
		struct world world;

		set_up(&world, ISSUER, NULL, false);
		begin(&world);
		discover(&world, WP_REACH_PUBLIC);
		fetch_keys(&world, "\"v1\"", SET(P256));
		begin_later(&world);
		end(&world, &given, answers[i].result);
		assert_int_equal(world.watch.n_keys, 1);
		assert_string_equal(world.watch.keys.data, "[" P256 "]");
		assert_true(world.watch.is_failing);

		/* Soon, and it may be that they are elsewhere by now. */
		assert_in_range(world.watch.schedule.due_ms - world.now_ms,
				2500, 5000);
		begin_later(&world);
		expect_ask(&world, OPENID, NULL, WP_REACH_ANYWHERE);
		discover(&world, WP_REACH_PUBLIC);
		expect_ask(&world, KEYS, "\"v1\"", WP_REACH_PUBLIC);
		fetch_keys(&world, "", SET(ED25519));
		assert_false(world.watch.is_failing);
		tear_down(&world);
	}
}

static void a_fetch_that_was_not_answered_is_named(void **state)
{
	static const struct {
		enum wp_transfer_end end;
		enum wp_watch_result result;
	} ends[] = {
		{ WP_TRANSFER_UNREACHABLE, WP_WATCH_UNREACHABLE },
		{ WP_TRANSFER_UNTRUSTED, WP_WATCH_UNTRUSTED },
		{ WP_TRANSFER_FORBIDDEN, WP_WATCH_FORBIDDEN },
		{ WP_TRANSFER_TOO_LONG, WP_WATCH_MALFORMED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		const struct wp_document given = {
			.end = ends[i].end,
			.why = "a reason",
			.body = "",
		};
		struct world world;

		set_up(&world, ISSUER, NULL, false);
		begin(&world);
		end(&world, &given, ends[i].result);
		tear_down(&world);
	}
}

static void where_the_keys_are_is_asked_again_after_an_hour(void **state)
{
	struct world world;
	uint64_t discovered_ms;

	(void)state;
	set_up(&world, ISSUER, NULL, false);
	begin(&world);
	discover(&world, WP_REACH_PUBLIC);
	fetch_keys(&world, "", SET(P256));
	discovered_ms = world.now_ms;
	do {
		begin_later(&world);
		if (world.now_ms - discovered_ms < WP_WATCH_DISCOVERY_MS) {
			expect_ask(&world, KEYS, NULL, WP_REACH_PUBLIC);
			fetch_keys(&world, "", SET(P256));
		}
	} while (world.now_ms - discovered_ms < WP_WATCH_DISCOVERY_MS);
	expect_ask(&world, OPENID, NULL, WP_REACH_ANYWHERE);
	tear_down(&world);
}

static void parse(struct wp_key_file *file, const char *text)
{
	struct wp_error err = { 0 };

	if (wp_key_file_parse(file, text, strlen(text), &err) != WP_OK)
		fail_msg("%s", err.msg);
}

#define FILE_OF(issuer, uri)                                       \
	"{\"issuer\":\"" issuer "\",\"jwks_uri\":\"" uri           \
	"\",\"etag\":\"\\\"v1\\\"\",\"fetched_ms\":1795225140000," \
	"\"keys\":[" P256 "]}"

static void an_earlier_life_is_gone_on_with(void **state)
{
	struct wp_document same = answer(304, "");
	struct wp_key_file file = { 0 };
	struct world world;

	(void)state;
	set_up(&world, ISSUER, NULL, false);
	parse(&file, FILE_OF(ISSUER, KEYS));
	wp_watch_know(&world.watch, &file, wall_ms + 60 * 1000, start_ms);
	wp_key_file_release(&file);

	/* A program that is started over and over asks no more for it. */
	assert_false(wp_schedule_is_due(&world.watch.schedule, start_ms));
	begin_later(&world);
	assert_int_equal(world.now_ms - start_ms, (REFRESH_S - 60) * 1000);
	expect_ask(&world, OPENID, NULL, WP_REACH_ANYWHERE);
	discover(&world, WP_REACH_PUBLIC);
	expect_ask(&world, KEYS, "\"v1\"", WP_REACH_PUBLIC);
	end(&world, &same, WP_WATCH_UNCHANGED);
	tear_down(&world);
}

static void what_fits_no_more_is_not_gone_on_with(void **state)
{
	struct wp_key_file file = { 0 };
	struct world world;

	(void)state;
	set_up(&world, ISSUER, NULL, false);
	parse(&file, FILE_OF("https://other.example", KEYS));
	wp_watch_know(&world.watch, &file, wall_ms, start_ms);
	wp_key_file_release(&file);
	assert_true(wp_schedule_is_due(&world.watch.schedule, start_ms));
	assert_int_equal(world.watch.keys.len, 0);
	tear_down(&world);

	/* The operator has named another URL since. */
	set_up(&world, ISSUER, "https://k.example/", false);
	parse(&file, FILE_OF(ISSUER, KEYS));
	wp_watch_know(&world.watch, &file, wall_ms, start_ms);
	wp_key_file_release(&file);
	assert_true(wp_schedule_is_due(&world.watch.schedule, start_ms));
	tear_down(&world);

	/* From the future, as far as we know. */
	set_up(&world, ISSUER, NULL, false);
	parse(&file, FILE_OF(ISSUER, KEYS));
	wp_watch_know(&world.watch, &file, wall_ms - 1, start_ms);
	wp_key_file_release(&file);
	assert_true(wp_schedule_is_due(&world.watch.schedule, start_ms));
	tear_down(&world);
}

static void only_other_keys_are_news(void **state)
{
	struct world world;

	(void)state;
	set_up(&world, ISSUER, NULL, false);
	begin(&world);
	discover(&world, WP_REACH_PUBLIC);
	fetch_keys(&world, "", SET(P256));
	assert_true(world.watch.is_new);
	begin_later(&world);
	fetch_keys(&world, "", SET(P256));
	assert_false(world.watch.is_new);
	begin_later(&world);
	fetch_keys(&world, "", SET(ED25519));
	assert_true(world.watch.is_new);
	tear_down(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(discovery_leads_to_the_keys),
		cmocka_unit_test(a_missing_document_leads_to_the_other_one),
		cmocka_unit_test(a_named_key_set_needs_no_discovery),
		cmocka_unit_test(what_did_not_change_is_not_sent_again),
		cmocka_unit_test(
			nobody_is_believed_that_nothing_changed_unasked),
		cmocka_unit_test(who_is_out_there_does_not_send_us_inwards),
		cmocka_unit_test(plain_text_stays_on_the_host),
		cmocka_unit_test(whatever_goes_wrong_the_old_keys_stay),
		cmocka_unit_test(a_fetch_that_was_not_answered_is_named),
		cmocka_unit_test(
			where_the_keys_are_is_asked_again_after_an_hour),
		cmocka_unit_test(an_earlier_life_is_gone_on_with),
		cmocka_unit_test(what_fits_no_more_is_not_gone_on_with),
		cmocka_unit_test(only_other_keys_are_news),
	};

	return cmocka_run_group_tests_name("keys/watch", tests, NULL, NULL);
}
