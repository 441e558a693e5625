/*
 * self.c - a program's version, age, and what it takes of the machine.
 *
 * What cannot be read is left out: a number that is wrong misleads.
 */
#include "lib/metrics/self.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/sys/conf.h"

enum { PATH_BYTES = 64, STAT_BYTES = 1024, US_PER_S = 1000000 };

/* Behind the name of a program in /proc/pid/stat come state and numbers. */
enum { UTIME = 11, STIME = 12 };

/* Shared with forked processes, and there for good. */
static struct wp_log_lines *lines;

/* What some processes take together. */
struct usage {
	uint64_t cpu_us;
	uint64_t resident_bytes;
	uint64_t fds;
	bool is_known;
};

enum wp_err wp_self_init(struct wp_self *self, const char *program,
			 struct wp_error *err)
{
	if (lines == NULL) {
		void *map = mmap(NULL, sizeof(*lines), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

		if (map == MAP_FAILED)
			return wp_error_sys(err, "memory for metrics");
		lines = map;
		wp_log_count_in(lines);
	}
	self->program = program;
	self->start_ms = wp_wall_ms();
	return WP_OK;
}

/* ---- from /proc ---- */

/* The first bytes of /proc/<pid>/<name> as text; false when there are none. */
static bool read_text(pid_t pid, const char *name, char text[STAT_BYTES])
{
	char path[PATH_BYTES];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/%s", (long)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return false;
	n = read(fd, text, STAT_BYTES - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return n > 0;
}

static uint64_t ticks_to_us(uint64_t ticks)
{
	long per_s = sysconf(_SC_CLK_TCK);

	return per_s > 0 ? ticks * US_PER_S / (uint64_t)per_s : 0;
}

/* User and system time of one process, also of one that waits to be buried. */
static bool read_cpu(pid_t pid, uint64_t *us_out)
{
	char text[STAT_BYTES];
	uint64_t ticks = 0;
	const char *at;

	if (!read_text(pid, "stat", text))
		return false;
	/* The name may hold anything, brackets and spaces included. */
	at = strrchr(text, ')');
	for (int field = 0; at != NULL && field <= STIME; field++) {
		at = strchr(at + 1, ' ');
		if (at != NULL && field >= UTIME)
			ticks += strtoull(at + 1, NULL, 10);
	}
	*us_out = ticks_to_us(ticks);
	return at != NULL;
}

static bool read_resident(pid_t pid, uint64_t *bytes_out)
{
	long page = sysconf(_SC_PAGESIZE);
	char text[STAT_BYTES];
	const char *at;

	if (page <= 0 || !read_text(pid, "statm", text))
		return false;
	at = strchr(text, ' ');
	if (at == NULL)
		return false;
	*bytes_out = strtoull(at, NULL, 10) * (uint64_t)page;
	return true;
}

/* Newer kernels say it as the size of the folder; else they are counted. */
static bool count_fds(pid_t pid, uint64_t *n_out)
{
	char path[PATH_BYTES];
	struct stat about;
	uint64_t n = 0;
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%ld/fd", (long)pid);
	if (stat(path, &about) == 0 && about.st_size > 0) {
		*n_out = (uint64_t)about.st_size;
		return true;
	}
	folder = opendir(path);
	if (folder == NULL)
		return false;
	for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
		n += entry->d_name[0] != '.';
	closedir(folder);
	*n_out = n;
	return true;
}

/* A process that has just ended adds what is known of it. */
static void add_process(struct usage *usage, pid_t pid)
{
	uint64_t cpu_us = 0, bytes = 0, fds = 0;

	if (read_cpu(pid, &cpu_us))
		usage->cpu_us += cpu_us;
	if (read_resident(pid, &bytes))
		usage->resident_bytes += bytes;
	if (count_fds(pid, &fds))
		usage->fds += fds;
}

static uint64_t spent_us(int who)
{
	struct rusage usage;

	if (getrusage(who, &usage) == -1)
		return 0;
	return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) *
		       US_PER_S +
	       (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static void add_own(struct usage *usage)
{
	uint64_t bytes = 0, fds = 0;

	usage->cpu_us = spent_us(RUSAGE_SELF) + spent_us(RUSAGE_CHILDREN);
	usage->is_known =
		read_resident(getpid(), &bytes) && count_fds(getpid(), &fds);
	usage->resident_bytes = bytes;
	usage->fds = fds;
}

/* ---- as text ---- */

static void write_head(struct wp_buf *out, const char *name, const char *type,
		       const char *help)
{
	wp_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
		      type);
}

static void write_number(struct wp_buf *out, const char *name, const char *help,
			 uint64_t value)
{
	write_head(out, name, "gauge", help);
	wp_buf_printf(out, "%s %" PRIu64 "\n", name, value);
}

static void write_usage(struct wp_buf *out, const struct usage *usage)
{
	struct rlimit limit;

	write_head(out, "process_cpu_seconds_total", "counter",
		   "User and system time, that of processes of our own "
		   "included.");
	wp_buf_printf(out,
		      "process_cpu_seconds_total %" PRIu64 ".%06" PRIu64 "\n",
		      usage->cpu_us / US_PER_S, usage->cpu_us % US_PER_S);
	if (usage->is_known) {
		write_number(out, "process_resident_memory_bytes",
			     "Resident memory; what several processes share is "
			     "counted for each.",
			     usage->resident_bytes);
		write_number(out, "process_open_fds",
			     "Open file descriptors of all processes.",
			     usage->fds);
	}
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
	    limit.rlim_cur != RLIM_INFINITY)
		write_number(out, "process_max_fds",
			     "Descriptors that one process may have open.",
			     (uint64_t)limit.rlim_cur);
}

static void write_lines(struct wp_buf *out)
{
	static const char name[] = "waypost_log_lines_total";
	static const char *const levels[] = {
		[WP_LOG_ERROR] = "error",
		[WP_LOG_WARN] = "warn",
		[WP_LOG_INFO] = "info",
		[WP_LOG_DEBUG] = "debug",
	};

	write_head(out, name, "counter", "Lines of the log, by level.");
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		wp_buf_printf(out, "%s{level=\"%s\"} %" PRId64 "\n", name,
			      levels[i],
			      atomic_load_explicit(&lines->of[i],
						   memory_order_relaxed));
}

void wp_self_write(const struct wp_self *self, const pid_t *children, size_t n,
		   struct wp_buf *out)
{
	struct usage usage = { 0 };

	add_own(&usage);
	for (size_t i = 0; i < n; i++)
		add_process(&usage, children[i]);
	write_head(out, "waypost_build_info", "gauge",
		   "1; which program of which version this is.");
	wp_buf_printf(out,
		      "waypost_build_info{program=\"%s\",version=\"%s\"} 1\n",
		      self->program, wp_version);
	write_head(out, "process_start_time_seconds", "gauge",
		   "When the program started, in seconds since 1970.");
	wp_buf_printf(out, "process_start_time_seconds %" PRId64 ".%03d\n",
		      self->start_ms / 1000, (int)(self->start_ms % 1000));
	write_usage(out, &usage);
	write_lines(out);
}
