/*
 * answer.c - see answer.h.
 */
#include "bench/load/answer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum state {
	HEAD,
	BODY,
	CHUNK_SIZE,
	CHUNK_DATA,
	CHUNK_END, /* the line end behind its data */
	TRAILER,
};

/* The value of a header, behind its blanks; NULL when it is not there. */
static const char *header(const struct answer *answer, const char *name)
{
	size_t len = strlen(name);
	const char *line = strstr(answer->head, "\r\n");

	while (line != NULL && line[2] != '\r') {
		line += 2;
		if (strncasecmp(line, name, len) == 0 && line[len] == ':') {
			line += len + 1;
			return line + strspn(line, " ");
		}
		line = strstr(line, "\r\n");
	}
	return NULL;
}

static bool has_word(const char *value, const char *word)
{
	return value != NULL && strncasecmp(value, word, strlen(word)) == 0;
}

/* Returns false when it is no head of an answer. */
static bool read_head(struct answer *answer)
{
	const char *length;

	answer->head[answer->head_len] = '\0';
	if (strncmp(answer->head, "HTTP/1.1 ", 9) != 0)
		return false;
	answer->status = (int)strtol(answer->head + 9, NULL, 10);
	answer->is_last = has_word(header(answer, "Connection"), "close");
	answer->is_chunked =
		has_word(header(answer, "Transfer-Encoding"), "chunked");
	length = header(answer, "Content-Length");
	answer->left = length != NULL ? strtoul(length, NULL, 10) : 0;
	answer->body_len = 0;
	if (answer->has_no_body || answer->status == 204 ||
	    answer->status == 304)
		answer->is_chunked = false, answer->left = 0;
	answer->head_len = 0;
	answer->state = answer->is_chunked ? CHUNK_SIZE : BODY;
	return answer->status >= 200;
}

/* Bytes up to and with a line end; the line is kept in head. */
static long take_line(struct answer *answer, const char *data, size_t len,
		      bool *is_whole)
{
	const char *end = memchr(data, '\n', len);
	size_t n = end != NULL ? (size_t)(end - data) + 1 : len;

	*is_whole = end != NULL;
	if (answer->head_len + n > ANSWER_HEAD_MAX)
		return -1;
	memcpy(answer->head + answer->head_len, data, n);
	answer->head_len += n;
	return (long)n;
}

static long take_body(struct answer *answer, const char *data, size_t len)
{
	size_t n = len < answer->left ? len : answer->left;

	if (answer->body != NULL) {
		if (answer->body_len + n > answer->body_max)
			return -1;
		memcpy(answer->body + answer->body_len, data, n);
	}
	answer->body_len += n;
	answer->left -= n;
	return (long)n;
}

/* What a whole line means where lines are read. False: nothing sensible. */
static bool end_line(struct answer *answer, bool *is_done)
{
	bool is_empty = answer->head_len <= 2;

	if (answer->state == HEAD) {
		if (!is_empty && (answer->head_len < 4 ||
				  memcmp(answer->head + answer->head_len - 4,
					 "\r\n\r\n", 4) != 0))
			return true; /* more lines follow */
		if (is_empty || !read_head(answer))
			return false;
		*is_done = answer->state == BODY && answer->left == 0;
		return true;
	}
	if (answer->state == CHUNK_SIZE) {
		answer->head[answer->head_len] = '\0';
		answer->left = strtoul(answer->head, NULL, 16);
		answer->state = answer->left > 0 ? CHUNK_DATA : TRAILER;
	} else if (answer->state == CHUNK_END) {
		answer->state = CHUNK_SIZE;
	} else {
		*is_done = is_empty;
	}
	answer->head_len = 0;
	return true;
}

long answer_feed(struct answer *answer, const char *data, size_t len,
		 bool *is_done)
{
	size_t at = 0;

	*is_done = false;
	while (at < len && !*is_done) {
		bool is_whole = false;
		long n;

		if (answer->state == BODY || answer->state == CHUNK_DATA)
			n = take_body(answer, data + at, len - at);
		else
			n = take_line(answer, data + at, len - at, &is_whole);
		if (n < 0 || (is_whole && !end_line(answer, is_done)))
			return -1;
		at += (size_t)n;
		if (answer->state == CHUNK_DATA && answer->left == 0)
			answer->state = CHUNK_END;
		if (answer->state == BODY && answer->left == 0)
			*is_done = true;
	}
	if (*is_done)
		answer->state = HEAD;
	return (long)at;
}
