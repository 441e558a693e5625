/*
 * serve.h - one request, from its parameters to the last byte of its answer.
 */
#ifndef WP_HANDLERS_SERVE_H
#define WP_HANDLERS_SERVE_H

#include <stdbool.h>

#include "handlers/ctx.h"
#include "handlers/req.h"

/* Answer the request behind io; count it and write one line about it. */
void wp_serve(struct wp_ctx *ctx, struct wp_io *io);

/* Does the answer need Redis or the cold store, and may take its time? */
bool wp_serve_is_work(struct wp_shared *shared, struct wp_io *io);

/* Answer that too many requests wait already. */
void wp_serve_full(struct wp_ctx *ctx, struct wp_io *io);

#endif /* WP_HANDLERS_SERVE_H */
