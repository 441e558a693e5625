/* Our own keys over months, by a clock that the test holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keys/own.h"
#include "lib/auth/key_file.h"

enum { HOUR_S = 3600, DAY_S = 86400, PATH_BYTES = 128 };

static const int64_t start_s = INT64_C(1795225140);

struct world {
	char path[64];
	char issuer[16];
	struct wp_conf conf;
	struct wp_folder folder;
	struct wp_own own;
	int64_t now_s;
};

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct wp_error err = { 0 };

	assert_non_null(w);
	(void)snprintf(w->path, sizeof(w->path), "%s/wp-own-XXXXXX",
		       getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
	assert_non_null(mkdtemp(w->path));
	memcpy(w->issuer, "waypost", sizeof("waypost"));
	w->conf.accounts.issuer = w->issuer;
	w->conf.accounts.key_rotation_days = 30;
	w->now_s = start_s;
	assert_int_equal(wp_folder_own(&w->folder, w->path, "lock", &err),
			 WP_OK);
	wp_own_init(&w->own, &w->conf, &w->folder);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	char command[PATH_BYTES];
	int status;

	wp_own_release(&w->own);
	wp_folder_close(&w->folder);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", w->path);
	status = system(command);
	free(w);
	return status == 0 ? 0 : -1;
}

/* Look, and publish what is new. Returns: it was */
static bool look(struct world *w, bool wants_new)
{
	struct wp_error err = { 0 };
	bool has_changed = false;

	if (wp_own_look(&w->own, w->now_s, wants_new, &has_changed, &err) !=
		    WP_OK ||
	    (has_changed &&
	     wp_own_publish(&w->own, w->now_s * 1000, &err) != WP_OK))
		fail_msg("%s", err.msg);
	return has_changed;
}

/* Look once an hour, as it is never looked less often. */
static void pass(struct world *w, int64_t seconds)
{
	int64_t end_s = w->now_s + seconds;

	for (; w->now_s < end_s; w->now_s += HOUR_S)
		(void)look(w, false);
	w->now_s = end_s;
	(void)look(w, false);
}

/* What is published is what is in the ring, as a file that can be read. */
static size_t expect_published(struct world *w)
{
	char name[WP_KEY_FILE_NAME_MAX + 1];
	const struct wp_folder_read what = {
		.name = name,
		.max_bytes = WP_KEY_FILE_BYTES_MAX,
	};
	struct wp_key_file file = { 0 };
	struct wp_error err = { 0 };
	struct wp_buf text;
	size_t n;

	wp_buf_init(&text, 0);
	wp_key_file_name("waypost", name);
	assert_int_equal(wp_folder_read(&w->folder, &what, &text, &err), WP_OK);
	assert_null(strstr(text.data, "PRIVATE"));
	if (wp_key_file_parse(&file, text.data, text.len, &err) != WP_OK)
		fail_msg("%s", err.msg);
	n = file.jwks->n;
	assert_int_equal(n, w->own.ring.n);
	assert_int_equal(file.jwks->n_ignored + file.jwks->n_private, 0);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(file.jwks->keys[i].kid,
				    w->own.ring.keys[i].kid);
	wp_key_file_release(&file);
	wp_buf_release(&text);
	return n;
}

static size_t count_files(const struct world *w)
{
	struct wp_signing_ring names;
	struct wp_error err = { 0 };

	assert_int_equal(wp_signing_read(&names, w->folder.fd, &err), WP_OK);
	return names.n;
}

static enum wp_sign_alg newest_alg(const struct world *w)
{
	return w->own.algs[w->own.ring.n - 1];
}

