#include "lib/http/request_log.h"

enum {
	US_PER_MS = 1000,
	INTERVAL_MS = 1000, /* between two of a crowd */
	FIELDS_MAX = 12,    /* and the end of the list */
	FIRST_ERROR = 400,
	FIRST_OF_OURS = 500,
};

static enum wp_crowd crowd_of(const struct wp_request_line *line)
{
	if (line->is_probe)
		return WP_CROWD_PROBES;
	switch (line->status) {
	case 503:
		return WP_CROWD_UNAVAILABLE;
	case 507:
		return WP_CROWD_FULL;
	default:
		return line->status >= FIRST_OF_OURS ? WP_CROWD_FAILED
						     : WP_CROWD_SLOW;
	}
}

static bool is_slow(const struct wp_conf *conf,
		    const struct wp_request_line *line)
{
	return line->end_us - line->start_us >=
	       (uint64_t)conf->log.slow_ms * US_PER_MS;
}

/* One of log.sample_ok, beginning with the first. */
static bool is_sample(struct wp_request_log *log, const struct wp_conf *conf,
		      uint32_t *suppressed)
{
	if (log->has_begun && log->skipped + 1 < conf->log.sample_ok) {
		log->skipped++;
		return false;
	}
	*suppressed = log->skipped;
	log->skipped = 0;
	log->has_begun = true;
	return true;
}

bool wp_request_log_wants(struct wp_request_log *log,
			  const struct wp_conf *conf,
			  struct wp_request_line *line)
{
	line->suppressed = 0;
	switch (conf->log.requests) {
	case WP_REQUESTS_ALL:
		return line->status >= FIRST_ERROR || line->is_probe ||
		       is_slow(conf, line) ||
		       is_sample(log, conf, &line->suppressed);
	case WP_REQUESTS_ERRORS:
		return (line->status >= FIRST_OF_OURS || is_slow(conf, line)) &&
		       wp_log_allow(&log->limits[crowd_of(line)],
				    line->end_us / US_PER_MS, INTERVAL_MS,
				    &line->suppressed);
	case WP_REQUESTS_NONE:
		break;
	}
	return false;
}

void wp_request_log_write(const struct wp_log *who,
			  const struct wp_request_line *line)
{
	struct wp_log_field fields[FIELDS_MAX + 1] = {
		wp_str("request_id", line->request_id),
		wp_str("door", line->door),
		wp_str("route", line->route),
		wp_str("method", line->method),
		wp_int("status", line->status),
		wp_int("duration_us", (int64_t)(line->end_us - line->start_us)),
		wp_int("bytes", (int64_t)line->bytes),
	};
	size_t n = 7;

	if (line->code != NULL)
		fields[n++] = wp_str("code", line->code);
	if (line->reason != NULL)
		fields[n++] = wp_str("reason", line->reason);
	if (line->trace.trace_id[0] != '\0') {
		fields[n++] = wp_str("trace_id", line->trace.trace_id);
		fields[n++] = wp_str("parent_id", line->trace.parent_id);
	}
	fields[n] = wp_int("suppressed", line->suppressed);
	wp_log_add(who, line->is_probe ? WP_LOG_DEBUG : WP_LOG_INFO, "request",
		   fields);
}
