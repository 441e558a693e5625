/* Late answers find their connection or nothing; users live while needed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <ev.h>

#include "lib/live/hub.h"

enum { PARTITIONS = 16, MANY = 1000 };

_Static_assert(offsetof(struct wp_user, text) <= 32, "a user has grown");

static struct ev_loop *loop;
static int n_pokes;

static int setup(void **state)
{
	(void)state;
	loop = ev_loop_new(EVFLAG_AUTO);
	n_pokes = 0;
	return loop == NULL;
}

static int teardown(void **state)
{
	(void)state;
	ev_loop_destroy(loop);
	return 0;
}

static void on_poke(void *ctx, struct wp_member *member)
{
	(void)member;
	++*(int *)ctx;
}

static struct wp_hub *new_hub(void)
{
	const struct wp_live_counts counts = { 0 };
	struct wp_hub *hub =
		wp_hub_new(loop, PARTITIONS, &counts, on_poke, &n_pokes);

	assert_non_null(hub);
	return hub;
}

static struct wp_urn urn(const char *id)
{
	struct wp_urn out;

	assert_int_equal(wp_urn_parse(&out, id, strlen(id), NULL), WP_OK);
	return out;
}

static struct wp_user *user_of(struct wp_hub *hub, const char *id)
{
	struct wp_urn name = urn(id);

	return wp_hub_user(hub, name.text, name.len);
}

static void a_number_finds_its_member_until_it_leaves(void **state)
{
	struct wp_hub *hub = new_hub();
	struct wp_member member = { 0 };
	uint64_t number;

	(void)state;
	assert_int_equal(wp_hub_add(hub, &member), WP_OK);
	number = member.number;
	assert_int_not_equal(number, 0);

	assert_ptr_equal(wp_hub_find(hub, number), &member);
	wp_hub_remove(hub, &member);
	assert_null(wp_hub_find(hub, number));
	wp_hub_remove(hub, &member);

	assert_int_equal(wp_hub_members(hub), 0);
	wp_hub_free(&hub);
	assert_null(hub);
}

static void a_slot_is_used_again_but_a_number_never(void **state)
{
	struct wp_hub *hub = new_hub();
	struct wp_member first = { 0 };
	struct wp_member second = { 0 };
	uint64_t old;
	size_t slots;

	(void)state;
	assert_int_equal(wp_hub_add(hub, &first), WP_OK);
	old = first.number;
	slots = wp_hub_slots(hub);
	wp_hub_remove(hub, &first);

	for (int i = 0; i < MANY; i++) {
		assert_int_equal(wp_hub_add(hub, &second), WP_OK);
		assert_int_not_equal(second.number, old);
		assert_null(wp_hub_find(hub, old));
		old = second.number;
		wp_hub_remove(hub, &second);
	}

	assert_int_equal(wp_hub_slots(hub), slots);
	wp_hub_free(&hub);
}

static void nobody_finds_numbers_that_were_never_given(void **state)
{
	struct wp_hub *hub = new_hub();
	struct wp_member member = { 0 };

	(void)state;
	assert_null(wp_hub_find(hub, 0));
	assert_null(wp_hub_find(hub, UINT64_MAX));

	assert_int_equal(wp_hub_add(hub, &member), WP_OK);
	assert_null(wp_hub_find(hub, 0));
	assert_null(wp_hub_find(hub, UINT64_MAX));

	wp_hub_remove(hub, &member);
	wp_hub_free(&hub);
}

static int n_connections(struct wp_hub *hub, const char *name)
{
	int n = 0;

	for (const struct wp_member *m = user_of(hub, name)->members; m != NULL;
	     m = m->next)
		n++;
	return n;
}

static void connections_of_one_user_share_one_entry(void **state)
{
	struct wp_hub *hub = new_hub();
	struct wp_member members[3] = { { 0 } };
	struct wp_urn bob = urn("bob");
	struct wp_box box, told;

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(wp_hub_add(hub, &members[i]), WP_OK);
		assert_int_equal(wp_hub_join(hub, &members[i], &bob), WP_OK);
	}
	assert_int_equal(wp_hub_users(hub), 1);
	assert_int_equal(n_connections(hub, "bob"), 3);
	assert_string_equal(members[0].user->text, "urn:sm:user:bob");
	wp_box_of(&box, &bob, PARTITIONS);
	assert_int_equal(members[0].user->partition, box.partition);
	wp_user_box(members[0].user, &told);
	assert_int_equal(told.partition, box.partition);
	assert_int_equal(told.len, box.len);
	assert_string_equal(told.text, box.text);

	/* The one in the middle of the list first. */
	wp_hub_leave(hub, &members[1]);
	assert_null(members[1].user);
	assert_int_equal(n_connections(hub, "bob"), 2);
	wp_hub_remove(hub, &members[0]);
	wp_hub_remove(hub, &members[2]);
	assert_null(user_of(hub, "bob"));

	wp_hub_remove(hub, &members[1]);
	assert_int_equal(wp_hub_users(hub), 0);
	wp_hub_free(&hub);
}

