/*
 * Sends through the handlers, with a real Redis: what its verdicts are called
 * in HTTP, and what comes with them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <signal.h>

#include <cmocka.h>

#include "lib/mailbox/submit.h"
#include "lib/name/msgid.h"
#include "tests/support/test_redis.h"
#include "tests/unit/handlers/fake.h"

#define TO(user) \
	"{\"recipientId\":\"urn:x:y:" user "\",\"encryptedData\":\"aGk=\"}"
#define BATCH "{\"envelopes\":[" TO("bob") "," TO("eve") "]}"

enum { TEXT_MAX = 1024 };

static struct wp_test_server server;
static char address[128];

static struct wp_redis *connect_to_it(void)
{
	struct wp_conf conf;

	wp_test_conf(&conf, server.path);
	return wp_test_redis(&conf);
}

/* As the worker does for each partition. */
static void open_gates(const struct wp_conf *conf)
{
	struct wp_redis *redis = connect_to_it();

	for (int64_t i = 0; i < conf->mailbox.partitions; i++) {
		char key[32];

		(void)snprintf(key, sizeof(key), "wp:{%d}:gate", (int)i);
		wp_test_run(redis, "SET", key, wp_redis_run_id(redis), NULL);
	}
	wp_redis_free(&redis);
}

static void run(const char *command)
{
	struct wp_redis *redis = connect_to_it();

	wp_test_run(redis, command, NULL);
	wp_redis_free(&redis);
}

static int set_up(void **state)
{
	struct fake_world *world = calloc(1, sizeof(*world));

	*state = world;
	if (world == NULL || !fake_world_begin(world))
		return -1;
	run("FLUSHALL");
	(void)snprintf(address, sizeof(address), "unix:%s", server.path);
	world->conf.redis.address = address;
	world->conf.redis.connect_timeout_ms = 5000;
	world->conf.redis.command_timeout_ms = 20000;
	open_gates(&world->conf);
	return wp_ctx_init(&world->ctx, &world->shared, NULL) == WP_OK ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fake_world *world = *state;

	fake_world_release(world);
	free(world);
	return 0;
}

/* key: "" when there is none */
static void post(struct fake_world *world, struct fake *fake, const char *uri,
		 const char *key, const char *body)
{
	char param[512];

	fake_request(fake, "POST", uri);
	fake_login(fake);
	fake_param(fake, "CONTENT_TYPE=application/json");
	(void)snprintf(param, sizeof(param), "HTTP_IDEMPOTENCY_KEY=%s", key);
	if (key[0] != '\0')
		fake_param(fake, param);
	fake_body(fake, body, strlen(body));
	fake_serve(&world->ctx, &fake->io);
}

static void assert_answer(struct fake_world *world, const char *key,
			  const char *body, unsigned int status,
			  const char *code)
{
	struct fake fake;

	post(world, &fake, "/api/send", key, body);
	assert_int_equal(fake_status(&fake), status);
	if (code != NULL)
		assert_true(fake_has_code(&fake, code));
	assert_int_equal(fake_has_name(&fake, "Retry-After"), status == 503);
	fake_release(&fake);
}

static void an_accepted_send_says_how_firmly(void **state)
{
	struct fake fake;

	post(*state, &fake, "/api/send", "", TO("bob"));
	assert_int_equal(fake_status(&fake), 202);
	assert_true(fake_has(&fake, "X-Durability: fsync"));
	fake_release(&fake);
	post(*state, &fake, "/api/send/batch", "", BATCH);
	assert_int_equal(fake_status(&fake), 202);
	assert_true(fake_has(&fake, "X-Durability: fsync"));
	fake_release(&fake);
}

static void each_verdict_has_its_status(void **state)
{
	struct fake_world *world = *state;

	world->conf.mailbox.max_waiting = 1;
	assert_answer(world, "k", TO("bob"), 202, NULL);
	assert_answer(world, "k", TO("bob"), 202, NULL);
	assert_answer(world, "k",
		      "{\"recipientId\":\"urn:x:y:bob\","
		      "\"encryptedData\":\"aGo=\"}",
		      409, "idempotency_conflict");
	assert_answer(world, "", TO("bob"), 507, "mailbox_full");
	run("FLUSHALL"); /* the gates are closed */
	assert_answer(world, "", TO("bob"), 503, "overloaded");
}

static void an_element_has_the_verdict_of_its_own(void **state)
{
	struct fake_world *world = *state;
	struct fake fake;

	world->conf.mailbox.max_waiting = 1;
	assert_answer(world, "", TO("bob"), 202, NULL);
	post(world, &fake, "/api/send/batch", "", BATCH);
	assert_int_equal(fake_status(&fake), 202);
	assert_non_null(strstr(fake_answer(&fake),
			       "\"code\":\"mailbox_full\"},{\"id\":"));
	fake_release(&fake);
}

/* The answer to BATCH under a key; static. */
static const char *answer_to_batch(struct fake_world *world, const char *key)
{
	static char texts[2][TEXT_MAX];
	static size_t at;
	struct fake fake;

	at = !at;
	post(world, &fake, "/api/send/batch", key, BATCH);
	assert_int_equal(fake_status(&fake), 202);
	assert_null(strstr(fake_answer(&fake), "\"error\""));
	(void)snprintf(texts[at], sizeof(texts[at]), "%s", fake_answer(&fake));
	fake_release(&fake);
	return texts[at];
}

/* A key of a batch is one key for each of its elements. */
static void a_batch_that_is_repeated_is_accepted_once(void **state)
{
	static const char one[] = "{\"results\":[{\"id\":\"";
	const size_t id_at = sizeof(one) - 1;
	const char *first = answer_to_batch(*state, "k");
	const char *second = strstr(first, "},{\"id\":\"");

	assert_non_null(second);
	assert_memory_not_equal(first + id_at, second + strlen("},{\"id\":\""),
				WP_MSGID_LEN);
	assert_string_equal(answer_to_batch(*state, "k"), first);
	first = answer_to_batch(*state, "k");
	assert_string_not_equal(answer_to_batch(*state, "l"), first);
}

/* It is not any element's fault, and none is sent. */
static void a_bad_option_of_a_batch_refuses_all_of_it(void **state)
{
	char key[WP_IDEMPOTENCY_KEY_MAX + 2];
	struct fake fake;

	memset(key, 'k', sizeof(key) - 1);
	key[sizeof(key) - 1] = '\0';
	post(*state, &fake, "/api/send/batch", key, BATCH);
	assert_int_equal(fake_status(&fake), 400);
	assert_true(fake_has_code(&fake, "bad_request"));
	fake_release(&fake);
	post(*state, &fake, "/api/send/batch?expiresInSeconds=0", "", BATCH);
	assert_int_equal(fake_status(&fake), 400);
	assert_true(fake_has_code(&fake, "bad_request"));
	fake_release(&fake);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static int start_server(void **state)
{
	(void)state;
	wp_test_server_start(&server, "send", NULL);
	return 0;
}

static int stop_server(void **state)
{
	(void)state;
	wp_test_server_kill(&server, SIGKILL);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_accepted_send_says_how_firmly),
		TEST(each_verdict_has_its_status),
		TEST(an_element_has_the_verdict_of_its_own),
		TEST(a_batch_that_is_repeated_is_accepted_once),
		TEST(a_bad_option_of_a_batch_refuses_all_of_it),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	wp_log_setup("test", WP_LOG_ERROR);
	return cmocka_run_group_tests_name("handlers_send", tests, start_server,
					   stop_server);
}
