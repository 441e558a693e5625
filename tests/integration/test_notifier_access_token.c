/* An access token over a real connection, from somebody who behaves as badly as
 * he is told to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ev.h>

#include "lib/auth/signing_key.h"
#include "lib/base/clock.h"
#include "lib/net/fetch.h"
#include "notifier/provider/access_token.h"
#include "tests/support/fake_provider.h"

enum { PATIENCE_S = 60, TOTAL_MS = 700, LONG_MS = 30000 };

static char folder[FAKE_PATH_MAX];
static struct wp_buf pem;

struct world {
	struct ev_loop *loop;
	ev_timer watchdog;
	struct wp_fetch_pool *pool;
	struct fake_provider fake;
	struct wp_google_account account;
	struct wp_access_token *token;
	unsigned int settled;
	bool was_good;
};

static void on_watchdog(EV_P_ ev_timer *timer, int events)
{
	(void)timer;
	(void)events;
	ev_break(EV_A_ EVBREAK_ALL);
}

static void on_settled(void *ctx, bool is_good)
{
	struct world *world = ctx;

	world->settled++;
	world->was_good = is_good;
	ev_break(world->loop, EVBREAK_ALL);
}

static struct world *begin(uint32_t total_ms)
{
	struct world *world = calloc(1, sizeof(*world));
	char ca[2 * FAKE_PATH_MAX];
	const struct wp_transfer_rules rules = {
		.agent = "waypost-test",
		.ca_file = ca,
		.connect_ms = total_ms,
		.total_ms = total_ms,
		.body_max = WP_ACCESS_ANSWER_MAX,
		.cuts = true,
		.connections = 1,
	};
	struct wp_access_token_setup setup = {
		.scope = "https://www.googleapis.com/auth/firebase.messaging",
		.app = "app",
		.on_settled = on_settled,
		.ctx = world,
	};

	assert_non_null(world);
	world->loop = ev_loop_new(EVFLAG_AUTO);
	ev_timer_init(&world->watchdog, on_watchdog, PATIENCE_S, 0);
	ev_timer_start(world->loop, &world->watchdog);
	fake_provider_begin(&world->fake, folder, "good", "");
	(void)snprintf(ca, sizeof(ca), "%s/good.pem", folder);
	world->pool = wp_fetch_pool_new(world->loop, &rules);
	assert_non_null(world->pool);
	world->account = (struct wp_google_account){
		.email = "push@p-1.iam.gserviceaccount.com",
		.project = "p-1",
		.key_id = "k1",
		.pem = pem,
	};
	(void)snprintf(world->account.token_uri,
		       sizeof(world->account.token_uri),
		       "https://127.0.0.1:%d/token", world->fake.port);
	setup.pool = world->pool;
	setup.account = &world->account;
	world->token = wp_access_token_new(&setup);
	assert_non_null(world->token);
	return world;
}

static void end(struct world *world)
{
	wp_fetch_pool_free(&world->pool);
	wp_access_token_free(&world->token);
	fake_provider_end(&world->fake);
	ev_timer_stop(world->loop, &world->watchdog);
	ev_loop_destroy(world->loop);
	free(world);
}

static int requests(struct world *world)
{
	int n, connections;

	fake_provider_count(&world->fake, "token", &n, &connections);
	return n;
}

static bool get(struct world *world, struct wp_access_grant *grant)
{
	return wp_access_token_get(world->token, grant);
}

/* Ask, and see it end. */
static void ask(struct world *world)
{
	unsigned int before = world->settled;
	struct wp_access_grant grant;

	assert_false(get(world, &grant));
	assert_true(wp_access_token_is_coming(world->token));
	ev_run(world->loop, 0);
	assert_int_equal(world->settled, before + 1);
	assert_false(wp_access_token_is_coming(world->token));
}

static void a_token_is_fetched_once_for_all(void **state)
{
	struct world *world = begin(LONG_MS);
	struct wp_access_grant grant;
	static char answers[WP_GOOGLE_TOKEN_MAX + 128], text[2049];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	(void)snprintf(answers, sizeof(answers),
		       "[{\"body\":{\"access_token\":\"%s\",\"expires_in\":"
		       "3599,\"token_type\":\"Bearer\"}}]",
		       text);
	fake_provider_tell(&world->fake, "token", answers);
	ask(world);
	assert_true(world->was_good);
	for (int i = 0; i < 100; i++) {
		assert_true(get(world, &grant));
		assert_string_equal(grant.text, text);
	}
	assert_int_equal(requests(world), 1);
	end(world);
}

