/*
 * extra.h - what few connections need: made with the first of it, so that one
 * that is idle has no memory for it.
 */
#ifndef WP_WS_EXTRA_H
#define WP_WS_EXTRA_H

#include <stdint.h>

#include "lib/base/err.h"

struct wp_admission;
struct wp_consumer;
struct wp_filter;

struct wp_extra {
	struct wp_admission *admission; /* conn.c's; from request to answer */
	struct wp_consumer *consumer;   /* owned; NULL: it is poked */
	struct wp_filter *filter;       /* owned; NULL: it wants all topics */
	char *chat;             /* owned; NULL: none that others may know of */
	int64_t frames_full_at; /* a bucket (lib/limit/bucket.h) in turn.now */
	uint32_t refill_at;     /* refresh_frame.c's */
	uint32_t n_queued;      /* what parts->n_queued has of it */
};

/* *extra, made unless it is there; NULL when memory is exhausted. End with
 * wp_extra_free(). */
struct wp_extra *wp_extra_need(struct wp_extra **extra) WP_MUST_USE;
/* It may be needed no more: free it unless there is something in it.
 * NULL-safe. */
void wp_extra_tidy(struct wp_extra **extra);
/* With what it owns; there is no admission any more. NULL-safe. */
void wp_extra_free(struct wp_extra **extra);

#endif /* WP_WS_EXTRA_H */
