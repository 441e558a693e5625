/*
 * restore.c - waypost restore DIR --check: is a copy good, and what is to be
 * done with it? And waypost restore DIR --redis-dir D, which does it.
 *
 * Nothing is ever written over: what is in the way is for the operator to move.
 * The store comes last. Without it programs that find the restored Redis refuse
 * to start, so a restore that was cut off is never served.
 */
#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "lib/mailbox/deployment.h"
#include "lib/mailbox/scripts.h"
#include "lib/redis/client.h"
#include "tools/waypost/cli/cli.h"
#include "tools/waypost/copies/copy_set.h"
#include "tools/waypost/copies/files.h"
#include "tools/waypost/copies/redis_copy.h"
#include "tools/waypost/copies/secret_put.h"
#include "tools/waypost/copies/secret_set.h"

enum { STORE_MODE = 0640, ACCOUNTS_MODE = 0600, REDIS_TIMES = 2 };

/* A file of the copy, and where it goes. */
struct place {
	const char *name;
	const char *target;
	mode_t mode;
};

enum { PLACES_MAX = 2 };

/* In the order in which they are put there. */
static size_t list_places(const struct wp_cli *cli,
			  const struct wp_copy_set *set,
			  struct place places[PLACES_MAX])
{
	size_t n = 0;

	if (set->accounts[0] != '\0')
		places[n++] = (struct place){
			.name = WP_COPY_ACCOUNTS,
			.target = cli->conf.accounts.sqlite_path,
			.mode = ACCOUNTS_MODE,
		};
	places[n++] = (struct place){
		.name = WP_COPY_STORE,
		.target = cli->conf.store.sqlite_path,
		.mode = STORE_MODE,
	};
	return n;
}

static enum wp_err no_memory(struct wp_error *err)
{
	return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
}

/* ---- is it good? ---- */

static enum wp_err check_kind(const struct wp_cli *cli,
			      const struct wp_copy_set *set,
			      struct wp_error *err)
{
	if (set->layout != WP_LAYOUT)
		return wp_error_set(err, WP_ERR_INVAL,
				    "the copy is of Waypost %s, whose keys in "
				    "Redis have layout %" PRId64 "; this one "
				    "knows only layout %d",
				    set->version, set->layout, WP_LAYOUT);
	if (set->partitions != cli->conf.mailbox.partitions)
		return wp_error_set(err, WP_ERR_INVAL,
				    "the copy has %" PRId64 " partitions; set "
				    "mailbox.partitions to that",
				    set->partitions);
	return WP_OK;
}

static enum wp_err check_redis_file(const struct wp_copy_set *set,
				    const char *folder, struct wp_error *err)
{
	struct wp_copy_set found = { .n = 0 };
	char *path = wp_files_path(folder, WP_COPY_REDIS);
	enum wp_err rc;

	if (path == NULL)
		return no_memory(err);
	rc = wp_redis_copy_count(path, &found, err);
	if (rc == WP_OK &&
	    (found.keys != set->keys || found.expires != set->expires))
		rc = wp_error_set(err, WP_ERR_INVAL,
				  "%.180s has %" PRId64 " keys, of %" PRId64,
				  path, found.keys, set->keys);
	free(path);
	return rc;
}

/* Those of a copy that has them; sums say nothing of what reads them. */
static enum wp_err check_secrets(const struct wp_copy_set *set,
				 const char *folder, struct wp_error *err)
{
	struct wp_secret_set *secrets = NULL;
	enum wp_err rc;

	if (!wp_copy_has(set, WP_COPY_SECRETS))
		return WP_OK;
	rc = wp_secret_set_read(&secrets, folder, err);
	wp_secret_set_free(&secrets);
	return rc;
}

/* ---- does it fit there? ---- */

static enum wp_err check_room(const char *folder, int64_t bytes,
			      struct wp_error *err)
{
	struct statvfs fs;

	if (statvfs(folder, &fs) == -1)
		return wp_error_sys(err, "%.200s", folder);
	if ((uint64_t)bytes > (uint64_t)fs.f_bavail * fs.f_frsize)
		return wp_error_set(err, WP_ERR_FULL,
				    "%.150s has no room for %" PRId64 " bytes",
				    folder, bytes);
	return WP_OK;
}

static int64_t bytes_of(const struct wp_copy_set *set, const char *name)
{
	int64_t bytes = 0;

	for (size_t i = 0; i < set->n; i++)
		if (strcmp(set->files[i].name, name) == 0)
			bytes = set->files[i].bytes;
	return bytes;
}

/* The folder of a path; the caller's. */
static char *folder_of(const char *path)
{
	char *copy = strdup(path);
	char *folder = copy != NULL ? strdup(dirname(copy)) : NULL;

	free(copy);
	return folder;
}

