/*
 * Whole requests through fake I/O: in which order they fail, and with what.
 * Redis and the cold store are not there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "handlers/request/metrics.h"
#include "handlers/serve.h"

#include "tests/unit/handlers/fake.h"

#define ENVELOPE "{\"recipientId\":\"urn:x:y:bob\",\"encryptedData\":\"aGk=\"}"
#define IS_JSON "CONTENT_TYPE=application/json"

static int set_up(void **state)
{
	struct fake_world *world = calloc(1, sizeof(*world));

	*state = world;
	return world != NULL && fake_world_init(world) ? 0 : -1;
}

/* What requests measure themselves by; it stands still. */
enum { MS_US = 1000, SECOND_US = 1000 * MS_US };
static uint64_t now_us = SECOND_US;

uint64_t __wrap_wp_mono_us(void);
uint64_t __wrap_wp_mono_us(void)
{
	return now_us;
}

static int tear_down(void **state)
{
	struct fake_world *world = *state;

	fake_world_release(world);
	free(world);
	return 0;
}

/* Answer a request of alice with this JSON body (NULL: none). */
static void ask(struct fake_world *world, struct fake *fake, const char *method,
		const char *uri, const char *body)
{
	fake_request(fake, method, uri);
	fake_login(fake);
	if (body != NULL) {
		fake_param(fake, IS_JSON);
		fake_body(fake, body, strlen(body));
	}
	fake_serve(&world->ctx, &fake->io);
}

static void an_unknown_path_is_404_before_anything_else(void **state)
{
	struct fake fake;

	fake_request(&fake, "DELETE", "/api/nothing");
	fake_serve(&((struct fake_world *)*state)->ctx, &fake.io);

	assert_int_equal(fake_status(&fake), 404);
	assert_true(fake_has_code(&fake, "not_found"));
	fake_release(&fake);
}

static void a_wrong_method_is_405_before_the_token(void **state)
{
	struct fake fake;

	fake_request(&fake, "GET", "/api/send");
	fake_serve(&((struct fake_world *)*state)->ctx, &fake.io);

	assert_int_equal(fake_status(&fake), 405);
	assert_true(fake_has(&fake, "Allow: POST, OPTIONS"));
	assert_true(fake_has_code(&fake, "method_not_allowed"));
	fake_release(&fake);
}

static void options_needs_no_token(void **state)
{
	struct fake fake;

	fake_request(&fake, "OPTIONS", "/api/messages");
	fake_param(&fake, "HTTP_ORIGIN=https://app.example");
	fake_serve(&((struct fake_world *)*state)->ctx, &fake.io);

	assert_int_equal(fake_status(&fake), 204);
	assert_true(
		fake_has(&fake, "Access-Control-Allow-Methods: GET, OPTIONS"));
	fake_release(&fake);
}

static void options_of_nothing_is_404(void **state)
{
	struct fake fake;

	fake_request(&fake, "OPTIONS", "/api/nothing");
	fake_serve(&((struct fake_world *)*state)->ctx, &fake.io);

	assert_int_equal(fake_status(&fake), 404);
	fake_release(&fake);
}

static void without_a_token_nothing_of_the_body_is_looked_at(void **state)
{
	struct fake fake;

	fake_request(&fake, "POST", "/api/send");
	fake_param(&fake, "CONTENT_TYPE=text/plain");
	fake_body(&fake, "{", 1);
	fake_serve(&((struct fake_world *)*state)->ctx, &fake.io);

	assert_int_equal(fake_status(&fake), 401);
	assert_true(fake_has(&fake, "WWW-Authenticate: Bearer"));
	assert_true(fake_has_code(&fake, "unauthorized"));
	assert_int_equal(fake.body_at, 0);
	fake_release(&fake);
}

static void two_authorization_headers_are_none(void **state)
{
	struct fake fake;

	fake_request(&fake, "GET", "/api/messages");
	fake_login(&fake);
	fake_login(&fake);
	fake_serve(&((struct fake_world *)*state)->ctx, &fake.io);

	assert_int_equal(fake_status(&fake), 401);
	fake_release(&fake);
}

