/*
 * service.h - all that waypost-keys does with one set of settings: a watch for
 * each issuer, and the keys of our own. A reload makes another one.
 */
#ifndef WP_KEYS_SERVICE_H
#define WP_KEYS_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/metrics/metrics.h"
#include "lib/sys/conf.h"
#include "lib/sys/folder.h"

struct wp_service;

/* All borrowed for as long as the service lives. */
struct wp_service_setup {
	const struct wp_conf *conf;
	const struct wp_folder *folder; /* ours */
	struct wp_metrics *metrics;
};

/*
 * Begin with what lies in the folder. Nothing is fetched yet.
 *
 * Errors:  WP_ERR_INVAL  a setting is unfit; WP_ERR_NOMEM
 */
enum wp_err wp_service_new(struct wp_service **out,
			   const struct wp_service_setup *setup,
			   struct wp_error *err) WP_MUST_USE;
void wp_service_free(struct wp_service **service);

/* Do what is due: take answers, begin fetches, look after our own keys. */
void wp_service_run(struct wp_service *service);

/* Until there is something to do, one of fds can be read, or it is until_ms. */
void wp_service_wait(struct wp_service *service, const int *fds, size_t n,
		     uint64_t until_ms);

/* Somebody wants the keys of the issuer with this id; "" is none. */
void wp_service_want(struct wp_service *service, const char *id);

/* The operator wants a new key of our own. */
void wp_service_rotate(struct wp_service *service);

/* Is there anything to do with these settings? */
bool wp_service_has_work(const struct wp_conf *conf);

/*
 * Would wp_service_new() take these settings, as far as they alone decide?
 *
 * Errors:  WP_ERR_INVAL, WP_ERR_NOMEM, WP_ERR_SYS
 */
enum wp_err wp_service_check(const struct wp_conf *conf,
			     struct wp_error *err) WP_MUST_USE;

#endif /* WP_KEYS_SERVICE_H */
