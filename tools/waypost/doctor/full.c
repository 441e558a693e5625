/*
 * full.c - whose mailbox is full, or nearly: what is sent there is refused with
 * 507, and neither side can mend that.
 */
#include <inttypes.h>
#include <stdio.h>

#include "tools/waypost/doctor/checks.h"
#include "tools/waypost/messages/mailbox_walk.h"

enum { NEARLY_PERCENT = 90, LOOK_MS = 6000 };

struct search {
	struct wp_doctor *doctor;
	int64_t n;
	int64_t n_full;
	uint64_t until_ms;
	bool is_cut;
};

/* Of 0 to 100, and more. */
static double percent(int64_t n, int64_t max)
{
	return max > 0 ? (double)n * 100.0 / (double)max : 0.0;
}

static void hear(void *ctx, const struct wp_mailbox_row *row)
{
	struct search *search = ctx;
	const struct wp_conf *conf = &search->doctor->cli->conf;
	int64_t n = wp_cli_sum(row->n, row->cold);
	int64_t bytes = wp_cli_sum(row->bytes, row->cold_bytes);

	search->n++;
	search->n_full +=
		percent(n, conf->mailbox.max_waiting) >= NEARLY_PERCENT ||
		percent(bytes, conf->mailbox.max_waiting_bytes) >=
			NEARLY_PERCENT;
}

static bool rest(void *ctx, int64_t looked_at)
{
	struct search *search = ctx;

	(void)looked_at;
	search->is_cut = wp_mono_ms() >= search->until_ms;
	return !search->is_cut;
}

static void look_at_mailboxes(struct wp_doctor *doctor)
{
	struct search search = {
		.doctor = doctor,
		.until_ms = wp_mono_ms() + LOOK_MS,
	};
	struct wp_mailbox_walk walk = {
		.hear = hear,
		.rest = rest,
		.ctx = &search,
	};
	struct wp_error err = { 0 };

	if (wp_mailbox_walk(doctor->cli, &walk, &err) != WP_OK)
		wp_doctor_say(&doctor->report, WP_DOCTOR_FAIL, "part-full",
			      NULL, "the mailboxes could not be asked: %s",
			      err.msg);
	else if (search.n_full > 0)
		wp_doctor_say(&doctor->report, WP_DOCTOR_WARN, "part-full",
			      "waypost queue list --show-recipient names them; "
			      "does nobody pull there? Else raise "
			      "mailbox.max_waiting or max_waiting_bytes",
			      "%" PRId64 " of %s%" PRId64
			      " mailboxes are full, "
			      "or over %d %%: what is sent to a full one is "
			      "refused with 507",
			      search.n_full, search.is_cut ? "the first " : "",
			      search.n, NEARLY_PERCENT);
	else
		wp_doctor_say(&doctor->report, WP_DOCTOR_OK, "part-full", NULL,
			      "none of %s%" PRId64
			      " mailboxes is full, or nearly",
			      search.is_cut ? "the first " : "", search.n);
}

const struct wp_doctor_check wp_doctor_full[] = {
	{ "part-full", WP_DOCTOR_NEEDS_REDIS, look_at_mailboxes },
	{ NULL, WP_DOCTOR_NEEDS_NOTHING, NULL },
};
