/*
 * table.c - rows of what a command found, see table.h.
 *
 * Cells are kept as text until the last one is known, for only then the widths
 * are.
 */
#include "tools/waypost/cli/table.h"

#include <assert.h>
#include <inttypes.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "lib/base/clock.h"

enum {
	WIDTH_DEFAULT = 80,
	WIDTH_MIN = 20, /* what is narrower is no terminal to read from */
	COLUMNS_MAX = 16,
	GAP = 2,
	MS_PER_S = 1000,
	S_PER_MIN = 60,
	S_PER_HOUR = 3600,
	S_PER_DAY = 86400,
};
/* The last millisecond that RFC 3339 can say. */
#define END_OF_TIME_MS INT64_C(253402300799999)
#define THIN_SPACE "\u2009"
#define CUT_MARK "…"

/* ---- style ---- */

static bool is_set(const char *value)
{
	return value != NULL && value[0] != '\0';
}

static size_t width_of(int fd)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	long width = 0;

	if (ioctl(fd, TIOCGWINSZ, &size) == 0)
		width = size.ws_col;
	if (width == 0 && columns != NULL)
		width = strtol(columns, NULL, 10);
	if (width <= 0)
		width = WIDTH_DEFAULT;
	return width < WIDTH_MIN ? WIDTH_MIN : (size_t)width;
}

void wp_style_of(struct wp_style *out, int fd, bool is_utc)
{
	const char *term = getenv("TERM");

	*out = (struct wp_style){
		.is_for_people = isatty(fd) == 1,
		.is_utc = is_utc,
		.now_ms = wp_wall_ms(),
	};
	if (!out->is_for_people)
		return;
	out->has_colour = !is_set(getenv("NO_COLOR")) && is_set(term) &&
			  strcmp(term, "dumb") != 0;
	out->width = width_of(fd);
}

const char *wp_colour_code(const struct wp_style *style, enum wp_colour colour)
{
	/* ECMA-48 section 8.3.117 */
	static const char *const codes[] = {
		[WP_PLAIN] = "\033[0m", [WP_GOOD] = "\033[32m",
		[WP_WARN] = "\033[33m", [WP_BAD] = "\033[31m",
		[WP_DIM] = "\033[2m",   [WP_BOLD] = "\033[1m",
	};

	return style->has_colour ? codes[colour] : "";
}

/* ---- numbers and times ---- */

void wp_style_count(const struct wp_style *style, struct wp_buf *out, int64_t n)
{
	char digits[24];
	const char *next = digits;
	size_t left;

	(void)snprintf(digits, sizeof(digits), "%" PRId64, n);
	if (*next == '-')
		wp_buf_add_char(out, *next++);
	for (left = strlen(next); left > 0; left--) {
		wp_buf_add_char(out, *next++);
		if (style->is_for_people && left > 1 && left % 3 == 1)
			wp_buf_add_str(out, THIN_SPACE);
	}
}

void wp_style_size(const struct wp_style *style, struct wp_buf *out,
		   int64_t bytes)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB" };
	enum { STEP = 1024, LAST = 3 };
	double size = (double)bytes / STEP;
	size_t unit = 0;

	if (!style->is_for_people || (bytes < STEP && bytes > -STEP)) {
		wp_buf_printf(out, "%" PRId64 "%s", bytes,
			      style->is_for_people ? " B" : "");
		return;
	}
	/* 1023.95 would be told as 1024.0 of the smaller one. */
	for (; (size >= STEP - 0.05 || size <= -STEP + 0.05) && unit < LAST;
	     unit++)
		size /= STEP;
	wp_buf_printf(out, "%.1f %s", size, units[unit]);
}

void wp_style_span(const struct wp_style *style, struct wp_buf *out, int64_t ms)
{
	int64_t s = ms / MS_PER_S;

	if (!style->is_for_people)
		wp_buf_printf(out, "%" PRId64 ".%03d", s,
			      (int)(ms < 0 ? -(ms % MS_PER_S) : ms % MS_PER_S));
	else if (s < S_PER_MIN)
		wp_buf_printf(out, "%" PRId64 "s", s);
	else if (s < S_PER_HOUR)
		wp_buf_printf(out, "%dm %ds", (int)(s / S_PER_MIN),
			      (int)(s % S_PER_MIN));
	else if (s < S_PER_DAY)
		wp_buf_printf(out, "%dh %dm", (int)(s / S_PER_HOUR),
			      (int)(s % S_PER_HOUR / S_PER_MIN));
	else
		wp_buf_printf(out, "%" PRId64 "d %dh", s / S_PER_DAY,
			      (int)(s % S_PER_DAY / S_PER_HOUR));
}

