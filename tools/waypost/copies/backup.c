/*
 * backup.c - waypost backup DIR: Redis first, then what is on disk.
 *
 * A message goes from Redis to the store, and is deleted in Redis when the
 * store has it. So what moves between the two copies is in both, and is one
 * message by its id; copied the other way round it would be in neither. What is
 * acked between them comes once more (docs/operations.md "Backup and restore").
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/mailbox/deployment.h"
#include "tools/waypost/cli/cli.h"
#include "tools/waypost/copies/copy_set.h"
#include "tools/waypost/copies/files.h"
#include "tools/waypost/copies/redis_copy.h"
#include "tools/waypost/copies/secret_find.h"

enum { FOLDER_MODE = 0700, OTHERS = 0077 };

/* ---- the folder ---- */

/* A folder of ours with nothing in it; made if it is not there. */
static enum wp_err take_folder(const char *folder, struct wp_error *err)
{
	struct stat st;
	bool is_empty;
	enum wp_err rc;

	if (mkdir(folder, FOLDER_MODE) == 0)
		return WP_OK;
	if (errno != EEXIST || stat(folder, &st) == -1)
		return wp_error_sys(err, "%.200s", folder);
	if (!S_ISDIR(st.st_mode))
		return wp_error_set(err, WP_ERR_INVAL, "%.200s is no folder",
				    folder);
	if (st.st_uid != geteuid() || (st.st_mode & OTHERS) != 0)
		return wp_error_set(err, WP_ERR_INVAL,
				    "%.180s is not ours alone; chmod it to "
				    "0700, or name one that is not there",
				    folder);
	rc = wp_files_is_empty(folder, &is_empty, err);
	if (rc == WP_OK && !is_empty)
		rc = wp_error_set(err, WP_ERR_INVAL,
				  "%.180s is not empty; a copy is never "
				  "written over another one",
				  folder);
	return rc;
}

/* That the folder itself is there lasts as well. */
static enum wp_err sync_above(const char *folder, struct wp_error *err)
{
	char *above = wp_files_path(folder, "..");
	enum wp_err rc;

	if (above == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	rc = wp_files_sync(above, err);
	free(above);
	return rc;
}

/* ---- which deployment it is ---- */

static void keep_text(const struct wp_reply *reply, char *out, size_t room)
{
	(void)snprintf(out, room, "%s", wp_reply_str(reply));
}

static enum wp_err read_meta(struct wp_cli *cli, struct wp_copy_set *set,
			     struct wp_error *err)
{
	static const char *const words[] = { "HMGET",       WP_META_KEY,
					     "layout",      "partitions",
					     WP_META_STORE, WP_META_ACCOUNTS };
	struct wp_reply *reply = NULL;
	enum wp_err rc;

	wp_cmd_clear(&cli->cmd);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		wp_cmd_str(&cli->cmd, words[i]);
	rc = wp_cli_ask(cli, &reply, err);
	if (rc != WP_OK)
		return rc;
	set->layout = wp_reply_int(wp_reply_at(reply, 0));
	set->partitions = wp_reply_int(wp_reply_at(reply, 1));
	keep_text(wp_reply_at(reply, 2), set->store, sizeof(set->store));
	keep_text(wp_reply_at(reply, 3), set->accounts, sizeof(set->accounts));
	wp_reply_free(&reply);
	if (set->store[0] == '\0' || set->layout == 0)
		return wp_error_set(err, WP_ERR_NOTFOUND,
				    "this Redis belongs to no deployment: "
				    "nothing was ever started on it");
	return WP_OK;
}

static enum wp_err begin_set(struct wp_cli *cli, struct wp_copy_set *set,
			     struct wp_error *err)
{
	*set = (struct wp_copy_set){ .n = 0 };
	(void)snprintf(set->version, sizeof(set->version), "%s", wp_version);
	wp_rfc3339(wp_wall_ms(), set->began);
	(void)snprintf(set->run_id, sizeof(set->run_id), "%s",
		       wp_redis_run_id(cli->redis));
	return read_meta(cli, set, err);
}

/* What has to come from another place, so that nobody learns it too late. */
static void note_missing(const struct wp_conf *conf, struct wp_copy_set *set)
{
	const struct {
		bool is_used;
		const char *name;
	} needs[] = {
		{ true, "waypost.yaml" },
		{ true, "auth.store_secret" },
		{ true, "auth.jwt_secret" },
		{ true, "auth.public_key_files" },
		{ conf->auth.api_keys_file[0] != '\0', "auth.api_keys_file" },
		{ conf->accounts.enabled, "auth.key_dir, sign-*.pem" },
		{ conf->push.enabled, "push.apps" },
	};

	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++)
		if (needs[i].is_used)
			set->missing[set->n_missing++] = needs[i].name;
}