static void a_bad_authorization_header_is_401(void **state)
{
	static const char *const headers[] = {
		"HTTP_AUTHORIZATION=",
		"HTTP_AUTHORIZATION=Bearer",
		"HTTP_AUTHORIZATION=Bearer ",
		"HTTP_AUTHORIZATION=Basic YTpi",
		"HTTP_AUTHORIZATION=Bearer a.b.c",
		"HTTP_AUTHORIZATION=Bearer x, Bearer y",
	};

	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		struct fake fake;

		fake_request(&fake, "GET", "/api/messages");
		fake_param(&fake, headers[i]);
		fake_serve(&((struct fake_world *)*state)->ctx, &fake.io);
		assert_int_equal(fake_status(&fake), 401);
		fake_release(&fake);
	}
}

/* And only who asks again with the same. */
static void who_asks_again_is_known(void **state)
{
	struct fake_world *world = *state;
	struct fake fake;

	for (int i = 0; i < 2; i++) {
		ask(world, &fake, "POST", "/api/send", "{");
		assert_int_equal(fake_status(&fake), 400);
		fake_release(&fake);
	}
	assert_int_equal(wp_token_cache_hits(world->ctx.tokens), 1);

	fake_request(&fake, "POST", "/api/send");
	fake_param(&fake, "HTTP_AUTHORIZATION=Bearer a.b.c");
	fake_serve(&world->ctx, &fake.io);
	assert_int_equal(fake_status(&fake), 401);
	fake_release(&fake);
	assert_int_equal(wp_token_cache_hits(world->ctx.tokens), 1);
}

static void a_body_of_another_type_is_415(void **state)
{
	struct fake fake;

	fake_request(&fake, "POST", "/api/send");
	fake_login(&fake);
	fake_body(&fake, ENVELOPE, strlen(ENVELOPE));
	fake_serve(&((struct fake_world *)*state)->ctx, &fake.io);

	assert_int_equal(fake_status(&fake), 415);
	assert_true(fake_has_code(&fake, "unsupported_media_type"));
	fake_release(&fake);
}

static void each_body_has_its_own_limit(void **state)
{
	struct fake_world *world = *state;
	static char body[9000];
	struct fake fake;

	memset(body, ' ', sizeof(body) - 1);

	body[world->conf.mailbox.max_envelope_bytes + 1] = '\0';
	ask(world, &fake, "POST", "/api/send", body);
	assert_int_equal(fake_status(&fake), 413);
	assert_true(fake_has_code(&fake, "payload_too_large"));
	fake_release(&fake);

	/* The same body is no problem for a batch, though empty JSON is. */
	ask(world, &fake, "POST", "/api/send/batch", body);
	assert_int_equal(fake_status(&fake), 400);
	assert_true(fake_has_code(&fake, "invalid_json"));
	fake_release(&fake);

	body[world->conf.mailbox.max_envelope_bytes + 1] = ' ';
	ask(world, &fake, "POST", "/api/send/batch", body);
	assert_int_equal(fake_status(&fake), 413);
	fake_release(&fake);
}

