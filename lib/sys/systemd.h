/*
 * systemd.h - the two small protocols that a service manager speaks, without
 * its library.
 */
#ifndef WP_LIB_SYS_SYSTEMD_H
#define WP_LIB_SYS_SYSTEMD_H

#include <stdint.h>

/*
 * The first descriptor handed over (sd_listen_fds(3): LISTEN_PID is ours,
 * LISTEN_FDS >= 1), or -1. Removes the variables from the environment.
 */
int wp_sd_take_socket(void);

/* sd_notify(3): "READY=1", "RELOADING=1", "STOPPING=1". Nothing without one. */
void wp_sd_notify(const char *state);

/* A program that says now and then that it lives, and what it does. */
struct wp_sd_life {
	uint32_t pulse_ms;    /* how often it should; 0: nobody listens */
	uint32_t watchdog_ms; /* silent for so long it is ended; 0: it is not */
	uint64_t away_ms;     /* since when Redis is away; 0: it is not */
};

/*
 * What does the manager expect of this process? WATCHDOG_USEC counts unless
 * WATCHDOG_PID is another's (sd_watchdog_enabled(3)).
 */
void wp_sd_life_begin(struct wp_sd_life *life);

/*
 * A turn of the loop has come round: WATCHDOG=1, and STATUS=. Nothing when
 * nobody listens. Who is stuck does not call it.
 *
 * redis:  the address of Redis while it is away; else NULL
 * work:   a few words about what is going on
 */
void wp_sd_pulse(struct wp_sd_life *life, const char *redis, const char *work);

#endif /* WP_LIB_SYS_SYSTEMD_H */
