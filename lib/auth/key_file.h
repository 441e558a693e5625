/*
 * key_file.h - the keys of one issuer as they lie in auth.key_dir, where
 * waypost-keys puts them: issuer-<wp_issuer_id()>.json,
 * {"issuer","jwks_uri","etag","fetched_ms","keys"}.
 *
 * Who can write such a file can be anybody, so one that others may have written
 * is refused.
 */
#ifndef WP_LIB_AUTH_KEY_FILE_H
#define WP_LIB_AUTH_KEY_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "lib/auth/jwks.h"
#include "lib/base/err.h"
#include "lib/sys/conf.h"

enum { WP_KEY_FILE_BYTES_MAX = WP_JWKS_BYTES_MAX + 16 * 1024 };

struct wp_key_file {
	char *issuer;         /* owned, like the next two */
	char *jwks_uri;       /* "" when not said */
	char *etag;           /* "" when the provider gave none */
	int64_t fetched_ms;   /* since 1970: so fresh are the keys */
	struct wp_jwks *jwks; /* owned; may hold no usable key */
};

/* "issuer-<id>.json", for the file and everybody who looks for it. */
enum { WP_KEY_FILE_NAME_MAX = 7 + 32 + 5 };
void wp_key_file_name(const char *issuer, char out[WP_KEY_FILE_NAME_MAX + 1]);
/* The same in auth.key_dir. The caller frees it; NULL: memory is exhausted. */
char *wp_key_file_path(const struct wp_conf *conf, const char *issuer);

/*
 * Read the text of such a file.
 *
 * out:        end with wp_key_file_release(), also after an error. The raw text
 *             of its keys is borrowed from json
 * Errors:     WP_ERR_INVAL  it is none: err.msg says why, without its text
 *             WP_ERR_NOMEM
 */
enum wp_err wp_key_file_parse(struct wp_key_file *out, const char *json,
			      size_t len, struct wp_error *err) WP_MUST_USE;
void wp_key_file_release(struct wp_key_file *file);

/* Which file that was, so that another in its place is noticed, or that
 * somebody has mended its rights. */
struct wp_key_file_mark {
	bool is_there;
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec changed; /* ctime: also of owner and mode */
};

/* What lies at path now; reads nothing. */
struct wp_key_file_mark wp_key_file_look(const char *path);
bool wp_key_file_is_same(const struct wp_key_file_mark *a,
			 const struct wp_key_file_mark *b);

/*
 * Read the file at path. Never waits: what is no regular file is refused.
 *
 * out:      as of wp_key_file_parse(), but the raw text of keys is gone
 * mark_out: which file it was, also after an error
 * Errors:   WP_ERR_NOTFOUND  nothing is there
 *           WP_ERR_DENIED    it belongs to somebody else than this process and
 *                            root, or group or others may write it
 *           WP_ERR_INVAL, WP_ERR_NOMEM, WP_ERR_SYS
 */
enum wp_err wp_key_file_load(struct wp_key_file *out, const char *path,
			     struct wp_key_file_mark *mark_out,
			     struct wp_error *err) WP_MUST_USE;

#endif /* WP_LIB_AUTH_KEY_FILE_H */
