/*
 * Pushes by FCM and APNs, each by a provider as it is made of push.apps, to a
 * server that says what it is told to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <ev.h>
#include <hiredis/hiredis.h>

#include "lib/auth/signing_key.h"
#include "lib/base/clock.h"
#include "notifier/provider/bearers.h"
#include "notifier/provider/provider_apns.h"
#include "notifier/provider/provider_fcm.h"
#include "tests/support/fake_provider.h"

enum { PATIENCE_S = 60, AT_ONCE = 50, MINUTE = 60, GOOD_MS = 40000 };

static const char secret[] = "a secret of the store, long enough";
static const char good_token[] =
	"[{\"body\":{\"access_token\":\"ya29.first\",\"expires_in\":3599}},"
	"{\"body\":{\"access_token\":\"ya29.second\",\"expires_in\":3599}},"
	"{\"status\":503}]";
static const char accepted[] = "[{}]";

static char folder[FAKE_PATH_MAX];
static uint64_t ahead_ms; /* so much is the clock ahead that only rises */

uint64_t __real_wp_mono_ms(void);
uint64_t __wrap_wp_mono_ms(void);
uint64_t __wrap_wp_mono_ms(void)
{
	return __real_wp_mono_ms() + ahead_ms;
}

static struct wp_buf rsa; /* the account's key */
static struct wp_buf ec;  /* that of key.p8 */

struct result {
	struct world *world;
	struct wp_push push;
	struct wp_addressee to;
	struct wp_attempt attempt;
	bool is_over;
	struct wp_judgement judgement;
};

/* What Redis does. */
enum redis { REDIS_DOWN, REDIS_SILENT, REDIS_HAS };

struct world {
	struct ev_loop *loop;
	ev_timer watchdog;
	struct fake_provider fake;
	struct wp_conf conf;
	struct wp_push_apps *apps;
	struct wp_bearers *bearers;
	struct wp_provider *provider;
	enum redis redis;
	char value[2048]; /* of the one key */
	size_t value_len;
	wp_reply_fn asked_fn; /* REDIS_SILENT: who waits */
	void *asked_ctx;
	unsigned int counted_good, counted_bad;
	size_t n_left;
	size_t n_again; /* so many come again when they are told */
	struct result results[AT_ONCE];
};

static void on_watchdog(EV_P_ ev_timer *timer, int events)
{
	(void)timer;
	(void)events;
	ev_break(EV_A_ EVBREAK_ALL);
}

static enum wp_err on_redis(void *redis_ctx, const struct wp_cmd *cmd,
			    wp_reply_fn fn, void *ctx)
{
	struct world *world = redis_ctx;
	struct redisReply reply = { .type = REDIS_REPLY_NIL };
	size_t len;

	if (world->redis == REDIS_DOWN)
		return WP_ERR_UNAVAIL;
	if (world->redis == REDIS_SILENT) {
		assert_null(world->asked_fn);
		world->asked_fn = fn;
		world->asked_ctx = ctx;
		return WP_OK;
	}
	if (memcmp(wp_cmd_word(cmd, 0, &len), "SET", 3) == 0) {
		const char *word = wp_cmd_word(cmd, 2, &len);

		memcpy(world->value, word, len);
		world->value_len = len;
		reply.type = REDIS_REPLY_STATUS;
		reply.str = memcpy(world->value + sizeof(world->value) - 3,
				   "OK", 3);
		reply.len = 2;
	} else if (world->value_len > 0) {
		reply.type = REDIS_REPLY_STRING;
		reply.str = world->value;
		reply.len = world->value_len;
	}
	fn(ctx, (const struct wp_reply *)&reply);
	return WP_OK;
}

static void answer_nothing(struct world *world)
{
	wp_reply_fn fn = world->asked_fn;

	assert_non_null(fn);
	world->asked_fn = NULL;
	fn(world->asked_ctx, NULL);
}

