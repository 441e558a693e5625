/*
 * cli.h - what the commands share: a connection, the deployment it leads to,
 * and the queues of dead letters in it.
 *
 * A command says on standard output what it did and returns what kept it from
 * doing more; main() prints that.
 */
#ifndef WP_TOOLS_WAYPOST_CLI_CLI_H
#define WP_TOOLS_WAYPOST_CLI_CLI_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/mailbox/dlq.h"
#include "lib/redis/client.h"
#include "lib/redis/cmd.h"
#include "lib/redis/reply.h"
#include "lib/sys/conf.h"
#include "tools/waypost/cli/args.h"

struct wp_secret_names;

struct wp_cli {
	struct wp_conf conf;
	struct wp_cli_args args;
	struct wp_redis *redis; /* owned; connected when a command runs */
	struct wp_cmd cmd;      /* scratch */
	uint32_t partitions;    /* what the deployment began with */
	/* Of backup --with-secrets: what settings name. Borrowed, or NULL. */
	const struct wp_secret_names *secrets;
	int status; /* enum wp_exit, when nothing failed */
};

/*
 * Send cli->cmd.
 *
 * *reply_out:  the caller's, and no error reply
 * Errors:      WP_ERR_UNAVAIL  no answer, or Redis refuses, with its sentence
 */
enum wp_err wp_cli_ask(struct wp_cli *cli, struct wp_reply **reply_out,
		       struct wp_error *err) WP_MUST_USE;

/* Connect and learn the number of partitions. */
enum wp_err wp_cli_connect(struct wp_cli *cli,
			   struct wp_error *err) WP_MUST_USE;

/* Redis' clock, since 1970. Errors: WP_ERR_UNAVAIL */
enum wp_err wp_cli_time(struct wp_cli *cli, int64_t *now_ms_out,
			struct wp_error *err) WP_MUST_USE;

/*
 * Sum of two counts that others wrote; INT64_MAX in place of what is above it.
 *
 * a, b:  not negative
 */
static inline int64_t wp_cli_sum(int64_t a, int64_t b)
{
	return a > INT64_MAX - b ? INT64_MAX : a + b;
}

/* Queues that hold dead letters. */
struct wp_cli_queues {
	struct wp_dlq_queue *list; /* owned */
	size_t n;
};
void wp_cli_queues_release(struct wp_cli_queues *queues);

/*
 * Find all queues with something in them, or the one that --partition names.
 *
 * Errors:  WP_ERR_INVAL  the deployment has no such partition
 */
enum wp_err wp_cli_queues_find(struct wp_cli *cli, struct wp_cli_queues *out,
			       struct wp_error *err) WP_MUST_USE;

/* The commands. */
/* Errors: WP_ERR_CONFLICT  not all is well; what is not was printed */
enum wp_err wp_cli_status(struct wp_cli *cli, struct wp_error *err) WP_MUST_USE;
/* Errors: WP_ERR_UNAVAIL  the first look failed */
enum wp_err wp_cli_top(struct wp_cli *cli, struct wp_error *err) WP_MUST_USE;
/* Needs no settings. Errors: WP_ERR_SYS  there is no journal */
enum wp_err wp_cli_tail(const struct wp_cli_args *args,
			struct wp_error *err) WP_MUST_USE;
/* Errors: WP_ERR_INVAL  it would take long, and --yes was not said */
enum wp_err wp_cli_queue_list(struct wp_cli *cli,
			      struct wp_error *err) WP_MUST_USE;
enum wp_err wp_cli_queue_show(struct wp_cli *cli,
			      struct wp_error *err) WP_MUST_USE;
/* Errors: WP_ERR_NOTFOUND  no message here, or nobody, can be meant */
enum wp_err wp_cli_trace(struct wp_cli *cli, struct wp_error *err) WP_MUST_USE;
enum wp_err wp_cli_presence(struct wp_cli *cli,
			    struct wp_error *err) WP_MUST_USE;
enum wp_err wp_cli_user_show(struct wp_cli *cli,
			     struct wp_error *err) WP_MUST_USE;
enum wp_err wp_cli_dlq_list(struct wp_cli *cli,
			    struct wp_error *err) WP_MUST_USE;
enum wp_err wp_cli_dlq_show(struct wp_cli *cli,
			    struct wp_error *err) WP_MUST_USE;
enum wp_err wp_cli_dlq_requeue(struct wp_cli *cli,
			       struct wp_error *err) WP_MUST_USE;
enum wp_err wp_cli_dlq_drop(struct wp_cli *cli,
			    struct wp_error *err) WP_MUST_USE;
enum wp_err wp_cli_send(struct wp_cli *cli, struct wp_error *err) WP_MUST_USE;
enum wp_err wp_cli_expire(struct wp_cli *cli, struct wp_error *err) WP_MUST_USE;
/* Errors: WP_ERR_NOTFOUND  nobody has this name */
enum wp_err wp_cli_session_list(struct wp_cli *cli,
				struct wp_error *err) WP_MUST_USE;
enum wp_err wp_cli_session_revoke(struct wp_cli *cli,
				  struct wp_error *err) WP_MUST_USE;
enum wp_err wp_cli_store_adopt(struct wp_cli *cli,
			       struct wp_error *err) WP_MUST_USE;
enum wp_err wp_cli_upgrade_status(struct wp_cli *cli,
				  struct wp_error *err) WP_MUST_USE;
enum wp_err wp_cli_upgrade_finish(struct wp_cli *cli,
				  struct wp_error *err) WP_MUST_USE;
