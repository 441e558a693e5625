/*
 * answer.h - answers of an HTTP/1.1 server, read as their bytes come: bodies by
 * Content-Length or chunked, one after the other on a kept connection.
 */
#ifndef WP_BENCH_LOAD_ANSWER_H
#define WP_BENCH_LOAD_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

enum { ANSWER_HEAD_MAX = 4096 };

struct answer {
	int state;        /* zero: an answer is to begin */
	int status;       /* of the answer that is complete */
	bool is_last;     /* the server closes the connection after it */
	bool has_no_body; /* set by the caller who asked with HEAD */
	char *body;       /* where bodies go; NULL: nobody wants them */
	size_t body_max;  /* room there; an answer with more is an error */
	size_t body_len;
	size_t left; /* of the body, or of the chunk */
	bool is_chunked;
	size_t head_len;
	char head[ANSWER_HEAD_MAX + 1];
};

/*
 * Feed what came.
 *
 * Returns:  how much of it was used, all of it or up to the end of an answer
 *           (then *is_done); -1 when this is no answer that can be understood
 */
long answer_feed(struct answer *answer, const char *data, size_t len,
		 bool *is_done);

#endif /* WP_BENCH_LOAD_ANSWER_H */
