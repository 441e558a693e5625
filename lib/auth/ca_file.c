/* ca_file.c - OpenSSL reads it, as it will for libcurl. */
#include "lib/auth/ca_file.h"

#include <unistd.h>

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

enum wp_err wp_ca_file_check(const char *name, const char *path,
			     struct wp_error *err)
{
	X509_STORE *store;
	enum wp_err rc = WP_OK;

	if (path[0] == '\0')
		return WP_OK;
	if (access(path, R_OK) == -1)
		return wp_error_sys(err, "%s: %.150s", name, path);
	store = X509_STORE_new();
	if (store == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	if (X509_STORE_load_locations(store, path, NULL) != 1)
		rc = wp_error_set(err, WP_ERR_INVAL,
				  "%s: no certificate (PEM) is in %.150s", name,
				  path);
	X509_STORE_free(store);
	ERR_clear_error();
	return rc;
}
