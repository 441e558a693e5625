/*
 * quiet.h - quiet hours, by the clock of the user's time zone as the system
 * knows it, with its changes between summer and winter.
 *
 * Threads: local time is of the process (TZ), and these are the only ones here
 * that ask for it: one thread calls them, and no other asks for local time.
 */
#ifndef WP_NOTIFIER_QUIET_H
#define WP_NOTIFIER_QUIET_H

#include <stdint.h>

#include "lib/push/prefs.h"

/*
 * Before any other thread is started, for it changes the environment, which
 * they may read at any moment; nothing later does.
 */
void wp_quiet_init(void);

/*
 * When are the quiet hours over that at_ms is in? Hours that follow each other
 * without a gap are one.
 *
 * at_ms:    since 1970
 * Returns:  ms since 1970, above at_ms, and not in quiet hours unless it is
 *           WP_QUIET_MAX_MS ahead; 0 when at_ms is in none
 */
int64_t wp_quiet_until(const struct wp_prefs *prefs, int64_t at_ms);

/* Further ahead is not looked. */
enum { WP_QUIET_MAX_MS = 25 * 3600 * 1000 };

#endif /* WP_NOTIFIER_QUIET_H */
