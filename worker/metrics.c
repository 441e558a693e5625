/*
 * metrics.c - names and sentences of the worker's metrics. No user and no
 * partition ever becomes a label.
 */
#include "worker/metrics.h"

#define ENTRIES "waypost_worker_entries_total"
#define EXPIRED "waypost_worker_expired_total"
#define REPAIRS "waypost_worker_repairs_total"

static const struct wp_metric_desc descs[WP_WORKER_METRIC_COUNT] = {
	[WP_WM_REDIS_UP] = { "waypost_redis_up", NULL,
			     "1 while Redis can be used.", WP_GAUGE },
	[WP_WM_PARTITIONS] = { "waypost_worker_partitions", NULL,
			       "Partitions that there are. Each worker says "
			       "the "
			       "same: take the max, never the sum.",
			       WP_GAUGE },
	[WP_WM_PARTITIONS_OWNED] = { "waypost_worker_partitions_owned", NULL,
				     "Partitions that this worker owns.",
				     WP_GAUGE },
	[WP_WM_PEERS] = { "waypost_worker_peers", NULL,
			  "Workers that have announced themselves. Each says "
			  "the same: take the max, never the sum.",
			  WP_GAUGE },
	[WP_WM_LEASES_LOST] = { "waypost_worker_leases_lost_total", NULL,
				"Leases that ended without being released.",
				WP_COUNTER },
	[WP_WM_INGRESS] = { "waypost_worker_ingress_entries", NULL,
			    "Accepted messages in our partitions that are not "
			    "routed yet, every 5 s.",
			    WP_GAUGE },
	[WP_WM_INGRESS_OLDEST] = { "waypost_worker_ingress_oldest_seconds",
				   NULL,
				   "For how long the first of them waits, by "
				   "Redis' clock.",
				   WP_GAUGE },
	[WP_WM_MARKS] = { "waypost_worker_migrate_marks", NULL,
			  "Users whose messages are to be moved to the cold "
			  "store.",
			  WP_GAUGE },
	[WP_WM_MARKS_OLDEST] = { "waypost_worker_migrate_oldest_seconds", NULL,
				 "For how long the turn of the first of them "
				 "has come.",
				 WP_GAUGE },
	[WP_WM_DEAD_LETTERS] = { "waypost_worker_dead_letters", NULL,
				 "Dead letters that wait for a person.",
				 WP_GAUGE },
	[WP_WM_STORE_UP] = { "waypost_store_up", NULL,
			     "1 while the cold store can be used.", WP_GAUGE },
	[WP_WM_STORE_BYTES] = { "waypost_store_bytes", NULL,
				"What the cold store takes on disk; 0: not "
				"known.",
				WP_GAUGE },
	[WP_WM_STORE_WRITES] = { "waypost_store_write_duration_seconds", NULL,
				 "Time of one transaction that writes messages "
				 "to the cold store.",
				 WP_HISTOGRAM },
	[WP_WM_ROUTED] = { ENTRIES, "result=\"routed\"",
			   "What became of accepted messages.", WP_COUNTER },
	[WP_WM_STORED] = { ENTRIES, "result=\"stored\"", NULL, WP_COUNTER },
	[WP_WM_DROPPED] = { ENTRIES, "result=\"dropped\"", NULL, WP_COUNTER },
	[WP_WM_DEAD] = { ENTRIES, "result=\"dead\"", NULL, WP_COUNTER },
	[WP_WM_HELD] = { "waypost_worker_held_total", NULL,
			 "Times that an accepted message stayed in ingress for "
			 "another try.",
			 WP_COUNTER },
	[WP_WM_ROUTE_FAULTS] = { "waypost_worker_route_faults_total", NULL,
				 "Routing calls that failed as a whole.",
				 WP_COUNTER },
	[WP_WM_ROUTE_DURATION] = { "waypost_worker_route_batch_duration_"
				   "seconds",
				   NULL, "Time of one routing call.",
				   WP_HISTOGRAM },
	[WP_WM_ROUTE_DELAY] = { "waypost_worker_route_delay_seconds", NULL,
				"From a message's acceptance until it is where "
				"its recipient finds it, in Redis or on disk; "
				"both by Redis' clock.",
				WP_HISTOGRAM },
	[WP_WM_DOORBELLS] = { "waypost_worker_doorbells_total", NULL,
			      "Doorbells heard.", WP_COUNTER },
	[WP_WM_GATES] = { "waypost_worker_gate_reconciliations_total", NULL,
			  "Partitions reconciled with the cold store.",
			  WP_COUNTER },
	[WP_WM_MIGRATED] = { "waypost_worker_migrated_messages_total", NULL,
			     "Messages moved to the cold store.", WP_COUNTER },
	[WP_WM_MIGRATION_FAILURES] = { "waypost_worker_migration_failures_"
				       "total",
				       NULL,
				       "Mailboxes that could not be moved.",
				       WP_COUNTER },
	[WP_WM_MIGRATION_CONFLICTS] = { "waypost_worker_migration_conflicts_"
					"total",
					NULL,
					"Partitions whose migration stopped.",
					WP_COUNTER },
	[WP_WM_DIRECT_ROWS] = { "waypost_worker_direct_messages_total", NULL,
				"Messages written to disk straight from "
				"ingress.",
				WP_COUNTER },
	[WP_WM_DIRECT_STALE] = { "waypost_worker_direct_stale_total", NULL,
				 "Mailboxes whose version was another one than "
				 "Redis knew; they were tried again.",
				 WP_COUNTER },
	[WP_WM_DIRECT_LATE] = { "waypost_worker_direct_late_total", NULL,
				"Times that a partition was routed the long "
				"way because the cold store was slow.",
				WP_COUNTER },
	[WP_WM_DIRECT_FAILURES] = { "waypost_worker_direct_failures_total",
				    NULL,
				    "Times that the cold store took nothing.",
				    WP_COUNTER },
	[WP_WM_REFUSED_ROWS] = { "waypost_worker_refused_users_total", NULL,
				 "Times that a user of the cold store was "
				 "passed over whose name is no URN.",
				 WP_COUNTER },
	[WP_WM_EXPIRED_HOT] = { EXPIRED, "tier=\"hot\"",
				"Expired messages deleted.", WP_COUNTER },
	[WP_WM_EXPIRED_COLD] = { EXPIRED, "tier=\"cold\"", NULL, WP_COUNTER },
	[WP_WM_EXPIRY_WAITING] = { "waypost_worker_expiry_waiting", NULL,
				   "1 while expiry is over ten minutes late "
				   "because the clock cannot be believed; "
				   "waypost expire --confirm ends it.",
				   WP_GAUGE },
	[WP_WM_EXPIRY_LATE] = { "waypost_worker_expiry_late_seconds", NULL,
				"By how much longer than asked for messages "
				"are kept.",
				WP_GAUGE },
	[WP_WM_REPAIR_CONNECTION] = { REPAIRS, "kind=\"connection\"",
				      "What should never be, found and "
				      "repaired.",
				      WP_COUNTER },
	[WP_WM_REPAIR_MARK] = { REPAIRS, "kind=\"mark\"", NULL, WP_COUNTER },
	[WP_WM_REPAIR_EXPIRY] = { REPAIRS, "kind=\"expiry\"", NULL,
				  WP_COUNTER },
	[WP_WM_REPAIR_STREAM] = { REPAIRS, "kind=\"stream\"", NULL,
				  WP_COUNTER },
	[WP_WM_REPAIR_INCARNATION] = { REPAIRS, "kind=\"incarnation\"", NULL,
				       WP_COUNTER },
	[WP_WM_REPAIR_PUSH] = { REPAIRS, "kind=\"push\"", NULL, WP_COUNTER },
	[WP_WM_REPAIR_HINT_MISSING] = { REPAIRS, "kind=\"hint_missing\"", NULL,
					WP_COUNTER },
	[WP_WM_REPAIR_HINT_IDLE] = { REPAIRS, "kind=\"hint_idle\"", NULL,
				     WP_COUNTER },
	[WP_WM_REAPED_CONNECTIONS] = { "waypost_worker_reaped_connections_"
				       "total",
				       NULL,
				       "Connections of dead daemons removed.",
				       WP_COUNTER },
	[WP_WM_REAPED_REGISTRATIONS] = { "waypost_worker_reaped_registrations_"
					 "total",
					 NULL,
					 "Registrations of dead daemons "
					 "removed, "
					 "one per partition.",
					 WP_COUNTER },
	WP_SENDS_OF(WP_WM_SENDS, "inbox"),
	[WP_WM_INBOX_DROPPED] = { "waypost_worker_inbox_dropped_total", NULL,
				  "Rejected entries that gave way to newer "
				  "ones.",
				  WP_COUNTER },
};

enum wp_err wp_worker_metrics_new(struct wp_metrics **out, struct wp_error *err)
{
	return wp_metrics_new(out, descs, WP_WORKER_METRIC_COUNT, err);
}
