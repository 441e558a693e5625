/*
 * document.h - GET a small document of an identity provider, without waiting
 * for it: what is asked for, and what headers of the answer are believed.
 *
 * Each transfer has a connection of its own: what was let through for one
 * address is never used for another URL.
 */
#ifndef WP_KEYS_DOCUMENT_H
#define WP_KEYS_DOCUMENT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/net/reach.h"
#include "lib/net/transfer.h"

enum {
	WP_DOCUMENT_CONNECT_MS = 3000,
	WP_DOCUMENT_MS = 5000,
	WP_DOCUMENT_BYTES_MAX = 256 << 10,
	WP_DOCUMENT_ETAG_MAX = 256,
};

/* What somebody wants to have. */
struct wp_document_ask {
	const char *url;    /* borrowed during the call */
	const char *etag;   /* for If-None-Match; NULL or "": none */
	unsigned int reach; /* enum wp_reach: where it may lead */
};

/* What came of it; borrowed during the call that tells. */
struct wp_document {
	enum wp_transfer_end end;
	const char *why; /* a sentence; when it was not answered */
	long status;     /* HTTP's; 0 when it was not answered */
	const char *body;
	size_t len;
	enum wp_reach reached;
	char etag[WP_DOCUMENT_ETAG_MAX + 1]; /* "": none that we would repeat */
	int64_t max_age_s;                   /* see schedule.h */
};

typedef void (*wp_document_fn)(void *ctx, const struct wp_document *document);

/* Who waits for one: the caller's, and there until he was told or the transfers
 * are freed. */
struct wp_document_wait {
	wp_document_fn on_end;
	void *ctx;
	unsigned int reach; /* set by wp_document_begin() */
};

/* Transfers for documents: ca_file as in their rules. NULL: out of memory */
struct wp_transfers *wp_document_transfers(const char *ca_file) WP_MUST_USE;

/*
 * Begin. wait->on_end is told once, from wp_transfers_run(), and may begin
 * another.
 *
 * Errors:  as of wp_transfers_begin(); nobody is told
 */
enum wp_err wp_document_begin(struct wp_transfers *transfers,
			      const struct wp_document_ask *ask,
			      struct wp_document_wait *wait,
			      struct wp_error *err) WP_MUST_USE;

#endif /* WP_KEYS_DOCUMENT_H */
