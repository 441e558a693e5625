/*
 * first_look.h - look at the deployment once, before anything depends on it,
 * without keeping the loop from its work: the look blocks, on a thread of its
 * own.
 */
#ifndef WP_WS_FIRST_LOOK_H
#define WP_WS_FIRST_LOOK_H

#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/sys/conf.h"

struct ev_loop;
struct wp_first_look;

/* What wp_deployment_join() said; err is the sentence of a failure. */
typedef void (*wp_first_look_fn)(void *ctx, enum wp_err result,
				 const struct wp_error *err);

/*
 * Begin to look: is this our deployment, is its Redis fit? done runs once, on
 * the loop, unless it is ended before.
 *
 * conf:    borrowed until wp_first_look_end() returns true
 * Errors:  WP_ERR_NOMEM, WP_ERR_SYS
 */
enum wp_err wp_first_look_begin(struct wp_first_look **out,
				struct ev_loop *loop,
				const struct wp_conf *conf,
				wp_first_look_fn done, void *ctx,
				struct wp_error *err) WP_MUST_USE;

/*
 * Forget it; done may call this. NULL-safe.
 *
 * Returns:  false when the thread still talks to a Redis that may be silent for
 *           long. It is left behind, with conf: the caller must not free that,
 *           and ends the process by _exit()
 */
bool wp_first_look_end(struct wp_first_look **look);

#endif /* WP_WS_FIRST_LOOK_H */