static void what_it_is_asked_is_a_form(void **state)
{
	struct world *world = begin(LONG_MS);
	const char *said;

	(void)state;
	ask(world);
	said = fake_provider_requests(&world->fake);
	assert_non_null(strstr(said, "\"method\":\"POST\""));
	assert_non_null(strstr(said, "\"content-type\":"
				     "\"application/x-www-form-urlencoded\""));
	/* "grant_type=urn", in base64 */
	assert_non_null(strstr(said, "\"body\":\"Z3JhbnRfdHlwZT11cm"));
	end(world);
}

/* Each of them, and none hangs. */
static void whatever_is_answered_is_a_failure(void **state)
{
	static const char *const answers[] = {
		"[{}]",
		"[{\"body\":\"<html>\"}]",
		"[{\"status\":400,\"body\":{\"error\":\"invalid_grant\"}}]",
		"[{\"status\":503,\"headers\":{\"Retry-After\":\"5\"}}]",
		"[{\"status\":307,\"headers\":{\"Location\":\"/3/there\"}}]",
		"[{\"act\":\"flood\",\"bytes\":5000}]",
		"[{\"act\":\"flood\",\"bytes\":67108864}]",
		"[{\"act\":\"reset\"}]",
		"[{\"act\":\"destroy\"}]",
		"[{\"act\":\"stall\"}]",
		"[{\"act\":\"drip\",\"every\":50}]",
	};
	struct world *world = begin(TOTAL_MS);
	const struct wp_access_token_setup setup = {
		.pool = world->pool,
		.account = &world->account,
		.scope = "scope",
		.app = "app",
		.on_settled = on_settled,
		.ctx = world,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		fake_provider_tell(&world->fake, "token", answers[i]);
		wp_access_token_free(&world->token);
		world->token = wp_access_token_new(&setup);
		assert_non_null(world->token);
		world->was_good = true;
		ask(world);
		if (world->was_good)
			fail_msg("%s", answers[i]);
		assert_true(wp_access_token_wait_ms(world->token,
						    wp_mono_ms()) > 0);
	}
	end(world);
}

static void a_pool_that_goes_leaves_nobody_waiting(void **state)
{
	struct world *world = begin(LONG_MS);
	struct wp_access_grant grant;

	(void)state;
	fake_provider_tell(&world->fake, "token", "[{\"act\":\"stall\"}]");
	assert_false(get(world, &grant));
	while (requests(world) == 0)
		ev_run(world->loop, EVRUN_NOWAIT);
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
	struct wp_error err;

	(void)state;
	(void)snprintf(folder, sizeof(folder), "%s/access.XXXXXX",
		       parent != NULL ? parent : "/tmp");
	if (mkdtemp(folder) == NULL)
		return -1;
	fake_certificate(folder, "good", "IP:127.0.0.1");
	wp_buf_init(&pem, 0);
	return wp_signing_make(WP_SIGN_RS256, &pem, &about, &err) == WP_OK ? 0
									   : -1;
}

static int remove_folder(void **state)
{
	char path[2 * FAKE_PATH_MAX];

	(void)state;
	wp_signing_forget(&pem);
	(void)snprintf(path, sizeof(path), "%s/good.pem", folder);
	(void)remove(path);
	(void)snprintf(path, sizeof(path), "%s/good-key.pem", folder);
	(void)remove(path);
	return remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_is_fetched_once_for_all),
		cmocka_unit_test(what_it_is_asked_is_a_form),
		cmocka_unit_test(whatever_is_answered_is_a_failure),
		cmocka_unit_test(a_pool_that_goes_leaves_nobody_waiting),
	};
	const struct CMUnitTest none[] = { cmocka_unit_test(all_is_skipped) };

	if (!node_child_can_be())
		return cmocka_run_group_tests_name("access token", none, NULL,
						   NULL);
	return cmocka_run_group_tests_name("access token", tests, make_folder,
					   remove_folder);
}
