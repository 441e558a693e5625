/*
 * key_files.h - files of issuers' keys, put where waypost-keys would put them,
 * for tests and fuzz targets. What does not go as it should aborts.
 */
#ifndef WP_TESTS_SUPPORT_KEY_FILES_H
#define WP_TESTS_SUPPORT_KEY_FILES_H

#include <limits.h>
#include <stdint.h>
#include <sys/types.h>

/* Where the keys of an issuer lie in the folder. */
void key_files_path(char path[PATH_MAX], const char *folder,
		    const char *issuer);

/*
 * Put a whole file in place of what is there.
 *
 * issuer:     whose the file says that it is
 * fetched_ms: since 1970
 * keys:       JSON Web Keys, with a comma between two
 */
void key_files_put(const char *path, const char *issuer, int64_t fetched_ms,
		   const char *keys, mode_t mode);

#endif /* WP_TESTS_SUPPORT_KEY_FILES_H */
