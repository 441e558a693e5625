/*
 * table.h - rows of what a command found, for people or for programs.
 *
 * For people, on a terminal: columns under their titles, counts in groups of
 * three, sizes in KiB and more, times as "3m 12s ago", colours unless NO_COLOR
 * says otherwise, and no line wider than the terminal: what is too much of it
 * is cut, with "…". For programs, anywhere else: a line a row, tabs between the
 * cells, no titles, numbers and bytes as they are, times in RFC 3339. JSON is
 * the command's own affair (json_out.h).
 *
 * What others have chosen may be in a cell: what is no printable character, or
 * no UTF-8, becomes '?'. Running out of memory sticks, in the buffer.
 */
#ifndef WP_TOOLS_WAYPOST_CLI_TABLE_H
#define WP_TOOLS_WAYPOST_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"

/* For whom it is written. */
struct wp_style {
	bool is_for_people;
	bool has_colour;
	bool is_utc;    /* times in RFC 3339 for people as well */
	size_t width;   /* columns of the terminal; 0: no line is cut */
	int64_t now_ms; /* what "ago" counts from, since 1970 */
};

/*
 * The style of this descriptor: for people when it is a terminal; colours
 * unless NO_COLOR is set and not empty (no-color.org), or TERM is dumb or not
 * set; as wide as the terminal says, else COLUMNS, else 80.
 *
 * now_ms is set to the clock of this host: whoever has asked Redis for the
 * time puts that in its place.
 */
void wp_style_of(struct wp_style *out, int fd, bool is_utc);

enum wp_colour {
	WP_PLAIN,
	WP_GOOD, /* green */
	WP_WARN, /* yellow */
	WP_BAD,  /* red */
	WP_DIM,
	WP_BOLD,
};
/* The sequence that begins it, "" without colours; WP_PLAIN ends all. */
const char *wp_colour_code(const struct wp_style *style, enum wp_colour colour);

/* Title NULL in all columns: there is no line of titles. */
struct wp_column {
	const char *title;
	bool is_right; /* numbers */
};

struct wp_cli_table {
	const struct wp_style *style;
	const struct wp_column *columns;
	size_t n_columns;
	struct wp_buf cells;   /* NUL behind each */
	struct wp_buf colours; /* a byte for each */
	size_t n;              /* cells so far */
};

/* style and columns are borrowed until the end. */
void wp_cli_table_begin(struct wp_cli_table *table,
			const struct wp_style *style,
			const struct wp_column *columns, size_t n_columns);

/* The next cell, row by row. "" is shown as "-", but not in the last column of
 * a table without titles. */
void wp_cli_table_text(struct wp_cli_table *table, const char *text);
void wp_cli_table_bytes(struct wp_cli_table *table, const char *text,
			size_t len);
void wp_cli_table_printf(struct wp_cli_table *table, const char *fmt, ...)
	WP_PRINTF(2, 3);
/* A count; a number of bytes; so long (ms; programs get seconds); a time since
 * 1970 (0 and less: unknown). */
void wp_cli_table_count(struct wp_cli_table *table, int64_t n);
void wp_cli_table_size(struct wp_cli_table *table, int64_t bytes);
void wp_cli_table_span(struct wp_cli_table *table, int64_t ms);
void wp_cli_table_time(struct wp_cli_table *table, int64_t at_ms);
/* The last cell has this colour. */
void wp_cli_table_paint(struct wp_cli_table *table, enum wp_colour colour);

/* Append all rows, and forget them. Rows must be whole. */
void wp_cli_table_end(struct wp_cli_table *table, struct wp_buf *out);

/*
 * The same texts for whoever writes sentences: "12 345" with thin spaces,
 * "1.5 MiB", "3m 12s"; for programs 12345, 1572864, 192.000.
 */
void wp_style_count(const struct wp_style *style, struct wp_buf *out,
		    int64_t n);
void wp_style_size(const struct wp_style *style, struct wp_buf *out,
		   int64_t bytes);
void wp_style_span(const struct wp_style *style, struct wp_buf *out,
		   int64_t ms);
/* "3m 12s ago", "in 5s", or RFC 3339. */
void wp_style_time(const struct wp_style *style, struct wp_buf *out,
		   int64_t at_ms);

/*
 * Append len bytes as a terminal may get them, and no more than width columns
 * of it, 0: all. What is cut ends with "…". Double-width characters count two,
 * combining ones none. Returns: how many columns were written
 */
size_t wp_style_add(struct wp_buf *out, const char *text, size_t len,
		    size_t width);

#endif /* WP_TOOLS_WAYPOST_CLI_TABLE_H */
