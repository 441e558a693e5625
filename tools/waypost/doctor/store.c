/*
 * store.c - is the cold store there, whole, this deployment's, and on a
 * disk that can carry it?
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "lib/mailbox/deployment.h"
#include "lib/store/store.h"
#include "tools/waypost/doctor/checks.h"

enum {
	DISK_LOW_PERCENT = 20,
	DISK_FULL_PERCENT = 5,
	MIB = 1 << 20,
	WAL_MAX_MIB = 256,
	SYNCS = 20,
	SYNC_BYTES = 4096,
	SLOW_SYNC_US = 20 * 1000,
};

/* The folder of the file. Ownership: the caller's; NULL: out of memory */
static char *folder_of(const struct wp_conf *conf)
{
	char *path = strdup(conf->store.sqlite_path);
	char *folder = path != NULL ? strdup(dirname(path)) : NULL;

	free(path);
	return folder;
}

/* File systems whose locks are another host's, or nobody's (statfs(2)). */
static const char *foreign_file_system(const char *folder)
{
	static const struct {
		unsigned long magic;
		const char *name;
	} kinds[] = {
		{ 0x6969, "NFS" },      { 0x517b, "SMB" },
		{ 0xff534d42, "CIFS" }, { 0xfe534d42, "SMB2" },
		{ 0x65735546, "FUSE" }, { 0x01021997, "9p" },
		{ 0x00c36400, "Ceph" }, { 0x0bd00bd0, "Lustre" },
		{ 0x5346414f, "AFS" },
	};
	struct statfs st;

	if (statfs(folder, &st) == -1)
		return NULL;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if ((unsigned long)st.f_type == kinds[i].magic)
			return kinds[i].name;
	return NULL;
}

static void look_at_path(struct wp_doctor *doctor)
{
	const struct wp_conf *conf = &doctor->cli->conf;
	char *folder = folder_of(conf);
	const char *foreign =
		folder != NULL ? foreign_file_system(folder) : NULL;

	if (foreign != NULL)
		wp_doctor_say(&doctor->report, WP_DOCTOR_FAIL, "store-path",
			      "put store.sqlite_path on a disk of this host",
			      "it lies on %s, whose locks SQLite cannot trust",
			      foreign);
	else if (conf->store.sqlite_path[0] != '/')
		wp_doctor_say(&doctor->report, WP_DOCTOR_WARN, "store-path",
			      "make store.sqlite_path an absolute path",
			      "each program would look for it in the folder "
			      "that it was started in");
	else
		wp_doctor_say(&doctor->report, WP_DOCTOR_OK, "store-path", NULL,
			      "%.200s", conf->store.sqlite_path);
	free(folder);
}

/* Why it does not open: the file of another user needs nobody's adoption. */
static const char *advise_store(const struct wp_conf *conf)
{
	const char *path = conf->store.sqlite_path;

	/* Whom we are now decides, not who has started us. */
	if (faccessat(AT_FDCWD, path, F_OK, AT_EACCESS) == 0 &&
	    faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS) == -1)
		return "give it to the user of the services, chown waypost, "
		       "with its -wal and -shm; it is all there";
	return "let store.sqlite_path name the file that all programs use; "
	       "if it is lost for good, waypost store adopt";
}

static void look_at_identity(struct wp_doctor *doctor)
{
	struct wp_cli *cli = doctor->cli;
	struct wp_store_look look = { .is_there = false };
	struct wp_error err = { 0 };
	enum wp_err rc = wp_deployment_compare_store(
		doctor->has_redis ? cli->redis : NULL, &cli->conf, &err);

	if (rc == WP_OK)
		rc = wp_store_look(&look, &cli->conf, &err);
	if (rc != WP_OK)
		wp_doctor_say(&doctor->report, WP_DOCTOR_FAIL, "store-identity",
			      advise_store(&cli->conf), "%s", err.msg);
	else if (!look.is_there)
		wp_doctor_say(&doctor->report, WP_DOCTOR_WARN, "store-identity",
			      "start waypost-worker, which makes it",
			      "there is none yet");
	else if (!doctor->has_redis)
		wp_doctor_say(&doctor->report, WP_DOCTOR_SKIP, "store-identity",
			      NULL, "it opens; whose it is, Redis would say");
	else
		wp_doctor_say(
			&doctor->report, WP_DOCTOR_OK, "store-identity", NULL,
			"it is the store of this deployment (%.8s…)", look.id);
}

static void look_at_disk(struct wp_doctor *doctor)
{
	char *folder = folder_of(&doctor->cli->conf);
	struct statvfs disk;
	unsigned int percent;

	if (folder == NULL || statvfs(folder, &disk) == -1 ||
	    disk.f_blocks == 0) {
		wp_doctor_say(&doctor->report, WP_DOCTOR_FAIL, "store-disk",
			      "make the folder, for the user of the services",
			      "the folder of the store cannot be looked at: %s",
			      strerror(errno));
	} else {
		percent = (unsigned int)(disk.f_bavail * 100 / disk.f_blocks);
		wp_doctor_say(&doctor->report,
			      percent < DISK_FULL_PERCENT  ? WP_DOCTOR_FAIL
			      : percent < DISK_LOW_PERCENT ? WP_DOCTOR_WARN
							   : WP_DOCTOR_OK,
			      "store-disk",
			      percent < DISK_LOW_PERCENT
				      ? "make room: when it is full, what "
					"waits for absent users stays in "
					"Redis until that is full too"
				      : NULL,
			      "%u %% of its disk are free, %" PRIu64 " MiB",
			      percent,
			      (uint64_t)disk.f_bavail * disk.f_frsize / MIB);
	}
	free(folder);
}

