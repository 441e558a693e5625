/*
 * transfer.h - requests over HTTP that we make, and a set of connections that
 * carries them. The one place that knows libcurl's transfers.
 *
 * Bounded in every direction, for who answers may be anybody: no redirect is
 * followed, nothing is decompressed, no cookie, no name and no password is kept
 * or sent, nothing of the environment counts (proxies, .netrc), and nothing
 * takes longer or is larger than the rules say.
 *
 * A program on an event loop uses fetch.h; any other says run and wait.
 */
#ifndef WP_LIB_NET_TRANSFER_H
#define WP_LIB_NET_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "lib/base/err.h"

enum {
	WP_TRANSFER_HEAD_MAX = 32 << 10, /* bytes of an answer's header */
	WP_TRANSFER_STREAMS_MAX = 100,   /* at once, on a shared connection */
};

/* What holds for all transfers of a set. Text is copied. */
struct wp_transfer_rules {
	const char *agent; /* User-Agent */
	const char
		*ca_file; /* signs certificates in the system's place, or "" */
	/* http:// or https:// and a host; "" or NULL: none. Addresses are then
	 * those of the proxy, and where it connects to is its own business. */
	const char *proxy;
	uint32_t connect_ms; /* until there is a connection, TLS included */
	uint32_t total_ms;   /* until there is an answer */
	size_t body_max;     /* bytes of an answer */
	bool cuts;           /* what is longer is cut; else it is no answer */
	bool allows_plain;   /* http as well as https */
	/*
	 * Requests to one host share so many connections, which are kept, over
	 * HTTP/2 where the host can. 0: each has a connection of its own, over
	 * HTTP/1.1, so that none is used for what it was not opened for.
	 */
	uint32_t connections;
};

struct wp_transfer_header {
	const char *name;
	const char *value;
};

/* May it be connected to that address? */
typedef bool (*wp_transfer_may_fn)(const void *guard,
				   const struct sockaddr *address,
				   socklen_t len);

/* What somebody wants. Borrowed during the call, but for the guard. */
struct wp_transfer_request {
	const char *url;
	const struct wp_transfer_header *headers;
	size_t n_headers;
	const void *body; /* with POST; NULL: GET */
	size_t len;
	/*
	 * Asked for the address of each socket, right before it is connected:
	 * whatever a name leads to at any other moment does not matter. NULL:
	 * anywhere.
	 */
	wp_transfer_may_fn may;
	const void *guard; /* borrowed until the end */
};

enum wp_transfer_end {
	WP_TRANSFER_ANSWERED,    /* with any status */
	WP_TRANSFER_UNREACHABLE, /* no connection, no whole answer, or late */
	WP_TRANSFER_UNTRUSTED,   /* its certificate is not as it should be */
	WP_TRANSFER_FORBIDDEN,   /* it leads to where it may not */
	WP_TRANSFER_TOO_LONG,
};

/* What came of it; all of it is borrowed during the call that tells. */
struct wp_transfer_answer {
	enum wp_transfer_end end;
	const char *why;  /* a sentence; "" when it was answered */
	long status;      /* HTTP's; 0 when it was not answered */
	bool is_http2;    /* else HTTP/1.1 */
	const char *body; /* NUL-terminated, though it may hold NULs */
	size_t len;
	const char *peer; /* numeric address; "" when there was none */
	void *transfer;   /* for wp_transfer_header() */
};

/*
 * The value of a header of the answer, the first one of that name in any case.
 *
 * Returns:  without blanks around it; NULL when there is none. Borrowed until
 *           the next call, or the end of the call that tells
 */
const char *wp_transfer_header(const struct wp_transfer_answer *answer,
			       const char *name);

/* May begin another transfer; may not free the set. */
typedef void (*wp_transfer_fn)(void *ctx,
			       const struct wp_transfer_answer *answer);

struct wp_transfers;

/*
 * Ownership:  the caller's; end with wp_transfers_free(). NULL: out of memory
 * Threads:    of one; libcurl resolves names in threads of its own
 */
struct wp_transfers *
wp_transfers_new(const struct wp_transfer_rules *rules) WP_MUST_USE;
/* Ends all that is under way; nobody is told. NULL-safe. */
void wp_transfers_free(struct wp_transfers **transfers);

/*
 * Begin. on_end is told once, from wp_transfers_run() or _tell(), of whatever
 * comes of it. A connection that dies takes with it each request on it, whose
 * outcome nobody knows then (UNREACHABLE); and libcurl repeats what a host
 * refused to begin with, so a host may see one request twice.
 *
 * Errors:  WP_ERR_INVAL  a control character in the URL or a header
 *          WP_ERR_NOMEM  on_end is not told
 */
enum wp_err wp_transfers_begin(struct wp_transfers *transfers,
			       const struct wp_transfer_request *request,
			       wp_transfer_fn on_end, void *ctx,
			       struct wp_error *err) WP_MUST_USE;

/* How many are under way. */
size_t wp_transfers_running(const struct wp_transfers *transfers);

/* Without an event loop: go on with what can go on, and tell. */
void wp_transfers_run(struct wp_transfers *transfers);

/*
 * Wait until something can go on, or one of up to 4 fds can be read.
 *
 * timeout_ms:  0 to 2^31-1
 */
void wp_transfers_wait(struct wp_transfers *transfers, const int *fds, size_t n,
		       uint32_t timeout_ms);

/* For fetch.c: libcurl's handle of them all, and telling of what has ended. */
void *wp_transfers_multi(struct wp_transfers *transfers);
void wp_transfers_tell(struct wp_transfers *transfers);
/* Behind the time that one may take: what waits for a connection is not ended
 * by libcurl. In how many ms, and doing it; 0 also when there is none. */
uint64_t wp_transfers_left_ms(const struct wp_transfers *transfers);
void wp_transfers_end_late(struct wp_transfers *transfers);

#endif /* WP_LIB_NET_TRANSFER_H */
