/*
 * world.c - building the world, and talking to its Redis in plain words.
 *
 * What clients and workers do is in world_steps.c, the spy in spy.c.
 */
#include "tests/support/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/boxes.h"
#include "tests/support/spy.h"
#include "tests/support/test_redis.h"

enum { COMMAND_MAX = 4096, PATH_SIZE = 300 };

static void remove_store(const struct wp_conf *conf)
{
	static const char *const endings[] = { "", "-wal", "-shm" };
	char path[PATH_SIZE];

	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s%s",
			       conf->store.sqlite_path, endings[i]);
		(void)unlink(path);
	}
}

struct wp_store *wp_world_open_store(struct wp_world *w)
{
	struct wp_store *store = NULL;
	struct wp_error err = { 0 };

	if (wp_store_open(&store, &w->conf, &err) != WP_OK)
		fail_msg("no store: %s", err.msg);
	return store;
}

static void own_partition(struct wp_world *w)
{
	const struct wp_lease lease = wp_world_lease(w->owner);
	struct wp_reply *reply;
	bool is_held = true;

	wp_lease_acquire_build(&w->cmd, WP_P, "worker-a", 60000);
	reply = wp_world_do(w);
	assert_int_equal(wp_lease_acquire_parse(reply, &is_held, w->owner),
			 WP_OK);
	assert_false(is_held);
	wp_reply_free(&reply);

	wp_gate_open_build(&w->cmd, &lease, wp_redis_run_id(w->redis));
	reply = wp_world_do(w);
	assert_int_equal(wp_script_done(reply), WP_OK);
	wp_reply_free(&reply);
}

int wp_world_setup(void **state)
{
	struct wp_world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	wp_test_conf(&w->conf, NULL);
	remove_store(&w->conf);
	wp_cmd_init(&w->cmd);
	w->redis = wp_test_redis(&w->conf);
	wp_spy_init(&w->spy, wp_world_open_store(w));
	w->store = &w->spy.base;
	assert_int_equal(wp_urn_parse(&w->bob, WP_BOB, strlen(WP_BOB), NULL),
			 WP_OK);
	w->box = wp_test_box(WP_WORLD_PARTITION, WP_BOB);
	wp_world_run(w, "FLUSHALL");
	own_partition(w);
	*state = w;
	return 0;
}

int wp_world_teardown(void **state)
{
	struct wp_world *w = *state;

	wp_store_close(&w->spy.real);
	wp_redis_free(&w->redis);
	wp_cmd_release(&w->cmd);
	free(w);
	return 0;
}

int wp_world_setup_hasty(void **state)
{
	int rc = wp_world_setup(state);

	wp_world_run(*state, "CONFIG SET appendfsync no");
	return rc;
}

int wp_world_teardown_hasty(void **state)
{
	wp_world_run(*state, "CONFIG SET appendfsync always");
	return wp_world_teardown(state);
}

struct wp_reply *wp_world_do(struct wp_world *w)
{
	struct wp_reply *reply = NULL;
	struct wp_error err = { 0 };

	if (wp_redis_do(w->redis, &w->cmd, &reply, &err) != WP_OK)
		fail_msg("no answer: %s", err.msg);
	return reply;
}

static struct wp_reply *run_text(struct wp_world *w, const char *fmt,
				 va_list args) WP_PRINTF(2, 0);
static struct wp_reply *run_text(struct wp_world *w, const char *fmt,
				 va_list args)
{
	char text[COMMAND_MAX];
	const char *word = text;
	int len = vsnprintf(text, sizeof(text), fmt, args);

	assert_in_range(len, 1, sizeof(text) - 1);
	wp_cmd_clear(&w->cmd);
	for (;;) {
		size_t n = strcspn(word, " ");

		wp_cmd_add(&w->cmd, word, n);
		if (word[n] == '\0')
			break;
		word += n + 1;
	}
	return wp_world_do(w);
}

struct wp_reply *wp_world_cmd(struct wp_world *w, const char *fmt, ...)
{
	struct wp_reply *reply;
	va_list args;

	va_start(args, fmt);
	reply = run_text(w, fmt, args);
	va_end(args);
	return reply;
}

void wp_world_run(struct wp_world *w, const char *fmt, ...)
{
	struct wp_reply *reply;
	va_list args;

	va_start(args, fmt);
	reply = run_text(w, fmt, args);
	va_end(args);
	if (wp_reply_type(reply) == WP_REPLY_ERROR)
		fail_msg("%s: %s", fmt, wp_reply_str(reply));
	wp_reply_free(&reply);
}

int64_t wp_world_int(struct wp_world *w, const char *fmt, ...)
{
	struct wp_reply *reply;
	va_list args;
	int64_t value;

	va_start(args, fmt);
	reply = run_text(w, fmt, args);
	va_end(args);
	if (wp_reply_type(reply) == WP_REPLY_ERROR)
		fail_msg("%s: %s", fmt, wp_reply_str(reply));
	value = wp_reply_int(reply);
	wp_reply_free(&reply);
	return value;
}

static void show(const struct wp_reply *reply, struct wp_buf *out)
{
	switch (wp_reply_type(reply)) {
	case WP_REPLY_NIL:
		wp_buf_add_char(out, '-');
		break;
	case WP_REPLY_INT:
		wp_buf_printf(out, "%lld", (long long)wp_reply_int(reply));
		break;
	case WP_REPLY_ERROR:
		wp_buf_add_char(out, '!');
		wp_buf_add_str(out, wp_reply_str(reply));
		break;
	case WP_REPLY_STR:
		wp_buf_add(out, wp_reply_str(reply), wp_reply_len(reply));
		break;
	case WP_REPLY_ARRAY:
		wp_buf_add_char(out, '[');
		for (size_t i = 0; i < wp_reply_count(reply); i++) {
			if (i > 0)
				wp_buf_add_char(out, ' ');
			show(wp_reply_at(reply, i), out);
		}
		wp_buf_add_char(out, ']');
		break;
	}
}

void wp_world_expect_told(struct wp_world *w, const char *want)
{
	struct wp_reply *reply = wp_world_cmd(w, "HGET " WP_P "cold " WP_BOB);
	const char *told = wp_reply_str(reply);

	for (int words = 0; words < 2; words++) {
		told = strchr(told, ' ');
		assert_non_null(told);
		told++;
	}
	assert_string_equal(told, want);
	wp_reply_free(&reply);
}

char *wp_world_show(const struct wp_reply *reply)
{
	struct wp_buf out;
	char *text;

	wp_buf_init(&out, 0);
	show(reply, &out);
	text = strdup(out.data != NULL ? out.data : "");
	wp_buf_release(&out);
	assert_non_null(text);
	return text;
}

void wp_world_expect(struct wp_world *w, const char *want, const char *fmt, ...)
{
	struct wp_reply *reply;
	va_list args;
	char *got;

	va_start(args, fmt);
	reply = run_text(w, fmt, args);
	va_end(args);
	got = wp_world_show(reply);
	if (strcmp(got, want) != 0)
		fail_msg("%s\n  gives %s\n  not   %s", fmt, got, want);
	free(got);
	wp_reply_free(&reply);
}
