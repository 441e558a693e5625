/*
 * first_look.h - look at the deployment before anything depends on it: is it
 * ours, is its Redis fit? Again and again while Redis is away, and without
 * keeping the loop from its work: the look blocks, on a thread of its own.
 */
#ifndef WP_WS_FIRST_LOOK_H
#define WP_WS_FIRST_LOOK_H

#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/sys/conf.h"

struct ev_loop;
struct wp_first_look;

struct wp_first_look_setup {
	struct ev_loop *loop;
	const struct wp_conf *conf; /* borrowed until end() returns true */
	/* Runs once, on the loop: WP_OK, or what is wrong for good. */
	void (*done)(void *ctx, enum wp_err result, const struct wp_error *err);
	void *ctx;
};

/* Begin, with the first turn of the loop. NULL when memory is exhausted. */
struct wp_first_look *
wp_first_look_begin(const struct wp_first_look_setup *setup) WP_MUST_USE;

/*
 * End it: done will not run any more. Not from within done. NULL-safe.
 *
 * Returns:  false when the thread still talks to a Redis that may be silent for
 *           long. It is left behind, with conf and *look, and may be ended
 *           again later; who does not wait ends the process by _exit()
 */
bool wp_first_look_end(struct wp_first_look **look);

#endif /* WP_WS_FIRST_LOOK_H */
