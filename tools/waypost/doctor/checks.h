/*
 * checks.h - the checks of `waypost doctor`, a table for each family,
 * and what they have in common.
 *
 * A check looks, says what it found (report.h), and changes nothing. It
 * takes 10 s at most, whatever is broken; whoever goes through many things
 * stops when wp_doctor_left_ms() says 0.
 */
#ifndef WP_TOOLS_WAYPOST_DOCTOR_CHECKS_H
#define WP_TOOLS_WAYPOST_DOCTOR_CHECKS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/clock.h"
#include "tools/waypost/cli/cli.h"
#include "tools/waypost/doctor/report.h"
#include "tools/waypost/doctor/who.h"

enum { WP_DOCTOR_CHECK_MS = 10 * 1000, WP_DOCTOR_ALL_MS = 60 * 1000 };

struct wp_web;

struct wp_doctor {
	struct wp_cli *cli;
	struct wp_doctor_report report;
	struct wp_doctor_who who;
	const struct wp_faults *faults; /* of the settings; borrowed */
	bool is_read_by_root;           /* the services could not read them */
	bool is_file_hidden;  /* nor the file of the settings itself */
	bool has_redis;       /* and the number of partitions */
	bool is_redis_missed; /* it was said what is not looked at without it */
	bool worker_flaps;    /* a unit of one is restarted again and again */
	struct wp_web *web;   /* owned; NULL: there is none to ask */
	const char *ca_file;  /* for it */
	uint64_t ends_ms;     /* of this check, by wp_mono_ms() */
	uint64_t all_ends_ms;
};

/* For the present check. */
static inline uint64_t wp_doctor_left_ms(const struct wp_doctor *doctor)
{
	uint64_t now_ms = wp_mono_ms();

	return now_ms < doctor->ends_ms ? doctor->ends_ms - now_ms : 0;
}

enum wp_doctor_needs {
	WP_DOCTOR_NEEDS_NOTHING,
	WP_DOCTOR_NEEDS_REDIS,
	WP_DOCTOR_NEEDS_WEB, /* an address of it, that answers */
};

struct wp_doctor_check {
	const char *id; /* what it says may have others, that begin alike */
	enum wp_doctor_needs needs;
	void (*run)(struct wp_doctor *doctor);
};

/* Each ends with id NULL. */
extern const struct wp_doctor_check wp_doctor_conf[];
extern const struct wp_doctor_check wp_doctor_unit[];
extern const struct wp_doctor_check wp_doctor_redis[];
extern const struct wp_doctor_check wp_doctor_store[];
extern const struct wp_doctor_check wp_doctor_part[];
extern const struct wp_doctor_check wp_doctor_full[];
extern const struct wp_doctor_check wp_doctor_web_conf[];
extern const struct wp_doctor_check wp_doctor_web[];
extern const struct wp_doctor_check wp_doctor_canary[];

#endif /* WP_TOOLS_WAYPOST_DOCTOR_CHECKS_H */
