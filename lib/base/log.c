/*
 * log.c - write one escaped JSON object per line to standard error.
 *
 * Knows the line format and the threshold. Knows nothing about files, rotation
 * or syslog: whoever started the process reads its standard error. A line is
 * built on the stack, so that it can be written when memory is exhausted.
 *
 * Whoever reads may stand still, and nobody's work may wait for that: after a
 * moment lines are dropped, and how many is told once there is room again. The
 * descriptor stays blocking, for others have it too.
 *
 * Gathered lines wait in one buffer, and so go out before any line that comes
 * later. It holds what a pipe takes in one piece, so that lines stay whole
 * where several processes write to one.
 */
#include "lib/base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"

enum {
	LOG_STRING_MAX = 256,
	/* Up to PIPE_BUF a write to a pipe is atomic between processes. */
	LOG_WRITE_MAX = PIPE_BUF,
	LOG_LINE_MAX = LOG_WRITE_MAX,
	SERVICE_MAX = 32,
	ROOM_WAIT_MS = 100,
};

/* What a line ends with when a field did not fit. */
static const char truncated_tail[] = ",\"truncated\":true}\n";

static const char *const level_names[] = {
	[WP_LOG_ERROR] = "error",
	[WP_LOG_WARN] = "warn",
	[WP_LOG_INFO] = "info",
	[WP_LOG_DEBUG] = "debug",
};

/* Those of syslog(3): err, warning, info, debug. */
static const char *const priorities[] = {
	[WP_LOG_ERROR] = "<3>",
	[WP_LOG_WARN] = "<4>",
	[WP_LOG_INFO] = "<6>",
	[WP_LOG_DEBUG] = "<7>",
};

static char service_name[SERVICE_MAX] = "waypost";
static bool has_priorities;
static atomic_int threshold_level = WP_LOG_INFO;
static struct wp_log_lines *_Atomic counts;

/* One at a time finds room and uses it. */
static pthread_mutex_t out_lock = PTHREAD_MUTEX_INITIALIZER;
static int64_t dropped; /* since there was room last */

static pthread_once_t hooks_once = PTHREAD_ONCE_INIT;

/* Lines that go out together; out_lock's. */
static struct {
	char text[LOG_WRITE_MAX];
	size_t len;
	int64_t n;
} gathered;

void wp_log_set_level(enum wp_log_level threshold)
{
	atomic_store_explicit(&threshold_level, (int)threshold,
			      memory_order_relaxed);
}

void wp_log_count_in(struct wp_log_lines *lines)
{
	atomic_store_explicit(&counts, lines, memory_order_release);
}

static void count(enum wp_log_level level)
{
	struct wp_log_lines *lines =
		atomic_load_explicit(&counts, memory_order_acquire);

	if (lines != NULL)
		(void)atomic_fetch_add_explicit(&lines->of[level], 1,
						memory_order_relaxed);
}

/* Length of text, cut at LOG_STRING_MAX bytes but not inside a character. */
static size_t cut_len(const char *text)
{
	size_t len = strnlen(text, LOG_STRING_MAX + 1);
	size_t cut = LOG_STRING_MAX;

	if (len <= LOG_STRING_MAX)
		return len;
	while (cut > LOG_STRING_MAX - 4 &&
	       ((unsigned char)text[cut] & 0xc0) == 0x80)
		cut--;
	return cut;
}

static void add_text(struct wp_buf *line, const char *key, const char *text)
{
	wp_buf_add_char(line, ',');
	wp_buf_add_json(line, key, cut_len(key));
	wp_buf_add_char(line, ':');
	wp_buf_add_json(line, text, cut_len(text));
}

static void add_field(struct wp_buf *line, const struct wp_log_field *field)
{
	if (field->text != NULL) {
		add_text(line, field->key, field->text);
		return;
	}
	wp_buf_add_char(line, ',');
	wp_buf_add_json(line, field->key, cut_len(field->key));
	wp_buf_printf(line, ":%" PRId64, field->number);
}

static void add_head(struct wp_buf *line, const struct wp_log *log,
		     enum wp_log_level level, const char *event)
{
	char now[WP_RFC3339_LEN];

	wp_rfc3339(wp_wall_ms(), now);
	if (has_priorities)
		wp_buf_add_str(line, priorities[level]);
	wp_buf_printf(line, "{\"time\":\"%s\",\"level\":\"%s\"", now,
		      level_names[level]);
	add_text(line, "service", service_name);
	if (log != NULL && log->component != NULL)
		add_text(line, "component", log->component);
	if (log != NULL && log->peer[0] != '\0')
		add_text(line, "peer", log->peer);
	add_text(line, "msg", event);
}

/* Is there room for a line (a page of a pipe, PIPE_BUF), now or in a moment? */
static bool has_room(int wait_ms)
{
	struct pollfd out = { .fd = STDERR_FILENO, .events = POLLOUT };
	int n;

	do
		n = poll(&out, 1, wait_ms);
	while (n == -1 && errno == EINTR);
	return n != 0; /* an error is write()'s to find */
}

static void put(const char *text, size_t len)
{
	ssize_t n;

	do
		n = write(STDERR_FILENO, text, len);
	while (n == -1 && errno == EINTR);
}

