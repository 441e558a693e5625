/*
 * signing.c - the names of our own signing keys, and what follows from them.
 *
 * Knows names and times. Knows no key: nothing here opens a file.
 */
#include "lib/auth/signing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char prefix[] = "sign-";
static const char suffix[] = ".pem";
static const char digits[] = "0123456789";
static const char hex_digits[] = "0123456789abcdef";

bool wp_signing_parse(const char *name, struct wp_signing_key *out)
{
	const char *number = name + sizeof(prefix) - 1;
	const char *kid;
	size_t len;

	if (strncmp(name, prefix, sizeof(prefix) - 1) != 0)
		return false;
	len = strspn(number, digits);
	/* One way to write a number, so that one key has one name. */
	if (len == 0 || number[0] == '0' || number[len] != '-')
		return false;
	errno = 0;
	out->created_s = strtoll(number, NULL, 10);
	if (errno == ERANGE)
		return false;
	kid = number + len + 1;
	if (strspn(kid, hex_digits) != WP_SIGNING_KID_LEN ||
	    strcmp(kid + WP_SIGNING_KID_LEN, suffix) != 0)
		return false;
	memcpy(out->kid, kid, WP_SIGNING_KID_LEN);
	out->kid[WP_SIGNING_KID_LEN] = '\0';
	return true;
}

void wp_signing_name(const struct wp_signing_key *key,
		     char name[WP_SIGNING_NAME_MAX])
{
	(void)snprintf(name, WP_SIGNING_NAME_MAX, "%s%" PRId64 "-%s%s", prefix,
		       key->created_s, key->kid, suffix);
}

static bool is_older(const struct wp_signing_key *a,
		     const struct wp_signing_key *b)
{
	if (a->created_s != b->created_s)
		return a->created_s < b->created_s;
	return strcmp(a->kid, b->kid) < 0;
}

bool wp_signing_add(struct wp_signing_ring *ring,
		    const struct wp_signing_key *key)
{
	size_t i = ring->n;

	if (ring->n == WP_SIGNING_MAX)
		return false;
	for (; i > 0 && is_older(key, &ring->keys[i - 1]); i--)
		ring->keys[i] = ring->keys[i - 1];
	ring->keys[i] = *key;
	ring->n++;
	return true;
}

static enum wp_err read_names(struct wp_signing_ring *out, DIR *dir,
			      struct wp_error *err)
{
	const struct dirent *entry;
	struct wp_signing_key key;

	errno = 0;
	while ((entry = readdir(dir)) != NULL) {
		if (wp_signing_parse(entry->d_name, &key) &&
		    !wp_signing_add(out, &key))
			return wp_error_set(err, WP_ERR_FULL,
					    "there are more than %d signing "
					    "keys",
					    WP_SIGNING_MAX);
		errno = 0;
	}
	return errno == 0 ? WP_OK : wp_error_sys(err, "signing keys");
}

enum wp_err wp_signing_read(struct wp_signing_ring *out, int dir_fd,
			    struct wp_error *err)
{
	/* A descriptor of its own, which has a place of its own. */
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum wp_err rc;
	DIR *dir;

	*out = (struct wp_signing_ring){ .n = 0 };
	if (fd == -1)
		return wp_error_sys(err, "signing keys");
	dir = fdopendir(fd);
	if (dir == NULL) {
		rc = wp_error_sys(err, "signing keys");
		close(fd);
		return rc;
	}
	rc = read_names(out, dir, err);
	closedir(dir);
	return rc;
}

bool wp_signing_is_ahead(const struct wp_signing_key *key, int64_t now_s)
{
	return key->created_s > now_s + WP_SIGNING_LEAD_S;
}

size_t wp_signing_current(const struct wp_signing_ring *ring, int64_t now_s)
{
	for (size_t i = ring->n; i > 0; i--)
		if (ring->keys[i - 1].created_s <= now_s - WP_SIGNING_LEAD_S)
			return i - 1;
	for (size_t i = 0; i < ring->n; i++)
		if (wp_signing_is_ahead(&ring->keys[i], now_s))
			return i;
	return 0; /* which is ring->n when there is none */
}

int64_t wp_signing_ends_s(const struct wp_signing_ring *ring, size_t i)
{
	enum { AFTER_S = WP_SIGNING_LEAD_S + WP_SIGNING_STAY_S };
	int64_t next_s;

	if (i + 1 >= ring->n)
		return INT64_MAX;
	next_s = ring->keys[i + 1].created_s;
	return next_s > INT64_MAX - AFTER_S ? INT64_MAX : next_s + AFTER_S;
}
