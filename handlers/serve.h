/*
 * serve.h - one request, from its parameters to the last byte of its answer.
 */
#ifndef WP_HANDLERS_SERVE_H
#define WP_HANDLERS_SERVE_H

#include "handlers/ctx.h"
#include "handlers/io.h"

/* Answer the request behind io; count it and write one line about it. */
void wp_serve(struct wp_ctx *ctx, struct wp_io *io);

#endif /* WP_HANDLERS_SERVE_H */
