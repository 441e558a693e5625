/*
 * help.c - what --help prints.
 */
#include "tools/waypost/cli/help.h"

#include <ctype.h>
#include <string.h>

enum { WIDTH = 79, PURPOSE = 19, OPTION = 24 };

/* ---- lines ---- */

/* Where the pen is. */
struct pen {
	struct wp_buf *out;
	size_t at;     /* this column */
	size_t indent; /* of lines that follow */
};

static void go_to(struct pen *pen, size_t column)
{
	for (; pen->at < column; pen->at++)
		wp_buf_add_char(pen->out, ' ');
}

static void end_line(struct pen *pen)
{
	wp_buf_add_char(pen->out, '\n');
	pen->at = 0;
}

/* A word, or several that stay together, behind this gap or on a line of its
 * own. */
static void put(struct pen *pen, const char *word, size_t len, const char *gap)
{
	size_t room = strlen(gap);

	if (pen->at > pen->indent && pen->at + room + len > WIDTH)
		end_line(pen);
	if (pen->at > pen->indent) {
		wp_buf_add_str(pen->out, gap);
		pen->at += room;
	}
	go_to(pen, pen->indent);
	wp_buf_add(pen->out, word, len);
	pen->at += len;
}

static void put_text(struct pen *pen, const char *text)
{
	while (*text != '\0') {
		size_t len = strcspn(text, " ");

		put(pen, text, len, " ");
		text += len + strspn(text + len, " ");
	}
}

/* ---- all commands ---- */

/* "dlq list|show|requeue|drop", of the rows from *i on; steps behind them. */
static void put_commands(struct pen *pen, size_t *i)
{
	const struct wp_cli_row *first = &wp_cli_rows[*i];
	struct wp_buf text;

	wp_buf_init(&text, 0);
	if (first->noun != NULL)
		wp_buf_printf(&text, "%s ", first->noun);
	wp_buf_add_str(&text, first->verb);
	for ((*i)++; *i < wp_cli_n_rows && first->noun != NULL; (*i)++) {
		const struct wp_cli_row *next = &wp_cli_rows[*i];

		if (next->noun == NULL || strcmp(next->noun, first->noun) != 0)
			break;
		wp_buf_printf(&text, "|%s", next->verb);
	}
	if (!text.failed)
		put(pen, text.data, text.len, "  ");
	wp_buf_release(&text);
}

void wp_cli_write_commands(struct wp_buf *out)
{
	struct pen pen = { .out = out, .indent = PURPOSE };

	for (size_t purpose = 0; purpose < WP_FOR_COUNT; purpose++) {
		size_t i = 0;

		wp_buf_add_str(out, wp_cli_purposes[purpose]);
		pen.at = strlen(wp_cli_purposes[purpose]);
		go_to(&pen, PURPOSE);
		while (i < wp_cli_n_rows) {
			if (wp_cli_rows[i].purpose == purpose)
				put_commands(&pen, &i);
			else
				i++;
		}
		end_line(&pen);
	}
}

/* ---- one of them ---- */

static void add_option(struct wp_buf *out, const struct wp_cli_opt_row *opt)
{
	wp_buf_printf(out, "--%s", opt->name);
	if (opt->value != NULL)
		wp_buf_printf(out, " %s", opt->value);
}

void wp_cli_write_usage(struct wp_buf *out, const struct wp_cli_row *row)
{
	if (row->noun != NULL)
		wp_buf_printf(out, "%s ", row->noun);
	wp_buf_add_str(out, row->verb);
	if (row->words != NULL)
		wp_buf_printf(out, " %s", row->words);
	for (size_t i = 0; row->must[i] != WP_OPT_NONE; i++) {
		wp_buf_add_char(out, ' ');
		add_option(out, &wp_cli_opts[row->must[i]]);
	}
	for (size_t i = 0; row->opts[i] != WP_OPT_NONE; i++) {
		/* In the place of a word: it is said already. */
		if (row->opts[i] == WP_OPT_ALL)
			continue;
		wp_buf_add_str(out, " [");
		add_option(out, &wp_cli_opts[row->opts[i]]);
		wp_buf_add_char(out, ']');
	}
}