static void put_dropped(void)
{
	char memory[LOG_LINE_MAX];
	struct wp_buf line = {
		.data = memory,
		.cap = sizeof(memory),
		.max_bytes = sizeof(memory) - 1,
	};

	add_head(&line, NULL, WP_LOG_WARN,
		 "lines were dropped, for nobody read them");
	wp_buf_printf(&line, ",\"lines\":%" PRId64 "}\n", dropped);
	put(line.data, line.len);
}

/* Write what waits, or drop it. With out_lock. */
static void flush(void)
{
	bool is_room;

	if (gathered.len == 0)
		return;
	/* Who is known to stand still is not waited for again. */
	is_room = has_room(dropped > 0 ? 0 : ROOM_WAIT_MS);
	if (is_room && dropped > 0) {
		put_dropped();
		dropped = 0;
		is_room = has_room(0);
	}
	if (is_room)
		put(gathered.text, gathered.len);
	else
		dropped += gathered.n;
	gathered.len = 0;
	gathered.n = 0;
}

/* A line of LOG_LINE_MAX has room alone. With out_lock. */
static void add(const struct wp_buf *line)
{
	if (line->len > sizeof(gathered.text) - gathered.len)
		flush();
	memcpy(gathered.text + gathered.len, line->data, line->len);
	gathered.len += line->len;
	gathered.n++;
}

static void say(const struct wp_log *log, enum wp_log_level level,
		const char *event, const struct wp_log_field *fields,
		bool is_at_once)
{
	char memory[LOG_LINE_MAX];
	/* Borrowed memory and a ceiling below it: see the head of buf.c. */
	struct wp_buf line = {
		.data = memory,
		.cap = sizeof(memory),
		.max_bytes = sizeof(memory) - sizeof(truncated_tail),
	};
	bool is_truncated = false;
	int saved = errno;

	if ((int)level >
	    atomic_load_explicit(&threshold_level, memory_order_relaxed))
		return;
	count(level);
	memory[0] = '\0';
	add_head(&line, log, level, event);
	for (; fields->key != NULL; fields++) {
		size_t before = line.len;

		add_field(&line, fields);
		if (line.failed) {
			line.len = before;
			line.failed = false;
			is_truncated = true;
		}
	}
	line.max_bytes = sizeof(memory) - 1;
	wp_buf_add_str(&line, is_truncated ? truncated_tail : "}\n");

	(void)pthread_mutex_lock(&out_lock);
	add(&line);
	if (is_at_once)
		flush();
	(void)pthread_mutex_unlock(&out_lock);
	errno = saved;
}

void wp_log_write(const struct wp_log *log, enum wp_log_level level,
		  const char *event, const struct wp_log_field *fields)
{
	say(log, level, event, fields, true);
}

void wp_log_add(const struct wp_log *log, enum wp_log_level level,
		const char *event, const struct wp_log_field *fields)
{
	say(log, level, event, fields, false);
}

void wp_log_flush(void)
{
	int saved = errno;

	(void)pthread_mutex_lock(&out_lock);
	flush();
	(void)pthread_mutex_unlock(&out_lock);
	errno = saved;
}

/* What is gathered is the parent's to write, and nobody holds the lock. */
static void before_fork(void)
{
	(void)pthread_mutex_lock(&out_lock);
	flush();
}

static void after_fork(void)
{
	(void)pthread_mutex_unlock(&out_lock);
}

/* What was dropped is the parent's to tell. */
static void in_child(void)
{
	dropped = 0;
	after_fork();
}

static void add_hooks(void)
{
	(void)atexit(wp_log_flush);
	(void)pthread_atfork(before_fork, after_fork, in_child);
}

/*
 * Is it a stream of journald? The variable says which descriptor was one, and
 * is inherited by who has another: "device:inode", in decimal.
 */
static bool is_journal(void)
{
	const char *text = getenv("JOURNAL_STREAM");
	uintmax_t device, inode;
	struct stat st;
	char *end;

	if (text == NULL || fstat(STDERR_FILENO, &st) == -1)
		return false;
	device = strtoumax(text, &end, 10);
	if (end == text || *end != ':')
		return false;
	text = end + 1;
	inode = strtoumax(text, &end, 10);
	return end != text && *end == '\0' && device == st.st_dev &&
	       inode == st.st_ino;
}

const char *wp_log_priority(enum wp_log_level level)
{
	return is_journal() ? priorities[level] : "";
}

void wp_log_setup(const char *service, enum wp_log_level threshold)
{
	size_t len = strnlen(service, SERVICE_MAX - 1);

	memcpy(service_name, service, len);
	service_name[len] = '\0';
	has_priorities = is_journal();
	wp_log_set_level(threshold);
	(void)pthread_once(&hooks_once, add_hooks);
}

bool wp_log_allow(struct wp_log_limit *limit, uint64_t now_ms,
		  uint32_t interval_ms, uint32_t *suppressed_out)
{
	if (limit->last_ms != 0 && now_ms - limit->last_ms < interval_ms) {
		if (limit->suppressed < UINT32_MAX)
			limit->suppressed++;
		return false;
	}
	*suppressed_out = limit->suppressed;
	limit->suppressed = 0;
	limit->last_ms = now_ms == 0 ? 1 : now_ms; /* 0 means never */
	return true;
}
