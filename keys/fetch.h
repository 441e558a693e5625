/*
 * fetch.h - GET a small document over HTTPS, without waiting for it. The one
 * place that knows libcurl's transfers.
 *
 * Each transfer has a connection of its own: what was let through for one
 * address is never used for another URL. No redirects, no proxies, no
 * compression, no cookies; nothing that is longer than WP_FETCH_BYTES_MAX or
 * takes longer than WP_FETCH_MS.
 */
#ifndef WP_KEYS_FETCH_H
#define WP_KEYS_FETCH_H

#include <stddef.h>
#include <stdint.h>

#include "keys/reach.h"
#include "lib/base/buf.h"
#include "lib/base/err.h"

enum {
	WP_FETCH_CONNECT_MS = 3000,
	WP_FETCH_MS = 5000,
	WP_FETCH_BYTES_MAX = 256 << 10,
	WP_FETCH_HEAD_MAX = 32 << 10,
	WP_FETCH_ETAG_MAX = 256,
};

/* What somebody wants to have. */
struct wp_fetch_ask {
	const char *url;    /* borrowed during the call */
	const char *etag;   /* for If-None-Match; NULL or "": none */
	unsigned int reach; /* enum wp_reach: where it may lead */
};

enum wp_fetch_end {
	WP_FETCH_ANSWERED,    /* with any status */
	WP_FETCH_UNREACHABLE, /* no connection, no answer, not in time */
	WP_FETCH_UNTRUSTED,   /* its certificate is not the one it should be */
	WP_FETCH_FORBIDDEN,   /* it leads to where it may not */
	WP_FETCH_TOO_LONG,
};

/* What came of it; borrowed during the call that tells. */
struct wp_fetch_answer {
	enum wp_fetch_end end;
	const char *why; /* a sentence; when it was not answered */
	long status;     /* HTTP's; 0 when it was not answered */
	const char *body;
	size_t len;
	enum wp_reach reached;
	char etag[WP_FETCH_ETAG_MAX + 1]; /* "": none that we would repeat */
	int64_t max_age_s;                /* see schedule.h */
};

typedef void (*wp_fetch_fn)(void *ctx, const struct wp_fetch_answer *answer);

struct wp_fetcher;

/* Can ca_file be read? "" can. Errors: WP_ERR_SYS */
enum wp_err wp_fetcher_check(const char *ca_file,
			     struct wp_error *err) WP_MUST_USE;

/*
 * ca_file:  who signs certificates, instead of the system's; "": the system's
 * Errors:   as wp_fetcher_check(); WP_ERR_NOMEM
 */
enum wp_err wp_fetcher_new(struct wp_fetcher **out, const char *ca_file,
			   struct wp_error *err) WP_MUST_USE;
/* Ends all that is under way; nobody is told. NULL-safe. */
void wp_fetcher_free(struct wp_fetcher **fetcher);

/*
 * Begin. on_end is told once, from wp_fetcher_run(), and may begin another.
 *
 * Errors:  WP_ERR_NOMEM  nobody is told
 */
enum wp_err wp_fetcher_begin(struct wp_fetcher *fetcher,
			     const struct wp_fetch_ask *ask, wp_fetch_fn on_end,
			     void *ctx, struct wp_error *err) WP_MUST_USE;

/* Go on with what can go on, and tell of what has ended. */
void wp_fetcher_run(struct wp_fetcher *fetcher);

/*
 * Wait until something of ours can go on, or one of fds can be read.
 *
 * timeout_ms:  0 to 2^31-1
 */
void wp_fetcher_wait(struct wp_fetcher *fetcher, const int *fds, size_t n,
		     uint32_t timeout_ms);

/* How many are under way. */
size_t wp_fetcher_running(const struct wp_fetcher *fetcher);

#endif /* WP_KEYS_FETCH_H */
