/*
 * device.h - what a client says of a device that wants to be told of mail: the
 * body of POST /api/devices, and of the aliases that others have for it.
 *
 * Read here is what can be judged without knowing what is configured. Every
 * member that is wrong is named, with what it must be; nothing of it is
 * repeated.
 */
#ifndef WP_LIB_PUSH_DEVICE_H
#define WP_LIB_PUSH_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/err.h"

enum {
	/* Each text of its longest, with every character escaped. */
	WP_DEVICE_BODY_MAX = 48 * 1024,
	WP_DEVICE_TOKEN_MAX = 4096,
	WP_DEVICE_POINT_LEN = 65, /* of P-256, uncompressed (RFC 8291) */
	WP_DEVICE_AUTH_LEN = 16,
};

/* Texts are NUL-terminated, in the arena, and NULL when they are not given. */
struct wp_push_device {
	const char *kind; /* any word */
	const char *app;
	const char *platform; /* "ios", "android", "web" */
	const char *device;   /* its id */
	const char *name;
	const char *account;
	const char *token;    /* printable, no blank */
	const char *endpoint; /* anything: see lib/push/endpoint.h */
	const char *address;  /* anything: see lib/push/address.h */
	bool has_keys;        /* both of them */
	uint8_t point[WP_DEVICE_POINT_LEN];
	uint8_t auth[WP_DEVICE_AUTH_LEN];
	bool has_badge; /* badge was said */
	bool badge;
	bool is_shared;
	bool is_forced;
};

/*
 * Read a body. A subscription may be given as a browser's toJSON() gives it, or
 * flat; members that nobody knows are passed over.
 *
 * json:    at most WP_DEVICE_BODY_MAX bytes
 * Errors:  WP_ERR_INVAL  err->msg names the member and says what it must be
 *          WP_ERR_PROTO  it is no JSON that can be read
 *          WP_ERR_NOMEM
 */
enum wp_err wp_push_device_read(struct wp_push_device *out, const char *json,
				size_t len, struct wp_arena *arena,
				struct wp_error *err) WP_MUST_USE;

/*
 * Append where it can be reached as JSON, and nothing else of it: token, or
 * endpoint and keys. This is what the store keeps, sealed, and
 * wp_push_device_read() reads it again.
 */
void wp_push_device_write(const struct wp_push_device *device,
			  struct wp_buf *out);

/* What is said of a member that is not what it must be: WP_ERR_INVAL. */
enum wp_err wp_push_device_bad(struct wp_error *err, const char *member,
			       const char *must_be);

#endif /* WP_LIB_PUSH_DEVICE_H */
