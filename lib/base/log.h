/*
 * log.h - one JSON object per line on standard error.
 *
 *	wp_log(&conn->log, WP_LOG_WARN, "redis lost",
 *	       wp_str("address", addr), wp_int("retry_ms", delay));
 *
 * writes {"time":…,"level":"warn","service":"waypost-ws","msg":"redis lost",
 * "address":…,"retry_ms":…}. Every value is escaped, so hostile bytes cannot
 * forge a line; a string is cut at 256 bytes. Tokens, cookies, bodies, keys and
 * payloads are never passed here, not even at debug.
 *
 * Levels: error = a human must act; warn = degraded and recovering; info =
 * lifecycle, one line per change of state; debug = off in production.
 *
 * Lines that may come with each request are gathered, wp_log_gather(): many
 * become one write(2), at the latest when the program says wp_log_flush(),
 * which an event loop does at the end of each turn. Any other line is written
 * at once, behind those that were gathered before it.
 *
 * Where standard error is the journal, each line begins with its priority,
 * which journald takes off again: "<3>" of an error, "<4>" of a warning, "<6>"
 * and "<7>" (sd-daemon(3)).
 *
 * Threads: any; no line is split between two write(2)s. errno is preserved.
 */
#ifndef WP_LIB_BASE_LOG_H
#define WP_LIB_BASE_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum wp_log_level {
	WP_LOG_ERROR,
	WP_LOG_WARN,
	WP_LOG_INFO,
	WP_LOG_DEBUG,
};

/* One key and its value; made only by the functions below. */
struct wp_log_field {
	const char *key; /* NULL ends a list */
	const char *text;
	int64_t number;
};

/* A string value; text NULL is written as "". Borrowed during the call. */
static inline struct wp_log_field wp_str(const char *key, const char *text)
{
	return (struct wp_log_field){ .key = key, .text = text ? text : "" };
}

static inline struct wp_log_field wp_int(const char *key, int64_t number)
{
	return (struct wp_log_field){ .key = key, .number = number };
}

/* Who is talking: copied by value into the objects that log. */
struct wp_log {
	const char
		*component; /* "registrar", "audit"; NULL: there is one only */
	char peer[48];      /* e.g. a connection id; "" when none */
};

/*
 * Process-wide, documented global state: name, threshold, and whether standard
 * error is the journal. Call once, before there are threads.
 */
void wp_log_setup(const char *service, enum wp_log_level threshold);

/*
 * What a line begins with that is printed to standard error before
 * wp_log_setup(), by who cannot start: "<3>" and the like, "" where it is not
 * the journal.
 *
 * Source: systemd.exec(5), "$JOURNAL_STREAM"
 */
const char *wp_log_priority(enum wp_log_level level);

/* Change the threshold (on reload). */
void wp_log_set_level(enum wp_log_level threshold);

/* How many lines there were of each level. */
struct wp_log_lines {
	_Atomic int64_t of[WP_LOG_DEBUG + 1];
};

/*
 * Count lines from now on, those included that nobody took; what is below the
 * threshold is none.
 *
 * lines:    stays for good; in shared memory forked processes count there too
 * Threads:  any
 */
void wp_log_count_in(struct wp_log_lines *lines);

/*
 * Use wp_log(). fields ends with an entry whose key is NULL. log may be NULL.
 */
void wp_log_write(const struct wp_log *log, enum wp_log_level level,
		  const char *event, const struct wp_log_field *fields);

/* Use wp_log_gather(); otherwise as wp_log_write(). */
void wp_log_add(const struct wp_log *log, enum wp_log_level level,
		const char *event, const struct wp_log_field *fields);

/*
 * Write what was gathered: at the end of a turn, and before _exit(). For fork()
 * and exit() wp_log_setup() has seen to it. A process that is killed takes with
 * it what it gathered since, at most 4 KiB.
 */
void wp_log_flush(void);

/* Log event with at least one field; see the head of this file. */
#define wp_log(log, level, event, ...)        \
	wp_log_write((log), (level), (event), \
		     (const struct wp_log_field[]){ __VA_ARGS__, { 0 } })
/* The same for one of many lines; see the head of this file. */
#define wp_log_gather(log, level, event, ...) \
	wp_log_add((log), (level), (event),   \
		   (const struct wp_log_field[]){ __VA_ARGS__, { 0 } })
/* Log an event without fields. */
#define wp_log_plain(log, level, event)       \
	wp_log_write((log), (level), (event), \
		     (const struct wp_log_field[]){ { 0 } })

/*
 * Say a repeated event at most once per interval.
 *
 * Returns:  true when this one should be logged; *suppressed_out then holds how
 *           many were swallowed since the last line
 * Threads:  one limiter belongs to one thread
 */
struct wp_log_limit {
	uint64_t last_ms;
	uint32_t suppressed;
};
bool wp_log_allow(struct wp_log_limit *limit, uint64_t now_ms,
		  uint32_t interval_ms, uint32_t *suppressed_out);

#endif /* WP_LIB_BASE_LOG_H */
