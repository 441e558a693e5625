/* Who waits for a key: tried again when a file has come, and not for ever. */
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

#include "lib/auth/key_file.h"
#include "lib/live/key_wait.h"

#define ONE "https://id.example/one"
#define TWO "https://id.example/two"

enum { FOR_EVER_MS = 3600000, SHORT_MS = 1 };

static char dir[] = "/tmp/wp-test-key-wait-XXXXXX";
static char empty[] = "", sub[] = "sub";
static char one[] = ONE, two[] = TWO " ns=b";
static char *claims[] = { sub, NULL };
static char *issuers[] = { one, two, NULL };

struct stage {
	struct ev_loop *loop;
	struct wp_auth *auth;
	struct wp_key_wait *wait;
};

/* One who waits, and what it was told. */
struct guest {
	struct wp_key_waiter waiter; /* first */
	struct stage *stage;
	struct guest *takes_away; /* when it is tried */
	int tries;
	bool is_over;
	bool goes_on;
};

static bool again(struct wp_key_waiter *waiter, bool is_over)
{
	struct guest *guest = (struct guest *)waiter;

	guest->tries++;
	guest->is_over = is_over;
	if (guest->takes_away != NULL)
		wp_key_wait_remove(guest->stage->wait,
				   &guest->takes_away->waiter);
	return guest->goes_on;
}

static struct wp_auth *make_auth(void)
{
	struct wp_auth *auth = NULL;
	struct wp_conf conf = { 0 };

	conf.auth.jwt_secret = empty;
	conf.auth.jwt_secret_previous = empty;
	conf.auth.identity_claims.items = claims;
	conf.auth.identity_claims.n = 1;
	conf.auth.issuer = empty;
	conf.auth.audience = empty;
	conf.auth.issuers.items = issuers;
	conf.auth.issuers.n = 2;
	conf.auth.key_dir = dir;
	assert_int_equal(wp_auth_new(&auth, &conf, NULL), WP_OK);
	return auth;
}

static int begin(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));

	assert_non_null(stage);
	stage->loop = ev_loop_new(EVFLAG_AUTO);
	stage->auth = make_auth();
	assert_int_equal(
		wp_key_wait_new(&stage->wait, stage->loop, stage->auth, NULL),
		WP_OK);
	*state = stage;
	return 0;
}

static int end(void **state)
{
	struct stage *stage = *state;

	wp_key_wait_free(&stage->wait);
	assert_null(stage->wait);
	wp_auth_free(&stage->auth);
	ev_loop_destroy(stage->loop);
	free(stage);
	return 0;
}

/* A file that is no good is another file, too. */
static void put(const char *issuer)
{
	char name[WP_KEY_FILE_NAME_MAX + 1], path[200];
	FILE *file;

	wp_key_file_name(issuer, name);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	(void)unlink(path);
	file = fopen(path, "we");
	assert_non_null(file);
	fclose(file);
}

static void take_away(const char *issuer)
{
	char name[WP_KEY_FILE_NAME_MAX + 1], path[200];

	wp_key_file_name(issuer, name);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	(void)unlink(path);
}

static void add(struct stage *stage, struct guest *guest, size_t issuer,
		uint64_t ms)
{
	guest->stage = stage;
	guest->waiter.again = again;
	assert_true(wp_key_wait_add(stage->wait, &guest->waiter, issuer, ms));
}

static void only_those_are_tried_whose_file_has_come(void **state)
{
	struct stage *stage = *state;
	struct guest first = { 0 }, second = { .goes_on = true }, far = { 0 };

	add(stage, &first, 1, FOR_EVER_MS);
	add(stage, &second, 1, FOR_EVER_MS);
	add(stage, &far, 2, FOR_EVER_MS);
	put(ONE);
	while (first.tries == 0)
		ev_run(stage->loop, EVRUN_ONCE);
	assert_int_equal(first.tries, 1);
	assert_int_equal(second.tries, 1);
	assert_false(second.is_over);
	assert_int_equal(far.tries, 0);
	/* Who goes on is tried with the next one. */
	put(ONE);
	while (second.tries == 1)
		ev_run(stage->loop, EVRUN_ONCE);
	assert_int_equal(first.tries, 1);
	wp_key_wait_remove(stage->wait, &second.waiter);
	wp_key_wait_remove(stage->wait, &second.waiter);
	wp_key_wait_remove(stage->wait, &first.waiter);
	wp_key_wait_remove(stage->wait, &far.waiter);
	take_away(ONE);
}

static void nobody_waits_longer_than_he_said(void **state)
{
	struct stage *stage = *state;
	struct guest guest = { .goes_on = true };

	add(stage, &guest, 1, SHORT_MS);
	while (guest.tries == 0)
		ev_run(stage->loop, EVRUN_ONCE);
	assert_true(guest.is_over);
	/* Nobody is left, so nothing keeps the loop. */
	assert_int_equal(ev_run(stage->loop, 0), 0);
	assert_int_equal(guest.tries, 1);
}