/* An option and its value stay together. */
static void put_usage(struct pen *pen, const struct wp_cli_row *row)
{
	struct wp_buf usage;
	const char *text;

	wp_buf_init(&usage, 0);
	wp_buf_add_str(&usage, "waypost ");
	wp_cli_write_usage(&usage, row);
	text = usage.failed ? "" : usage.data;
	pen->indent = 0;
	while (*text != '\0') {
		const char *end = text;

		do
			end += strcspn(end + 1, " ") + 1;
		while (*end != '\0' && end[1] != '[' && end[1] != '-');
		put(pen, text, (size_t)(end - text), " ");
		pen->indent = 8;
		text = *end == '\0' ? end : end + 1;
	}
	wp_buf_release(&usage);
	end_line(pen);
}

static void put_option(struct pen *pen, const struct wp_cli_opt_row *opt)
{
	struct wp_buf text;

	wp_buf_init(&text, 0);
	add_option(&text, opt);
	pen->indent = 2;
	if (!text.failed)
		put(pen, text.data, text.len, "");
	wp_buf_release(&text);
	pen->indent = OPTION;
	if (pen->at + 2 > pen->indent)
		end_line(pen);
	put_text(pen, opt->about);
	end_line(pen);
}

static void put_options(struct pen *pen, const uint8_t opts[WP_CLI_OPTS_MAX])
{
	for (size_t i = 0; opts[i] != WP_OPT_NONE; i++)
		put_option(pen, &wp_cli_opts[opts[i]]);
}

/* As a sentence. */
static void put_summary(struct pen *pen, const struct wp_cli_row *row)
{
	struct wp_buf text;

	wp_buf_init(&text, 0);
	wp_buf_printf(&text, "%s.", row->summary);
	if (!text.failed) {
		text.data[0] = (char)toupper((unsigned char)text.data[0]);
		put_text(pen, text.data);
	}
	wp_buf_release(&text);
}

static void write_command(struct wp_buf *out, const struct wp_cli_row *row)
{
	struct pen pen = { .out = out };

	wp_buf_add_str(out, "Usage:");
	pen.at = strlen("Usage:");
	put_usage(&pen, row);
	wp_buf_add_char(out, '\n');
	pen.indent = 0;
	put_summary(&pen, row);
	if (row->story != NULL)
		put_text(&pen, row->story);
	end_line(&pen);
	if (row->must[0] != WP_OPT_NONE || row->opts[0] != WP_OPT_NONE)
		wp_buf_add_char(out, '\n');
	put_options(&pen, row->must);
	put_options(&pen, row->opts);
}

/* All commands of a noun. */
static void write_noun(struct wp_buf *out, const char *noun)
{
	for (size_t i = 0; i < wp_cli_n_rows; i++) {
		const struct wp_cli_row *row = &wp_cli_rows[i];
		struct pen pen = { .out = out };

		if (row->noun == NULL || strcmp(row->noun, noun) != 0)
			continue;
		put_usage(&pen, row);
		pen.indent = 4;
		put_summary(&pen, row);
		end_line(&pen);
	}
}

/* The row of these words, or NULL: they are a noun. */
static const struct wp_cli_row *find_row(char *const *about, size_t n)
{
	for (size_t i = 0; i < wp_cli_n_rows; i++) {
		const struct wp_cli_row *row = &wp_cli_rows[i];
		const char *words[] = { row->noun != NULL ? row->noun
							  : row->verb,
					row->noun != NULL ? row->verb : NULL };

		if (strcmp(words[0], about[0]) != 0)
			continue;
		if (words[1] == NULL ||
		    (n > 1 && strcmp(words[1], about[1]) == 0))
			return row;
	}
	return NULL;
}

void wp_cli_write_help(struct wp_buf *out, char *const *about, size_t n)
{
	const struct wp_cli_row *row = n > 0 ? find_row(about, n) : NULL;
	struct pen pen = { .out = out };

	if (row != NULL) {
		write_command(out, row);
		return;
	}
	if (n > 0) {
		write_noun(out, about[0]);
		return;
	}
	wp_buf_add_str(out, "Usage: waypost [options] <command> …; waypost "
			    "help <command> tells more\n\n");
	wp_cli_write_commands(out);
	wp_buf_add_char(out, '\n');
	for (size_t i = 0; i < wp_cli_n_globals; i++)
		put_option(&pen, &wp_cli_globals[i]);
	wp_buf_add_str(out, "\nExit status: 0 done, 1 it failed or was "
			    "refused, 2 wrong usage.\n");
}
