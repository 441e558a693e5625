/*
 * ece.h - a message for a browser that only it can read (Web Push): one record
 * of aes128gcm.
 *
 * Source:  RFC 8291, RFC 8188
 * Threads: any
 */
#ifndef WP_LIB_AUTH_ECE_H
#define WP_LIB_AUTH_ECE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"

enum {
	WP_ECE_POINT_LEN = 65, /* uncompressed, on P-256 */
	WP_ECE_SECRET_LEN = 32,
	WP_ECE_AUTH_LEN = 16,
	WP_ECE_SALT_LEN = 16,
	/* Of one record of 4096 bytes, which every push service takes. */
	WP_ECE_PLAIN_MAX = 4096 - (16 + 4 + 1 + 65) - 16 - 1,
};

/* Of a subscription: "p256dh" and "auth". */
struct wp_ece_receiver {
	uint8_t point[WP_ECE_POINT_LEN];
	uint8_t auth[WP_ECE_AUTH_LEN];
};

/* Is that a point that can be a receiver's: uncompressed, and on the curve? */
bool wp_ece_is_point(const void *data, size_t len);

/* Our side of one message: never used for another. Secret. */
struct wp_ece_sender {
	uint8_t salt[WP_ECE_SALT_LEN];
	uint8_t secret[WP_ECE_SECRET_LEN];
	uint8_t point[WP_ECE_POINT_LEN];
};

/* A new one. Errors: WP_ERR_NOMEM */
enum wp_err wp_ece_sender_make(struct wp_ece_sender *out,
			       struct wp_error *err) WP_MUST_USE;
void wp_ece_sender_forget(struct wp_ece_sender *sender);

struct wp_ece_message {
	const void *data;
	size_t len;    /* up to WP_ECE_PLAIN_MAX */
	size_t padded; /* it looks as if it were so long at least, or 0 */
};

/*
 * Append the body of a request, header of the encoding included.
 *
 * Errors:  WP_ERR_INVAL  the receiver's point is none
 *          WP_ERR_NOMEM  out may have grown
 */
enum wp_err wp_ece_encrypt(const struct wp_ece_receiver *receiver,
			   const struct wp_ece_sender *sender,
			   const struct wp_ece_message *message,
			   struct wp_buf *out,
			   struct wp_error *err) WP_MUST_USE;

#endif /* WP_LIB_AUTH_ECE_H */
