/*
 * folder.h - a folder that one program writes and others read: locked, and with
 * nothing in it but whole files.
 *
 * A file appears under its name when all of it is on disk, in one step; who
 * reads it meanwhile has the old one. What a kill left behind half-written goes
 * when the folder is opened the next time.
 */
#ifndef WP_LIB_SYS_FOLDER_H
#define WP_LIB_SYS_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"

struct wp_folder {
	int fd;      /* of the folder; -1: not open */
	int lock_fd; /* holds the lock; -1: none */
};

#define WP_FOLDER_NONE ((struct wp_folder){ .fd = -1, .lock_fd = -1 })

/*
 * Open a folder for reading.
 *
 * out:     the caller's; end with wp_folder_close(), also on error
 * Errors:  WP_ERR_NOTFOUND  there is none
 *          WP_ERR_DENIED    it is neither ours nor root's, or others may write
 *                           in it, and so put files there
 *          WP_ERR_SYS
 */
enum wp_err wp_folder_open(struct wp_folder *out, const char *path,
			   struct wp_error *err) WP_MUST_USE;

/*
 * Make the folder unless it is there (mode 0750; not those above it), open it
 * and become the one who writes in it, until wp_folder_close() or death.
 *
 * lock:    the name of the file that is locked
 * Errors:  as wp_folder_open(), and
 *          WP_ERR_CONFLICT  another process holds it; err names its pid
 * Threads: a lock belongs to the process: nobody else in it may open that file
 * Source:  fcntl(2), "Advisory record locking"
 */
enum wp_err wp_folder_own(struct wp_folder *out, const char *path,
			  const char *lock, struct wp_error *err) WP_MUST_USE;

/* Give the lock back. Nothing for WP_FOLDER_NONE. */
void wp_folder_close(struct wp_folder *folder);

/*
 * Who holds the lock of an open folder?
 *
 * Returns:  its pid as the kernel knows it here; 0 when nobody does, or nobody
 *           whom this process can name
 */
pid_t wp_folder_owner(const struct wp_folder *folder, const char *lock);

/*
 * Read a regular file.
 *
 * out:     gets the bytes, appended
 * Errors:  WP_ERR_NOTFOUND, WP_ERR_SYS
 *          WP_ERR_FULL      it is longer than max_bytes
 *          WP_ERR_DENIED    neither ours nor root's, or others may write it; or
 *                           is_secret and others may read it
 */
struct wp_folder_read {
	const char *name;
	size_t max_bytes;
	bool is_secret;
};
enum wp_err wp_folder_read(const struct wp_folder *folder,
			   const struct wp_folder_read *what,
			   struct wp_buf *out,
			   struct wp_error *err) WP_MUST_USE;

/*
 * Put a file there, in the place of what had its name; on disk when this
 * returns.
 *
 * mode:    exactly, whatever the umask is
 * Errors:  WP_ERR_SYS  whoever reads has the old one, or none
 */
struct wp_folder_write {
	const char *name;
	mode_t mode;
	const void *data;
	size_t len;
};
enum wp_err wp_folder_write(const struct wp_folder *folder,
			    const struct wp_folder_write *what,
			    struct wp_error *err) WP_MUST_USE;

/* Delete a file, on disk when this returns. It may be gone already. */
enum wp_err wp_folder_remove(const struct wp_folder *folder, const char *name,
			     struct wp_error *err) WP_MUST_USE;

#endif /* WP_LIB_SYS_FOLDER_H */
