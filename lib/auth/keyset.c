/*
 * keyset.c - one file per issuer, looked at by its inode, size and times.
 */
#include "lib/auth/keyset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/auth/key_file.h"
#include "lib/base/log.h"

enum { LOOK_MS = 1000, MS_PER_HOUR = 3600 * 1000 };

struct source {
	char *path; /* owned */
	struct wp_key_file_mark mark;
	struct wp_key_file file; /* owned; jwks NULL: nothing is known */
	bool is_too_old;
	bool is_owed; /* it could not be read, and may be at the next look */
};

struct wp_keyset {
	struct wp_issuers *issuers; /* owned */
	struct source sources[WP_ISSUERS_ALL];
	int64_t max_age_ms;
	uint32_t generation;
	bool has_looked;
	uint64_t looked_ms;
	int socket; /* -1: not open */
	struct sockaddr_un address;
	struct wp_log log;
};

/* ---- making ---- */

/* A path that is too long for a socket is nobody's. */
static void set_address(struct wp_keyset *keyset, const struct wp_conf *conf)
{
	struct sockaddr_un *address = &keyset->address;
	int len = snprintf(address->sun_path, sizeof(address->sun_path),
			   "%s/" WP_KEYSET_SOCKET, conf->auth.key_dir);

	address->sun_family = AF_UNIX;
	if (len < 0 || (size_t)len >= sizeof(address->sun_path))
		address->sun_path[0] = '\0';
}

enum wp_err wp_keyset_new(struct wp_keyset **out, const struct wp_conf *conf,
			  struct wp_error *err)
{
	struct wp_keyset *keyset = calloc(1, sizeof(*keyset));
	enum wp_err rc;

