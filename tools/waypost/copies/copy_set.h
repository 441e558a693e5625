/*
 * copy_set.h - the copy of a deployment as a folder: its files, and the
 * manifest that makes them one copy.
 *
 * The manifest is written last and in one step, so a folder without one is a
 * copy that was cut off.
 */
#ifndef WP_TOOLS_WAYPOST_COPIES_COPY_SET_H
#define WP_TOOLS_WAYPOST_COPIES_COPY_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/accounts/accounts.h"
#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "lib/store/store.h"
#include "lib/sys/conf.h"

#define WP_COPY_REDIS "dump.rdb"
#define WP_COPY_STORE "waypost.db"
#define WP_COPY_ACCOUNTS "accounts.db"
#define WP_COPY_SECRETS "secrets.json" /* if it was asked for */
#define WP_COPY_MANIFEST "manifest.json"

enum {
	WP_COPY_FILES_MAX = 4,
	WP_COPY_MISSING_MAX = 16,
	WP_COPY_NAME_MAX = 15,
	WP_COPY_SUM_LEN = 64, /* SHA-256 in hexadecimal digits */
	WP_COPY_TEXT_MAX = 63,
};

struct wp_copy_file {
	char name[WP_COPY_NAME_MAX + 1];
	int64_t bytes;
	char sha256[WP_COPY_SUM_LEN + 1];
};

/* What the manifest says. Plain data. */
struct wp_copy_set {
	char version[WP_COPY_TEXT_MAX + 1]; /* of the waypost that made it */
	char began[WP_RFC3339_LEN];         /* by the clock of the host */
	char run_id[WP_COPY_TEXT_MAX + 1];  /* of Redis */
	int64_t layout;
	int64_t partitions;
	int64_t keys;    /* in Redis, of all databases */
	int64_t expires; /* of these, that end by themselves */
	char store[WP_STORE_ID_LEN + 1];
	char accounts[WP_ACCOUNTS_ID_LEN + 1]; /* "": there are none */
	size_t n;
	struct wp_copy_file files[WP_COPY_FILES_MAX];
	/* What this deployment needs besides: names of settings, texts of
	 * ours. Written, not read. */
	size_t n_missing;
	const char *missing[WP_COPY_MISSING_MAX];
};

/*
 * Bring a file of the copy to the disk and add it to the set.
 *
 * name:    one of WP_COPY_…, each once
 * Errors:  WP_ERR_SYS, WP_ERR_NOMEM
 */
enum wp_err wp_copy_add(struct wp_copy_set *set, const char *folder,
			const char *name, struct wp_error *err) WP_MUST_USE;

/* Write the manifest. The copy is whole, and on disk, when this returns. */
enum wp_err wp_copy_finish(const struct wp_copy_set *set, const char *folder,
			   struct wp_error *err) WP_MUST_USE;

/*
 * Read the manifest.
 *
 * Errors:  WP_ERR_INVAL  it is none, or one that another release understands
 *          WP_ERR_NOTFOUND, WP_ERR_SYS, WP_ERR_NOMEM
 */
enum wp_err wp_copy_read(struct wp_copy_set *out, const char *folder,
			 struct wp_error *err) WP_MUST_USE;

/*
 * Are all files there, the same as when they were added, and of one deployment?
 *
 * conf:    its store names the backend
 * Errors:  WP_ERR_INVAL and others  err.msg names the file
 */
enum wp_err wp_copy_verify(const struct wp_copy_set *set, const char *folder,
			   const struct wp_conf *conf,
			   struct wp_error *err) WP_MUST_USE;

/* Has the copy a file of this name? */
bool wp_copy_has(const struct wp_copy_set *set, const char *name);

/* Is this file there, the same as when it was added? It is in the set. */
enum wp_err wp_copy_compare(const struct wp_copy_set *set, const char *folder,
			    const char *name, struct wp_error *err) WP_MUST_USE;

/* Say what there is, a line a file. */
void wp_copy_print(const struct wp_copy_set *set);

#endif /* WP_TOOLS_WAYPOST_COPIES_COPY_SET_H */
