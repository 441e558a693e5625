/* A connection outlives its token if it brings another one of its caller's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/clock.h"
#include "tests/support/ws/ws_client.h"
#include "tests/unit/lib/auth/mint.h"

#define ANN "\"sub\":\"urn:sm:user:ann\""

/* What a connection in a ws_world has left when it begins. */
enum { HOUR_S = 3600, WARNING_S = 60, REFILL_MS = 10000, FRAME_MAX = 4096 };

struct stage {
	struct ws_world world;
	struct wp_conn *conn;
	int peer;
};

static int setup(void **state)
{
	static struct stage stage;

	ws_world_start(&stage.world);
	stage.conn = ws_open_quiet(&stage.world, &stage.peer);
	*state = &stage;
	return 0;
}

static int teardown(void **state)
{
	struct stage *stage = *state;

	close(stage->peer);
	ws_world_stop(&stage->world);
	return 0;
}

static char *token(const char *claims, int64_t expires_in_s)
{
	char payload[512];

	(void)snprintf(payload, sizeof(payload), "{%s,\"exp\":%lld}", claims,
		       (long long)(wp_wall_ms() / 1000 + expires_in_s));
	return mint_hs256(MINT_HS256, payload, WS_WORLD_SECRET,
			  strlen(WS_WORLD_SECRET));
}

/* What this frame is answered. */
static const char *say(struct stage *stage, const char *frame)
{
	struct wp_buf out;

	wp_buf_init(&out, 0);
	ws_text_add(&out, frame);
	ws_write_all(stage->peer, out.data, out.len);
	ws_world_settle(&stage->world);
	wp_buf_release(&out);
	return ws_read_all(stage->peer, NULL);
}

static const char *refresh(struct stage *stage, const char *claims,
			   int64_t expires_in_s)
{
	char *text = token(claims, expires_in_s);
	char frame[FRAME_MAX];

	(void)snprintf(frame, sizeof(frame),
		       "{\"type\":\"refresh\",\"ref\":7,\"token\":\"%s\"}",
		       text);
	free(text);
	return say(stage, frame);
}

static void assert_refused(const char *answer, const char *code)
{
	char part[64];

	(void)snprintf(part, sizeof(part), "\"code\":\"%s\"", code);
	assert_non_null(strstr(answer, "\"type\":\"error\""));
	if (strstr(answer, part) == NULL)
		fail_msg("%s is not %s", answer, code);
}

static void assert_refreshed(const char *answer)
{
	if (strstr(answer, "\"type\":\"refreshed\",\"ref\":7,"
			   "\"expiresInSeconds\":") == NULL)
		fail_msg("%s", answer);
}

/* Nothing is said for so long; what came meanwhile. */
static const char *pass(struct stage *stage, int64_t s)
{
	struct ws_world *w = &stage->world;

	w->conf.websocket.ping_interval_ms = INT32_MAX / 4;
	w->conf.websocket.idle_timeout_ms = INT32_MAX / 2;
	ws_world_pass(w, s * 1000);
	return ws_read_all(stage->peer, NULL);
}

static bool is_open(const struct stage *stage)
{
	return stage->conn->session.state == WP_SESSION_OPEN;
}

static void without_another_token_it_ends_with_the_first(void **state)
{
	struct stage *stage = *state;

	(void)pass(stage, HOUR_S - 5);
	assert_true(is_open(stage));
	(void)pass(stage, 10);
	assert_int_equal(stage->world.parts->n_open, 0);
}

static void another_token_of_the_same_caller_goes_on(void **state)
{
	struct stage *stage = *state;

	assert_refreshed(refresh(stage, ANN, 3 * HOUR_S));
	(void)pass(stage, 2 * HOUR_S);
	assert_true(is_open(stage));
	(void)pass(stage, HOUR_S + 5);
	assert_int_equal(stage->world.parts->n_open, 0);
}

/* He who says so means it. */
static void one_that_ends_sooner_does_so(void **state)
{
	struct stage *stage = *state;

	assert_refreshed(refresh(stage, ANN, 100));
	(void)pass(stage, 105);
	assert_int_equal(stage->world.parts->n_open, 0);
}