static void print_missing(const struct wp_copy_set *set)
{
	if (set->n_missing == 0)
		return;
	printf("not in it, and needed to restore:");
	for (size_t i = 0; i < set->n_missing; i++)
		printf("%s %s", i > 0 ? ";" : "", set->missing[i]);
	printf(" (docs/operations.md, \"Backup and restore\")\n");
}

/* ---- the files ---- */

typedef enum wp_err (*copy_fn)(const struct wp_conf *conf, const char *to,
			       struct wp_copy_set *set, struct wp_error *err);

static enum wp_err copy_redis(const struct wp_conf *conf, const char *to,
			      struct wp_copy_set *set, struct wp_error *err)
{
	enum wp_err rc = wp_redis_copy(conf, to, err);

	return rc == WP_OK ? wp_redis_copy_count(to, set, err) : rc;
}

static enum wp_err copy_store(const struct wp_conf *conf, const char *to,
			      struct wp_copy_set *set, struct wp_error *err)
{
	(void)set;
	return wp_store_copy(conf, to, err);
}

static enum wp_err copy_accounts(const struct wp_conf *conf, const char *to,
				 struct wp_copy_set *set, struct wp_error *err)
{
	(void)set;
	return wp_accounts_copy(conf->accounts.sqlite_path, WP_ACCOUNTS_BUSY_MS,
				to, err);
}

static enum wp_err copy_one(struct wp_cli *cli, struct wp_copy_set *set,
			    const char *name, copy_fn copy,
			    struct wp_error *err)
{
	const char *folder = cli->args.file;
	char *path = wp_files_path(folder, name);
	enum wp_err rc;

	if (path == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	rc = wp_files_make(path, err);
	if (rc == WP_OK)
		rc = copy(&cli->conf, path, set, err);
	if (rc == WP_OK)
		rc = wp_copy_add(set, folder, name, err);
	free(path);
	return rc;
}

static enum wp_err copy_all(struct wp_cli *cli, struct wp_copy_set *set,
			    struct wp_error *err)
{
	enum wp_err rc = copy_one(cli, set, WP_COPY_REDIS, copy_redis, err);

	/* Again: the first account may have been made since. */
	if (rc == WP_OK)
		rc = read_meta(cli, set, err);
	if (rc == WP_OK)
		rc = copy_one(cli, set, WP_COPY_STORE, copy_store, err);
	if (rc == WP_OK && set->accounts[0] != '\0')
		rc = copy_one(cli, set, WP_COPY_ACCOUNTS, copy_accounts, err);
	/* Last, for keys that sign are made, too, while we copy. */
	if (rc == WP_OK && cli->secrets != NULL)
		rc = wp_secret_take(&cli->conf, cli->secrets, cli->args.file,
				    set, err);
	/* A copy that nobody has looked at is none. */
	if (rc == WP_OK)
		rc = wp_copy_verify(set, cli->args.file, &cli->conf, err);
	return rc;
}

enum wp_err wp_cli_backup(struct wp_cli *cli, struct wp_error *err)
{
	const char *folder = cli->args.file;
	struct wp_copy_set set;
	enum wp_err rc;

	(void)umask(OTHERS);
	rc = begin_set(cli, &set, err);
	if (cli->secrets == NULL)
		note_missing(&cli->conf, &set);
	if (rc == WP_OK)
		rc = take_folder(folder, err);
	if (rc == WP_OK)
		rc = copy_all(cli, &set, err);
	if (rc == WP_OK)
		rc = wp_copy_finish(&set, folder, err);
	if (rc == WP_OK)
		rc = sync_above(folder, err);
	if (rc != WP_OK)
		return rc;
	wp_copy_print(&set);
	print_missing(&set);
	return WP_OK;
}