/* SQLite would take a log of another database for this one's. */
static enum wp_err check_is_free(const char *path, struct wp_error *err)
{
	static const char *const ends[] = { "", "-wal", "-shm", "-journal",
					    ".restore" };
	struct stat st;

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		char *beside = NULL;
		bool is_there;

		if (asprintf(&beside, "%s%s", path, ends[i]) == -1)
			return no_memory(err);
		is_there = lstat(beside, &st) == 0;
		free(beside);
		if (is_there)
			return wp_error_set(err, WP_ERR_CONFLICT,
					    "%.180s%s is in the way; stop all "
					    "programs, and move it to another "
					    "place",
					    path, ends[i]);
	}
	return WP_OK;
}

static enum wp_err check_place(const struct wp_copy_set *set,
			       const struct place *place, struct wp_error *err)
{
	char *folder = folder_of(place->target);
	enum wp_err rc;

	if (folder == NULL)
		return no_memory(err);
	rc = check_room(folder, bytes_of(set, place->name), err);
	free(folder);
	return rc == WP_OK ? check_is_free(place->target, err) : rc;
}

/*
 * Is there room for all of it beside what is there now? Of a folder that is not
 * there nobody knows: a copy may be looked at on any host.
 */
static enum wp_err check_rooms(const struct wp_cli *cli,
			       const struct wp_copy_set *set,
			       struct wp_error *err)
{
	struct place places[PLACES_MAX];
	size_t n = list_places(cli, set, places);
	struct wp_error why = { 0 };
	enum wp_err rc = WP_OK, one;

	for (size_t i = 0; i < n; i++) {
		char *folder = folder_of(places[i].target);

		if (folder == NULL)
			return no_memory(err);
		one = access(folder, F_OK) == 0
			      ? check_room(folder,
					   bytes_of(set, places[i].name), &why)
			      : WP_OK;
		wp_faults_note(cli->conf.faults, one, &why, &rc, err);
		free(folder);
	}
	return rc;
}

/* A Redis that runs would go on writing where we write. */
static enum wp_err check_redis_is_off(const struct wp_cli *cli,
				      struct wp_error *err)
{
	struct wp_redis *redis = NULL;
	enum wp_err rc = wp_redis_new(&redis, &cli->conf, &wp_scripts, err);

	if (rc != WP_OK)
		return rc;
	rc = wp_redis_connect(redis, NULL);
	wp_redis_free(&redis);
	if (rc == WP_ERR_UNAVAIL)
		return WP_OK;
	return wp_error_set(err, WP_ERR_CONFLICT,
			    "a Redis answers at redis.address; stop all "
			    "programs, then Redis");
}

/* Each that is wrong is told, not only the first. */
static enum wp_err check_places(const struct wp_cli *cli,
				const struct wp_copy_set *set,
				struct wp_error *err)
{
	const char *redis_dir = cli->args.redis_dir;
	struct place places[PLACES_MAX];
	size_t n = list_places(cli, set, places);
	struct wp_error why = { 0 };
	enum wp_err rc = WP_OK, one;

	for (size_t i = 0; i < n; i++) {
		one = check_place(set, &places[i], &why);
		wp_faults_note(cli->conf.faults, one, &why, &rc, err);
	}
	if (redis_dir == NULL)
		return rc;
	one = wp_redis_copy_fits(redis_dir, &why);
	if (one == WP_OK)
		one = check_room(redis_dir,
				 REDIS_TIMES * bytes_of(set, WP_COPY_REDIS),
				 &why);
	wp_faults_note(cli->conf.faults, one, &why, &rc, err);
	one = check_redis_is_off(cli, &why);
	wp_faults_note(cli->conf.faults, one, &why, &rc, err);
	return rc;
}

/* ---- doing it ---- */

/* Under another name first: a whole file appears, or none. */
static enum wp_err put_beside(const struct place *place, const char *from,
			      const char *beside, const char *folder,
			      struct wp_error *err)
{
	struct stat owner;
	enum wp_err rc = wp_files_make(beside, err);

	if (rc == WP_OK)
		rc = wp_files_fill(from, beside, err);
	if (rc == WP_OK && stat(folder, &owner) == -1)
		rc = wp_error_sys(err, "%.200s", folder);
	if (rc == WP_OK)
		rc = wp_files_give(beside, owner.st_uid, owner.st_gid,
				   place->mode, err);
	if (rc == WP_OK)
		rc = wp_files_move(beside, place->target, err);
	return rc == WP_OK ? wp_files_sync(folder, err) : rc;
}

static enum wp_err put(const struct wp_cli *cli, const struct place *place,
		       struct wp_error *err)
{
	char *from = wp_files_path(cli->args.file, place->name);
	char *folder = folder_of(place->target);
	char *beside = NULL;
	enum wp_err rc;

