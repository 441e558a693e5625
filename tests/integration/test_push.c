/*
 * Notification commands: one for whoever is absent and has mail, none for what
 * was told before, and none at all unless somebody wants them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/mailbox/presence.h"
#include "tests/support/test_redis.h"
#include "tests/support/world.h"

#define MAIL(...) ((struct wp_world_mail){ __VA_ARGS__ })

static void post(struct wp_world *w, struct wp_world_mail mail)
{
	(void)wp_world_post(w, mail);
	(void)wp_world_route(w);
}

static void leave(struct wp_world *w, const char *connection)
{
	struct wp_reply *reply;

	wp_presence_disconnect_build(&w->cmd, &w->conf, &w->box, connection,
				     5000);
	reply = wp_world_do(w);
	assert_int_equal(wp_script_done(reply), WP_OK);
	wp_reply_free(&reply);
}

static void expect_commands(struct wp_world *w, int64_t n)
{
	assert_int_equal(wp_world_int(w, "XLEN " WP_P "push"), n);
}

/* The newest command is about bob's message. */
static void expect_newest(struct wp_world *w, struct wp_msgid id)
{
	char want[WP_ENTRY_ID_MAX + sizeof(WP_BOB) + 16];
	char entry[WP_ENTRY_ID_MAX];

	wp_entry_id_format(&id.entry, entry);
	(void)snprintf(want, sizeof(want), "[u " WP_BOB " id %s]", entry);
	wp_world_expect(w, want,
			"EVAL return\tredis.call('XREVRANGE',KEYS[1],'+','-',"
			"'COUNT',1)[1][2] 1 " WP_P "push");
	wp_world_expect(w, entry, "GET " WP_P "notified:" WP_BOB);
}

static void nobody_who_did_not_ask_gets_commands(void **state)
{
	struct wp_world *w = *state;

	w->conf.push.enabled = false;
	post(w, MAIL(.json = "m1"));
	wp_world_join(w, "i1");
	(void)wp_world_connect(w, "i1.1");
	leave(w, "i1.1");
	wp_world_expect(w, "0", "EXISTS " WP_P "push " WP_P "notified:" WP_BOB);
}

static void a_call_leaves_one_command_about_the_last_message(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid id;

	w->conf.push.enabled = true;
	(void)wp_world_post(w, MAIL(.json = "m1"));
	(void)wp_world_post(w, MAIL(.json = "a1", .to = WP_AMY));
	(void)wp_world_post(w, MAIL(.json = "h1", .band = WP_BAND_HIGH));
	id = wp_world_post(w, MAIL(.json = "m2"));
	(void)wp_world_post(w, MAIL(.json = "e1", .is_ephemeral = true));
	(void)wp_world_route(w);
	expect_commands(w, 2);
	expect_newest(w, id);
	id = wp_world_deliver(w, "m3");
	expect_commands(w, 3);
	expect_newest(w, id);
}

static void whoever_is_online_needs_none_until_the_last_one_leaves(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid id;

	w->conf.push.enabled = true;
	wp_world_join(w, "i1");
	(void)wp_world_connect(w, "i1.1");
	(void)wp_world_connect(w, "i1.2");
	id = wp_world_deliver(w, "m1");
	post(w, MAIL(.json = "e1", .is_ephemeral = true));
	expect_commands(w, 0);
	leave(w, "i1.1");
	expect_commands(w, 0);
	leave(w, "i1.2");
	expect_commands(w, 1);
	expect_newest(w, id);

	/* Back and away again: nothing new to tell. */
	(void)wp_world_connect(w, "i1.3");
	leave(w, "i1.3");
	expect_commands(w, 1);
}

static void leaving_with_nothing_but_the_ephemeral_tells_nothing(void **state)
{
	struct wp_world *w = *state;

	w->conf.push.enabled = true;
	wp_world_join(w, "i1");
	(void)wp_world_connect(w, "i1.1");
	post(w, MAIL(.json = "e1", .is_ephemeral = true));
	leave(w, "i1.1");
	expect_commands(w, 0);
}

static void nor_does_leaving_with_nothing_but_the_expired(void **state)
{
	struct wp_world *w = *state;
	struct wp_msgid id;

	w->conf.push.enabled = true;
	wp_world_join(w, "i1");
	(void)wp_world_connect(w, "i1.1");
	post(w, MAIL(.json = "m1", .expires_in_ms = -5000));
	leave(w, "i1.1");
	expect_commands(w, 0);

	(void)wp_world_connect(w, "i1.1");
	id = wp_world_deliver(w, "m2");
	post(w, MAIL(.json = "m3", .expires_in_ms = -5000));
	leave(w, "i1.1");
	expect_commands(w, 1);
	expect_newest(w, id);
}

static void the_reaped_are_told_as_well(void **state)
{
	struct wp_world *w = *state;
	const struct wp_lease lease = wp_world_lease(w->owner);
	enum wp_reap_status status;
	struct wp_reply *reply;
	struct wp_msgid id;
	int64_t removed;

	w->conf.push.enabled = true;
	wp_world_join(w, "i1");
	(void)wp_world_connect(w, "i1.1");
	id = wp_world_deliver(w, "m1");
	wp_reap_build(&w->cmd, &w->conf, &lease, "i1", "0");
	reply = wp_world_do(w);
	status = wp_reap_parse(reply, &removed);
	wp_reply_free(&reply);
	assert_int_equal(status, WP_REAP_DONE);
	expect_commands(w, 1);
	expect_newest(w, id);
}

static void commands_that_nobody_reads_are_bounded(void **state)
{
	struct wp_world *w = *state;

	w->conf.push.enabled = true;
	w->conf.push.max_commands = 1;
	for (int i = 0; i < 600; i++)
		(void)wp_world_deliver(w, "m");
	/* At least 100, and Redis trims by whole nodes. */
	assert_in_range(wp_world_int(w, "XLEN " WP_P "push"), 100, 300);
}

#define WORLD_TEST(name) \
	cmocka_unit_test_setup_teardown(name, wp_world_setup, wp_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(nobody_who_did_not_ask_gets_commands),
		WORLD_TEST(a_call_leaves_one_command_about_the_last_message),
		WORLD_TEST(
			whoever_is_online_needs_none_until_the_last_one_leaves),
		WORLD_TEST(
			leaving_with_nothing_but_the_ephemeral_tells_nothing),
		WORLD_TEST(nor_does_leaving_with_nothing_but_the_expired),
		WORLD_TEST(the_reaped_are_told_as_well),
		WORLD_TEST(commands_that_nobody_reads_are_bounded),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("push", tests, NULL, NULL);
}
