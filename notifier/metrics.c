/*
 * metrics.c - names and sentences of the metrics of waypost-notifier. No user,
 * no device and no host ever becomes a label.
 */
#include "notifier/metrics.h"

#define PLANNED "waypost_push_planned_total"
#define TOKENS "waypost_push_access_tokens_total"
#define REMOVED "waypost_push_tokens_removed_total"
#define DEAD "waypost_push_dead_total"

#define SENT "waypost_push_sent_total"
#define REQUEST "waypost_push_request_duration_seconds"
#define BREAKER "waypost_push_breaker"
#define GUARD "waypost_push_mass_guard"

/* clang-format off */
#define SENT_AT(kind, verdict) \
	[WP_NM_SENT + (kind) * WP_NM_VERDICTS + WP_VERDICT_##verdict]
#define SENT_AS(kind, verdict, name, result, help) \
	SENT_AT(kind, verdict) = { SENT, "kind=\"" name "\",result=\"" result \
				   "\"", help, WP_COUNTER }
#define SENT_OF(kind, name, help) \
	SENT_AS(kind, ACCEPTED, name, "accepted", help), \
	SENT_AS(kind, GONE, name, "gone", NULL), \
	SENT_AS(kind, SUSPECT, name, "suspect", NULL), \
	SENT_AS(kind, RETRY, name, "retry", NULL), \
	SENT_AS(kind, LATER, name, "later", NULL), \
	SENT_AS(kind, CONFIG, name, "config", NULL), \
	SENT_AS(kind, REFUSED, name, "refused", NULL)
/* clang-format on */

static const struct wp_metric_desc descs[WP_NOTIFIER_METRIC_COUNT] = {
	[WP_NM_CLAIMS] = { "waypost_push_claims_total", NULL,
			   "Users of whom it was our turn to look whether "
			   "there is something to tell.",
			   WP_COUNTER },
	[WP_NM_CLAIMED] = { "waypost_push_claimed", NULL,
			    "Of these, who are not answered yet.", WP_GAUGE },
	[WP_NM_LATE] = { "waypost_push_late_total", NULL,
			 "Answers that came after the claim had lapsed.",
			 WP_COUNTER },
	[WP_NM_LAPSED] = { "waypost_push_lapsed_total", NULL,
			   "Users whom somebody was about to tell, and was not "
			   "heard of again.",
			   WP_COUNTER },
	[WP_NM_DUE] = { "waypost_push_due", NULL,
			"Users in our share whose turn has come, and of whom "
			"nobody takes care yet.",
			WP_GAUGE },
	[WP_NM_OLDEST_DUE] = { "waypost_push_oldest_due_seconds", NULL,
			       "For how long the turn of the first of them has "
			       "come.",
			       WP_GAUGE },
	[WP_NM_NOTIFIERS] = { "waypost_push_notifiers", NULL,
			      "Notifiers that divide the partitions; 0: not "
			      "known, and this one looks at all of them.",
			      WP_GAUGE },
	[WP_NM_PARTITIONS] = { "waypost_push_partitions", NULL,
			       "Partitions that this one looks at.", WP_GAUGE },
	[WP_NM_ALERTS] = { PLANNED, "action=\"alert\"",
			   "What was decided about devices.", WP_COUNTER },
	[WP_NM_QUIET] = { PLANNED, "action=\"quiet\"", NULL, WP_COUNTER },
	[WP_NM_BADGES] = { PLANNED, "action=\"badge\"", NULL, WP_COUNTER },
	[WP_NM_CLEARS] = { PLANNED, "action=\"clear\"", NULL, WP_COUNTER },
	[WP_NM_POSTPONED] = { PLANNED, "action=\"postponed\"", NULL,
			      WP_COUNTER },
	[WP_NM_NOTHING] = { PLANNED, "action=\"nothing\"", NULL, WP_COUNTER },
	[WP_NM_DELAY] = { "waypost_push_delay_seconds", NULL,
			  "From the newest message that is told of to the "
			  "telling.",
			  WP_HISTOGRAM },
	[WP_NM_ACCESS_TOKENS] = { TOKENS, "result=\"good\"",
				  "Access tokens that Google was asked for.",
				  WP_COUNTER },
	[WP_NM_ACCESS_TOKENS_NONE] = { TOKENS, "result=\"failed\"", NULL,
				       WP_COUNTER },
	SENT_OF(WP_PUSH_FCM, "fcm", "What came of pushes."),
	SENT_OF(WP_PUSH_APNS, "apns", NULL),
	SENT_OF(WP_PUSH_WEB, "webpush", NULL),
	SENT_OF(WP_PUSH_UNIFIED, "unifiedpush", NULL),
	SENT_OF(WP_PUSH_WEBHOOK, "webhook", NULL),
	SENT_OF(WP_PUSH_EMAIL, "email", NULL),
	SENT_OF(WP_PUSH_BUS, "bus", NULL),
	SENT_OF(WP_PUSH_EVENT, "event", NULL),
	[WP_NM_REQUEST + WP_PUSH_FCM] = { REQUEST, "kind=\"fcm\"",
					  "How long providers take to answer.",
					  WP_HISTOGRAM },
	[WP_NM_REQUEST + WP_PUSH_APNS] = { REQUEST, "kind=\"apns\"", NULL,
					   WP_HISTOGRAM },
	[WP_NM_REQUEST + WP_PUSH_WEB] = { REQUEST, "kind=\"webpush\"", NULL,
					  WP_HISTOGRAM },
	[WP_NM_REQUEST + WP_PUSH_UNIFIED] = { REQUEST, "kind=\"unifiedpush\"",
					      NULL, WP_HISTOGRAM },
	[WP_NM_REQUEST + WP_PUSH_WEBHOOK] = { REQUEST, "kind=\"webhook\"", NULL,
					      WP_HISTOGRAM },
	[WP_NM_REQUEST + WP_PUSH_EMAIL] = { REQUEST, "kind=\"email\"", NULL,
					    WP_HISTOGRAM },
	[WP_NM_REQUEST +
		WP_PUSH_BUS] = { REQUEST, "kind=\"bus\"", NULL, WP_HISTOGRAM },
	[WP_NM_REQUEST + WP_PUSH_EVENT] = { REQUEST, "kind=\"event\"", NULL,
					    WP_HISTOGRAM },
	[WP_NM_BREAKER_FCM] = { BREAKER, "kind=\"fcm\"",
				"Of the worst of a kind's apps: 0 it is asked, "
				"1 it is left alone, 2 it does not take our "
				"settings.",
				WP_GAUGE },
	[WP_NM_BREAKER_APNS] = { BREAKER, "kind=\"apns\"", NULL, WP_GAUGE },
	[WP_NM_BREAKER_EMAIL] = { BREAKER, "kind=\"email\"", NULL, WP_GAUGE },
	[WP_NM_BREAKER_BUS] = { BREAKER, "kind=\"bus\"", NULL, WP_GAUGE },
	[WP_NM_GUARD_FCM] = { GUARD, "kind=\"fcm\"",
			      "1: so many tokens look bad that none is "
			      "dropped.",
			      WP_GAUGE },
	[WP_NM_GUARD_APNS] = { GUARD, "kind=\"apns\"", NULL, WP_GAUGE },
	[WP_NM_GUARD_EMAIL] = { GUARD, "kind=\"email\"", NULL, WP_GAUGE },
	[WP_NM_SHUT_HOSTS] = { "waypost_push_hosts_left_alone", NULL,
			       "Hosts of endpoints that are not asked for a "
			       "while.",
			       WP_GAUGE },
	[WP_NM_REFUSED_ADDRESSES] = { "waypost_push_refused_addresses_total",
				      NULL,
				      "Endpoints that led to where strangers' "
				      "may not.",
				      WP_COUNTER },
	[WP_NM_REMOVED_UNREGISTERED] = { REMOVED, "reason=\"unregistered\"",
					 "Devices that are not told any more, "
					 "by what their provider has said; or "
					 "as nobody has refreshed them.",
					 WP_COUNTER },
	[WP_NM_REMOVED_EXPIRED] = { REMOVED, "reason=\"expired\"", NULL,
				    WP_COUNTER },
	[WP_NM_REMOVED_MALFORMED] = { REMOVED, "reason=\"malformed\"", NULL,
				      WP_COUNTER },
	[WP_NM_REMOVED_FOREIGN] = { REMOVED, "reason=\"foreign\"", NULL,
				    WP_COUNTER },
	[WP_NM_REMOVED_KEY_CHANGED] = { REMOVED, "reason=\"key_changed\"", NULL,
					WP_COUNTER },
	[WP_NM_REMOVED_REFUSING] = { REMOVED, "reason=\"refusing\"", NULL,
				     WP_COUNTER },
	[WP_NM_REMOVED_UNREFRESHED] = { REMOVED, "reason=\"unrefreshed\"", NULL,
					WP_COUNTER },
	[WP_NM_REMOVED_OTHER] = { REMOVED, "reason=\"other\"", NULL,
				  WP_COUNTER },
	[WP_NM_DEAD_FCM] = { DEAD, "kind=\"fcm\"",
			     "Pushes that were given up, and are dead letters.",
			     WP_COUNTER },
	[WP_NM_DEAD_APNS] = { DEAD, "kind=\"apns\"", NULL, WP_COUNTER },
	[WP_NM_DEAD_WEB] = { DEAD, "kind=\"webpush\"", NULL, WP_COUNTER },
	[WP_NM_DEAD_UNIFIED] = { DEAD, "kind=\"unifiedpush\"", NULL,
				 WP_COUNTER },
	[WP_NM_DEAD_WEBHOOK] = { DEAD, "kind=\"webhook\"", NULL, WP_COUNTER },
	[WP_NM_DEAD_EMAIL] = { DEAD, "kind=\"email\"", NULL, WP_COUNTER },
};

size_t wp_notifier_sent(enum wp_push_kind kind, enum wp_verdict verdict)
{
	return (size_t)WP_NM_SENT + (size_t)kind * WP_NM_VERDICTS + verdict;
}

size_t wp_notifier_request(enum wp_push_kind kind)
{
	return (size_t)WP_NM_REQUEST + kind;
}

enum wp_err wp_notifier_metrics_new(struct wp_metrics **out,
				    struct wp_error *err)
{
	return wp_metrics_new(out, descs, WP_NOTIFIER_METRIC_COUNT, err);
}
