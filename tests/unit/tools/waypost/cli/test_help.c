/* What --help prints: it fits, and it says all that the table has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tools/waypost/cli/help.h"

enum { WIDE = 80, SCREEN = 24, BRIEF = 12 };

/* Columns of the widest line, and *lines: how many there are. */
static size_t measure(const struct wp_buf *text, size_t *lines)
{
	size_t widest = 0, at = 0;

	*lines = 0;
	for (size_t i = 0; i < text->len; i++) {
		if (text->data[i] == '\n') {
			(*lines)++;
			at = 0;
		} else if ((text->data[i] & 0xc0) != 0x80) {
			at++; /* no byte within a character */
		}
		widest = at > widest ? at : widest;
	}
	return widest;
}

static void all_of_it_fits_a_screen(void **state)
{
	struct wp_buf text;
	size_t lines;

	(void)state;
	wp_buf_init(&text, 0);
	wp_cli_write_help(&text, NULL, 0);
	assert_in_range(measure(&text, &lines), 1, WIDE);
	assert_in_range(lines, 1, SCREEN);
	wp_buf_clear(&text);
	wp_cli_write_commands(&text);
	(void)measure(&text, &lines);
	assert_in_range(lines, 1, BRIEF);
	wp_buf_release(&text);
}

/* As a word of its own. */
static bool has_word(const char *text, const char *word)
{
	size_t len = strlen(word);

	for (; (text = strstr(text, word)) != NULL; text += len)
		if (strchr(" |\n", text[-1]) != NULL &&
		    strchr(" |\n", text[len]) != NULL)
			return true;
	return false;
}

static void every_command_is_named(void **state)
{
	struct wp_buf text;

	(void)state;
	wp_buf_init(&text, 0);
	wp_cli_write_commands(&text);
	for (size_t i = 0; i < wp_cli_n_rows; i++) {
		const struct wp_cli_row *row = &wp_cli_rows[i];

		if (!has_word(text.data, row->verb))
			fail_msg("%s is missing", row->verb);
		if (row->noun != NULL && !has_word(text.data, row->noun))
			fail_msg("%s is missing", row->noun);
	}
	wp_buf_release(&text);
}

static void check_options(const struct wp_cli_row *row, const uint8_t *opts,
			  const char *text)
{
	for (size_t i = 0; opts[i] != WP_OPT_NONE; i++) {
		const struct wp_cli_opt_row *opt = &wp_cli_opts[opts[i]];

		assert_non_null(opt->name);
		if (strstr(text, opt->name) == NULL)
			fail_msg("%s: --%s is missing", row->verb, opt->name);
	}
}

static void every_command_is_explained(void **state)
{
	struct wp_buf text;
	size_t lines;

	(void)state;
	wp_buf_init(&text, 0);
	for (size_t i = 0; i < wp_cli_n_rows; i++) {
		const struct wp_cli_row *row = &wp_cli_rows[i];
		char noun[24], verb[24];
		char *about[] = { noun, verb };
		bool has_noun = row->noun != NULL;

		(void)strcpy(noun, has_noun ? row->noun : row->verb);
		(void)strcpy(verb, row->verb);
		wp_buf_clear(&text);
		wp_cli_write_help(&text, about, has_noun ? 2 : 1);
		assert_in_range(measure(&text, &lines), 1, WIDE);
		assert_in_range(lines, 1, SCREEN);
		assert_memory_equal(text.data, "Usage: waypost ", 15);
		check_options(row, row->must, text.data);
		check_options(row, row->opts, text.data);
		if (!has_noun)
			continue;
		wp_buf_clear(&text);
		wp_cli_write_help(&text, about, 1);
		assert_in_range(measure(&text, &lines), 1, WIDE);
		assert_in_range(lines, 1, SCREEN);
		assert_true(has_word(text.data, row->verb));
	}
	wp_buf_release(&text);
}

static void options_stay_with_their_values(void **state)
{
	static char verb[] = "send";
	char *about[] = { verb };
	struct wp_buf text;

	(void)state;
	wp_buf_init(&text, 0);
	wp_cli_write_help(&text, about, 1);
	assert_non_null(strstr(text.data,
			       "Usage: waypost send --to URN --data FILE "
			       "[--priority N] [--ephemeral] [--key K]\n"));
	assert_non_null(strstr(text.data, "\nHand a message in. Hands in "));
	wp_buf_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_of_it_fits_a_screen),
		cmocka_unit_test(every_command_is_named),
		cmocka_unit_test(every_command_is_explained),
		cmocka_unit_test(options_stay_with_their_values),
	};

	return cmocka_run_group_tests_name("help", tests, NULL, NULL);
}
