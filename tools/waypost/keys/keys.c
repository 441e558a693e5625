/*
 * keys.c - `waypost keys list` and `waypost keys rotate`: the keys of identity
 * providers and of our own, as they lie in auth.key_dir.
 *
 * Reads public halves only. A new key of our own is made by waypost-keys, as
 * the user who owns the others: this asks it to, by a signal.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <json-c/json.h>

#include "lib/auth/key_file.h"
#include "lib/auth/signing.h"
#include "lib/base/clock.h"
#include "lib/sys/folder.h"
#include "lib/sys/issuers.h"
#include "tools/waypost/cli/cli.h"
#include "tools/waypost/cli/letter.h"

enum { ROTATE_MS = 10 * 1000, STEP_NS = 20 * 1000 * 1000 };

/* What is printed, and what it is made of. */
struct listing {
	struct wp_folder folder;
	struct wp_signing_ring ring; /* of our own */
	int64_t now_ms;
	bool is_json;
	size_t n_issuers; /* so far */
	struct wp_buf out;
};

static const char *name_of(enum wp_alg alg)
{
	switch (alg) {
	case WP_ALG_RS256:
		return "RS256";
	case WP_ALG_PS256:
		return "PS256";
	case WP_ALG_ES256:
		return "ES256";
	case WP_ALG_EDDSA:
		return "EdDSA";
	case WP_ALG_HS256:
	case WP_ALG_NONE:
		break;
	}
	return "?";
}

/* ---- keys of one issuer ---- */

/* Its place in the ring of our own; ring.n: it is none of ours. */
static size_t find_own(const struct listing *list, const struct wp_jwk *jwk)
{
	size_t i = 0;

	while (i < list->ring.n &&
	       (jwk->kid == NULL ||
		strcmp(list->ring.keys[i].kid, jwk->kid) != 0))
		i++;
	return i;
}

static const char *role_of(const struct listing *list, size_t own)
{
	size_t current = wp_signing_current(&list->ring, list->now_ms / 1000);

	if (own == list->ring.n)
		return "";
	if (own == current)
		return "signs";
	return own > current ? "signs later" : "verifies";
}

static void add_key(struct listing *list, const struct wp_jwk *jwk)
{
	size_t own = find_own(list, jwk);

	wp_buf_printf(&list->out, "    %-6s  ", name_of(jwk->verifier.alg));
	/* Somebody else chose it: quoted, and without control characters. */
	if (jwk->kid == NULL)
		wp_buf_add_str(&list->out, "no kid");
	else
		wp_buf_add_json(&list->out, jwk->kid, jwk->kid_len);
	if (own < list->ring.n)
		wp_buf_printf(&list->out, "  %s", role_of(list, own));
	wp_buf_add_char(&list->out, '\n');
}

static struct json_object *key_object(const struct listing *list,
				      const struct wp_jwk *jwk)
{
	struct json_object *key = json_object_new_object();
	size_t own = find_own(list, jwk);

	wp_cli_add_text(&key, "alg", name_of(jwk->verifier.alg));
	if (jwk->kid != NULL)
		wp_cli_add(&key, "kid", wp_cli_text(jwk->kid, jwk->kid_len));
	if (own < list->ring.n)
		wp_cli_add_text(&key, "role", role_of(list, own));
	return key;
}

/* NULL when memory is exhausted. */
static struct json_object *key_array(const struct listing *list,
				     const struct wp_jwks *jwks)
{
	struct json_object *keys = json_object_new_array();

	for (size_t i = 0; keys != NULL && i < jwks->n; i++) {
		struct json_object *key = key_object(list, &jwks->keys[i]);

		if (key != NULL && json_object_array_add(keys, key) == 0)
			continue;
		json_object_put(key);
		json_object_put(keys);
		keys = NULL;
	}
	return keys;
}

/* Read the file of an issuer; false: there are no keys of it. */
static bool read_file(const struct listing *list, const char *issuer,
		      struct wp_key_file *out, struct wp_buf *text,
		      struct wp_error *err)
{
	char name[WP_KEY_FILE_NAME_MAX + 1];
	const struct wp_folder_read what = {
		.name = name,
		.max_bytes = WP_KEY_FILE_BYTES_MAX,
	};

	wp_key_file_name(issuer, name);
	return wp_folder_read(&list->folder, &what, text, err) == WP_OK &&
	       wp_key_file_parse(out, text->data, text->len, err) == WP_OK;
}

static void add_lines(struct listing *list, const char *issuer,
		      const struct wp_key_file *file,
		      const struct wp_error *err)
{
	char fetched[WP_RFC3339_LEN];
	int64_t age_s;

	wp_buf_printf(&list->out, "%s\n", issuer);
	if (file == NULL) {
		wp_buf_printf(&list->out, "    no keys: %s\n", err->msg);
		return;
	}
	age_s = (list->now_ms - file->fetched_ms) / 1000;
	wp_cli_time_text(file->fetched_ms, fetched);
	wp_buf_printf(&list->out, "    as of %s, %" PRId64 " s ago\n", fetched,
		      age_s);
	for (size_t i = 0; i < file->jwks->n; i++)
		add_key(list, &file->jwks->keys[i]);
}

