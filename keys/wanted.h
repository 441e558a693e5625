/*
 * wanted.h - keys.sock: who meets a key that is in no file says so here, with
 * the id of its issuer as a datagram of 32 hex digits. Nobody is answered.
 */
#ifndef WP_KEYS_WANTED_H
#define WP_KEYS_WANTED_H

#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/sys/folder.h"
#include "lib/sys/issuers.h"

/*
 * Make the socket, mode 0660, in the place of one that is there: who owns the
 * folder is the only one who listens.
 *
 * fd_out:  not blocking; the caller ends it with wp_wanted_close()
 * Errors:  WP_ERR_SYS
 */
enum wp_err wp_wanted_open(int *fd_out, const struct wp_folder *folder,
			   struct wp_error *err) WP_MUST_USE;

/* Take the name away and close. Nothing for -1. */
void wp_wanted_close(int *fd, const struct wp_folder *folder);

/*
 * Take a datagram.
 *
 * id:       what it asks for; "" when it is none of ours
 * Returns:  false when there is none
 */
bool wp_wanted_next(int fd, char id[WP_ISSUER_ID_LEN + 1]);

#endif /* WP_KEYS_WANTED_H */