void wp_style_time(const struct wp_style *style, struct wp_buf *out,
		   int64_t at_ms)
{
	char text[WP_RFC3339_LEN];
	int64_t ago_ms = style->now_ms - at_ms;

	/* Nobody sane has written a time that RFC 3339 cannot say. */
	if (at_ms <= 0 || at_ms > END_OF_TIME_MS) {
		wp_buf_add_str(out, "unknown");
	} else if (!style->is_for_people || style->is_utc) {
		wp_rfc3339(at_ms, text);
		wp_buf_add_str(out, text);
	} else if (ago_ms < 0) {
		wp_buf_add_str(out, "in ");
		wp_style_span(style, out, -ago_ms);
	} else {
		wp_style_span(style, out, ago_ms);
		wp_buf_add_str(out, " ago");
	}
}

/* ---- characters ---- */

/*
 * Widths are the C library's, in UTF-8 whatever the environment says: what we
 * print is UTF-8. Without that locale every character counts one.
 */
static locale_t utf8(void)
{
	static locale_t locale;

	if (locale == (locale_t)0)
		locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	return locale;
}

/* What makes a terminal write backwards is nobody's to send there:
 * Unicode Standard Annex 9, section 2. */
static bool is_turning(wchar_t c)
{
	return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/* Bytes of the character at text, > 0. *width: its columns; -1: it is not for a
 * terminal. */
static size_t look_at(const char *text, size_t len, int *width)
{
	mbstate_t state = { 0 };
	wchar_t c;
	size_t n = mbrtowc(&c, text, len, &state);

	if (n == 0 || n > len) { /* NUL; wrong, or cut off */
		*width = -1;
		return 1;
	}
	*width = is_turning(c) ? -1 : wcwidth(c);
	return n;
}

/* Columns of text as it would be written, without a bound. */
static size_t measure(const char *text, size_t len)
{
	size_t width = 0;

	for (size_t i = 0; i < len;) {
		int one;

		i += look_at(text + i, len - i, &one);
		width += one < 0 ? 1 : (size_t)one;
	}
	return width;
}

static size_t add_text(struct wp_buf *out, const char *text, size_t len,
		       size_t width)
{
	bool is_cut = width > 0 && measure(text, len) > width;
	size_t room = is_cut ? width - 1 : SIZE_MAX;
	size_t used = 0;

	for (size_t i = 0; i < len;) {
		int one;
		size_t n = look_at(text + i, len - i, &one);

		if (used + (one < 0 ? 1 : (size_t)one) > room)
			break;
		if (one < 0)
			wp_buf_add_char(out, '?');
		else
			wp_buf_add(out, text + i, n);
		used += one < 0 ? 1 : (size_t)one;
		i += n;
	}
	if (is_cut) {
		wp_buf_add_str(out, CUT_MARK);
		used++;
	}
	return used;
}

size_t wp_style_add(struct wp_buf *out, const char *text, size_t len,
		    size_t width)
{
	locale_t ours = utf8();
	locale_t before = ours != (locale_t)0 ? uselocale(ours) : ours;
	size_t used = add_text(out, text, len, width);

	if (before != (locale_t)0)
		(void)uselocale(before);
	return used;
}

/* ---- tables ---- */

void wp_cli_table_begin(struct wp_cli_table *table,
			const struct wp_style *style,
			const struct wp_column *columns, size_t n_columns)
{
	*table = (struct wp_cli_table){
		.style = style,
		.columns = columns,
		.n_columns = n_columns < COLUMNS_MAX ? n_columns : COLUMNS_MAX,
	};
	wp_buf_init(&table->cells, 0);
	wp_buf_init(&table->colours, 0);
}

static void end_cell(struct wp_cli_table *table)
{
	wp_buf_add_char(&table->cells, '\0');
	wp_buf_add_char(&table->colours, WP_PLAIN);
	table->n++;
}

static bool has_titles(const struct wp_cli_table *table)
{
	return table->columns[0].title != NULL;
}

void wp_cli_table_bytes(struct wp_cli_table *table, const char *text,
			size_t len)
{
	bool is_last = (table->n + 1) % table->n_columns == 0;

	if (len == 0 && (has_titles(table) || !is_last))
		wp_buf_add_char(&table->cells, '-');
	(void)wp_style_add(&table->cells, text, len, 0);
	end_cell(table);
}

void wp_cli_table_text(struct wp_cli_table *table, const char *text)
{
	wp_cli_table_bytes(table, text, strlen(text));
}

void wp_cli_table_printf(struct wp_cli_table *table, const char *fmt, ...)
{
	enum { TEXT_MAX = 256 };
	char text[TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	wp_cli_table_text(table, text);
}

void wp_cli_table_count(struct wp_cli_table *table, int64_t n)
{
	wp_style_count(table->style, &table->cells, n);
	end_cell(table);
}

void wp_cli_table_size(struct wp_cli_table *table, int64_t bytes)
{
	wp_style_size(table->style, &table->cells, bytes);
	end_cell(table);
}

void wp_cli_table_span(struct wp_cli_table *table, int64_t ms)
{
	wp_style_span(table->style, &table->cells, ms);
	end_cell(table);
}

void wp_cli_table_time(struct wp_cli_table *table, int64_t at_ms)
{
	wp_style_time(table->style, &table->cells, at_ms);
	end_cell(table);
}

void wp_cli_table_paint(struct wp_cli_table *table, enum wp_colour colour)
{
	if (table->n > 0 && !table->colours.failed)
		table->colours.data[table->n - 1] = (char)colour;
}

struct widths {
	size_t of[COLUMNS_MAX];
};

static void widen(struct widths *widths, size_t column, const char *text)
{
	size_t width = measure(text, strlen(text));

	if (widths->of[column] < width)
		widths->of[column] = width;
}

static void find_widths(const struct wp_cli_table *table, struct widths *widths)
{
	const char *cell = table->cells.data;

	*widths = (struct widths){ { 0 } };
	for (size_t i = 0; has_titles(table) && i < table->n_columns; i++)
		widen(widths, i, table->columns[i].title);
	for (size_t i = 0; i < table->n; i++) {
		widen(widths, i % table->n_columns, cell);
		cell += strlen(cell) + 1;
	}
}

static void add_blanks(struct wp_buf *out, size_t n)
{
	while (n-- > 0)
		wp_buf_add_char(out, ' ');
}

/* A line under way: how much of the terminal is left. */
struct line {
	const struct wp_cli_table *table;
	const struct widths *widths;
	struct wp_buf *out;
	size_t room; /* SIZE_MAX: no bound */
};

static void add_cell(struct line *line, size_t column, const char *text,
		     enum wp_colour colour)
{
	const struct wp_cli_table *table = line->table;
	size_t len = strlen(text);
	size_t width = measure(text, len);
	size_t wide = line->widths->of[column];
	bool is_last = column + 1 == table->n_columns;
	size_t before = table->columns[column].is_right ? wide - width : 0;
	size_t behind = is_last ? 0 : wide - width - before + GAP;

	if (line->room <= before)
		return; /* what is left has no place at all */
	add_blanks(line->out, before);
	line->room -= line->room == SIZE_MAX ? 0 : before;
	if (colour != WP_PLAIN)
		wp_buf_add_str(line->out, wp_colour_code(table->style, colour));
	width = add_text(line->out, text, len,
			 line->room == SIZE_MAX ? 0 : line->room);
	if (colour != WP_PLAIN)
		wp_buf_add_str(line->out,
			       wp_colour_code(table->style, WP_PLAIN));
	if (line->room != SIZE_MAX)
		line->room -= width;
	if (line->room <= behind) {
		line->room = 0;
		return;
	}
	add_blanks(line->out, behind);
	line->room -= line->room == SIZE_MAX ? 0 : behind;
}

static struct line begin_line(const struct wp_cli_table *table,
			      const struct widths *widths, struct wp_buf *out)
{
	return (struct line){
		.table = table,
		.widths = widths,
		.out = out,
		.room = table->style->width > 0 ? table->style->width
						: SIZE_MAX,
	};
}

static void add_for_people(const struct wp_cli_table *table, struct wp_buf *out)
{
	const char *cell = table->cells.data;
	struct widths widths;
	struct line line;

	find_widths(table, &widths);
	if (has_titles(table) && table->n > 0) {
		line = begin_line(table, &widths, out);
		for (size_t i = 0; i < table->n_columns; i++)
			add_cell(&line, i, table->columns[i].title, WP_BOLD);
		wp_buf_add_char(out, '\n');
	}
	for (size_t i = 0; i < table->n; i++) {
		size_t column = i % table->n_columns;

		if (column == 0)
			line = begin_line(table, &widths, out);
		add_cell(&line, column, cell,
			 (enum wp_colour)table->colours.data[i]);
		if (column + 1 == table->n_columns)
			wp_buf_add_char(out, '\n');
		cell += strlen(cell) + 1;
	}
}

static void add_for_programs(const struct wp_cli_table *table,
			     struct wp_buf *out)
{
	const char *cell = table->cells.data;

	for (size_t i = 0; i < table->n; i++) {
		wp_buf_add_str(out, cell);
		wp_buf_add_char(out,
				(i + 1) % table->n_columns == 0 ? '\n' : '\t');
		cell += strlen(cell) + 1;
	}
}

void wp_cli_table_end(struct wp_cli_table *table, struct wp_buf *out)
{
	locale_t ours = utf8();
	locale_t before = ours != (locale_t)0 ? uselocale(ours) : ours;

	assert(table->n_columns > 0);
	if (table->cells.failed || table->colours.failed)
		out->failed = true;
	else if (table->style->is_for_people)
		add_for_people(table, out);
	else
		add_for_programs(table, out);
	if (before != (locale_t)0)
		(void)uselocale(before);
	wp_buf_release(&table->cells);
	wp_buf_release(&table->colours);
	table->n = 0;
}
