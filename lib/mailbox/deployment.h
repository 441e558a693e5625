/*
 * deployment.h - do a program, its Redis and its cold store belong together?
 *
 * A deployment is one Redis and one store. wp:meta says which: how many
 * partitions, which store (wp_store_id), whether it is in production, and which
 * version of the layout of keys. Whoever comes first notes what is missing; all
 * others compare. Programs with two stores, or a stray program in local mode on
 * a production Redis, would lose sight of messages without a word.
 *
 * A Redis that knows nothing (it is new, or has lost its memory) takes all of
 * it from whoever comes first.
 */
#ifndef WP_LIB_MAILBOX_DEPLOYMENT_H
#define WP_LIB_MAILBOX_DEPLOYMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/redis/client.h"
#include "lib/store/store.h"
#include "lib/sys/conf.h"

enum { WP_LAYOUT = 2 }; /* of the keys in Redis that this release knows */

#define WP_META_KEY "wp:meta"
#define WP_META_STORE "store"
#define WP_META_ACCOUNTS "accounts"

/*
 * At start: is Redis fit, is this its deployment, and is this its store? Notes
 * what is not known yet, and makes a store where there never was one.
 *
 * log:           what is worth a line but does not stop a start
 * store_id_out:  "" when the store cannot be opened just now, which is logged
 * Errors:        WP_ERR_INVAL    err.msg says what to change
 *                WP_ERR_UNAVAIL  Redis could not be asked
 */
enum wp_err wp_deployment_join(struct wp_redis *redis,
			       const struct wp_conf *conf,
			       const struct wp_log *log,
			       char store_id_out[WP_STORE_ID_LEN + 1],
			       struct wp_error *err) WP_MUST_USE;

/*
 * The same question for --check: changes and makes nothing, neither in Redis
 * nor on disk.
 *
 * Errors:  also WP_ERR_UNAVAIL  the store could not be opened
 * Threads: as wp_store_look()
 */
enum wp_err wp_deployment_look(struct wp_redis *redis,
			       const struct wp_conf *conf,
			       const struct wp_log *log,
			       struct wp_error *err) WP_MUST_USE;

/*
 * Parts of that, for who wants a verdict about each: are the settings those of
 * the deployment; and is the store, if it is there? Change and make nothing.
 *
 * redis:   of compare_store(): NULL when there is none, and then only whether
 *          the store could be opened is known
 * Errors:  as wp_deployment_look()
 */
enum wp_err wp_deployment_compare(struct wp_redis *redis,
				  const struct wp_conf *conf,
				  struct wp_error *err) WP_MUST_USE;
enum wp_err wp_deployment_compare_store(struct wp_redis *redis,
					const struct wp_conf *conf,
					struct wp_error *err) WP_MUST_USE;

/*
 * For each new connection of a program that runs: join() without a word and
 * without opening the store.
 *
 * store_id:  of our store; "" while it is not known, and then not compared
 */
enum wp_err wp_deployment_check(struct wp_redis *redis,
				const struct wp_conf *conf,
				const char *store_id,
				struct wp_error *err) WP_MUST_USE;

/*
 * Open the store, if it is the one of the deployment that redis serves, and
 * that deployment is ours; else nothing is made or noted.
 *
 * store_id_out:  of the store, when the answer is WP_OK
 * Errors:        as wp_store_open(); WP_ERR_INVAL also when it is another's
 */
enum wp_err wp_deployment_open(struct wp_store **out, struct wp_redis *redis,
			       const struct wp_conf *conf,
			       char store_id_out[WP_STORE_ID_LEN + 1],
			       struct wp_error *err) WP_MUST_USE;

/*
 * Is the store with this id (still) the one of the deployment?
 *
 * Errors:  WP_ERR_INVAL, WP_ERR_UNAVAIL
 */
enum wp_err wp_deployment_match(struct wp_redis *redis,
				const struct wp_conf *conf,
				const char *store_id,
				struct wp_error *err) WP_MUST_USE;

/*
 * How many partitions the deployment has, for a program that looks at their
 * keys and need not belong to it: before anything is noted, what the settings
 * say, and whatever they say after that.
 *
 * Errors:  WP_ERR_INVAL    its keys have a layout that this program does not
 *                          know
 *          WP_ERR_UNAVAIL  Redis could not be asked, or knows no such number
 */
enum wp_err wp_deployment_partitions(struct wp_redis *redis,
				     const struct wp_conf *conf,
				     uint32_t *partitions_out,
				     struct wp_error *err) WP_MUST_USE;

/*
 * Is this the file of accounts of this deployment? Noted as that when there was
 * none. With another one in use names would be given out twice, and mailboxes
 * with them.
 *
 * id:      wp_accounts_id()
 * Errors:  WP_ERR_INVAL    it is another one; err.msg says what to change
 *          WP_ERR_UNAVAIL  Redis could not be asked
 */
enum wp_err wp_deployment_accounts(struct wp_redis *redis, const char *id,
				   struct wp_error *err) WP_MUST_USE;

/*
 * The same for who only looks, or has not made the file yet: notes nothing.
 *
 * id:      "": there is no file, and then none may be noted
 * Errors:  as wp_deployment_accounts()
 */
enum wp_err wp_deployment_look_accounts(struct wp_redis *redis,
					const char *path, const char *id,
					struct wp_error *err) WP_MUST_USE;

#endif /* WP_LIB_MAILBOX_DEPLOYMENT_H */