static void look_at_wal(struct wp_doctor *doctor)
{
	const char *path = doctor->cli->conf.store.sqlite_path;
	size_t room = strlen(path) + sizeof("-wal");
	char *name = malloc(room);
	struct stat st = { .st_size = 0 };
	int64_t mib;

	if (name == NULL)
		return;
	(void)snprintf(name, room, "%s-wal", path);
	if (stat(name, &st) == -1)
		st.st_size = 0;
	mib = (int64_t)st.st_size / MIB;
	free(name);
	if (mib >= WAL_MAX_MIB)
		wp_doctor_say(&doctor->report, WP_DOCTOR_WARN, "store-wal",
			      "somebody holds a read open for long: a backup, "
			      "or sqlite3 in a terminal",
			      "its write-ahead log has %" PRId64
			      " MiB and cannot be put back",
			      mib);
	else
		wp_doctor_say(&doctor->report, WP_DOCTOR_OK, "store-wal", NULL,
			      "its write-ahead log has %" PRId64 " MiB", mib);
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* In µs, the middle one of several; false when it cannot be measured. */
static bool measure_sync(const char *folder, uint64_t *out)
{
	static const char bytes[SYNC_BYTES];
	uint64_t took[SYNCS];
	/* It has no name, so nothing stays behind. */
	int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	bool is_good = fd != -1;

	for (size_t i = 0; is_good && i < SYNCS; i++) {
		uint64_t began = wp_mono_us();

		is_good = pwrite(fd, bytes, sizeof(bytes),
				 (off_t)(i * sizeof(bytes))) ==
				  (ssize_t)sizeof(bytes) &&
			  fdatasync(fd) == 0;
		took[i] = wp_mono_us() - began;
	}
	if (fd != -1)
		close(fd);
	if (!is_good)
		return false;
	qsort(took, SYNCS, sizeof(took[0]), by_size);
	*out = took[SYNCS / 2];
	return true;
}

static void look_at_sync(struct wp_doctor *doctor)
{
	char *folder = folder_of(&doctor->cli->conf);
	uint64_t us = 0;

	if (folder == NULL || !measure_sync(folder, &us))
		wp_doctor_say(&doctor->report, WP_DOCTOR_SKIP, "store-fsync",
			      NULL,
			      "how fast its disk syncs cannot be measured "
			      "there: %s",
			      strerror(errno));
	else
		wp_doctor_say(&doctor->report,
			      us > SLOW_SYNC_US ? WP_DOCTOR_WARN : WP_DOCTOR_OK,
			      "store-fsync",
			      us > SLOW_SYNC_US
				      ? "each accepted message waits for one: "
					"a disk with a cache that outlives "
					"power is ten times as fast"
				      : NULL,
			      "its disk syncs in %.1f ms", (double)us / 1000.0);
	free(folder);
}

static void look_deeply(struct wp_doctor *doctor)
{
	const struct wp_conf *conf = &doctor->cli->conf;
	struct wp_store_look look;
	struct wp_error err = { 0 };
	enum wp_err rc;

	if (!doctor->cli->args.is_deep) {
		wp_doctor_say(&doctor->report, WP_DOCTOR_SKIP, "store-whole",
			      "waypost doctor --deep reads all of it",
			      "whether it is whole was not looked at");
		return;
	}
	rc = wp_store_verify(&look, conf, conf->store.sqlite_path, &err);
	if (rc == WP_OK)
		wp_doctor_say(&doctor->report, WP_DOCTOR_OK, "store-whole",
			      NULL, "it is whole");
	else
		wp_doctor_say(&doctor->report, WP_DOCTOR_FAIL, "store-whole",
			      "if it is damaged, stop the programs and put "
			      "the last backup back",
			      "%s", err.msg);
}

const struct wp_doctor_check wp_doctor_store[] = {
	{ "store-path", WP_DOCTOR_NEEDS_NOTHING, look_at_path },
	{ "store-identity", WP_DOCTOR_NEEDS_NOTHING, look_at_identity },
	{ "store-disk", WP_DOCTOR_NEEDS_NOTHING, look_at_disk },
	{ "store-wal", WP_DOCTOR_NEEDS_NOTHING, look_at_wal },
	{ "store-fsync", WP_DOCTOR_NEEDS_NOTHING, look_at_sync },
	{ "store-whole", WP_DOCTOR_NEEDS_NOTHING, look_deeply },
	{ NULL, WP_DOCTOR_NEEDS_NOTHING, NULL },
};