static void bad_requests_get_400_and_a_code(void **state)
{
	static const struct {
		const char *method, *uri, *body, *code;
	} cases[] = {
		{ "POST", "/api/send", "{", "invalid_json" },
		{ "POST", "/api/send", "{}x", "invalid_json" },
		{ "POST", "/api/send", "{}", "invalid_envelope" },
		{ "POST", "/api/send", "[]", "invalid_envelope" },
		{ "POST", "/api/send?expiresInSeconds=0", ENVELOPE,
		  "bad_request" },
		{ "POST", "/api/send?expiresInSeconds=1001", ENVELOPE,
		  "bad_request" },
		{ "POST", "/api/send?expiresInSeconds=x", ENVELOPE,
		  "bad_request" },
		{ "POST", "/api/send?expiresInSeconds=1&expiresInSeconds=1",
		  ENVELOPE, "bad_request" },
		{ "POST", "/api/send/batch", "[", "invalid_json" },
		{ "POST", "/api/send/batch", "{}", "invalid_batch" },
		{ "POST", "/api/send/batch", "{\"envelopes\":[]}",
		  "invalid_batch" },
		{ "GET", "/api/messages?limit=x", NULL, "bad_request" },
		{ "GET", "/api/messages?limit=1&limit=1", NULL, "bad_request" },
		{ "GET", "/api/messages?after=", NULL, "bad_request" },
		{ "GET",
		  "/api/messages?after=550e8400-e29b-41d4-a716-446655440000",
		  NULL, "bad_request" },
		{ "POST", "/api/messages/ack", "{", "invalid_json" },
		{ "POST", "/api/messages/ack", "{\"messageIds\":[\"x\"]}",
		  "invalid_ack" },
		{ "GET", "/api/presence", NULL, "bad_request" },
		{ "GET", "/api/presence?users=", NULL, "bad_request" },
		{ "GET", "/api/presence?users=bob,,eve", NULL, "bad_request" },
		{ "GET", "/api/presence?users=bob,", NULL, "bad_request" },
		{ "GET", "/api/presence?users=b%20b", NULL, "bad_request" },
		{ "GET", "/api/presence?users=bob%00", NULL, "bad_request" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fake fake;

		ask(*state, &fake, cases[i].method, cases[i].uri,
		    cases[i].body);
		assert_int_equal(fake_status(&fake), 400);
		assert_true(fake_has_code(&fake, cases[i].code));
		fake_release(&fake);
	}
}

static void an_unusable_idempotency_key_is_400(void **state)
{
	static const char *const keys[] = {
		"HTTP_IDEMPOTENCY_KEY=",
		"HTTP_IDEMPOTENCY_KEY=\x7f",
		"HTTP_IDEMPOTENCY_KEY=a, a", /* two, joined by lighttpd */
		"HTTP_IDEMPOTENCY_KEY=\xc3\xa9",
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct fake fake;

		fake_request(&fake, "POST", "/api/send");
		fake_login(&fake);
		fake_param(&fake, IS_JSON);
		fake_param(&fake, keys[i]);
		fake_body(&fake, ENVELOPE, strlen(ENVELOPE));
		fake_serve(&((struct fake_world *)*state)->ctx, &fake.io);
		assert_int_equal(fake_status(&fake), 400);
		fake_release(&fake);
	}
}

static void two_idempotency_keys_are_400(void **state)
{
	struct fake fake;

	fake_request(&fake, "POST", "/api/send");
	fake_login(&fake);
	fake_param(&fake, IS_JSON);
	fake_param(&fake, "HTTP_IDEMPOTENCY_KEY=a");
	fake_param(&fake, "HTTP_IDEMPOTENCY_KEY=a");
	fake_body(&fake, ENVELOPE, strlen(ENVELOPE));
	fake_serve(&((struct fake_world *)*state)->ctx, &fake.io);

	assert_int_equal(fake_status(&fake), 400);
	fake_release(&fake);
}

static void more_than_a_hundred_users_are_400(void **state)
{
	char uri[1024] = "/api/presence?users=a";
	struct fake fake;

	for (int i = 0; i < 100; i++)
		strncat(uri, ",a", sizeof(uri) - strlen(uri) - 1);
	ask(*state, &fake, "GET", uri, NULL);

	assert_int_equal(fake_status(&fake), 400);
	fake_release(&fake);
}

static void presence_of_others_may_be_forbidden(void **state)
{
	static const struct {
		enum wp_visibility visibility;
		const char *uri;
		unsigned int status;
	} cases[] = {
		{ WP_VISIBLE_NONE, "/api/presence?users=alice", 403 },
		{ WP_VISIBLE_SELF, "/api/presence?users=bob", 403 },
		{ WP_VISIBLE_SELF, "/api/presence?users=alice,bob", 403 },
		/* Allowed, so it fails later: there is no Redis. */
		{ WP_VISIBLE_SELF,
		  "/api/presence?users=alice,urn%3Asm%3Auser%3Aalice", 503 },
		{ WP_VISIBLE_ALL, "/api/presence?users=bob", 503 },
	};
	struct fake_world *world = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fake fake;

		world->conf.presence.visibility = cases[i].visibility;
		ask(world, &fake, "GET", cases[i].uri, NULL);
		assert_int_equal(fake_status(&fake), cases[i].status);
		fake_release(&fake);
	}
}

