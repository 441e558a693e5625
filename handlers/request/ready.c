/*
 * ready.c - who looks, who is told what was seen, and how many gates are asked
 * for at a time.
 */
#include "handlers/request/ready.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "lib/mailbox/scripts.h"

enum {
	FRESH_MS = 1000,
	FRESH_BAD_MS = 250, /* that all is well again is waited for */
	/* How long the first look may take before that is a verdict. */
	FIRST_MS = 5000,
	SLICE = 1024,
	SLICES_MAX = 8, /* of a look, until all are known to be open */
};

static bool is_fresh(const struct wp_ready *ready, uint64_t now_ms)
{
	uint64_t max_ms =
		ready->verdict.code == WP_OK ? FRESH_MS : FRESH_BAD_MS;

	return ready->done_ms != 0 && now_ms - ready->done_ms < max_ms;
}

enum wp_ready_door wp_ready_ask(const struct wp_ready *ready, uint64_t now_ms,
				struct wp_error *verdict_out)
{
	bool is_known = ready->done_ms != 0;
	bool is_quick = now_ms - ready->begun_ms <
			(is_known ? (uint64_t)FRESH_MS : (uint64_t)FIRST_MS);

	if (is_fresh(ready, now_ms) ||
	    (ready->is_looking && is_known && is_quick)) {
		*verdict_out = ready->verdict;
		return WP_READY_KNOWN;
	}
	if (!ready->is_looking)
		return WP_READY_LOOK;
	if (!is_known && is_quick && ready->n_askers < WP_READY_ASKERS_MAX)
		return WP_READY_WAIT;
	(void)wp_error_set(verdict_out, WP_ERR_UNAVAIL,
			   "it is being looked at; what is needed does not "
			   "answer yet");
	return WP_READY_KNOWN;
}

void wp_ready_begin(struct wp_ready *ready, uint64_t now_ms)
{
	ready->is_looking = true;
	ready->begun_ms = now_ms;
}

void wp_ready_note(struct wp_ready *ready, uint64_t now_ms,
		   const struct wp_error *verdict)
{
	ready->is_looking = false;
	ready->done_ms = now_ms;
	ready->verdict = *verdict;
}

/* ---- the gates ---- */

static void begin_slice(struct wp_gate_watch *gates)
{
	uint32_t left = gates->n - gates->next;

	gates->len = left < SLICE ? left : SLICE;
	gates->n_told = 0;
	gates->closed = 0;
}

void wp_gate_watch_begin(struct wp_gate_watch *gates, const char *run_id,
			 uint32_t n)
{
	if (strcmp(gates->run_id, run_id) != 0 || gates->n != n) {
		*gates = (struct wp_gate_watch){ .n = n };
		(void)snprintf(gates->run_id, sizeof(gates->run_id), "%s",
			       run_id);
	}
	gates->slices = 0;
	begin_slice(gates);
}

bool wp_gate_watch_ask(const struct wp_gate_watch *gates, uint32_t i,
		       struct wp_cmd *cmd)
{
	if (i == gates->len)
		return false;
	wp_cmd_key(cmd, "GET", gates->next + i, "gate");
	return true;
}

enum wp_gate_step wp_gate_watch_told(struct wp_gate_watch *gates,
				     const struct wp_reply *reply,
				     struct wp_error *err)
{
	assert(gates->n_told < gates->len);
	gates->closed += !wp_reply_is(reply, gates->run_id);
	if (++gates->n_told < gates->len)
		return WP_GATES_WAIT;
	/* A closed one is looked at again first. */
	gates->n_open = gates->closed > 0 ? 0 : gates->n_open + gates->len;
	if (gates->closed == 0)
		gates->next += gates->len;
	if (gates->next == gates->n)
		gates->next = 0;
	if (gates->n_open >= gates->n) {
		gates->n_open = gates->n;
		*err = (struct wp_error){ 0 };
		return WP_GATES_DONE;
	}
	if (gates->closed == 0 && ++gates->slices < SLICES_MAX) {
		begin_slice(gates);
		return WP_GATES_ASK;
	}
	(void)wp_error_set(
		err, WP_ERR_UNAVAIL,
		gates->closed > 0 ? "%u of %u partitions were not reconciled "
				    "yet; is waypost-worker running?"
				  : "%u of %u partitions were not looked at "
				    "yet",
		gates->closed > 0 ? gates->closed : gates->n - gates->n_open,
		gates->n);
	return WP_GATES_DONE;
}
