/*
 * blocklist.h - passwords that everybody has heard of: a sorted file of lines.
 *
 * The lines are in lower case (ASCII), sorted by their bytes (the C locale),
 * each at most 4096 bytes, the file at most 1 GiB:
 *
 *	LC_ALL=C tr A-Z a-z < list | LC_ALL=C sort -u > blocklist
 *
 * It is searched where it lies, by some thirty small reads. Not mapped into
 * memory: of a file that is cut off under a mapping a look at it is a SIGBUS.
 */
#ifndef WP_LIB_ACCOUNTS_BLOCKLIST_H
#define WP_LIB_ACCOUNTS_BLOCKLIST_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"

struct wp_blocklist;

enum { WP_BLOCKLIST_LINE_MAX = 4096 };

/*
 * Open the list at path. It must be a file of ours or of root that nobody else
 * may write; some of its lines are looked at, whether they are sorted and in
 * lower case.
 *
 * path:       "" is no list: *out is NULL, which wp_blocklist_has() takes
 * Ownership:  the caller's; end with wp_blocklist_close()
 * Errors:     WP_ERR_INVAL    it is no such file
 *             WP_ERR_UNAVAIL  out of memory
 */
enum wp_err wp_blocklist_open(struct wp_blocklist **out, const char *path,
			      struct wp_error *err) WP_MUST_USE;
/* NULL-safe. */
void wp_blocklist_close(struct wp_blocklist **list);

/*
 * Is there a line of exactly these bytes?
 *
 * list:     NULL has none
 * Errors:   WP_ERR_UNAVAIL  the file cannot be read, or is not what it was;
 *           what is not known to be absent must not be taken for it
 * Threads:  any, several at once
 */
enum wp_err wp_blocklist_has(const struct wp_blocklist *list, const char *text,
			     size_t len, bool *has_out,
			     struct wp_error *err) WP_MUST_USE;

#endif /* WP_LIB_ACCOUNTS_BLOCKLIST_H */
