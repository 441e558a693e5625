/*
 * secret_set.c - the set in memory: paths, owners, and what stands above what.
 */
#include "tools/waypost/copies/secret_set.h"

#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MODE_BITS = 0777 };

struct wp_secret_set *wp_secret_set_new(void)
{
	return calloc(1, sizeof(struct wp_secret_set));
}

void wp_secret_set_free(struct wp_secret_set **set)
{
	if (*set == NULL)
		return;
	for (size_t i = 0; i < (*set)->n; i++) {
		free((*set)->items[i].path);
		wp_buf_release(&(*set)->items[i].data);
	}
	free(*set);
	*set = NULL;
}

/* ---- paths ---- */

static bool is_plain(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

/* Append the parts of text, each behind a slash; false: it leads upwards. */
static bool add_parts(struct wp_buf *out, const char *text)
{
	while (*text != '\0') {
		size_t len = strcspn(text, "/");

		if (len == 2 && memcmp(text, "..", 2) == 0)
			return false;
		if (len > 0 && !(len == 1 && text[0] == '.')) {
			wp_buf_add_char(out, '/');
			wp_buf_add(out, text, len);
		}
		text += len + (text[len] == '/');
	}
	return true;
}

char *wp_secret_path(const char *text)
{
	char here[PATH_MAX];
	struct wp_buf path;
	char *out = NULL;
	bool is_sound = is_plain(text);

	wp_buf_init(&path, PATH_MAX - 1);
	if (is_sound && text[0] != '/')
		is_sound = getcwd(here, sizeof(here)) != NULL &&
			   is_plain(here) && add_parts(&path, here);
	if (is_sound && add_parts(&path, text) && !path.failed && path.len > 0)
		out = strdup(path.data);
	wp_buf_release(&path);
	return out;
}

char *wp_secret_folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == path ? strdup("/")
			     : strndup(path, (size_t)(slash - path));
}

bool wp_secret_set_has(const struct wp_secret_set *set, const char *path)
{
	for (size_t i = 0; i < set->n; i++)
		if (strcmp(set->items[i].path, path) == 0)
			return true;
	return false;
}

/* ---- adding ---- */

/* Hosts give their users other numbers; so by name, where it has one. */
static void name_owner(struct wp_secret_item *item, const struct stat *st)
{
	const struct passwd *user = getpwuid(st->st_uid);
	const struct group *group = getgrgid(st->st_gid);

	if (user != NULL && strlen(user->pw_name) <= WP_SECRET_NAME_MAX)
		(void)snprintf(item->owner, sizeof(item->owner), "%s",
			       user->pw_name);
	else
		(void)snprintf(item->owner, sizeof(item->owner), "%u",
			       st->st_uid);
	if (group != NULL && strlen(group->gr_name) <= WP_SECRET_NAME_MAX)
		(void)snprintf(item->group, sizeof(item->group), "%s",
			       group->gr_name);
	else
		(void)snprintf(item->group, sizeof(item->group), "%u",
			       st->st_gid);
}

static enum wp_err add_one(struct wp_secret_set *set, const char *path,
			   const struct stat *st, struct wp_error *err)
{
	struct wp_secret_item *item = &set->items[set->n];

	if (set->n == WP_SECRET_ITEMS_MAX)
		return wp_error_set(err, WP_ERR_FULL,
				    "settings name more files than fit into a "
				    "copy");
	*item = (struct wp_secret_item){
		.path = strdup(path),
		.mode = st->st_mode & MODE_BITS,
		.is_folder = S_ISDIR(st->st_mode),
	};
	if (item->path == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	wp_buf_init(&item->data, WP_SECRET_FILE_MAX);
	item->data.is_secret = true;
	name_owner(item, st);
	set->n++;
	return WP_OK;
}

/* The folders above, from the root on; that one is everywhere. */
static enum wp_err add_above(struct wp_secret_set *set, const char *path,
			     struct wp_error *err)
{
	const char *slash = path;
	enum wp_err rc = WP_OK;

	while (rc == WP_OK && (slash = strchr(slash + 1, '/')) != NULL) {
		char *folder = strndup(path, (size_t)(slash - path));
		struct stat st;

		if (folder == NULL)
			return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
		if (!wp_secret_set_has(set, folder))
			rc = stat(folder, &st) == 0
				     ? add_one(set, folder, &st, err)
				     : wp_error_sys(err, "%.200s", folder);
		free(folder);
	}
	return rc;
}

enum wp_err wp_secret_set_add(struct wp_secret_set *set, const char *path,
			      const struct stat *st,
			      struct wp_secret_item **out, struct wp_error *err)
{
	enum wp_err rc = add_above(set, path, err);

	if (rc == WP_OK)
		rc = add_one(set, path, st, err);
	if (rc == WP_OK && out != NULL)
		*out = &set->items[set->n - 1];
	return rc;
}