	if (asprintf(&beside, "%s.restore", place->target) == -1)
		beside = NULL;
	if (from == NULL || folder == NULL || beside == NULL)
		rc = no_memory(err);
	else
		rc = put_beside(place, from, beside, folder, err);
	free(from);
	free(folder);
	free(beside);
	return rc;
}

static enum wp_err restore(const struct wp_cli *cli,
			   const struct wp_copy_set *set, struct wp_error *err)
{
	char *redis = wp_files_path(cli->args.file, WP_COPY_REDIS);
	struct place places[PLACES_MAX];
	size_t n = list_places(cli, set, places);
	enum wp_err rc;

	if (redis == NULL)
		return no_memory(err);
	rc = wp_redis_copy_restore(&cli->conf, redis, cli->args.redis_dir, set,
				   err);
	for (size_t i = 0; rc == WP_OK && i < n; i++)
		rc = put(cli, &places[i], err);
	free(redis);
	return rc;
}

static void tell_age(const struct wp_copy_set *set)
{
	printf("the copy was begun at %s, by Waypost %s\n"
	       "what was accepted later is not in it, and what was acked later "
	       "comes again;\n"
	       "it has forgotten who was logged out, revoked, disabled or got "
	       "another\n"
	       "password since: docs/operations.md, \"After a restore\"\n",
	       set->began, set->version);
}

static void tell_steps(const struct wp_cli *cli, bool has_secrets)
{
	printf("to restore it, as root:\n"
	       "1. stop all programs, then Redis\n"
	       "2. move away %s* and %s*, and of Redis' folder dump.rdb and\n"
	       "   appendonlydir\n"
	       "3. waypost restore %s --redis-dir <Redis' folder>\n"
	       "4. start Redis, which must have appendonly yes, then the "
	       "programs\n%s",
	       cli->conf.store.sqlite_path, cli->conf.accounts.sqlite_path,
	       cli->args.file,
	       has_secrets ? "on a new host, before all of it: waypost restore "
			     "... --secrets\n"
			   : "");
}

enum wp_err wp_cli_restore(const struct wp_cli *cli, struct wp_error *err)
{
	const char *folder = cli->args.file;
	struct wp_copy_set set;
	enum wp_err rc = wp_copy_read(&set, folder, err);

	if (rc == WP_OK)
		rc = check_kind(cli, &set, err);
	if (rc == WP_OK)
		rc = wp_copy_verify(&set, folder, &cli->conf, err);
	if (rc == WP_OK)
		rc = check_redis_file(&set, folder, err);
	if (rc == WP_OK)
		rc = check_secrets(&set, folder, err);
	if (rc != WP_OK)
		return rc;
	wp_copy_print(&set);
	if (cli->args.is_check && cli->args.redis_dir == NULL) {
		rc = check_rooms(cli, &set, err);
		if (rc != WP_OK)
			return rc;
		printf("%s is a whole copy\n", folder);
		tell_age(&set);
		tell_steps(cli, wp_copy_has(&set, WP_COPY_SECRETS));
		return WP_OK;
	}
	rc = check_places(cli, &set, err);
	if (rc == WP_OK && !cli->args.is_check) {
		rc = restore(cli, &set, err);
		if (rc == WP_OK)
			printf("restored; start Redis, with appendonly yes, "
			       "and then the programs\n");
	}
	if (rc == WP_OK)
		tell_age(&set);
	return rc;
}

/* ---- settings and secrets ---- */

static enum wp_err put_secrets(const struct wp_secret_set *secrets,
			       const char *folder, struct wp_error *err)
{
	size_t n;
	enum wp_err rc = wp_secret_set_put(secrets, &n, err);

	if (rc == WP_OK)
		printf("settings and secrets are there, %zu files of them "
		       "new; now waypost restore %s --check\n",
		       n, folder);
	return rc;
}

enum wp_err wp_cli_restore_secrets(const struct wp_cli *cli,
				   struct wp_error *err)
{
	const char *folder = cli->args.file;
	struct wp_secret_set *secrets = NULL;
	struct wp_copy_set set;
	enum wp_err rc = wp_copy_read(&set, folder, err);

	if (rc == WP_OK && !wp_copy_has(&set, WP_COPY_SECRETS))
		rc = wp_error_set(err, WP_ERR_NOTFOUND,
				  "%.150s was made without --with-secrets, and "
				  "has none",
				  folder);
	if (rc == WP_OK)
		rc = wp_copy_compare(&set, folder, WP_COPY_SECRETS, err);
	if (rc == WP_OK)
		rc = wp_secret_set_read(&secrets, folder, err);
	if (rc == WP_OK)
		rc = wp_secret_set_fits(secrets, cli->conf.faults, err);
	if (rc == WP_OK && !cli->args.is_check)
		rc = put_secrets(secrets, folder, err);
	else if (rc == WP_OK)
		printf("settings and secrets can be put where they were\n");
	wp_secret_set_free(&secrets);
	return rc;
}
