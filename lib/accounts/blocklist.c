/*
 * blocklist.c - binary search in a file of lines.
 *
 * A step reads a window around the middle, in which a whole line must end and
 * begin: a file without line ends costs no more than one with them.
 */
#include "lib/accounts/blocklist.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	SIDE = WP_BLOCKLIST_LINE_MAX +
	       1, /* of the window; a line and its end */
	WINDOW = 2 * SIDE,
	SAMPLES = 256, /* neighbouring lines that are compared at the start */
};
#define SIZE_MAX_BYTES (INT64_C(1) << 30)

struct wp_blocklist {
	int fd;
	int64_t size;
};

/* A line, in a window of the file. */
struct line {
	char window[WINDOW];
	const char *text; /* in window */
	size_t len;
	int64_t begin; /* in the file */
	int64_t end;   /* of the next line's begin, or the size of the file */
};

static enum wp_err damaged(struct wp_error *err, const char *why)
{
	return wp_error_set(err, WP_ERR_UNAVAIL, "accounts.blocklist_file %s",
			    why);
}

/* All of len bytes at `at`. */
static enum wp_err read_at(const struct wp_blocklist *list, char *into,
			   size_t len, int64_t at, struct wp_error *err)
{
	size_t used = 0;

	while (used < len) {
		ssize_t n = pread(list->fd, into + used, len - used,
				  (off_t)at + (off_t)used);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return damaged(err, "cannot be read");
		if (n == 0)
			return damaged(err, "was cut off");
		used += (size_t)n;
	}
	return WP_OK;
}

/* The line in which the byte at `at` is; its end belongs to it. */
static enum wp_err line_at(const struct wp_blocklist *list, int64_t at,
			   struct line *line, struct wp_error *err)
{
	int64_t from = at < SIDE ? 0 : at - SIDE;
	int64_t to = at + SIDE > list->size ? list->size : at + SIDE;
	size_t middle = (size_t)(at - from);
	size_t len = (size_t)(to - from);
	const char *begin, *end;
	enum wp_err rc = read_at(list, line->window, len, from, err);

	if (rc != WP_OK)
		return rc;
	begin = memrchr(line->window, '\n', middle);
	end = memchr(line->window + middle, '\n', len - middle);
	if ((begin == NULL && from > 0) || (end == NULL && to < list->size))
		return damaged(err, "has a line of over 4096 bytes");
	line->text = begin == NULL ? line->window : begin + 1;
	line->begin = from + (line->text - line->window);
	line->end = end == NULL ? to : from + (end - line->window) + 1;
	line->len =
		(size_t)((end == NULL ? line->window + len : end) - line->text);
	return WP_OK;
}

static int compare(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

	if (order != 0)
		return order;
	return a_len < b_len ? -1 : a_len > b_len;
}

enum wp_err wp_blocklist_has(const struct wp_blocklist *list, const char *text,
			     size_t len, bool *has_out, struct wp_error *err)
{
	int64_t low = 0, high = list != NULL ? list->size : 0;
	struct line line;
	enum wp_err rc = WP_OK;

	*has_out = false;
	while (low < high && rc == WP_OK) {
		int order;

		rc = line_at(list, low + (high - low) / 2, &line, err);
		if (rc != WP_OK)
			break;
		order = compare(line.text, line.len, text, len);
		if (order == 0) {
			*has_out = true;
			break;
		}
		if (order < 0)
			low = line.end;
		else
			high = line.begin;
	}
	/* What was compared with is known; what was asked for must not stay. */
	return rc;
}

static bool is_lower(const struct line *line)
{
	for (size_t i = 0; i < line->len; i++)
		if ((line->text[i] >= 'A' && line->text[i] <= 'Z') ||
		    line->text[i] == '\r')
			return false;
	return true;
}

/* A list in another order would be searched in vain, and nobody would know. */
static enum wp_err check_order(const struct wp_blocklist *list,
			       struct wp_error *err)
{
	struct line *lines = malloc(2 * sizeof(*lines));
	enum wp_err rc = WP_OK;

	if (lines == NULL)
		return wp_error_set(err, WP_ERR_UNAVAIL, "out of memory");
	for (int64_t i = 0; i < SAMPLES && rc == WP_OK; i++) {
		int64_t at = list->size * i / SAMPLES;

		rc = line_at(list, at, &lines[0], err);
		if (rc != WP_OK || lines[0].end >= list->size)
			break;
		rc = line_at(list, lines[0].end, &lines[1], err);
		if (rc == WP_OK && compare(lines[0].text, lines[0].len,
					   lines[1].text, lines[1].len) > 0)
			rc = damaged(err, "is not sorted by its bytes; "
					  "LC_ALL=C sort -u");
		else if (rc == WP_OK &&
			 !(is_lower(&lines[0]) && is_lower(&lines[1])))
			rc = damaged(err, "is not in lower case, or has "
					  "carriage returns");
	}
	free(lines);
	return rc;
}

static enum wp_err check_file(struct wp_blocklist *list, struct wp_error *err)
{
	struct stat st;

	if (fstat(list->fd, &st) == -1)
		return damaged(err, "cannot be looked at");
	if (!S_ISREG(st.st_mode))
		return damaged(err, "is no file");
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return damaged(err, "must belong to root or to this user");
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return damaged(err, "may be written by others; chmod go-w");
	if (st.st_size > SIZE_MAX_BYTES)
		return damaged(err, "is over 1 GiB");
	list->size = st.st_size;
	return check_order(list, err);
}

enum wp_err wp_blocklist_open(struct wp_blocklist **out, const char *path,
			      struct wp_error *err)
{
	struct wp_blocklist *list;
	enum wp_err rc;

	*out = NULL;
	if (path[0] == '\0')
		return WP_OK;
	list = calloc(1, sizeof(*list));
	if (list == NULL)
		return wp_error_set(err, WP_ERR_UNAVAIL, "out of memory");
	/* Not waited for, should it be a pipe. */
	list->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (list->fd == -1)
		rc = wp_error_sys(err, "accounts.blocklist_file %.120s", path);
	else
		rc = check_file(list, err);
	if (rc != WP_OK) {
		wp_blocklist_close(&list);
		if (err != NULL)
			err->code = WP_ERR_INVAL;
		return WP_ERR_INVAL;
	}
	*out = list;
	return WP_OK;
}

void wp_blocklist_close(struct wp_blocklist **list)
{
	if (*list == NULL)
		return;
	if ((*list)->fd != -1)
		close((*list)->fd);
	free(*list);
	*list = NULL;
}
