/*
 * systemd.h - the two small protocols that a service manager speaks, without
 * its library.
 */
#ifndef WP_LIB_SYS_SYSTEMD_H
#define WP_LIB_SYS_SYSTEMD_H

/*
 * The first descriptor handed over (sd_listen_fds(3): LISTEN_PID is ours,
 * LISTEN_FDS >= 1), or -1. Removes the variables from the environment.
 */
int wp_sd_take_socket(void);

/* sd_notify(3): "READY=1", "RELOADING=1", "STOPPING=1". Nothing without one. */
void wp_sd_notify(const char *state);

#endif /* WP_LIB_SYS_SYSTEMD_H */
