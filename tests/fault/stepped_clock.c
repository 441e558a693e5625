/*
 * stepped_clock.c - a wall clock that a test can set, for one program.
 *
 * Preloaded (ld.so(8)), so that neither the host's clock nor anybody else's is
 * touched. WAYPOST_TEST_CLOCK names a file that begins with an int64_t, seconds
 * that the clock is ahead; it is mapped, so a step takes effect at once. The
 * monotonic clock is left alone, as by settimeofday(2).
 *
 * Calls the kernel directly: looking up the real function allocates memory, and
 * an allocator may ask for the time before it is ready (Redis' does).
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t in_time;
static _Atomic(const volatile int64_t *) offset_s;

/* Two threads may both map it: that costs a page, no more. */
static const volatile int64_t *map_offset(void)
{
	const char *path = getenv("WAYPOST_TEST_CLOCK");
	const volatile int64_t *found = &in_time;
	void *map = MAP_FAILED;
	int fd = -1;

	if (path != NULL)
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd != -1) {
		map = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
		close(fd);
	}
	if (map != MAP_FAILED)
		found = map;
	atomic_store(&offset_s, found);
	return found;
}

static int64_t offset(void)
{
	const volatile int64_t *found = atomic_load(&offset_s);

	return found != NULL ? *found : *map_offset();
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	int rc = (int)syscall(SYS_clock_gettime, clock, now);

	if (rc == 0 &&
	    (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		now->tv_sec += offset();
	return rc;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	struct timespec at;

	(void)zone; /* obsolete, see gettimeofday(2) */
	if (clock_gettime(CLOCK_REALTIME, &at) == -1)
		return -1;
	now->tv_sec = at.tv_sec;
	now->tv_usec = at.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *now)
{
	struct timespec at;

	if (clock_gettime(CLOCK_REALTIME, &at) == -1)
		return -1;
	if (now != NULL)
		*now = at.tv_sec;
	return at.tv_sec;
}