static void without_redis_everything_sound_is_503(void **state)
{
	static const struct {
		const char *method, *uri, *body, *code;
	} cases[] = {
		{ "POST", "/api/send", ENVELOPE, "unavailable" },
		{ "POST", "/send?unknown=1&unknown=%zz", ENVELOPE,
		  "unavailable" },
		{ "POST", "/api/send/batch", "{\"envelopes\":[" ENVELOPE "]}",
		  "unavailable" },
		{ "GET", "/api/messages?limit=-3", NULL, "unavailable" },
		{ "POST", "/api/messages/ack",
		  /* partition 1, where alice's messages are */
		  "{\"messageIds\":[]}", NULL },
		{ "POST", "/api/ticket", NULL, "unavailable" },
		{ "GET", "/readyz", NULL, "not_ready" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fake fake;

		ask(*state, &fake, cases[i].method, cases[i].uri,
		    cases[i].body);
		/* Of nothing, nothing needs to be deleted. */
		if (cases[i].code == NULL) {
			assert_int_equal(fake_status(&fake), 204);
		} else {
			assert_int_equal(fake_status(&fake), 503);
			assert_true(fake_has_code(&fake, cases[i].code));
			assert_true(fake_has_name(&fake, "Retry-After"));
		}
		fake_release(&fake);
	}
}

static void a_batch_of_bad_elements_is_answered_element_by_element(void **state)
{
	struct fake fake;

	ask(*state, &fake, "POST", "/api/send/batch",
	    "{\"envelopes\":[{},5,{\"recipientId\":\"a b\"}]}");

	assert_int_equal(fake_status(&fake), 202);
	assert_memory_equal(fake_answer(&fake),
			    "{\"results\":[{\"error\":", 21);
	assert_false(fake_has_name(&fake, "X-Durability"));
	fake_release(&fake);
}

static void a_ticket_has_no_body_to_be_wrong_about(void **state)
{
	struct fake fake;

	fake_request(&fake, "POST", "/api/ticket");
	fake_login(&fake);
	fake_param(&fake, "CONTENT_TYPE=text/plain");
	fake_body(&fake, "junk", 4);
	fake_serve(&((struct fake_world *)*state)->ctx, &fake.io);

	assert_int_equal(fake_status(&fake), 503); /* but no 400 or 415 */
	fake_release(&fake);
}

/* Whether there are keys is found out once a second, whoever asks. */
static void keys_that_are_not_there_are_not_looked_for_each_time(void **state)
{
	static char folder[] = "/nowhere/at/all", issuer[] = "waypost";
	struct fake_world *world = *state;
	struct wp_sessions *sessions = &world->ctx.sessions;
	uint64_t looked_ms;

	world->conf.auth.key_dir = folder;
	world->conf.accounts.issuer = issuer;
	sessions->is_on = true;
	do { /* not in the same millisecond */
		struct fake fake;
		uint64_t begun_ms = wp_mono_ms();

		looked_ms = sessions->published_ms;
		while (wp_mono_ms() == begun_ms)
			;
		fake_request(&fake, "GET", "/.well-known/jwks.json");
		fake_serve(&world->ctx, &fake.io);
		assert_int_equal(fake_status(&fake), 503);
		fake_release(&fake);
	} while (looked_ms == 0);
	if (sessions->published_ms != looked_ms)
		assert_true(sessions->published_ms - looked_ms >= 1000);
	sessions->is_on = false;
}

static void healthz_needs_nothing(void **state)
{
	struct fake fake;

	fake_request(&fake, "GET", "/healthz");
	fake_serve(&((struct fake_world *)*state)->ctx, &fake.io);
	assert_int_equal(fake_status(&fake), 200);
	assert_string_equal(fake_answer(&fake), "OK");
	fake_release(&fake);

	fake_request(&fake, "HEAD", "/healthz");
	fake_serve(&((struct fake_world *)*state)->ctx, &fake.io);
	assert_int_equal(fake_status(&fake), 200);
	assert_string_equal(fake_answer(&fake), "");
	fake_release(&fake);
}

/* A probe gets its answer also when too much waits for Redis. */
static void only_what_asks_redis_is_turned_away(void **state)
{
	static const struct {
		const char *method, *uri;
		unsigned int status;
		const char *code;
	} cases[] = {
		{ "POST", "/api/send", 503, "overloaded" },
		{ "POST", "/send?expiresInSeconds=1", 503, "overloaded" },
		/* An element may have a key: see below. */
		{ "POST", "/api/send/batch", 503, "unavailable" },
		{ "POST", "/send/batch", 503, "unavailable" },
		{ "GET", "/api/messages", 503, "overloaded" },
		{ "POST", "/api/messages/ack", 503, "overloaded" },
		{ "GET", "/api/presence?users=a", 503, "overloaded" },
		{ "POST", "/api/ticket", 503, "overloaded" },
		{ "GET", "/healthz", 200, NULL },
		{ "HEAD", "/healthz", 200, NULL },
		{ "OPTIONS", "/api/send", 204, NULL },
		{ "GET", "/api/send", 405, "method_not_allowed" },
		{ "POST", "/nothing", 404, "not_found" },
	};
	struct fake_world *world = *state;
	struct fake fake;

	world->ctx.n_waiting = WP_SERVE_WAITING_MAX;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		/* Nobody has to say who it is for that. */
		fake_request(&fake, cases[i].method, cases[i].uri);
		fake_serve(&world->ctx, &fake.io);
		assert_int_equal(fake_status(&fake), cases[i].status);
		if (cases[i].code != NULL)
			assert_true(fake_has_code(&fake, cases[i].code));
		if (cases[i].status == 503)
			assert_true(fake_has_name(&fake, "Retry-After"));
		fake_release(&fake);
	}

	world->ctx.n_waiting--;
	fake_request(&fake, "POST", "/api/send");
	fake_serve(&world->ctx, &fake.io);
	assert_int_equal(fake_status(&fake), 401);
	fake_release(&fake);
	world->ctx.n_waiting = 0;
}

