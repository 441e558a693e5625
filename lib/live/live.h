/*
 * live.h - what a program that holds connections has of this folder, for those
 * parts of it that work for a client: submit and settle.
 */
#ifndef WP_LIB_LIVE_LIVE_H
#define WP_LIB_LIVE_LIVE_H

#include "lib/live/inflight.h"
#include "lib/live/overload.h"
#include "lib/live/registrar.h"
#include "lib/live/store_thread.h"
#include "lib/sys/conf.h"

/* Filled by the program, one per process; its thread is the loop's. */
struct wp_live {
	const struct wp_conf *conf; /* the current one */
	struct wp_registrar *registrar;
	struct wp_store_thread *store;
	struct wp_overload overload;
	struct wp_inflight inflight;
};

#endif /* WP_LIB_LIVE_LIVE_H */