static void pokes_that_follow_a_first_one_become_one(void **state)
{
	struct wp_hub *hub = new_hub();
	struct wp_member members[2] = { { 0 } };
	struct wp_urn bob = urn("bob");

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(wp_hub_add(hub, &members[i]), WP_OK);
		assert_int_equal(wp_hub_join(hub, &members[i], &bob), WP_OK);
	}
	wp_hub_poke(hub, members[0].user);
	assert_int_equal(n_pokes, 2);
	for (int i = 0; i < 10; i++)
		wp_hub_poke(hub, members[0].user);
	assert_int_equal(n_pokes, 2);
	while (n_pokes == 2)
		ev_run(loop, EVRUN_ONCE);
	assert_int_equal(n_pokes, 4);

	/* The loop ends when nobody cools any more. */
	ev_run(loop, 0);
	assert_int_equal(n_pokes, 4);
	wp_hub_poke(hub, members[0].user);
	assert_int_equal(n_pokes, 6);
	for (int i = 0; i < 2; i++)
		wp_hub_remove(hub, &members[i]);
	wp_hub_free(&hub);
}

static void who_has_left_is_not_poked_later(void **state)
{
	struct wp_hub *hub = new_hub();
	struct wp_member members[3] = { { 0 } };
	struct wp_urn bob = urn("bob");

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(wp_hub_add(hub, &members[i]), WP_OK);
		assert_int_equal(wp_hub_join(hub, &members[i], &bob), WP_OK);
		wp_hub_poke_later(hub, &members[i]);
	}
	wp_hub_remove(hub, &members[0]);
	wp_hub_leave(hub, &members[1]);
	assert_int_equal(n_pokes, 0);
	ev_run(loop, 0);
	assert_int_equal(n_pokes, 1);
	wp_hub_remove(hub, &members[1]);
	wp_hub_remove(hub, &members[2]);
	wp_hub_free(&hub);
}

static void a_poked_user_stays_in_memory_but_not_in_sight(void **state)
{
	struct wp_hub *hub = new_hub();
	struct wp_member member = { 0 };
	struct wp_urn bob = urn("bob");
	struct wp_user *user;

	(void)state;
	assert_int_equal(wp_hub_add(hub, &member), WP_OK);
	assert_int_equal(wp_hub_join(hub, &member, &bob), WP_OK);
	user = member.user;
	wp_hub_poke(hub, user);

	wp_hub_leave(hub, &member);
	assert_null(user_of(hub, "bob"));
	assert_null(user->members);
	assert_int_equal(wp_hub_users(hub), 1);

	/* Who comes back meanwhile is the same user. */
	assert_int_equal(wp_hub_join(hub, &member, &bob), WP_OK);
	assert_ptr_equal(member.user, user);
	wp_hub_leave(hub, &member);
	ev_run(loop, 0); /* nobody cools any more */
	assert_int_equal(wp_hub_users(hub), 0);

	/* Nor does a hub that is freed wait for anybody to cool. */
	assert_int_equal(wp_hub_join(hub, &member, &bob), WP_OK);
	wp_hub_poke(hub, member.user);
	wp_hub_remove(hub, &member);
	assert_int_equal(wp_hub_users(hub), 1);
	wp_hub_free(&hub);
}

static void many_users_are_all_found_while_the_table_grows(void **state)
{
	static struct wp_member members[MANY];
	struct wp_hub *hub = new_hub();
	char id[16];
	size_t seen = 0;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		struct wp_urn name;

		snprintf(id, sizeof(id), "user%d", i);
		name = urn(id);
		assert_int_equal(wp_hub_add(hub, &members[i]), WP_OK);
		assert_int_equal(wp_hub_join(hub, &members[i], &name), WP_OK);
	}

	for (int i = 0; i < MANY; i++) {
		snprintf(id, sizeof(id), "user%d", i);
		assert_ptr_equal(user_of(hub, id), members[i].user);
	}
	for (size_t i = 0; i < wp_hub_slots(hub); i++)
		seen += wp_hub_at(hub, i) != NULL;
	assert_int_equal(seen, MANY);

	for (int i = 0; i < MANY; i++)
		wp_hub_remove(hub, &members[i]);
	assert_int_equal(wp_hub_users(hub), 0);
	wp_hub_free(&hub);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* Whoever it is told of, and however many share a bucket. */
static void to_look_ahead_changes_nothing(void **state)
{
	struct wp_hub_name names[WP_HUB_NAMES_MAX] = { 0 };
	struct wp_hub *hub = new_hub();
	struct wp_member member = { 0 };
	struct wp_urn bob = urn("bob");

	(void)state;
	wp_hub_look_ahead(hub, names, 0);
	for (size_t i = 0; i < WP_HUB_NAMES_MAX; i++)
		names[i] = (struct wp_hub_name){ bob.text, i % bob.len };
	wp_hub_look_ahead(hub, names, WP_HUB_NAMES_MAX);
	assert_int_equal(wp_hub_users(hub), 0);

	assert_int_equal(wp_hub_add(hub, &member), WP_OK);
	assert_int_equal(wp_hub_join(hub, &member, &bob), WP_OK);
	names[1].len = bob.len;
	wp_hub_look_ahead(hub, names, WP_HUB_NAMES_MAX);
	assert_ptr_equal(user_of(hub, "bob"), member.user);
	assert_int_equal(wp_hub_users(hub), 1);
	wp_hub_remove(hub, &member);
	wp_hub_free(&hub);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_number_finds_its_member_until_it_leaves),
		TEST(a_slot_is_used_again_but_a_number_never),
		TEST(nobody_finds_numbers_that_were_never_given),
		TEST(connections_of_one_user_share_one_entry),
		TEST(pokes_that_follow_a_first_one_become_one),
		TEST(who_has_left_is_not_poked_later),
		TEST(a_poked_user_stays_in_memory_but_not_in_sight),
		TEST(many_users_are_all_found_while_the_table_grows),
		TEST(to_look_ahead_changes_nothing),
	};

	return cmocka_run_group_tests_name("hub", tests, NULL, NULL);
}