/* Errors: WP_ERR_NOTFOUND  there is nothing to copy, or no redis-cli */
enum wp_err wp_cli_backup(struct wp_cli *cli, struct wp_error *err) WP_MUST_USE;
/* These need no Redis. WP_ERR_INVAL: auth.api_keys_file is not set, or not fit
 * to be changed; WP_ERR_NOTFOUND: there is no key of this id. */
enum wp_err wp_cli_key_add(const struct wp_cli *cli,
			   struct wp_error *err) WP_MUST_USE;
enum wp_err wp_cli_key_list(const struct wp_cli *cli,
			    struct wp_error *err) WP_MUST_USE;
enum wp_err wp_cli_key_remove(const struct wp_cli *cli,
			      struct wp_error *err) WP_MUST_USE;
/* On the file of accounts, which has to be that of the deployment. */
enum wp_err wp_cli_account_create(struct wp_cli *cli,
				  struct wp_error *err) WP_MUST_USE;
enum wp_err wp_cli_account_list(struct wp_cli *cli,
				struct wp_error *err) WP_MUST_USE;
enum wp_err wp_cli_account_enable(struct wp_cli *cli,
				  struct wp_error *err) WP_MUST_USE;
enum wp_err wp_cli_account_disable(struct wp_cli *cli,
				   struct wp_error *err) WP_MUST_USE;
enum wp_err wp_cli_account_delete(struct wp_cli *cli,
				  struct wp_error *err) WP_MUST_USE;
enum wp_err wp_cli_account_unlock(struct wp_cli *cli,
				  struct wp_error *err) WP_MUST_USE;
enum wp_err wp_cli_account_reset_code(struct wp_cli *cli,
				      struct wp_error *err) WP_MUST_USE;
enum wp_err wp_cli_invite_create(struct wp_cli *cli,
				 struct wp_error *err) WP_MUST_USE;
enum wp_err wp_cli_push_status(struct wp_cli *cli,
			       struct wp_error *err) WP_MUST_USE;
enum wp_err wp_cli_push_list(struct wp_cli *cli,
			     struct wp_error *err) WP_MUST_USE;
enum wp_err wp_cli_push_dlq(struct wp_cli *cli,
			    struct wp_error *err) WP_MUST_USE;
/* Errors: WP_ERR_NOTFOUND, WP_ERR_INVAL  it is not clear which device, or that
 * one cannot be told */
enum wp_err wp_cli_push_test(struct wp_cli *cli,
			     struct wp_error *err) WP_MUST_USE;
/* Errors: WP_ERR_NOTFOUND  nobody knows this app */
enum wp_err wp_cli_push_resume(struct wp_cli *cli,
			       struct wp_error *err) WP_MUST_USE;
/* Its second half: *n_out users are looked at soon, be it twice. */
enum wp_err wp_cli_push_forward(struct wp_cli *cli, int64_t *n_out,
				struct wp_error *err) WP_MUST_USE;
/* Nor this. Errors: WP_ERR_SYS  a file of this name is there, or it cannot be
 * made */
enum wp_err wp_cli_push_vapid_key(const struct wp_cli *cli,
				  struct wp_error *err) WP_MUST_USE;
/*
 * Nor this, but one of its own. Errors: WP_ERR_INVAL: the copy is no good, or
 * none of this deployment; WP_ERR_CONFLICT, WP_ERR_FULL: something is in
 * the way
 */
enum wp_err wp_cli_restore(const struct wp_cli *cli,
			   struct wp_error *err) WP_MUST_USE;
/*
 * Its first half: settings and secrets, for which no settings are needed.
 * Errors: as wp_cli_restore()
 */
enum wp_err wp_cli_restore_secrets(const struct wp_cli *cli,
				   struct wp_error *err) WP_MUST_USE;
/* Nor this. */
enum wp_err wp_cli_capacity(const struct wp_cli *cli,
			    struct wp_error *err) WP_MUST_USE;
/* Nor this. Errors: WP_ERR_INVAL  an origin that is no browser's */
enum wp_err wp_cli_origins(const struct wp_cli *cli,
			   struct wp_error *err) WP_MUST_USE;
/* Errors: as wp_cli_sign() */
enum wp_err wp_cli_token_make(const struct wp_cli *cli,
			      struct wp_error *err) WP_MUST_USE;
/* Errors:  WP_ERR_DENIED  it is refused, and err.msg says why
 *          WP_ERR_INVAL   there is none, or a key cannot be read */
enum wp_err wp_cli_token_check(const struct wp_cli *cli,
			       struct wp_error *err) WP_MUST_USE;
/*
 * Look at everything, whatever is wrong with it; cli->status says what came of
 * it. It reads the settings itself.
 *
 * argc, argv:  those of the program in front of the command
 * Errors:      WP_ERR_SYS  it could not be told
 */
enum wp_err wp_cli_doctor(struct wp_cli *cli, int argc, char **argv,
			  struct wp_error *err) WP_MUST_USE;
/*
 * Errors:  WP_ERR_DENIED   in production, without --yes
 *          WP_ERR_UNAVAIL  not all that was accepted has arrived
 */
enum wp_err wp_cli_bench(const struct wp_cli *cli,
			 struct wp_error *err) WP_MUST_USE;
/* These need none either. */
enum wp_err wp_cli_keys_list(const struct wp_cli *cli,
			     struct wp_error *err) WP_MUST_USE;
/*
 * Errors:  WP_ERR_UNAVAIL   no waypost-keys runs here, or it made no key
 *          WP_ERR_CONFLICT  a new key is there that does not sign yet
 */
enum wp_err wp_cli_keys_rotate(const struct wp_cli *cli,
			       struct wp_error *err) WP_MUST_USE;

#endif /* WP_TOOLS_WAYPOST_CLI_CLI_H */
