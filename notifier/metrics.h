/*
 * metrics.h - what waypost-notifier counts.
 */
#ifndef WP_NOTIFIER_METRICS_H
#define WP_NOTIFIER_METRICS_H

#include "lib/metrics/metrics.h"
#include "lib/push/kind.h"
#include "notifier/provider/verdict.h"

/* All but AGAIN, which is no end. */
enum { WP_NM_VERDICTS = WP_VERDICT_AGAIN };

enum wp_notifier_metric {
	WP_NM_CLAIMS,
	WP_NM_CLAIMED,
	WP_NM_LATE,
	WP_NM_LAPSED,
	WP_NM_DUE,
	WP_NM_OLDEST_DUE,
	WP_NM_NOTIFIERS,
	WP_NM_PARTITIONS,
	WP_NM_ALERTS,
	WP_NM_QUIET,
	WP_NM_BADGES,
	WP_NM_CLEARS,
	WP_NM_POSTPONED,
	WP_NM_NOTHING,
	WP_NM_DELAY,
	WP_NM_ACCESS_TOKENS,
	WP_NM_ACCESS_TOKENS_NONE,
	WP_NM_SENT, /* and those behind it: wp_notifier_sent() */
	WP_NM_REQUEST = WP_NM_SENT + WP_PUSH_KINDS * WP_NM_VERDICTS,
	WP_NM_BREAKER_FCM = WP_NM_REQUEST + WP_PUSH_KINDS,
	WP_NM_BREAKER_APNS,
	WP_NM_BREAKER_EMAIL,
	WP_NM_BREAKER_BUS,
	WP_NM_GUARD_FCM,
	WP_NM_GUARD_APNS,
	WP_NM_GUARD_EMAIL,
	WP_NM_SHUT_HOSTS,
	WP_NM_REFUSED_ADDRESSES,
	WP_NM_REMOVED_UNREGISTERED,
	WP_NM_REMOVED_EXPIRED,
	WP_NM_REMOVED_MALFORMED,
	WP_NM_REMOVED_FOREIGN,
	WP_NM_REMOVED_KEY_CHANGED,
	WP_NM_REMOVED_REFUSING,
	WP_NM_REMOVED_UNREFRESHED,
	WP_NM_REMOVED_OTHER,
	WP_NM_DEAD_FCM,
	WP_NM_DEAD_APNS,
	WP_NM_DEAD_WEB,
	WP_NM_DEAD_UNIFIED,
	WP_NM_DEAD_WEBHOOK,
	WP_NM_DEAD_EMAIL,
	WP_NOTIFIER_METRIC_COUNT
};

/* What came of a push of this kind; verdict: not AGAIN. */
size_t wp_notifier_sent(enum wp_push_kind kind, enum wp_verdict verdict);
/* How long its provider took to say so. */
size_t wp_notifier_request(enum wp_push_kind kind);

/* The table behind the enum. Errors: as wp_metrics_new(). */
enum wp_err wp_notifier_metrics_new(struct wp_metrics **out,
				    struct wp_error *err) WP_MUST_USE;

#endif /* WP_NOTIFIER_METRICS_H */
