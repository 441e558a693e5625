/*
 * apikey_file.h - the file of keys as a program that serves uses it: read at
 * its start, and anew when it has changed.
 *
 * Whoever shows a key makes us look whether it has, at most once a second, with
 * one stat(2): so a key is good no longer a second after the file says so. One
 * that is not there makes us look at once: it may have been added just now.
 * A file that cannot be read or is broken changes nothing; that is logged once.
 * To have no keys, let it be empty.
 *
 * Threads: one at a time.
 */
#ifndef WP_LIB_AUTH_APIKEY_FILE_H
#define WP_LIB_AUTH_APIKEY_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "lib/auth/token.h"
#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/sys/secret_file.h"

enum { WP_APIKEY_FILE_MAX_BYTES = 1024 * 1024 };

struct wp_apikey_file;

/*
 * Read the file. What is wrong with it is wrong with auth.api_keys_file, which
 * begins the sentence.
 *
 * path:       "" for none: no key is known then; copied
 * Ownership:  the caller's; end with wp_apikey_file_free()
 * Errors:     WP_ERR_INVAL  as wp_apikey_file_load() and wp_apikeys_new()
 *             WP_ERR_NOMEM
 */
enum wp_err wp_apikey_file_new(struct wp_apikey_file **out, const char *path,
			       struct wp_error *err) WP_MUST_USE;
void wp_apikey_file_free(struct wp_apikey_file **file);

/*
 * See whether the file has changed, at most once a second; a line of the log
 * says what became of it. For who is shown no key for a long time.
 */
void wp_apikey_file_look(struct wp_apikey_file *file);

/* As wp_apikeys_verify(), with the keys that are in the file by now. */
enum wp_err wp_apikey_file_verify(struct wp_apikey_file *file,
				  const struct wp_token *token, int64_t now_s,
				  struct wp_identity *out,
				  struct wp_error *err) WP_MUST_USE;

/*
 * Read a file of keys as bytes. Who could write it could mint keys: so it must
 * be as wp_secret_file_read() wants it, and no longer than 1 MiB. st_out and
 * errors are as there.
 */
enum wp_err wp_apikey_file_load(const char *path, enum wp_secret_owner owner,
				struct wp_buf *text, struct stat *st_out,
				struct wp_error *err) WP_MUST_USE;

#endif /* WP_LIB_AUTH_APIKEY_FILE_H */
