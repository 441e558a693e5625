/*
 * vapid_key.c - waypost push vapid-key: a private key for pushes to browsers,
 * in a file of its own. With another key every browser has to subscribe again,
 * so one that is there is never replaced.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/auth/signing_key.h"
#include "lib/auth/vapid.h"
#include "lib/base/random.h"
#include "tools/waypost/cli/cli.h"

enum { MODE = 0600, SUFFIX_BYTES = 8 };

/* called: what a fault is said of, for nobody has named the file beside it. */
static enum wp_err write_whole(const char *path, const char *called,
			       const struct wp_buf *pem, struct wp_error *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, MODE);
	enum wp_err rc = WP_OK;

	if (fd == -1)
		return wp_error_sys(err, "%s", called);
	if (write(fd, pem->data, pem->len) != (ssize_t)pem->len ||
	    fsync(fd) == -1)
		rc = wp_error_sys(err, "%s", called);
	if (close(fd) == -1 && rc == WP_OK)
		rc = wp_error_sys(err, "%s", called);
	return rc;
}

/* Whole, or not at all; a link takes nobody's place, as a rename would. */
static enum wp_err keep(const char *path, const struct wp_buf *pem,
			struct wp_error *err)
{
	char suffix[2 * SUFFIX_BYTES + 1];
	char *beside = NULL;
	enum wp_err rc;

	wp_random_hex(suffix, SUFFIX_BYTES);
	if (asprintf(&beside, "%s.%s", path, suffix) == -1)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	rc = write_whole(beside, path, pem, err);
	if (rc == WP_OK && link(beside, path) == -1)
		rc = wp_error_sys(err, "%s", path);
	if (unlink(beside) == -1 && errno != ENOENT && rc == WP_OK)
		rc = wp_error_sys(err, "%s", beside);
	free(beside);
	return rc;
}

enum wp_err wp_cli_push_vapid_key(const struct wp_cli *cli,
				  struct wp_error *err)
{
	const char *path =
		cli->args.file != NULL ? cli->args.file : "vapid.pem";
	struct wp_vapid vapid = { .public = "" };
	struct wp_signing_public about;
	struct wp_buf pem;
	enum wp_err rc;

	wp_buf_init(&pem, 0);
	rc = wp_signing_make(WP_SIGN_ES256, &pem, &about, err);
	if (rc == WP_OK)
		rc = wp_vapid_open(&vapid, pem.data, pem.len, err);
	if (rc == WP_OK)
		rc = keep(path, &pem, err);
	if (rc == WP_OK)
		printf("%s\n", vapid.public);
	wp_vapid_release(&vapid);
	wp_signing_forget(&pem);
	return rc;
}