/* Its first try may have been accepted: that is no "never delivered". */
static void what_may_be_a_repeat_is_not_called_refused(void **state)
{
	struct fake_world *world = *state;
	struct fake fake;

	world->ctx.n_waiting = WP_SERVE_WAITING_MAX;
	fake_request(&fake, "POST", "/api/send");
	fake_param(&fake, "HTTP_IDEMPOTENCY_KEY=k");
	fake_serve(&world->ctx, &fake.io);
	world->ctx.n_waiting = 0;

	assert_int_equal(fake_status(&fake), 503);
	assert_true(fake_has_code(&fake, "unavailable"));
	assert_true(fake_has_name(&fake, "Retry-After"));
	fake_release(&fake);
}

/* The answer to what came on a connection too many. */
static void assert_full(struct fake_world *world, struct fake *fake,
			const char *code)
{
	struct wp_call *call = wp_call_new(&world->ctx);

	assert_non_null(call);
	wp_serve_full(call, &fake->io);
	wp_serve_end(call);
	wp_call_free(&call);
	assert_int_equal(fake_status(fake), 503);
	assert_true(fake_has_code(fake, code));
	assert_true(fake_has_name(fake, "Retry-After"));
	fake_release(fake);
}

static void what_finds_no_room_is_told_the_same(void **state)
{
	struct fake fake;

	fake_request(&fake, "GET", "/healthz");
	assert_full(*state, &fake, "overloaded");
	fake_request(&fake, "POST", "/api/send");
	assert_full(*state, &fake, "overloaded");
	fake_request(&fake, "POST", "/api/send");
	fake_param(&fake, "HTTP_IDEMPOTENCY_KEY=k");
	assert_full(*state, &fake, "unavailable");
	fake_init(&fake); /* its parameters found no room */
	assert_full(*state, &fake, "unavailable");
}

static void requests_are_counted_by_route_and_status(void **state)
{
	struct fake_world *world = *state;
	struct wp_buf text;
	struct fake fake;

	assert_int_equal(wp_handlers_metrics_new(&world->shared.metrics, NULL),
			 WP_OK);
	ask(world, &fake, "POST", "/api/send", "{}");
	fake_release(&fake);
	ask(world, &fake, "POST", "/api/send", "no");
	fake_release(&fake);
	wp_buf_init(&text, 0);
	wp_metrics_write(world->shared.metrics, &text);

	assert_non_null(strstr(text.data,
			       "waypost_http_requests_total{route=\"send\","
			       "code=\"400\"} 2\n"));
	/* What was never answered is not told. */
	assert_null(strstr(text.data, "route=\"send\",code=\"202\""));
	assert_non_null(strstr(text.data, "waypost_sends_total{door=\"http\","
					  "result=\"invalid\"} 2\n"));
	assert_non_null(strstr(text.data, "waypost_sends_total{door=\"batch\","
					  "result=\"invalid\"} 0\n"));
	wp_buf_release(&text);
	wp_metrics_free(&world->shared.metrics);
}

/* ---- the log ---- */

/* Standard error goes into memory between begin and end. */
struct capture {
	int log, saved;
	char text[8192];
};

static void capture_begin(struct capture *capture, enum wp_log_level level)
{
	wp_log_setup("test", level);
	capture->saved = dup(STDERR_FILENO);
	capture->log = memfd_create("log", 0);
	(void)dup2(capture->log, STDERR_FILENO);
}

