/*
 * dlq_change.c - `waypost dlq requeue` and `waypost dlq drop`.
 *
 * With --all, only what was dead when the command began is touched: a message
 * that dies again meanwhile is not tried for ever. One letter that is refused
 * does not keep the others from their second chance.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tools/waypost/cli/cli.h"

enum { PAGE = WP_DLQ_PAGE_MAX };

/*
 * The last letter of each queue, for all of them before any is touched: what is
 * requeued from one may die into another. A queue that is empty by now is done.
 */
static enum wp_err read_ends(struct wp_cli *cli, struct wp_cli_queues *queues,
			     struct wp_entry_id *ends, struct wp_error *err)
{
	enum wp_err rc = WP_OK;
	size_t kept = 0;

	for (size_t i = 0; i < queues->n && rc == WP_OK; i++) {
		rc = wp_dlq_last(cli->redis, &queues->list[i], &ends[kept],
				 err);
		if (rc == WP_OK)
			queues->list[kept++] = queues->list[i];
		else if (rc == WP_ERR_NOTFOUND)
			rc = WP_OK;
	}
	queues->n = kept;
	return rc;
}

/* What is done to n letters of one queue. */
typedef enum wp_err (*page_fn)(struct wp_cli *cli,
			       const struct wp_dlq_letter *letters, size_t n,
			       void *ctx, struct wp_error *err);

struct walk {
	page_fn on_page;
	void *ctx;
};

static enum wp_err walk_queue(struct wp_cli *cli, const struct walk *walk,
			      const struct wp_dlq_queue *queue,
			      const struct wp_entry_id *up_to,
			      struct wp_error *err)
{
	struct wp_dlq_letter letters[PAGE];
	struct wp_dlq_page page = {
		.queue = queue,
		.up_to = up_to,
		.letters = letters,
		.max = PAGE,
	};
	struct wp_entry_id last;
	enum wp_err rc;

	do {
		rc = wp_dlq_list(cli->redis, &page, err);
		if (rc != WP_OK || page.n == 0)
			break;
		last = letters[page.n - 1].id.entry;
		page.after = &last;
		rc = walk->on_page(cli, letters, page.n, walk->ctx, err);
	} while (page.n == PAGE && rc == WP_OK);
	return rc;
}

static enum wp_err walk_all(struct wp_cli *cli, page_fn on_page, void *ctx,
			    struct wp_error *err)
{
	const struct walk walk = { on_page, ctx };
	struct wp_cli_queues queues = { 0 };
	struct wp_entry_id *ends = NULL;
	enum wp_err rc;

	rc = wp_cli_queues_find(cli, &queues, err);
	if (rc != WP_OK)
		goto out;
	ends = calloc(queues.n + 1, sizeof(*ends));
	if (ends == NULL) {
		rc = wp_error_set(err, WP_ERR_NOMEM, "out of memory");
		goto out;
	}
	rc = read_ends(cli, &queues, ends, err);
	for (size_t i = 0; i < queues.n && rc == WP_OK; i++)
		rc = walk_queue(cli, &walk, &queues.list[i], &ends[i], err);
out:
	free(ends);
	wp_cli_queues_release(&queues);
	return rc;
}

/* ---- drop ---- */

static enum wp_err drop_page(struct wp_cli *cli,
			     const struct wp_dlq_letter *letters, size_t n,
			     void *ctx, struct wp_error *err)
{
	return wp_dlq_drop(cli->redis, letters, n, ctx, err);
}

enum wp_err wp_cli_dlq_drop(struct wp_cli *cli, struct wp_error *err)
{
	const struct wp_dlq_letter one = { .id = cli->args.id };
	int64_t dropped = 0;
	enum wp_err rc;

	if (cli->args.is_all)
		rc = walk_all(cli, drop_page, &dropped, err);
	else
		rc = drop_page(cli, &one, 1, &dropped, err);
	if (rc == WP_OK && dropped == 0 && !cli->args.is_all)
		return wp_error_set(err, WP_ERR_NOTFOUND, "%s",
				    wp_dlq_outcome_text(WP_DLQ_GONE));
	if (rc == WP_OK || dropped > 0)
		printf("%" PRId64 " dropped\n", dropped);
	return rc;
}

/* ---- requeue ---- */

struct tally {
	size_t requeued;
	size_t refused;
};

static enum wp_err requeue_one(struct wp_cli *cli,
			       const struct wp_dlq_letter *letter,
			       struct tally *tally, struct wp_error *err)
{
	enum wp_dlq_outcome outcome;
	char id[WP_DLQ_ID_MAX];
	char why[WP_DLQ_WHY_MAX + 1];
	enum wp_err rc =
		wp_dlq_requeue(cli->redis, &letter->id, &outcome, why, err);

	if (rc != WP_OK)
		return rc;
	wp_dlq_id_format(&letter->id, id);
	if (outcome == WP_DLQ_REQUEUED) {
		tally->requeued++;
		printf("%s requeued\n", id);
	} else {
		tally->refused++;
		fprintf(stderr, "waypost: %s: %s%s%s\n", id,
			wp_dlq_outcome_text(outcome),
			why[0] != '\0' ? ": " : "", why);
	}
	return WP_OK;
}

static enum wp_err requeue_page(struct wp_cli *cli,
				const struct wp_dlq_letter *letters, size_t n,
				void *ctx, struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	for (size_t i = 0; i < n && rc == WP_OK; i++)
		rc = requeue_one(cli, &letters[i], ctx, err);
	return rc;
}

enum wp_err wp_cli_dlq_requeue(struct wp_cli *cli, struct wp_error *err)
{
	const struct wp_dlq_letter one = { .id = cli->args.id };
	struct tally tally = { 0 };
	enum wp_err rc;

	if (cli->args.is_all)
		rc = walk_all(cli, requeue_page, &tally, err);
	else
		rc = requeue_one(cli, &one, &tally, err);
	if (rc == WP_OK && tally.refused > 0)
		rc = wp_error_set(err, WP_ERR_INVAL,
				  "%zu requeued, %zu refused and left where "
				  "they are",
				  tally.requeued, tally.refused);
	return rc;
}