static void who_is_taken_away_meanwhile_is_not_tried(void **state)
{
	struct stage *stage = *state;
	struct guest pair[2] = { 0 };

	pair[0].takes_away = &pair[1];
	pair[1].takes_away = &pair[0];
	add(stage, &pair[0], 1, FOR_EVER_MS);
	add(stage, &pair[1], 1, FOR_EVER_MS);
	put(ONE);
	ev_run(stage->loop, 0);
	assert_int_equal(pair[0].tries + pair[1].tries, 1);
	take_away(ONE);
}

static void only_so_many_wait(void **state)
{
	struct stage *stage = *state;
	struct guest *guests = calloc(WP_KEY_WAITERS_MAX + 1, sizeof(*guests));

	assert_non_null(guests);
	for (int i = 0; i < WP_KEY_WAITERS_MAX; i++)
		add(stage, &guests[i], 1, FOR_EVER_MS);
	assert_false(wp_key_wait_add(stage->wait,
				     &guests[WP_KEY_WAITERS_MAX].waiter, 1,
				     FOR_EVER_MS));
	wp_key_wait_remove(stage->wait, &guests[7].waiter);
	add(stage, &guests[7], 1, FOR_EVER_MS);
	wp_key_wait_free(&stage->wait);
	for (int i = 0; i < WP_KEY_WAITERS_MAX; i++)
		assert_int_equal(guests[i].tries, 0);
	free(guests);
}

/* Of a crowd, how many may wait. It is out again behind that. */
static int let_wait(struct stage *stage, const char *from, bool is_logout)
{
	struct guest *guests = calloc(WP_KEY_WAITERS_MAX, sizeof(*guests));
	int n = 0;

	assert_non_null(guests);
	for (int i = 0; i < WP_KEY_WAITERS_MAX; i++) {
		struct wp_key_waiter *waiter = &guests[i].waiter;

		waiter->again = again;
		waiter->is_logout = is_logout;
		(void)wp_address_read(&waiter->from, from);
		n += wp_key_wait_add(stage->wait, waiter, 1, FOR_EVER_MS);
	}
	for (int i = 0; i < WP_KEY_WAITERS_MAX; i++)
		wp_key_wait_remove(stage->wait, &guests[i].waiter);
	free(guests);
	return n;
}

static void one_address_does_not_take_all_places(void **state)
{
	struct stage *stage = *state;

	assert_int_equal(let_wait(stage, "192.0.2.1", false),
			 WP_KEY_WAITERS_OF_ONE);
	assert_int_equal(let_wait(stage, "2001:db8::1", false),
			 WP_KEY_WAITERS_OF_ONE);
	/* Nobody knows who that is. */
	assert_int_equal(let_wait(stage, "127.0.0.1", false),
			 WP_KEY_WAITERS_MAX);
	assert_int_equal(let_wait(stage, "", false), WP_KEY_WAITERS_MAX);
}

static void logouts_do_not_take_all_places(void **state)
{
	struct stage *stage = *state;
	struct guest user = { 0 };

	assert_int_equal(let_wait(stage, "", true), WP_KEY_WAITERS_LOGOUTS);
	assert_int_equal(let_wait(stage, "192.0.2.1", true),
			 WP_KEY_WAITERS_OF_ONE);
	/* Nor do others take theirs away. */
	wp_address_read(&user.waiter.from, "192.0.2.1");
	add(stage, &user, 1, FOR_EVER_MS);
	assert_int_equal(let_wait(stage, "192.0.2.2", true),
			 WP_KEY_WAITERS_OF_ONE);
	wp_key_wait_remove(stage->wait, &user.waiter);
}

static void other_issuers_try_everybody_for_the_last_time(void **state)
{
	struct stage *stage = *state;
	struct wp_auth *old = stage->auth;
	struct guest guest = { .goes_on = true };

	add(stage, &guest, 2, FOR_EVER_MS);
	stage->auth = make_auth();
	wp_key_wait_use(stage->wait, stage->auth);
	wp_auth_free(&old);
	assert_int_equal(guest.tries, 1);
	assert_true(guest.is_over);
	assert_null(guest.waiter.link);
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) == NULL;
}

static int remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(only_those_are_tried_whose_file_has_come),
		TEST(nobody_waits_longer_than_he_said),
		TEST(who_is_taken_away_meanwhile_is_not_tried),
		TEST(only_so_many_wait),
		TEST(one_address_does_not_take_all_places),
		TEST(logouts_do_not_take_all_places),
		TEST(other_issuers_try_everybody_for_the_last_time),
	};

	return cmocka_run_group_tests_name("key_wait", tests, make_dir,
					   remove_dir);
}