static void the_first_look_makes_a_key(void **state)
{
	struct world *w = *state;
	char name[WP_SIGNING_NAME_MAX];
	struct stat st;

	assert_true(look(w, false));
	assert_int_equal(w->own.ring.n, 1);
	assert_int_equal(w->own.ring.keys[0].created_s, start_s);
	assert_int_equal(expect_published(w), 1);
	wp_signing_name(&w->own.ring.keys[0], name);
	assert_int_equal(fstatat(w->folder.fd, name, &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);

	assert_false(look(w, false));
	assert_int_equal(w->own.n_made, 1);
}

static void a_life_goes_on_with_the_keys_of_the_one_before(void **state)
{
	struct world *w = *state;
	char kid[WP_SIGNING_KID_LEN + 1];

	(void)look(w, false);
	memcpy(kid, w->own.ring.keys[0].kid, sizeof(kid));
	wp_own_release(&w->own);
	wp_own_init(&w->own, &w->conf, &w->folder);
	(void)look(w, false);
	assert_int_equal(w->own.n_made, 0);
	assert_string_equal(w->own.ring.keys[0].kid, kid);
}

static void keys_come_and_go_by_the_calendar(void **state)
{
	struct world *w = *state;
	char first[WP_SIGNING_KID_LEN + 1];

	pass(w, 30 * DAY_S - HOUR_S);
	assert_int_equal(count_files(w), 1);
	memcpy(first, w->own.ring.keys[0].kid, sizeof(first));
	pass(w, HOUR_S);
	assert_int_equal(expect_published(w), 2);
	assert_string_equal(w->own.ring.keys[0].kid, first);
	/* Until two days after the second one began to sign. */
	pass(w, 2 * DAY_S);
	assert_int_equal(expect_published(w), 2);
	pass(w, HOUR_S);
	assert_int_equal(expect_published(w), 1);
	assert_int_equal(count_files(w), 1);
	assert_string_not_equal(w->own.ring.keys[0].kid, first);

	pass(w, 365 * DAY_S);
	assert_in_range(w->own.n_made, 13, 14);
	assert_in_range(count_files(w), 1, 2);
}

static void rotation_can_be_off(void **state)
{
	struct world *w = *state;

	w->conf.accounts.key_rotation_days = 0;
	pass(w, 100 * DAY_S);
	assert_int_equal(w->own.n_made, 1);
	assert_int_equal(count_files(w), 1);
}

static void the_operator_can_ask_for_a_key(void **state)
{
	struct world *w = *state;

	(void)look(w, false);
	assert_true(look(w, true));
	assert_int_equal(expect_published(w), 2);
	/* One that waits is new enough. */
	assert_false(look(w, true));
	pass(w, HOUR_S + 1); /* both were made in one second, in two names */
	assert_true(look(w, true));
	assert_int_equal(expect_published(w), 3);
}

static void another_algorithm_is_for_the_next_key_which_is_made(void **state)
{
	struct world *w = *state;

	(void)look(w, false);
	assert_int_equal(newest_alg(w), WP_SIGN_ES256);
	w->conf.accounts.signing_algorithm = WP_SIGN_RS256;
	assert_true(look(w, false));
	assert_int_equal(newest_alg(w), WP_SIGN_RS256);
	assert_int_equal(expect_published(w), 2);
	assert_false(look(w, false));
	/* And back: not before the one that waits has had its turn. */
	w->conf.accounts.signing_algorithm = WP_SIGN_ES256;
	assert_false(look(w, false));
	w->now_s += HOUR_S + 1;
	assert_true(look(w, false));
	assert_int_equal(newest_alg(w), WP_SIGN_ES256);
}

/* A clock that was ahead for a while has left a key of a time to come. */
static void a_key_of_the_future_keeps_nobody_from_making_keys(void **state)
{
	struct world *w = *state;
	char ahead[WP_SIGNING_KID_LEN + 1];
	char old[WP_SIGNING_KID_LEN + 1];

	(void)look(w, false);
	memcpy(old, w->own.ring.keys[0].kid, sizeof(old));
	w->now_s += 400 * DAY_S;
	(void)look(w, false);
	assert_int_equal(w->own.n_made, 2);
	memcpy(ahead, w->own.ring.keys[1].kid, sizeof(ahead));
	w->now_s = start_s;

	pass(w, 30 * DAY_S - HOUR_S);
	assert_int_equal(w->own.n_made, 2);
	assert_string_equal(w->own.ring.keys[0].kid, old);
	/* It rotates as if that were not there, */
	pass(w, 2 * HOUR_S);
	assert_int_equal(w->own.n_made, 3);
	pass(w, 3 * DAY_S);
	assert_int_equal(expect_published(w), 2);
	assert_string_equal(w->own.ring.keys[1].kid, ahead);
	assert_int_equal(wp_signing_current(&w->own.ring, w->now_s), 0);
	/* also when the operator or the settings want another one, once. */
	assert_true(look(w, true));
	assert_false(look(w, true));
	pass(w, HOUR_S + 1);
	w->conf.accounts.signing_algorithm = WP_SIGN_RS256;
	(void)look(w, false);
	(void)look(w, false);
	assert_int_equal(w->own.n_made, 5);
	/* And it has its turn. */
	w->conf.accounts.signing_algorithm = WP_SIGN_ES256;
	pass(w, 400 * DAY_S);
	assert_in_range(w->own.n_made, 6 + 12, 6 + 14);
	assert_in_range(count_files(w), 1, 2);
}

/* It signs until the one of the right time is known to everybody. */
static void the_only_key_may_be_of_the_future(void **state)
{
	struct world *w = *state;

	w->now_s += 400 * DAY_S;
	(void)look(w, false);
	w->now_s = start_s;
	assert_true(look(w, false));
	assert_int_equal(w->own.n_made, 2);
	assert_int_equal(expect_published(w), 2);
	assert_int_equal(wp_signing_current(&w->own.ring, w->now_s), 1);
	assert_false(look(w, true));
	pass(w, HOUR_S);
	assert_int_equal(wp_signing_current(&w->own.ring, w->now_s), 0);
	assert_int_equal(w->own.n_made, 2);
}

static void change_file(const struct world *w, const char *text, mode_t mode)
{
	char name[WP_SIGNING_NAME_MAX];
	struct wp_error err = { 0 };
	const struct wp_folder_write what = {
		.name = name,
		.mode = mode,
		.data = text,
		.len = strlen(text),
	};

	wp_signing_name(&w->own.names.keys[0], name);
	assert_int_equal(wp_folder_write(&w->folder, &what, &err), WP_OK);
}

static void a_key_that_is_unfit_is_not_published(void **state)
{
	struct world *w = *state;
	char name[WP_SIGNING_NAME_MAX];

	/* One that its owner has let everybody read. */
	(void)look(w, false);
	wp_signing_name(&w->own.ring.keys[0], name);
	assert_int_equal(fchmodat(w->folder.fd, name, 0644, 0), 0);
	wp_own_release(&w->own);
	wp_own_init(&w->own, &w->conf, &w->folder);
	w->now_s += HOUR_S;
	(void)look(w, false);
	assert_int_equal(w->own.n_made, 1);
	assert_int_equal(count_files(w), 2);
	assert_int_equal(expect_published(w), 1);

	/* Mended, it counts again. */
	assert_int_equal(fchmodat(w->folder.fd, name, 0600, 0), 0);
	assert_true(look(w, false));
	assert_int_equal(expect_published(w), 2);

	change_file(w, "no key", 0600);
	wp_own_release(&w->own);
	wp_own_init(&w->own, &w->conf, &w->folder);
	(void)look(w, false);
	assert_int_equal(expect_published(w), 1);
}

static void a_file_under_another_name_is_not_taken_for_it(void **state)
{
	struct world *w = *state;
	char name[WP_SIGNING_NAME_MAX];
	struct wp_signing_key other;

	(void)look(w, false);
	wp_signing_name(&w->own.ring.keys[0], name);
	other = w->own.ring.keys[0];
	other.kid[0] = other.kid[0] == '0' ? '1' : '0';
	{
		char wrong[WP_SIGNING_NAME_MAX];

		wp_signing_name(&other, wrong);
		assert_int_equal(
			renameat(w->folder.fd, name, w->folder.fd, wrong), 0);
	}
	assert_true(look(w, false));
	assert_int_equal(w->own.ring.n, 1);
	assert_string_not_equal(w->own.ring.keys[0].kid, other.kid);
}

static void a_file_that_is_taken_away_is_gone(void **state)
{
	struct world *w = *state;
	char name[WP_SIGNING_NAME_MAX];
	char kid[WP_SIGNING_KID_LEN + 1];

	(void)look(w, false);
	(void)look(w, true);
	memcpy(kid, w->own.ring.keys[1].kid, sizeof(kid));
	wp_signing_name(&w->own.ring.keys[0], name);
	assert_int_equal(unlinkat(w->folder.fd, name, 0), 0);
	assert_true(look(w, false));
	assert_int_equal(expect_published(w), 1);
	assert_string_equal(w->own.ring.keys[0].kid, kid);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_first_look_makes_a_key),
		TEST(a_life_goes_on_with_the_keys_of_the_one_before),
		TEST(keys_come_and_go_by_the_calendar),
		TEST(rotation_can_be_off),
		TEST(the_operator_can_ask_for_a_key),
		TEST(another_algorithm_is_for_the_next_key_which_is_made),
		TEST(a_key_of_the_future_keeps_nobody_from_making_keys),
		TEST(the_only_key_may_be_of_the_future),
		TEST(a_key_that_is_unfit_is_not_published),
		TEST(a_file_under_another_name_is_not_taken_for_it),
		TEST(a_file_that_is_taken_away_is_gone),
	};

	return cmocka_run_group_tests_name("keys/own", tests, NULL, NULL);
}
