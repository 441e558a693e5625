/* Files that root makes in folders of others: what is given away, and what is
 * not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tools/waypost/copies/files.h"

enum { MODE = 0640, MODE_BITS = 07777 };

struct place {
	char folder[32];
	char *mine;  /* a file, and */
	char *other; /* a name beside it */
};

static int set_up(void **state)
{
	static struct place place;

	(void)snprintf(place.folder, sizeof(place.folder), "%s",
		       "/tmp/waypost-files-XXXXXX");
	if (mkdtemp(place.folder) == NULL)
		return -1;
	place.mine = wp_files_path(place.folder, "mine");
	place.other = wp_files_path(place.folder, "other");
	*state = &place;
	return wp_files_make(place.mine, NULL) == WP_OK ? 0 : -1;
}

static int tear_down(void **state)
{
	struct place *place = *state;

	wp_files_remove_folder(place->folder);
	free(place->mine);
	free(place->other);
	return 0;
}

static enum wp_err give(const char *path)
{
	return wp_files_give(path, geteuid(), getegid(), MODE, NULL);
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & MODE_BITS;
}

static void what_was_made_is_given(void **state)
{
	const struct place *place = *state;

	assert_int_equal(mode_of(place->mine), 0600);
	assert_int_equal(give(place->mine), WP_OK);
	assert_int_equal(mode_of(place->mine), MODE);
	assert_int_equal(give(place->folder), WP_OK);
	assert_int_equal(chmod(place->folder, 0700), 0);
	assert_int_equal(give(place->other), WP_ERR_SYS); /* it is not there */
}

static void a_link_in_its_place_is_not(void **state)
{
	const struct place *place = *state;

	assert_int_equal(symlink(place->mine, place->other), 0);
	assert_int_equal(give(place->other), WP_ERR_CONFLICT);
	assert_int_equal(unlink(place->other), 0);
	assert_int_equal(link(place->mine, place->other), 0);
	assert_int_equal(give(place->other), WP_ERR_CONFLICT);
	assert_int_equal(unlink(place->other), 0);
	assert_int_equal(mkfifo(place->other, 0600), 0);
	assert_int_equal(give(place->other), WP_ERR_CONFLICT);
	assert_int_equal(mode_of(place->mine), 0600);
}

static void a_file_of_somebody_else_is_not(void **state)
{
	const struct place *place = *state;

	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(place->mine, 1, 1), 0);
	assert_int_equal(give(place->mine), WP_ERR_CONFLICT);
	assert_int_equal(mode_of(place->mine), 0600);
}

static void a_file_takes_no_others_name(void **state)
{
	const struct place *place = *state;
	struct wp_error err = { 0 };

	assert_int_equal(wp_files_make(place->other, NULL), WP_OK);
	assert_int_equal(chmod(place->other, 0400), 0);
	assert_int_equal(wp_files_move(place->mine, place->other, &err),
			 WP_ERR_CONFLICT);
	assert_int_equal(mode_of(place->other), 0400);
	assert_int_equal(mode_of(place->mine), 0600);

	assert_int_equal(unlink(place->other), 0);
	assert_int_equal(wp_files_move(place->mine, place->other, &err), WP_OK);
	assert_int_equal(mode_of(place->other), 0600);
	assert_int_equal(access(place->mine, F_OK), -1);
	assert_int_equal(wp_files_move(place->mine, place->other, &err),
			 WP_ERR_SYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_made_is_given, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_link_in_its_place_is_not,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_file_of_somebody_else_is_not,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_file_takes_no_others_name,
						set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
