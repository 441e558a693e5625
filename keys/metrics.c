/*
 * metrics.c - names and sentences of the metrics of waypost-keys. No issuer and
 * no key ever becomes a label.
 */
#include "keys/metrics.h"

#define FETCHES "waypost_keys_fetches_total"
#define EARLY "waypost_keys_early_total"

static const struct wp_metric_desc descs[WP_KEYS_METRIC_COUNT] = {
	[WP_KM_FETCHED] = { FETCHES, "result=\"fetched\"",
			    "What became of asking issuers for their keys.",
			    WP_COUNTER },
	[WP_KM_UNCHANGED] = { FETCHES, "result=\"unchanged\"", NULL,
			      WP_COUNTER },
	[WP_KM_UNREACHABLE] = { FETCHES, "result=\"unreachable\"", NULL,
				WP_COUNTER },
	[WP_KM_UNTRUSTED] = { FETCHES, "result=\"untrusted\"", NULL,
			      WP_COUNTER },
	[WP_KM_FORBIDDEN] = { FETCHES, "result=\"forbidden\"", NULL,
			      WP_COUNTER },
	[WP_KM_STATUS] = { FETCHES, "result=\"status\"", NULL, WP_COUNTER },
	[WP_KM_MALFORMED] = { FETCHES, "result=\"malformed\"", NULL,
			      WP_COUNTER },
	[WP_KM_NO_KEY] = { FETCHES, "result=\"no_key\"", NULL, WP_COUNTER },
	[WP_KM_UNWRITTEN] = { FETCHES, "result=\"unwritten\"", NULL,
			      WP_COUNTER },
	[WP_KM_EARLY_GRANTED] = { EARLY, "result=\"granted\"",
				  "What became of asking for keys that nobody "
				  "knows yet.",
				  WP_COUNTER },
	[WP_KM_EARLY_REFUSED] = { EARLY, "result=\"refused\"", NULL,
				  WP_COUNTER },
	[WP_KM_EARLY_UNKNOWN] = { EARLY, "result=\"unknown\"", NULL,
				  WP_COUNTER },
	[WP_KM_ISSUERS] = { "waypost_keys_issuers", NULL,
			    "Issuers whose keys are fetched.", WP_GAUGE },
	[WP_KM_FAILING] = { "waypost_keys_failing", NULL,
			    "Those of them that gave no keys when they were "
			    "last asked.",
			    WP_GAUGE },
	[WP_KM_SIGNING] = { "waypost_keys_signing", NULL,
			    "Keys of our own that are published.", WP_GAUGE },
	[WP_KM_MADE] = { "waypost_keys_made_total", NULL,
			 "Keys of our own that were made.", WP_COUNTER },
};

enum wp_keys_metric wp_keys_metric_of(enum wp_watch_result result)
{
	switch (result) {
	case WP_WATCH_FETCHED:
		return WP_KM_FETCHED;
	case WP_WATCH_UNCHANGED:
		return WP_KM_UNCHANGED;
	case WP_WATCH_UNREACHABLE:
		return WP_KM_UNREACHABLE;
	case WP_WATCH_UNTRUSTED:
		return WP_KM_UNTRUSTED;
	case WP_WATCH_FORBIDDEN:
		return WP_KM_FORBIDDEN;
	case WP_WATCH_STATUS:
		return WP_KM_STATUS;
	case WP_WATCH_NO_KEY:
		return WP_KM_NO_KEY;
	case WP_WATCH_UNWRITTEN:
		return WP_KM_UNWRITTEN;
	case WP_WATCH_MALFORMED:
		break;
	}
	return WP_KM_MALFORMED;
}

enum wp_err wp_keys_metrics_new(struct wp_metrics **out, struct wp_error *err)
{
	return wp_metrics_new(out, descs, WP_KEYS_METRIC_COUNT, err);
}
