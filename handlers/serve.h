/*
 * serve.h - one request, from its parameters to the last byte of its answer.
 */
#ifndef WP_HANDLERS_SERVE_H
#define WP_HANDLERS_SERVE_H

#include <stdbool.h>

#include "lib/base/err.h"

#include "handlers/request/call.h"
#include "handlers/request/ctx.h"
#include "handlers/request/req.h"

/* So many calls of a process may wait for Redis or the store. */
enum { WP_SERVE_WAITING_MAX = 4096 };

/*
 * Begin to answer the request behind io, which stays until wp_serve_end().
 *
 * call:     as it is made, or was reset; with on_end
 * Returns:  true when there is an answer; else on_end() follows
 */
bool wp_serve_begin(struct wp_call *call, struct wp_io *io);

/* In place of that: too many requests wait already. */
void wp_serve_full(struct wp_call *call, struct wp_io *io);

/* There is an answer: write it to io, count it, write one line about it. */
void wp_serve_end(struct wp_call *call);

/*
 * All of it, waiting: for a program with one request. Turns the loop.
 *
 * Returns:  false when there was no memory for a call, and nothing was done
 */
bool wp_serve(struct wp_ctx *ctx, struct wp_io *io) WP_MUST_USE;

#endif /* WP_HANDLERS_SERVE_H */