static const char *capture_end(struct capture *capture)
{
	ssize_t len;

	wp_log_flush();
	(void)dup2(capture->saved, STDERR_FILENO);
	len = pread(capture->log, capture->text, sizeof(capture->text) - 1, 0);
	capture->text[len > 0 ? len : 0] = '\0';
	close(capture->log);
	close(capture->saved);
	wp_log_setup("test", WP_LOG_ERROR);
	return capture->text;
}

static void the_log_joins_nobody_with_a_message(void **state)
{
	struct capture capture;
	struct fake fake;
	const char *text;

	capture_begin(&capture, WP_LOG_DEBUG);
	fake_request(&fake, "POST", "/api/send?expiresInSeconds=77&q=secret");
	fake_login(&fake);
	fake_param(&fake, IS_JSON);
	fake_param(&fake, "HTTP_IDEMPOTENCY_KEY=the-key");
	fake_param(&fake, "HTTP_X_REQUEST_ID=the-request");
	fake_body(&fake, ENVELOPE, strlen(ENVELOPE));
	fake_serve(&((struct fake_world *)*state)->ctx, &fake.io);
	text = capture_end(&capture);

	assert_non_null(strstr(text, "\"route\":\"send\""));
	assert_non_null(strstr(text, "\"request_id\":\"the-request\""));
	assert_non_null(strstr(text, "\"status\":503"));
	assert_null(strstr(text, "alice"));
	assert_null(strstr(text, "bob"));
	assert_null(strstr(text, "the-key"));
	assert_null(strstr(text, "aGk"));
	assert_null(strstr(text, "secret"));
	assert_null(strstr(text, "expiresIn"));
	assert_null(strstr(text, "Bearer"));
	fake_release(&fake);
}

/* A bit for each that has a line: 204, 404, a send's 503. */
static unsigned int logged(struct fake_world *world)
{
	static const char *const has[] = { "\"status\":204", "\"status\":404",
					   "\"status\":503" };
	struct capture capture;
	struct fake fake;
	const char *text;
	unsigned int bits = 0;

	capture_begin(&capture, WP_LOG_INFO);
	now_us += SECOND_US;
	fake_request(&fake, "OPTIONS", "/api/send");
	fake_serve(&world->ctx, &fake.io);
	fake_release(&fake);
	now_us += SECOND_US;
	fake_request(&fake, "GET", "/nothing");
	fake_serve(&world->ctx, &fake.io);
	fake_release(&fake);
	ask(world, &fake, "POST", "/api/send", ENVELOPE);
	fake_release(&fake);
	text = capture_end(&capture);
	for (unsigned int i = 0; i < 3; i++)
		if (strstr(text, has[i]) != NULL)
			bits |= 1U << i;
	return bits;
}

static void which_requests_have_a_line_is_chosen(void **state)
{
	enum { OPTIONS = 1, NOTHING = 2, SEND = 4 };
	struct fake_world *world = *state;

	world->conf.log.requests = WP_REQUESTS_ALL;
	assert_int_equal(logged(world), OPTIONS | NOTHING | SEND);
	world->conf.log.requests = WP_REQUESTS_ERRORS;
	assert_int_equal(logged(world), SEND);
	world->conf.log.slow_ms = 0; /* all of them take so long */
	assert_int_equal(logged(world), OPTIONS | NOTHING | SEND);
	world->conf.log.requests = WP_REQUESTS_NONE;
	assert_int_equal(logged(world), 0);
}

/* Refused before anybody asks who he is. */
static void crowd(struct fake_world *world, int n)
{
	world->ctx.n_waiting = WP_SERVE_WAITING_MAX;
	while (n-- > 0) {
		struct fake fake;

		fake_request(&fake, "POST", "/api/send");
		fake_serve(&world->ctx, &fake.io);
		assert_int_equal(fake_status(&fake), 503);
		fake_release(&fake);
	}
	world->ctx.n_waiting = 0;
}

static size_t count_of(const char *text, const char *wanted)
{
	size_t n = 0;

	while ((text = strstr(text, wanted)) != NULL) {
		text += strlen(wanted);
		n++;
	}
	return n;
}

