/*
 * serve.h - one request, from its parameters to the last byte of its answer.
 */
#ifndef WP_HANDLERS_SERVE_H
#define WP_HANDLERS_SERVE_H

#include "handlers/call.h"
#include "handlers/endpoints.h"

/* A row of the table, as it is looked up. */
struct wp_endpoint {
	const char *name;
	const char *path;
	const char *alias;
	void (*handle)(struct wp_call *call);
	enum wp_endpoint_id id;
	unsigned int methods;
	enum wp_scope scope;
	enum wp_limit limit;
};

/* The endpoint of exactly this path; NULL when nothing is there. */
const struct wp_endpoint *wp_endpoint_find(const struct wp_text *path);

/* Answer the request behind io; count it and write one line about it. */
void wp_serve(struct wp_ctx *ctx, struct wp_io *io);

/* Does the answer need Redis or the cold store, and may take its time? */
bool wp_serve_is_work(struct wp_shared *shared, struct wp_io *io);

/* Answer that too many requests wait already. */
void wp_serve_full(struct wp_ctx *ctx, struct wp_io *io);

#endif /* WP_HANDLERS_SERVE_H */
