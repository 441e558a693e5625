/*
 * ca_file.h - a file of those who sign certificates of others.
 */
#ifndef WP_LIB_AUTH_CA_FILE_H
#define WP_LIB_AUTH_CA_FILE_H

#include "lib/base/err.h"

/*
 * Is a certificate in it, as PEM? Else nobody would be trusted, and nothing
 * said of it before somebody is asked.
 *
 * name:    of the setting, for err
 * path:    "": there is none, which is fine
 * Errors:  WP_ERR_SYS    it cannot be read
 *          WP_ERR_INVAL  no certificate is in it; WP_ERR_NOMEM
 * Source:  X509_STORE_load_locations(3), as libcurl does with CURLOPT_CAINFO
 */
enum wp_err wp_ca_file_check(const char *name, const char *path,
			     struct wp_error *err) WP_MUST_USE;

#endif /* WP_LIB_AUTH_CA_FILE_H */