static void add_object(struct listing *list, const char *issuer,
		       const struct wp_key_file *file,
		       const struct wp_error *err)
{
	struct json_object *row = json_object_new_object();

	wp_cli_add_text(&row, "issuer", issuer);
	if (file == NULL) {
		wp_cli_add_text(&row, "error", err->msg);
	} else {
		wp_cli_add(&row, "fetchedMs",
			   json_object_new_int64(file->fetched_ms));
		wp_cli_add(&row, "keys", key_array(list, file->jwks));
	}
	wp_buf_add_str(&list->out, list->n_issuers > 0 ? ",\n " : "\n ");
	wp_cli_put_object(&list->out, &row);
}

static void add_issuer(struct listing *list, const char *issuer)
{
	struct wp_key_file file = { 0 };
	struct wp_error err = { 0 };
	struct wp_buf text;
	bool is_there;

	wp_buf_init(&text, 0);
	is_there = read_file(list, issuer, &file, &text, &err);
	if (list->is_json)
		add_object(list, issuer, is_there ? &file : NULL, &err);
	else
		add_lines(list, issuer, is_there ? &file : NULL, &err);
	list->n_issuers++;
	wp_key_file_release(&file);
	wp_buf_release(&text);
}

/* ---- the commands ---- */

static enum wp_err add_all(struct listing *list, const struct wp_conf *conf,
			   struct wp_error *err)
{
	struct wp_issuers *issuers = NULL;
	enum wp_err rc = wp_issuers_new(&issuers, conf, err);

	if (rc != WP_OK)
		return rc;
	if (list->is_json)
		wp_buf_add_char(&list->out, '[');
	for (size_t i = 0; i < issuers->n; i++)
		add_issuer(list, issuers->items[i].text);
	if (conf->accounts.enabled) {
		rc = wp_signing_read(&list->ring, list->folder.fd, err);
		add_issuer(list, conf->accounts.issuer);
	}
	if (list->is_json)
		wp_buf_add_str(&list->out,
			       list->n_issuers > 0 ? "\n]\n" : "]\n");
	wp_issuers_free(&issuers);
	return rc;
}

enum wp_err wp_cli_keys_list(const struct wp_cli *cli, struct wp_error *err)
{
	struct listing list = {
		.now_ms = wp_wall_ms(),
		.is_json = cli->args.is_json,
	};
	enum wp_err rc;

	wp_buf_init(&list.out, 0);
	rc = wp_folder_open(&list.folder, cli->conf.auth.key_dir, err);
	if (rc == WP_OK)
		rc = add_all(&list, &cli->conf, err);
	if (rc == WP_OK)
		rc = wp_cli_put_out(&list.out, err);
	wp_buf_release(&list.out);
	wp_folder_close(&list.folder);
	return rc;
}

/* Wait for a newer key than those of before, and print its name. */
static enum wp_err await_key(const struct wp_folder *folder,
			     const struct wp_signing_ring *before,
			     struct wp_error *err)
{
	static const struct timespec step = { .tv_nsec = STEP_NS };
	uint64_t end_ms = wp_mono_ms() + ROTATE_MS;
	const char *newest =
		before->n > 0 ? before->keys[before->n - 1].kid : "";
	struct wp_signing_ring now;
	enum wp_err rc;

	do {
		rc = wp_signing_read(&now, folder->fd, err);
		if (rc != WP_OK)
			return rc;
		if (now.n > 0 && strcmp(now.keys[now.n - 1].kid, newest) != 0) {
			printf("%s\n", now.keys[now.n - 1].kid);
			return WP_OK;
		}
		(void)nanosleep(&step, NULL);
	} while (wp_mono_ms() < end_ms);
	return wp_error_set(err, WP_ERR_UNAVAIL,
			    "waypost-keys made no key; look at its log");
}

static enum wp_err rotate(const struct wp_folder *folder, struct wp_error *err)
{
	struct wp_signing_ring ring;
	pid_t pid = wp_folder_owner(folder, "keys.lock");
	enum wp_err rc = wp_signing_read(&ring, folder->fd, err);

	if (rc != WP_OK)
		return rc;
	if (pid == 0)
		return wp_error_set(err, WP_ERR_UNAVAIL,
				    "no waypost-keys runs here that uses "
				    "auth.key_dir");
	if (wp_signing_current(&ring, wp_wall_ms() / 1000) + 1 < ring.n)
		return wp_error_set(err, WP_ERR_CONFLICT,
				    "key %s is new and signs within the hour",
				    ring.keys[ring.n - 1].kid);
	if (kill(pid, SIGUSR1) == -1)
		return wp_error_sys(err, "waypost-keys (process %ld)",
				    (long)pid);
	return await_key(folder, &ring, err);
}

enum wp_err wp_cli_keys_rotate(const struct wp_cli *cli, struct wp_error *err)
{
	struct wp_folder folder = WP_FOLDER_NONE;
	enum wp_err rc;

	if (!cli->conf.accounts.enabled)
		return wp_error_set(err, WP_ERR_INVAL,
				    "accounts.enabled is false: there are no "
				    "keys of our own");
	rc = wp_folder_open(&folder, cli->conf.auth.key_dir, err);
	if (rc == WP_OK)
		rc = rotate(&folder, err);
	wp_folder_close(&folder);
	return rc;
}