static void on_token(void *ctx, enum wp_push_kind kind, bool is_good)
{
	struct world *world = ctx;

	assert_int_equal(kind, WP_PUSH_FCM);
	if (is_good)
		world->counted_good++;
	else
		world->counted_bad++;
}

static void write_file(const char *name, const char *text, size_t len)
{
	char path[2 * FAKE_PATH_MAX];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(fwrite(text, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

/* What Google and Apple would hand out; the account's port is the fake's. */
static void write_account(const struct world *world)
{
	struct wp_buf text;

	wp_buf_init(&text, 0);
	wp_buf_printf(&text,
		      "{\"client_email\":\"push@p-1.iam.gserviceaccount.com\","
		      "\"project_id\":\"p-1\",\"token_uri\":"
		      "\"https://127.0.0.1:%d/token\",\"private_key\":",
		      world->fake.port);
	wp_buf_add_json(&text, rsa.data, rsa.len);
	wp_buf_add_char(&text, '}');
	write_file("account.json", text.data, text.len);
	wp_signing_forget(&text);
}

static enum wp_err make_provider(struct world *world, struct wp_provider **out,
				 size_t app)
{
	const struct wp_provider_setup setup = {
		.loop = world->loop,
		.conf = &world->conf,
		.bearers = world->bearers,
		.count_token = on_token,
		.count_ctx = world,
	};
	struct wp_error err = { .msg = "" };
	enum wp_err rc =
		world->apps->items[app].kind == WP_PUSH_FCM
			? wp_provider_fcm_new(out, &setup,
					      &world->apps->items[app], &err)
			: wp_provider_apns_new(out, &setup,
					       &world->apps->items[app], &err);

	if (rc != WP_OK)
		print_message("%s\n", err.msg);
	return rc;
}

/* more: of the server's options; options: of the app, from its kind on. */
static struct world *begin(const char *more, const char *options)
{
	struct world *world = calloc(1, sizeof(*world));
	const struct wp_bearers_setup bearers = {
		.store_secret = secret,
		.redis = on_redis,
		.redis_ctx = world,
	};
	static char element[1024], ca[2 * FAKE_PATH_MAX], none[] = "";
	static char *items[] = { element };

	assert_non_null(world);
	world->loop = ev_loop_new(EVFLAG_AUTO);
	ev_timer_init(&world->watchdog, on_watchdog, PATIENCE_S, 0);
	ev_timer_start(world->loop, &world->watchdog);
	fake_provider_begin(&world->fake, folder, "good", more);
	fake_provider_tell(&world->fake, "token", good_token);
	write_account(world);
	(void)snprintf(ca, sizeof(ca), "%s/good.pem", folder);
	(void)snprintf(element, sizeof(element),
		       "org.example.app kind=%s base=https://127.0.0.1:%d",
		       options, world->fake.port);
	(void)snprintf(element + strlen(element),
		       sizeof(element) - strlen(element),
		       strncmp(options, "fcm", 3) == 0
			       ? " credentials_file=%s/account.json"
			       : " team=TEAM567890 key=KEY4567890 "
				 "key_file=%s/key.p8",
		       folder);
	world->conf.push.ca_file = ca;
	world->conf.push.proxy = none;
	world->conf.push.apps.items = items;
	world->conf.push.apps.n = 1;
	assert_int_equal(wp_push_apps_new(&world->apps, &world->conf, NULL),
			 WP_OK);
	world->bearers = wp_bearers_new(&bearers);
	assert_non_null(world->bearers);
	assert_int_equal(make_provider(world, &world->provider, 0), WP_OK);
	return world;
}

static void end(struct world *world)
{
	wp_provider_free(&world->provider);
	wp_bearers_free(&world->bearers);
	wp_push_apps_free(&world->apps);
	fake_provider_end(&world->fake);
	ev_timer_stop(world->loop, &world->watchdog);
	ev_loop_destroy(world->loop);
	free(world);
}

/* ---- attempts ---- */

static void try(struct world *world, size_t i, const char *token);

static void on_end(void *ctx, const struct wp_judgement *judgement)
{
	struct result *result = ctx;

	assert_false(result->is_over);
	result->is_over = true;
	result->judgement = *judgement;
	if (result->world->n_again > 0) {
		size_t i = result->world->n_again--;

		try(result->world, AT_ONCE - i, result->to.token);
	}
	if (--result->world->n_left == 0)
		ev_break(result->world->loop, EVBREAK_ALL);
}

static void try_by(struct world *world, struct wp_provider *provider, size_t i,
		   const char *token)
{
	struct result *result = &world->results[i];

	*result = (struct result){
		.world = world,
		.push = { .action = WP_PLAN_ALERT,
			  .token_id = "AAAAAAAAAAAAAAAAAAAAAA",
			  .push_id = "0f9d2a66-3e5b-8c1d-9b1e-5a4c3b2d1e0f",
			  .account = "",
			  .waiting = 3,
			  .has_badge = true,
			  .now_s = wp_wall_ms() / 1000,
			  .ttl_s = 3600 },
		.to = { .kind = provider->kind,
			.app = provider->app,
			.name = "AAAAAAAAAAAAAAAAAAAAAA",
			.account = "",
			.token = token,
			.registered_s = 1000 },
		.attempt = { .good_until_ms = wp_mono_ms() + GOOD_MS },
	};
	result->attempt.push = &result->push;
	result->attempt.to = &result->to;
	world->n_left++;
	assert_int_equal(wp_provider_begin(provider, &result->attempt, on_end,
					   result, NULL),
			 WP_OK);
	assert_false(result->is_over);
}

static void try(struct world *world, size_t i, const char *token)
{
	try_by(world, world->provider, i, token);
}

static void wait_for_all(struct world *world)
{
	if (world->n_left > 0)
		ev_run(world->loop, 0);
	assert_int_equal(world->n_left, 0);
}

static void expect(struct world *world, size_t i, enum wp_verdict verdict,
		   const char *reason)
{
	const struct wp_judgement *is = &world->results[i].judgement;

	assert_true(world->results[i].is_over);
	if (is->verdict != verdict || strcmp(is->reason, reason) != 0)
		fail_msg("%zu: %s \"%s\"", i, wp_verdict_name(is->verdict),
			 is->reason);
}

static void try_one(struct world *world, const char *token,
		    enum wp_verdict verdict, const char *reason)
{
	try(world, 0, token);
	wait_for_all(world);
	expect(world, 0, verdict, reason);
}

static void tell(struct world *world, const char *token, const char *answers)
{
	fake_provider_tell(&world->fake, token, answers);
}

static int requests(struct world *world, const char *token)
{
	int n, connections;

	fake_provider_count(&world->fake, token, &n, &connections);
	return n;
}

static int connections(struct world *world)
{
	int n, all;

	fake_provider_count(&world->fake, "*", &n, &all);
	return all;
}

/* How often a text is in what was asked since the last look. */
static const char *said;

static unsigned int how_often(const char *text)
{
	unsigned int n = 0;

	for (const char *at = said; (at = strstr(at, text)) != NULL; at++)
		n++;
	return n;
}

/* Nobody waits for what nobody asks for. */
static void refuses_at_once(struct world *world)
{
	assert_true(world->provider->type->wait_ms(world->provider,
						   wp_mono_ms()) > 0);
	try(world, 0, "00ff");
	ev_run(world->loop, EVRUN_NOWAIT);
	expect(world, 0, WP_VERDICT_AGAIN, "no_token");
}

/* ---- FCM ---- */

static void fcm_is_asked_with_a_token_of_google(void **state)
{
	struct world *world = begin("", "fcm");

	(void)state;
	try_one(world, "device", WP_VERDICT_ACCEPTED, "");
	said = fake_provider_requests(&world->fake);
	assert_int_equal(how_often("\"authorization\":\"Bearer ya29.first\""),
			 1);
	assert_int_equal(
		how_often("\"path\":\"/v1/projects/p-1/messages:send\""), 1);
	assert_int_equal(how_often("\"path\":\"/token\""), 1);
	assert_int_equal(world->counted_good, 1);
	end(world);
}

static void all_wait_for_the_same_one(void **state)
{
	struct world *world = begin("", "fcm");

	(void)state;
	for (size_t i = 0; i < AT_ONCE; i++)
		try(world, i, "device");
	wait_for_all(world);
	for (size_t i = 0; i < AT_ONCE; i++)
		expect(world, i, WP_VERDICT_ACCEPTED, "");
	assert_int_equal(requests(world, "token"), 1);
	end(world);
}

static void a_401_is_another_token_once(void **state)
{
	struct world *world = begin("", "fcm");

	(void)state;
	tell(world, "device", "[{\"status\":401},{}]");
	try_one(world, "device", WP_VERDICT_ACCEPTED, "");
	assert_int_equal(requests(world, "token"), 2);
	said = fake_provider_requests(&world->fake);
	assert_int_equal(how_often("\"authorization\":\"Bearer ya29.first\""),
			 1);
	assert_int_equal(how_often("\"authorization\":\"Bearer ya29.second\""),
			 1);
	/* And there is no third for one push. */
	tell(world, "token", good_token);
	tell(world, "device", "[{\"status\":401}]");
	try_one(world, "device", WP_VERDICT_CONFIG, "status_401");
	assert_int_equal(requests(world, "token"), 1);
	assert_int_equal(requests(world, "device"), 2);
	end(world);
}

/* Of many that are refused together each is asked again with the same. */
static void many_401s_are_another_token_once(void **state)
{
	struct world *world = begin("", "fcm");
	char name[16];

	(void)state;
	try_one(world, "device", WP_VERDICT_ACCEPTED, "");
	for (size_t i = 0; i < AT_ONCE; i++) {
		(void)snprintf(name, sizeof(name), "d%zu", i);
		tell(world, name, "[{\"status\":401},{}]");
	}
	for (size_t i = 0; i < AT_ONCE; i++) {
		static char names[AT_ONCE][16];

		(void)snprintf(names[i], sizeof(names[i]), "d%zu", i);
		try(world, i, names[i]);
	}
	wait_for_all(world);
	for (size_t i = 0; i < AT_ONCE; i++)
		expect(world, i, WP_VERDICT_ACCEPTED, "");
	assert_int_equal(requests(world, "token"), 2);
	end(world);
}

static void without_a_token_nothing_is_asked(void **state)
{
	struct world *world = begin("", "fcm");

	(void)state;
	tell(world, "token",
	     "[{\"status\":400,\"body\":{\"error\":\"invalid_grant\"}}]");
	assert_int_equal(
		world->provider->type->wait_ms(world->provider, wp_mono_ms()),
		0);
	try(world, 0, "device");
	try(world, 1, "device");
	wait_for_all(world);
	expect(world, 0, WP_VERDICT_AGAIN, "no_token");
	expect(world, 1, WP_VERDICT_AGAIN, "no_token");
	refuses_at_once(world);
	assert_int_equal(requests(world, "token"), 1);
	assert_int_equal(requests(world, "device"), 0);
	assert_int_equal(world->counted_bad, 1);
	end(world);
}

static void nobody_waits_long_for_a_token(void **state)
{
	struct world *world = begin("", "fcm");
	uint64_t begun_ms = wp_mono_ms();

	(void)state;
	tell(world, "token", "[{\"act\":\"stall\"}]");
	try(world, 0, "device");
	try(world, 1, "device");
	wait_for_all(world);
	expect(world, 0, WP_VERDICT_AGAIN, "no_token");
	expect(world, 1, WP_VERDICT_AGAIN, "no_token");
	assert_true(wp_mono_ms() - begun_ms >= 1000);
	assert_int_equal(requests(world, "device"), 0);
	end(world);
}

static void who_waits_for_a_provider_that_goes_hears_nothing(void **state)
{
	struct world *world = begin("", "fcm");

	(void)state;
	tell(world, "token", "[{\"act\":\"stall\"}]");
	try(world, 0, "device");
	wp_provider_free(&world->provider);
	assert_false(world->results[0].is_over);
	end(world);
}

/* ---- APNs ---- */

static void apns_is_asked_with_a_token_of_ours(void **state)
{
	struct world *world = begin("", "apns");

	(void)state;
	try_one(world, "00ff", WP_VERDICT_ACCEPTED, "");
	said = fake_provider_requests(&world->fake);
	assert_int_equal(how_often("\"authorization\":\"bearer eyJ"), 1);
	assert_int_equal(how_often("\"path\":\"/3/device/00ff\""), 1);
	assert_int_equal(how_often("\"apns-topic\":\"org.example.app\""), 1);
	assert_int_equal(how_often("\"http\":\"2.0\""), 1);
	end(world);
}

static void what_is_no_token_of_apples_is_not_sent(void **state)
{
	struct world *world = begin("", "apns");

	(void)state;
	try_one(world, "../x", WP_VERDICT_REFUSED, "unusable");
	assert_int_equal(requests(world, "*"), 0);
	end(world);
}

static void a_sandbox_is_elsewhere(void **state)
{
	struct world *world = begin("", "apns env=sandbox");

	(void)state;
	tell(world, "00ff",
	     "[{\"status\":400,\"body\":{\"reason\":\"BadDeviceToken\"}}]");
	try_one(world, "00ff", WP_VERDICT_SUSPECT, "BadDeviceToken");
	said = fake_provider_requests(&world->fake);
	assert_int_equal(how_often("\"path\":\"/sandbox/3/device/00ff\""), 1);
	assert_int_equal(how_often("\"path\":"), 1);
	end(world);
}

#define BAD "{\"status\":400,\"body\":{\"reason\":\"BadDeviceToken\"}}"

static void the_other_environment_is_tried_and_remembered(void **state)
{
	struct world *world = begin("", "apns env=auto");

	(void)state;
	tell(world, "00ff", "[" BAD ",{},{}," BAD ",{},{}," BAD "]");
	try_one(world, "00ff", WP_VERDICT_ACCEPTED, "");
	said = fake_provider_requests(&world->fake);
	assert_int_equal(how_often("\"path\":\"/3/device/00ff\""), 1);
	assert_int_equal(how_often("\"path\":\"/sandbox/3/device/00ff\""), 1);
	try_one(world, "00ff", WP_VERDICT_ACCEPTED, "");
	said = fake_provider_requests(&world->fake);
	assert_int_equal(how_often("\"path\":\"/sandbox/3/device/00ff\""), 1);
	assert_int_equal(how_often("\"path\":"), 1);
	/* The app came from the shop meanwhile. */
	try_one(world, "00ff", WP_VERDICT_ACCEPTED, "");
	try_one(world, "00ff", WP_VERDICT_ACCEPTED, "");
	said = fake_provider_requests(&world->fake);
	assert_int_equal(how_often("\"path\":\"/3/device/00ff\""), 2);
	assert_int_equal(how_often("\"path\":\"/sandbox/3/device/00ff\""), 1);
	/* And in neither. */
	try_one(world, "00ff", WP_VERDICT_SUSPECT, "BadDeviceToken");
	said = fake_provider_requests(&world->fake);
	assert_int_equal(how_often("\"path\":"), 2);
	end(world);
}

static void in_production_there_is_no_other(void **state)
{
	struct world *world = begin("", "apns");

	(void)state;
	tell(world, "00ff", "[" BAD "]");
	try_one(world, "00ff", WP_VERDICT_SUSPECT, "BadDeviceToken");
	assert_int_equal(requests(world, "00ff"), 1);
	end(world);
}

static void who_speaks_no_http2_is_not_apple(void **state)
{
	struct world *world = begin(",\"http1\":true", "apns");

	(void)state;
	tell(world, "00ff",
	     "[{\"status\":410,\"body\":{\"reason\":\"Unregistered\","
	     "\"timestamp\":9000000000000}}]");
	try_one(world, "00ff", WP_VERDICT_RETRY, "HTTP");
	end(world);
}

static void too_many_tokens_are_other_connections(void **state)
{
	struct world *world = begin("", "apns");

	(void)state;
	tell(world, "00ff",
	     "[{\"status\":429,\"body\":"
	     "{\"reason\":\"TooManyProviderTokenUpdates\"}},{}]");
	try_one(world, "00ff", WP_VERDICT_CONFIG,
		"TooManyProviderTokenUpdates");
	assert_int_equal(connections(world), 1);
	assert_int_equal(requests(world, "00ff"), 1);
	try_one(world, "00ff", WP_VERDICT_ACCEPTED, "");
	assert_int_equal(connections(world), 2);
	end(world);
}

#define EXPIRED \
	"{\"status\":403,\"body\":{\"reason\":\"ExpiredProviderToken\"}}"

static void a_young_token_has_not_expired(void **state)
{
	struct world *world = begin("", "apns");

	(void)state;
	tell(world, "00ff", "[" EXPIRED ",{}]");
	try_one(world, "00ff", WP_VERDICT_CONFIG, "ExpiredProviderToken");
	assert_int_equal(requests(world, "00ff"), 1);
	end(world);
}

static void on_other_settled(void *ctx)
{
	(void)ctx;
}

/* Somebody's token, that old, is in Redis. */
static void have_old_one(struct world *world, int64_t minutes)
{
	const struct wp_bearer_now then = {
		.wall_s = wp_wall_ms() / 1000 - minutes * MINUTE,
		.mono_ms = 1,
	};
	struct wp_own_key seal;
	struct wp_apns_bearer_setup setup = {
		.team = "TEAM567890",
		.key = "KEY4567890",
		.seal = &seal,
		.redis = on_redis,
		.redis_ctx = world,
		.on_settled = on_other_settled,
	};
	struct wp_apns_bearer *other;
	struct wp_bearer_grant grant;

	world->redis = REDIS_HAS;
	wp_own_key_make(&seal, secret, WP_BEARER_PURPOSE);
	setup.pem = ec.data;
	setup.pem_len = ec.len;
	other = wp_apns_bearer_new(&setup);
	assert_non_null(other);
	assert_true(wp_apns_bearer_get(other, &then, &grant));
	wp_apns_bearer_free(&other);
	assert_true(world->value_len > 0);
}

static void an_old_token_is_replaced_on_other_connections(void **state)
{
	struct world *world = begin("", "apns");

	(void)state;
	have_old_one(world, 30);
	tell(world, "00ff", "[" EXPIRED ",{}]");
	try_one(world, "00ff", WP_VERDICT_ACCEPTED, "");
	assert_int_equal(requests(world, "00ff"), 2);
	assert_int_equal(connections(world), 2);
	/* Once. */
	tell(world, "00ff", "[" EXPIRED "]");
	try_one(world, "00ff", WP_VERDICT_CONFIG, "ExpiredProviderToken");
	assert_int_equal(requests(world, "00ff"), 3);
	end(world);
}

/* Another one's has expired, and we have made one just now. */
static void with_no_token_to_be_had_nothing_is_asked(void **state)
{
	struct world *world = begin("", "apns");

	(void)state;
	try_one(world, "00ff", WP_VERDICT_ACCEPTED, "");
	have_old_one(world, 30);
	ahead_ms = WP_BEARER_AGAIN_MS;
	try_one(world, "00ff", WP_VERDICT_ACCEPTED, "");
	tell(world, "00ff", "[" EXPIRED "]");
	try_one(world, "00ff", WP_VERDICT_AGAIN, "no_token");
	refuses_at_once(world);
	assert_int_equal(requests(world, "00ff"), 3);
	ahead_ms = 0;
	end(world);
}

static void all_wait_for_redis_and_not_for_long(void **state)
{
	struct world *world = begin("", "apns");

	(void)state;
	world->redis = REDIS_SILENT;
	try(world, 0, "00ff");
	try(world, 1, "00ff");
	wait_for_all(world);
	expect(world, 0, WP_VERDICT_AGAIN, "no_token");
	expect(world, 1, WP_VERDICT_AGAIN, "no_token");
	assert_int_equal(requests(world, "*"), 0);
	for (size_t i = 0; i < AT_ONCE; i++)
		try(world, i, "00ff");
	answer_nothing(world);
	wait_for_all(world);
	for (size_t i = 0; i < AT_ONCE; i++)
		expect(world, i, WP_VERDICT_ACCEPTED, "");
	end(world);
}

static void who_comes_again_waits_as_long_as_others(void **state)
{
	struct world *world = begin("", "apns");
	uint64_t begun_ms = wp_mono_ms();

	(void)state;
	world->redis = REDIS_SILENT;
	world->n_again = 2;
	for (size_t i = 0; i < 3; i++)
		try(world, i, "00ff");
	wait_for_all(world);
	assert_true(wp_mono_ms() - begun_ms >= 2000);
	for (size_t i = 0; i < 3; i++)
		expect(world, i, WP_VERDICT_AGAIN, "no_token");
	expect(world, AT_ONCE - 1, WP_VERDICT_AGAIN, "no_token");
	expect(world, AT_ONCE - 2, WP_VERDICT_AGAIN, "no_token");
	/* And while all are told that there is one. */
	world->n_again = 2;
	for (size_t i = 0; i < 3; i++)
		try(world, i, "00ff");
	answer_nothing(world);
	wait_for_all(world);
	expect(world, AT_ONCE - 1, WP_VERDICT_ACCEPTED, "");
	end(world);
}

/* The token of the first request in what was said, or of the second. */
static void bearer_in(unsigned int turn, char out[1024])
{
	static const char head[] = "\"authorization\":\"bearer ";
	const char *at = said;
	size_t len;

	for (unsigned int i = 0; i <= turn; i++) {
		at = strstr(at, head);
		assert_non_null(at);
		at += sizeof(head) - 1;
	}
	len = strcspn(at, "\"");
	assert_true(len < 1024);
	memcpy(out, at, len);
	out[len] = '\0';
}

/* As a reload has it: the new one is made before the old one goes. */
static void apps_of_a_team_have_one_token(void **state)
{
	struct world *world = begin("", "apns");
	struct wp_provider *second;
	char one[1024], other[1024];

	(void)state;
	try(world, 0, "00ff");
	wait_for_all(world);
	assert_int_equal(make_provider(world, &second, 0), WP_OK);
	wp_provider_free(&world->provider);
	world->provider = second;
	try(world, 0, "00ff");
	wait_for_all(world);
	said = fake_provider_requests(&world->fake);
	bearer_in(0, one);
	bearer_in(1, other);
	assert_string_equal(one, other);
	end(world);
}

/* Who waits hears it, whichever app it is. */
static void apps_of_a_team_wait_together(void **state)
{
	struct world *world = begin("", "apns");
	struct wp_provider *second;

	(void)state;
	assert_int_equal(make_provider(world, &second, 0), WP_OK);
	world->redis = REDIS_SILENT;
	try(world, 0, "00ff");
	try_by(world, second, 1, "00ff");
	answer_nothing(world);
	wait_for_all(world);
	expect(world, 0, WP_VERDICT_ACCEPTED, "");
	expect(world, 1, WP_VERDICT_ACCEPTED, "");
	wp_provider_free(&second);
	end(world);
}

static void a_goaway_costs_nothing(void **state)
{
	struct world *world = begin("", "apns");

	(void)state;
	tell(world, "00ff", accepted);
	tell(world, "00ee", "[{\"act\":\"goaway\"},{}]");
	try_one(world, "00ff", WP_VERDICT_ACCEPTED, "");
	for (size_t i = 0; i < AT_ONCE; i++)
		try(world, i, i == 10 ? "00ee" : "00ff");
	wait_for_all(world);
	for (size_t i = 0; i < AT_ONCE; i++)
		expect(world, i, WP_VERDICT_ACCEPTED, "");
	end(world);
}

static void a_file_that_is_none_makes_no_provider(void **state)
{
	struct world *world = begin("", "apns");
	struct wp_provider *second = NULL;

	(void)state;
	free(world->apps->items[0].key_file);
	world->apps->items[0].key_file = strdup("/nowhere/at/all");
	assert_int_equal(make_provider(world, &second, 0), WP_ERR_INVAL);
	assert_null(second);
	end(world);
}

static void all_is_skipped(void **state)
{
	(void)state;
	skip();
}

static int make_folder(void **state)
{
	const char *parent = getenv("WAYPOST_TEST_DIR");
	struct wp_signing_public about;

	(void)state;
	(void)snprintf(folder, sizeof(folder), "%s/apps.XXXXXX",
		       parent != NULL ? parent : "/tmp");
	if (mkdtemp(folder) == NULL)
		return -1;
	fake_certificate(folder, "good", "IP:127.0.0.1");
	wp_buf_init(&ec, 0);
	if (wp_signing_make(WP_SIGN_ES256, &ec, &about, NULL) != WP_OK)
		return -1;
	write_file("key.p8", ec.data, ec.len);
	wp_buf_init(&rsa, 0);
	return wp_signing_make(WP_SIGN_RS256, &rsa, &about, NULL) == WP_OK ? 0
									   : -1;
}

static int remove_folder(void **state)
{
	static const char *const names[] = { "good.pem", "good-key.pem",
					     "key.p8", "account.json" };
	char path[2 * FAKE_PATH_MAX];

	(void)state;
	wp_signing_forget(&rsa);
	wp_signing_forget(&ec);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		(void)remove(path);
	}
	return remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fcm_is_asked_with_a_token_of_google),
		cmocka_unit_test(all_wait_for_the_same_one),
		cmocka_unit_test(a_401_is_another_token_once),
		cmocka_unit_test(many_401s_are_another_token_once),
		cmocka_unit_test(without_a_token_nothing_is_asked),
		cmocka_unit_test(nobody_waits_long_for_a_token),
		cmocka_unit_test(
			who_waits_for_a_provider_that_goes_hears_nothing),
		cmocka_unit_test(apns_is_asked_with_a_token_of_ours),
		cmocka_unit_test(what_is_no_token_of_apples_is_not_sent),
		cmocka_unit_test(a_sandbox_is_elsewhere),
		cmocka_unit_test(the_other_environment_is_tried_and_remembered),
		cmocka_unit_test(in_production_there_is_no_other),
		cmocka_unit_test(who_speaks_no_http2_is_not_apple),
		cmocka_unit_test(too_many_tokens_are_other_connections),
		cmocka_unit_test(a_young_token_has_not_expired),
		cmocka_unit_test(an_old_token_is_replaced_on_other_connections),
		cmocka_unit_test(with_no_token_to_be_had_nothing_is_asked),
		cmocka_unit_test(all_wait_for_redis_and_not_for_long),
		cmocka_unit_test(who_comes_again_waits_as_long_as_others),
		cmocka_unit_test(apps_of_a_team_have_one_token),
		cmocka_unit_test(apps_of_a_team_wait_together),
		cmocka_unit_test(a_goaway_costs_nothing),
		cmocka_unit_test(a_file_that_is_none_makes_no_provider),
	};
	const struct CMUnitTest none[] = { cmocka_unit_test(all_is_skipped) };

	if (!node_child_can_be())
		return cmocka_run_group_tests_name("apps", none, NULL, NULL);
	return cmocka_run_group_tests_name("apps", tests, make_folder,
					   remove_folder);
}
