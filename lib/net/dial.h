/*
 * dial.h - a connection to where a URL leads, for who speaks another protocol
 * on it than libcurl does: bytes out and in, over TLS where the URL says https.
 *
 * It blocks, until a time that the caller says. As for transfers, nothing of
 * the environment counts, and a certificate that is not as it should be is no
 * connection. Whoever names the URL must be trusted: any address will do.
 */
#ifndef WP_LIB_NET_DIAL_H
#define WP_LIB_NET_DIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

struct wp_dial;

/* Text is borrowed during the call. */
struct wp_dial_to {
	const char *url;     /* http or https: its host and port count */
	const char *ca_file; /* as of transfers; "": the system's */
	uint32_t connect_ms; /* TLS included */
};

/*
 * Connect. ALPN offers HTTP/1.1 and nothing else.
 *
 * Ownership:  *out is the caller's; end with wp_dial_close()
 * Errors:     WP_ERR_UNAVAIL  no connection, or it is not trusted; err.msg says
 *             WP_ERR_NOMEM
 * Threads:    of one
 */
enum wp_err wp_dial_open(struct wp_dial **out, const struct wp_dial_to *to,
			 struct wp_error *err) WP_MUST_USE;
/* NULL-safe. */
void wp_dial_close(struct wp_dial **dial);

/*
 * Send all of it.
 *
 * until_ms:  by wp_mono_ms()
 * Errors:    WP_ERR_UNAVAIL  it is over, or was not taken in time
 */
enum wp_err wp_dial_send(struct wp_dial *dial, const void *data, size_t len,
			 uint64_t until_ms, struct wp_error *err) WP_MUST_USE;

/*
 * Take what has come, at least a byte.
 *
 * *len_out:  0: the other side has ended it
 * Errors:    WP_ERR_NOTFOUND  nothing came in time; WP_ERR_UNAVAIL
 */
enum wp_err wp_dial_receive(struct wp_dial *dial, void *room, size_t size,
			    uint64_t until_ms, size_t *len_out,
			    struct wp_error *err) WP_MUST_USE;

/*
 * Until when the certificate of the host is good, since 1970.
 *
 * Returns:  false when there is none, or libcurl does not tell
 */
bool wp_dial_good_until(const struct wp_dial *dial, int64_t *seconds_out);

#endif /* WP_LIB_NET_DIAL_H */
