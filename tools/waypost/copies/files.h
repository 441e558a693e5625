/*
 * files.h - small steps with files and folders, for commands that make some.
 */
#ifndef WP_TOOLS_WAYPOST_COPIES_FILES_H
#define WP_TOOLS_WAYPOST_COPIES_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include <sys/types.h>

#include "lib/base/err.h"

/* <folder>/<name>; the caller's. NULL without memory. */
char *wp_files_path(const char *folder, const char *name) WP_MUST_USE;

/*
 * Make an empty file that nobody else may read.
 * Errors: WP_ERR_CONFLICT  something of this name is there; WP_ERR_SYS
 */
enum wp_err wp_files_make(const char *path, struct wp_error *err) WP_MUST_USE;

/* Write all of it. Returns: false when errno says why not */
bool wp_files_write_all(int fd, const char *data, size_t len) WP_MUST_USE;

/* Write all of one file into another, and have it on disk. */
enum wp_err wp_files_fill(const char *from, const char *to,
			  struct wp_error *err) WP_MUST_USE;

/*
 * Give a file or folder that we have made to the owner of the folder it is in.
 * That one may have put something else there meanwhile, a link to what is not
 * his, which is refused.
 *
 * Errors: WP_ERR_CONFLICT  it is not what we have made; WP_ERR_SYS
 */
enum wp_err wp_files_give(const char *path, uid_t uid, gid_t gid, mode_t mode,
			  struct wp_error *err) WP_MUST_USE;

/*
 * Give a file another name, which nothing else may have (rename(2)). Where the
 * file system cannot tell in one step, it is a second name first, and the old
 * one goes (link(2)).
 *
 * Errors: WP_ERR_CONFLICT  something has that name; WP_ERR_SYS
 */
enum wp_err wp_files_move(const char *from, const char *to,
			  struct wp_error *err) WP_MUST_USE;

/* The same within the folder of a descriptor; AT_FDCWD is one too. */
enum wp_err wp_files_move_in(int folder, const char *from, const char *to,
			     struct wp_error *err) WP_MUST_USE;

/* Have what was made, renamed or deleted in a folder on disk. */
enum wp_err wp_files_sync(const char *folder, struct wp_error *err) WP_MUST_USE;

/* Delete a folder, and the files in it but no folders. It may be gone. */
void wp_files_remove_folder(const char *path);

/* Is nothing in there? Errors: WP_ERR_SYS */
enum wp_err wp_files_is_empty(const char *folder, bool *is_empty_out,
			      struct wp_error *err) WP_MUST_USE;

#endif /* WP_TOOLS_WAYPOST_COPIES_FILES_H */
