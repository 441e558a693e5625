/*
 * strange_disk.c - a disk that no test can have: one that syncs slowly, or is
 * another host's.
 *
 * Preloaded (ld.so(8)) into one program. WAYPOST_TEST_SYNC_MS is how long
 * fdatasync(2) takes, WAYPOST_TEST_STATFS what statfs(2) says the file system
 * is, a number of <linux/magic.h>.
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

enum { MS_PER_S = 1000, NS_PER_MS = 1000000 };

/* 0: it is not set. */
static long number(const char *name)
{
	const char *text = getenv(name);

	return text != NULL ? strtol(text, NULL, 0) : 0;
}

int fdatasync(int fd)
{
	long ms = number("WAYPOST_TEST_SYNC_MS");
	struct timespec time = { .tv_sec = ms / MS_PER_S,
				 .tv_nsec = ms % MS_PER_S * NS_PER_MS };

	(void)nanosleep(&time, NULL);
	return (int)syscall(SYS_fdatasync, fd);
}

int statfs(const char *path, struct statfs *out)
{
	long kind = number("WAYPOST_TEST_STATFS");
	int rc = (int)syscall(SYS_statfs, path, out);

	if (rc == 0 && kind != 0)
		out->f_type = kind;
	return rc;
}
