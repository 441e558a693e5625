/*
 * conf_files.c - a key that names a file says so by its own name, so that a new
 * one is not forgotten here.
 */
#include "lib/sys/conf_files.h"

#include <string.h>
#include <unistd.h>

#include "lib/sys/conf_section.h"
#include "lib/sys/push_apps.h"

struct hearer {
	wp_conf_file_fn hear;
	void *ctx;
};

static enum wp_err tell(const struct hearer *to, const char *key,
			const char *path, struct wp_error *err)
{
	const struct wp_conf_file file = { .key = key, .path = path };

	if (path != NULL && path[0] == '\0')
		return WP_OK;
	return to->hear(to->ctx, &file, err);
}

static enum wp_err tell_secret(const struct wp_conf_entry *entry,
			       const struct hearer *to, struct wp_error *err)
{
	const char *path = entry->secret_path;

	if (entry->in_env)
		return tell(to, entry->key->name, NULL, err);
	return tell(to, entry->key->name, path != NULL ? path : "", err);
}

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static enum wp_err tell_list(const struct wp_conf_key *key,
			     const struct wp_conf_list *list,
			     const struct hearer *to, struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	for (size_t i = 0; rc == WP_OK && i < list->n; i++)
		rc = tell(to, key->name, list->items[i], err);
	return rc;
}

static enum wp_err tell_key(const struct wp_conf *conf,
			    const struct wp_conf_entry *entry,
			    const struct hearer *to, struct wp_error *err)
{
	const struct wp_conf_key *key = entry->key;
	const void *at = (const char *)conf + key->offset;

	if (key->type == WP_CONF_SECRET)
		return tell_secret(entry, to, err);
	if (key->type == WP_CONF_STRING && ends_with(key->name, "_file"))
		return tell(to, key->name, *(char *const *)at, err);
	if (key->type == WP_CONF_LIST && ends_with(key->name, "_files"))
		return tell_list(key, at, to, err);
	return WP_OK;
}

static enum wp_err tell_apps(const struct wp_conf *conf,
			     const struct hearer *to, struct wp_error *err)
{
	static const char name[] = "push.apps";
	struct wp_push_apps *apps = NULL;
	enum wp_err rc = wp_push_apps_new(&apps, conf, err);

	for (size_t i = 0; rc == WP_OK && i < apps->n; i++) {
		const struct wp_push_app *app = &apps->items[i];

		if (app->credentials_file != NULL)
			rc = tell(to, name, app->credentials_file, err);
		if (rc == WP_OK && app->key_file != NULL)
			rc = tell(to, name, app->key_file, err);
	}
	wp_push_apps_free(&apps);
	return rc;
}

/* The store secret that a start has made, if nobody gives one. */
static enum wp_err tell_kept(const struct wp_conf_load *load,
			     const struct hearer *to, struct wp_error *err)
{
	static const char name[] = "auth.store_secret";
	bool is_path;
	const struct wp_conf_entry *entry = wp_conf_find(load, name, &is_path);
	struct wp_buf path;
	enum wp_err rc = WP_OK;

	if (entry->in_env ||
	    (entry->secret_path != NULL && entry->secret_path[0] != '\0'))
		return WP_OK;
	wp_buf_init(&path, 0);
	rc = wp_conf_find_kept(load->conf, &path, err);
	if (rc == WP_OK && path.len > 0 && access(path.data, F_OK) == 0)
		rc = tell(to, name, path.data, err);
	wp_buf_release(&path);
	return rc;
}

enum wp_err wp_conf_files(const struct wp_conf_load *load, wp_conf_file_fn hear,
			  void *ctx, struct wp_error *err)
{
	const struct hearer to = { .hear = hear, .ctx = ctx };
	enum wp_err rc = WP_OK;

	if (load->path != NULL)
		rc = tell(&to, "waypost.yaml", load->path, err);
	for (size_t i = 0; rc == WP_OK && i < load->n; i++)
		rc = tell_key(load->conf, &load->entries[i], &to, err);
	if (rc == WP_OK)
		rc = tell_apps(load->conf, &to, err);
	return rc == WP_OK ? tell_kept(load, &to, err) : rc;
}