static void another_caller_is_refused(void **state)
{
	static const char *const others[] = {
		"\"sub\":\"urn:sm:user:bob\"",
		ANN ",\"iss\":\"https://other.example\"",
		ANN ",\"device_id\":\"phone\"",
	};
	struct stage *stage = *state;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_refused(refresh(stage, others[i], 3 * HOUR_S),
			       "forbidden");
	(void)pass(stage, HOUR_S + 5);
	assert_int_equal(stage->world.parts->n_open, 0);
}

static void a_bad_token_changes_nothing(void **state)
{
	struct stage *stage = *state;

	assert_refused(refresh(stage, ANN, -HOUR_S), "unauthorized");
	assert_refused(say(stage, "{\"type\":\"refresh\",\"token\":\"a.b.c\"}"),
		       "unauthorized");
	assert_true(is_open(stage));
	assert_refused(say(stage, "{\"type\":\"refresh\",\"token\":\"\"}"),
		       "unauthorized");
	(void)pass(stage, HOUR_S + 5);
	assert_int_equal(stage->world.parts->n_open, 0);
}

static void no_token_is_no_refresh(void **state)
{
	struct stage *stage = *state;

	assert_refused(say(stage, "{\"type\":\"refresh\"}"), "bad_request");
	assert_refused(say(stage, "{\"type\":\"refresh\",\"token\":null}"),
		       "bad_request");
	assert_refused(say(stage, "{\"type\":\"refresh\",\"token\":7}"),
		       "invalid_json");
	assert_true(is_open(stage));
}

static void three_at_once_and_one_in_ten_seconds(void **state)
{
	struct stage *stage = *state;

	for (int i = 0; i < 3; i++)
		assert_refreshed(refresh(stage, ANN, 3 * HOUR_S));
	assert_refused(refresh(stage, ANN, 3 * HOUR_S), "rate_limited");
	(void)pass(stage, REFILL_MS / 1000 + 1);
	assert_refreshed(refresh(stage, ANN, 3 * HOUR_S));
	assert_refused(refresh(stage, ANN, 3 * HOUR_S), "rate_limited");
	(void)pass(stage, HOUR_S);
	for (int i = 0; i < 3; i++)
		assert_refreshed(refresh(stage, ANN, 3 * HOUR_S));
	assert_refused(refresh(stage, ANN, 3 * HOUR_S), "rate_limited");
}

static void who_is_near_the_end_is_told_once_for_each_token(void **state)
{
	struct stage *stage = *state;

	assert_null(strstr(pass(stage, HOUR_S - WARNING_S - 5), "expiring"));
	assert_non_null(strstr(pass(stage, 8),
			       "{\"type\":\"expiring\",\"inSeconds\":"));
	assert_null(strstr(pass(stage, 20), "expiring"));
	assert_refreshed(refresh(stage, ANN, HOUR_S));
	assert_null(strstr(pass(stage, HOUR_S - WARNING_S - 5), "expiring"));
	assert_non_null(strstr(pass(stage, 8), "expiring"));
}

static void who_has_little_time_is_told_at_half_of_it(void **state)
{
	struct stage *stage = *state;

	assert_refreshed(refresh(stage, ANN, 40));
	assert_null(strstr(pass(stage, 15), "expiring"));
	assert_non_null(strstr(pass(stage, 8), "\"inSeconds\":"));
	assert_true(is_open(stage));
}

#define STAGE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STAGE_TEST(without_another_token_it_ends_with_the_first),
		STAGE_TEST(another_token_of_the_same_caller_goes_on),
		STAGE_TEST(one_that_ends_sooner_does_so),
		STAGE_TEST(another_caller_is_refused),
		STAGE_TEST(a_bad_token_changes_nothing),
		STAGE_TEST(no_token_is_no_refresh),
		STAGE_TEST(three_at_once_and_one_in_ten_seconds),
		STAGE_TEST(who_is_near_the_end_is_told_once_for_each_token),
		STAGE_TEST(who_has_little_time_is_told_at_half_of_it),
	};

	return cmocka_run_group_tests_name("refresh_frame", tests, NULL, NULL);
}