static void a_crowd_of_errors_has_a_line_that_counts_it(void **state)
{
	enum { MANY = 5 };
	struct fake_world *world = *state;
	struct capture capture;
	struct fake fake;
	const char *text;

	world->conf.log.requests = WP_REQUESTS_ERRORS;
	capture_begin(&capture, WP_LOG_INFO);
	crowd(world, MANY);
	world->conf.log.slow_ms = 0; /* another kind is not hidden by it */
	fake_request(&fake, "OPTIONS", "/api/send");
	fake_serve(&world->ctx, &fake.io);
	fake_release(&fake);
	now_us += SECOND_US - MS_US;
	crowd(world, 1);
	text = capture_end(&capture);
	assert_int_equal(count_of(text, "\"status\":503"), 1);
	assert_int_equal(count_of(text, "\"status\":204"), 1);
	assert_int_equal(count_of(text, "\"suppressed\":0}"), 2);

	capture_begin(&capture, WP_LOG_INFO);
	now_us += MS_US;
	crowd(world, 1);
	text = capture_end(&capture);
	assert_int_equal(count_of(text, "\"status\":503"), 1);
	assert_int_equal(count_of(text, "\"suppressed\":5}"), 1);

	/* Whoever wants all gets all. */
	world->conf.log.requests = WP_REQUESTS_ALL;
	capture_begin(&capture, WP_LOG_INFO);
	crowd(world, MANY);
	text = capture_end(&capture);
	assert_int_equal(count_of(text, "\"status\":503"), MANY);
}

/* What a crowd asks of a probe has no say in whether others have a line. */
static void probes_take_no_line_from_others(void **state)
{
	struct fake_world *world = *state;
	struct capture capture;
	struct fake fake;

	world->conf.log.requests = WP_REQUESTS_ERRORS;
	capture_begin(&capture, WP_LOG_INFO);
	fake_request(&fake, "GET", "/readyz");
	fake_serve(&world->ctx, &fake.io);
	assert_int_equal(fake_status(&fake), 503);
	fake_release(&fake);
	crowd(world, 1);
	assert_int_equal(count_of(capture_end(&capture), "\"status\":503"), 1);
}

/* They come every second, and would hide what matters. */
static void probes_have_their_line_at_debug(void **state)
{
	static const char *const probes[] = { "/healthz", "/readyz" };
	struct fake_world *world = *state;

	for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++)
		for (int level = WP_LOG_INFO; level <= WP_LOG_DEBUG; level++) {
			struct capture capture;
			struct fake fake;
			const char *text;

			capture_begin(&capture, (enum wp_log_level)level);
			fake_request(&fake, "GET", probes[i]);
			fake_serve(&world->ctx, &fake.io);
			fake_release(&fake);
			text = capture_end(&capture);
			assert_int_equal(strstr(text, "\"msg\":\"request\"") !=
						 NULL,
					 level == WP_LOG_DEBUG);
		}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_unknown_path_is_404_before_anything_else),
		TEST(a_wrong_method_is_405_before_the_token),
		TEST(options_needs_no_token),
		TEST(options_of_nothing_is_404),
		TEST(without_a_token_nothing_of_the_body_is_looked_at),
		TEST(two_authorization_headers_are_none),
		TEST(a_bad_authorization_header_is_401),
		TEST(who_asks_again_is_known),
		TEST(a_body_of_another_type_is_415),
		TEST(each_body_has_its_own_limit),
		TEST(bad_requests_get_400_and_a_code),
		TEST(an_unusable_idempotency_key_is_400),
		TEST(two_idempotency_keys_are_400),
		TEST(more_than_a_hundred_users_are_400),
		TEST(presence_of_others_may_be_forbidden),
		TEST(without_redis_everything_sound_is_503),
		TEST(a_batch_of_bad_elements_is_answered_element_by_element),
		TEST(a_ticket_has_no_body_to_be_wrong_about),
		TEST(keys_that_are_not_there_are_not_looked_for_each_time),
		TEST(healthz_needs_nothing),
		TEST(only_what_asks_redis_is_turned_away),
		TEST(what_may_be_a_repeat_is_not_called_refused),
		TEST(what_finds_no_room_is_told_the_same),
		TEST(requests_are_counted_by_route_and_status),
		TEST(the_log_joins_nobody_with_a_message),
		TEST(which_requests_have_a_line_is_chosen),
		TEST(a_crowd_of_errors_has_a_line_that_counts_it),
		TEST(probes_take_no_line_from_others),
		TEST(probes_have_their_line_at_debug),
	};

	wp_log_setup("test", WP_LOG_ERROR);
	return cmocka_run_group_tests_name("serve", tests, NULL, NULL);
}
