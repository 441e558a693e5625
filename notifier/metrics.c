/*
 * metrics.c - names and sentences of the metrics of waypost-notifier. No user,
 * no device and no host ever becomes a label.
 */
#include "notifier/metrics.h"

#define PLANNED "waypost_push_planned_total"
#define REMOVED "waypost_push_tokens_removed_total"
#define DEAD "waypost_push_dead_total"

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

enum wp_err wp_notifier_metrics_new(struct wp_metrics **out,
				    struct wp_error *err)
{
	return wp_metrics_new(out, descs, WP_NOTIFIER_METRIC_COUNT, err);
}