	if (keyset == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	keyset->socket = -1;
	keyset->log = (struct wp_log){ .component = "auth" };
	keyset->max_age_ms = conf->auth.key_max_age_hours * MS_PER_HOUR;
	rc = wp_issuers_new(&keyset->issuers, conf, err);
	if (rc == WP_OK)
		rc = wp_issuers_add_own(keyset->issuers, conf, err);
	for (size_t i = 0; rc == WP_OK && i < keyset->issuers->n; i++) {
		const char *issuer = keyset->issuers->items[i].text;

		keyset->sources[i].path = wp_key_file_path(conf, issuer);
		if (keyset->sources[i].path == NULL)
			rc = wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	}
	if (rc != WP_OK) {
		wp_keyset_free(&keyset);
		return rc;
	}
	if (keyset->issuers->n > 0)
		set_address(keyset, conf);
	*out = keyset;
	return WP_OK;
}

void wp_keyset_free(struct wp_keyset **keyset)
{
	if (keyset == NULL || *keyset == NULL)
		return;
	for (size_t i = 0; i < WP_ISSUERS_ALL; i++) {
		free((*keyset)->sources[i].path);
		wp_key_file_release(&(*keyset)->sources[i].file);
	}
	wp_issuers_free(&(*keyset)->issuers);
	if ((*keyset)->socket != -1)
		close((*keyset)->socket);
	free(*keyset);
	*keyset = NULL;
}

const struct wp_issuers *wp_keyset_issuers(const struct wp_keyset *keyset)
{
	return keyset->issuers;
}

/* ---- looking ---- */

/* A step of the clock back makes nothing old. */
static void judge_age(struct wp_keyset *keyset, struct source *source,
		      int64_t wall_ms)
{
	bool was = source->is_too_old;

	source->is_too_old =
		source->file.jwks != NULL &&
		wall_ms - source->file.fetched_ms > keyset->max_age_ms;
	if (was == source->is_too_old)
		return;
	keyset->generation++;
	if (source->is_too_old)
		wp_log(&keyset->log, WP_LOG_ERROR,
		       "the keys of an issuer are too old; is waypost-keys "
		       "running?",
		       wp_int("issuer", source - keyset->sources + 1));
}

/*
 * Most files only say that the keys are the same still. Nobody's token is
 * forgotten for that: whoever makes kids up has them fetched, again and again.
 */
static void take(struct wp_keyset *keyset, struct source *source,
		 struct wp_key_file *file)
{
	if (source->file.jwks == NULL || file->jwks == NULL ||
	    !wp_jwks_is_same(source->file.jwks, file->jwks))
		keyset->generation++;
	wp_key_file_release(&source->file);
	source->file = *file;
	*file = (struct wp_key_file){ 0 };
}

/* Not for what is in it: nothing that could be seen there has to change. */
static bool is_passing(enum wp_err rc)
{
	return rc == WP_ERR_SYS || rc == WP_ERR_NOMEM;
}

static void read_anew(struct wp_keyset *keyset, struct source *source)
{
	bool is_told = source->is_owed;
	size_t issuer = (size_t)(source - keyset->sources);
	const char *text = keyset->issuers->items[issuer].text;
	struct wp_error err = { 0 };
	struct wp_key_file file;
	enum wp_err rc =
		wp_key_file_load(&file, source->path, &source->mark, &err);

	if (rc == WP_OK && strcmp(file.issuer, text) != 0)
		rc = wp_error_set(&err, WP_ERR_INVAL,
				  "the file of keys is of another issuer");
	if (rc == WP_OK && file.jwks->n == 0)
		rc = wp_error_set(&err, WP_ERR_INVAL,
				  "the file of keys has no usable key");
	source->is_owed = is_passing(rc);
	if (rc == WP_OK || rc == WP_ERR_NOTFOUND)
		take(keyset, source, &file);
	else if (!(is_told && source->is_owed))
		wp_log(&keyset->log, WP_LOG_ERROR,
		       "the keys of an issuer are not taken",
		       wp_int("issuer", (int64_t)issuer + 1),
		       wp_str("error", err.msg));
	wp_key_file_release(&file);
}

bool wp_keyset_look_at(struct wp_keyset *keyset, size_t issuer, int64_t wall_ms)
{
	struct source *source = &keyset->sources[issuer];
	const struct wp_key_file_mark now = wp_key_file_look(source->path);
	bool is_new =
		source->is_owed || !wp_key_file_is_same(&now, &source->mark);

	if (is_new)
		read_anew(keyset, source);
	judge_age(keyset, source, wall_ms);
	return is_new && !source->is_owed;
}

void wp_keyset_look(struct wp_keyset *keyset, uint64_t now_ms, int64_t wall_ms)
{
	if (keyset->has_looked && now_ms - keyset->looked_ms < LOOK_MS)
		return;
	keyset->has_looked = true;
	keyset->looked_ms = now_ms;
	for (size_t i = 0; i < keyset->issuers->n; i++)
		(void)wp_keyset_look_at(keyset, i, wall_ms);
}

uint32_t wp_keyset_generation(const struct wp_keyset *keyset)
{
	return keyset->generation;
}

struct wp_keyset_state wp_keyset_state(const struct wp_keyset *keyset,
				       size_t issuer)
{
	const struct source *source = &keyset->sources[issuer];

	return (struct wp_keyset_state){
		.jwks = source->file.jwks,
		.fetched_ms = source->file.fetched_ms,
		.is_too_old = source->is_too_old,
	};
}

/* ---- asking ---- */

void wp_keyset_ask(struct wp_keyset *keyset, size_t issuer)
{
	const struct sockaddr *to = (const struct sockaddr *)&keyset->address;
	char id[WP_ISSUER_ID_LEN + 1];

	if (keyset->address.sun_path[0] == '\0')
		return;
	if (keyset->socket == -1)
		keyset->socket = socket(
			AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (keyset->socket == -1)
		return;
	wp_issuer_id(keyset->issuers->items[issuer].text, id);
	/* Who is not there, or is full, is asked again. */
	(void)sendto(keyset->socket, id, WP_ISSUER_ID_LEN, MSG_NOSIGNAL, to,
		     sizeof(keyset->address));
}
